"""Every row of what was seen of a real cman, on a historic cman: it must show what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fakecluster.arms.process import look_for
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import Topology
from fakecluster.conformance.cman_driver import until
from fakecluster.conformance.cman_labs import HistoricDriver, profile_of
from fakecluster.conformance.cman_rows import ROWS
from fakecluster.corosync.namespaces import Namespace
from fakecluster.historic.root import CmanRoot
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.libcman import load

pytestmark = pytest.mark.process

THREE = Topology.of(3)
BY_NAME = {row.name: row for row in ROWS if row.act is not None}


@pytest.fixture
def bystander(namespaces: None) -> Iterator[Namespace]:
    """A host whose `/var/run` is empty, for who loads the library."""
    with closing(Namespace(("/run",))) as host:
        yield host


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BY_NAME)
def test_row(name: str, cman_root: CmanRoot, bystander: Namespace) -> None:
    """In real time, with the token and consensus times of the clusters that were seen."""
    row = BY_NAME[name]
    wanted = row.seen[profile_of(cman_root)]
    shown = bystander.call(lambda: row.watch(lambda topology: HistoricDriver(cman_root, topology)))
    assert not wanted or shown in wanted


@pytest.fixture
def driver(standin_cman: CmanRoot) -> Iterator[HistoricDriver]:
    with closing(HistoricDriver(standin_cman, THREE)) as made:
        yield made


def test_a_driver_starts_crashes_and_finds_sockets(driver: HistoricDriver) -> None:
    driver.start(1)
    driver.start(2)
    assert until(driver, lambda: len(driver.lab.seen_by(1)) == 2, within_us=60_000_000)
    assert (driver.socket_dir(1) / "cman_client").is_socket()
    driver.crash(2)
    look_for("the death is seen", lambda: len(driver.lab.seen_by(1)) == 1)
    assert not until(driver, lambda: False, within_us=1)


def test_a_configuration_is_one_hosts_alone(driver: HistoricDriver) -> None:
    driver.write_config(2, 7, THREE.nodes[:2])
    texts = [driver.lab.host(node_id).run("cat", "/etc/cluster/cluster.conf") for node_id in (1, 2)]
    assert ['config_version="7"' in text for text in texts] == [False, True]
    assert ["node3" in text for text in texts] == [True, False]


def test_the_library_goes_to_the_node_that_is_named(
    driver: HistoricDriver, bystander: Namespace
) -> None:
    driver.start(1)
    driver.start(2)
    assert driver.library is not None
    table = load(str(driver.library))

    def local_id(node_id: int) -> int:
        driver.use_library_on(node_id)
        with closing(connect_cman(table, CallBoard(MonotonicClock()))) as source:
            return source.snapshot().local_id

    assert [bystander.call(lambda n=n: local_id(n)) for n in (1, 2, 1)] == [1, 2, 1]  # type: ignore[misc]
    assert not Path("/var/run/cman_client").exists()


def test_a_corosync_that_can_do_without_multicast_is_that_of_3_1(standin_cman: CmanRoot) -> None:
    assert profile_of(standin_cman) is Profile.A
    assert profile_of(replace(standin_cman, udpu=True)) is Profile.B
