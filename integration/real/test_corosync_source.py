"""The package's CorosyncSource, in a guest, passes every membership check."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import Make
from fakecluster.conformance.membership_corosync import ON_COROSYNC
from integration.arm.managers import COROSYNC_MANAGER
from integration.arm.suite import packaged_base, say
from integration.cache import cache_directory
from integration.lab.lab import Lab
from integration.membership import GuestDriver, GuestHosts, asking

pytestmark = pytest.mark.one_arm(COROSYNC_MANAGER.arm, "corosync's own source is another arm's")

ALL = (1, 2, 3, 4, 5)
AT_FIRST = (1, 2, 3)
"""Only one check has more nodes."""
PACKAGED = "/usr/lib/python3/dist-packages/o2cbd/membership/corosync.py"


@pytest.fixture(scope="module")
def hosts(request: pytest.FixtureRequest) -> Iterator[GuestHosts]:
    """Guests for all checks: each begins without a corosync, and leaves none."""
    kept: Path | None = request.config.getoption("--trace-dir")
    with ExitStack() as stack:
        directory = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
        lab = stack.enter_context(
            Lab.started(
                packaged_base(COROSYNC_MANAGER),
                cache=cache_directory(os.environ),
                directory=directory / "corosync-source.consoles",
                say=say,
                hosts=ALL,
                off=[number for number in ALL if number not in AT_FIRST],
            )
        )
        yield GuestHosts(lab)


@pytest.fixture
def make(hosts: GuestHosts) -> Iterator[Make]:
    with ExitStack() as stack:

        def making(topology: Topology) -> GuestDriver:
            driver = GuestDriver(hosts, topology)
            stack.callback(driver.close)
            return driver

        yield making


@pytest.mark.parametrize("check", ON_COROSYNC, ids=lambda check: check.__name__)
def test_corosync_source(check: Callable[[Make], None], make: Make) -> None:
    check(make)


def test_the_source_is_that_of_the_package(hosts: GuestHosts) -> None:
    hosts.prepare(["10.0.0.1"])
    assert asking(hosts.lab.guest(1))("origin") == PACKAGED
