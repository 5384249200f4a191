"""A simulated cluster in the hands of a stranger's test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster import Cluster, Topology, simulate
from fakecluster.clusters.base import NotAsExpectedError
from fakecluster.clusters.simulated import SimulatedCluster
from fakecluster.cman.outside import OperationError
from fakecluster.trace.file import check_trace


@pytest.fixture
def cluster(
    leader_of: Callable[..., Any], one_leader: Callable[[Cluster], None]
) -> Iterator[SimulatedCluster]:
    leader = leader_of(mistaken=False)
    with simulate(
        3, lambda host: leader(host.libcman, host.directory, host.log), invariant=one_leader
    ) as made:
        yield made


def leaders(cluster: Cluster) -> list[str | None]:
    return [cluster.read(node, "leader") for node in cluster.topology.ids]


def test_it_begins_with_all_members_and_daemons(cluster: SimulatedCluster) -> None:
    assert [cluster.members(node) for node in (1, 2, 3)] == [(1, 2, 3)] * 3
    assert cluster.working == (1, 2, 3)
    assert all(cluster.quorate(node) for node in (1, 2, 3))


def test_time_passes_until_what_is_waited_for(cluster: SimulatedCluster) -> None:
    cluster.settle()
    cluster.kill(1)
    begun_us = cluster.world.now_us()
    cluster.eventually(lambda: leaders(cluster)[1:] == ["2", "2"], "node 2 leads")
    assert 1_000_000 < cluster.world.now_us() - begun_us < 3_000_000
    assert cluster.working == (2, 3)


def test_the_daemon_itself_can_be_looked_at(cluster: SimulatedCluster) -> None:
    daemon: Any = cluster.daemon(1)
    cluster.settle()
    assert daemon.known == ((1, 2, 3), True)
    cluster.daemon_kill(1)
    assert cluster.daemon(1) is None
    assert not cluster.daemon_runs(1)


def test_a_stopped_manager_is_none_to_expect_anything_of(cluster: SimulatedCluster) -> None:
    cluster.cman_stop(2)
    assert cluster.working == (1, 3)


def test_what_is_not_so_is_told_with_all_that_there_is(cluster: SimulatedCluster) -> None:
    cluster.settle()
    cluster.kill(3)
    with pytest.raises(NotAsExpectedError) as raised:
        cluster.eventually(lambda: leaders(cluster)[0] == "3", "node 3 leads", within_s=5)
    told = str(raised.value)
    assert told.startswith("expected node 3 leads within 5 s\nthere is:\n")
    assert "  node 1: members 1, 2, quorate; the daemon runs\n    leader: '1'\n" in told
    assert "  node 3: members none, inquorate; no daemon\n" in told
    assert "host 3    == kill" in told


def test_an_invariant_that_is_broken_is_found_at_rest(cluster: SimulatedCluster) -> None:
    cluster.settle()
    (cluster.directory(2) / "leader").write_text("9")
    with pytest.raises(NotAsExpectedError, match="node 2: '9', not '1'"):
        cluster.judge()


def test_a_cluster_without_an_invariant_is_not_judged(leader_of: Callable[..., Any]) -> None:
    leader = leader_of(mistaken=False)
    with simulate(1, lambda host: leader(host.libcman, host.directory, host.log)) as cluster:
        (cluster.directory(1) / "leader").write_text("9")
        cluster.judge()


def test_a_verb_that_makes_no_sense_raises(cluster: SimulatedCluster) -> None:
    cluster.kill(1)
    with pytest.raises(OperationError, match="node 1 has no power"):
        cluster.kill(1)


def test_its_trace_keeps_the_schema(cluster: SimulatedCluster) -> None:
    cluster.partition((1,), (2, 3))
    cluster.let_pass(10)
    text = cluster.trace("good").as_text().splitlines()
    assert check_trace(text) == []
    assert ": leader 1" in cluster.log(1)


def test_a_directory_of_ones_own_is_kept(tmp_path: Path, leader_of: Callable[..., Any]) -> None:
    leader = leader_of(mistaken=False)
    topology = Topology.of(2, cluster="mine")
    with simulate(
        topology, lambda host: leader(host.libcman, host.directory), directory=tmp_path
    ) as cluster:
        cluster.let_pass(5)
    assert (tmp_path / "node2" / "leader").read_text() == "1"


def test_a_temporary_directory_goes_with_it(leader_of: Callable[..., Any]) -> None:
    leader = leader_of(mistaken=False)
    with simulate(1, lambda host: leader(host.libcman, host.directory)) as cluster:
        directory = cluster.directory(1)
    assert not directory.exists()
