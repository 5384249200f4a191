"""Traces of real daemons: from dumps, from journals alone, and beside a simulated run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.arms.process_arm import ProcessArm
from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import spec_of
from fakecluster.arms.words import ClusterWords
from fakecluster.compare.comparable_events import story_of
from fakecluster.compare.comparison import Comparison, compare
from fakecluster.merge.merge import merge
from fakecluster.trace.file import TraceFile, check_trace
from o2cbd.core.model import Why

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("traces of daemons")]


SPEC = spec_of(3, seldom_resync=True)
"""A resync that comes upon the manager just as its membership changes sees half of the change, as
a move that no other run has."""


def scenario(cluster: ClusterWords) -> None:
    """A pinned death, a daemon that is killed and started again, a partition and its end."""
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.waits(1, "node3", Why.PINNED)
    cluster.in_sync(2, nodes=(1, 2))
    cluster.unpin(1, "node3")
    cluster.in_sync(1, nodes=(1, 2))
    cluster.daemon_kill(2)
    cluster.daemon_start(2)
    cluster.in_sync(2, nodes=(1, 2))
    cluster.partition((1,), (2,))
    cluster.waits(1, "node2", Why.INQUORATE)
    cluster.waits(2, "node1", Why.INQUORATE)
    cluster.heal()
    cluster.in_sync(1, 2, nodes=(1, 2))


@pytest.fixture(scope="module")
def arm(fuse: None, compiler: None) -> Iterator[ProcessArm]:
    """The scenario has run on it, and no test changes anything."""
    # AF_UNIX takes 107 bytes, so the path is a short one.
    with (
        tempfile.TemporaryDirectory(prefix="pc-", dir="/tmp") as name,
        ProcessArm(SPEC, Path(name)) as cluster,
    ):
        scenario(cluster)
        yield cluster


def simulated() -> TraceFile:
    cluster = SimCluster(SPEC)
    scenario(cluster)
    return cluster.trace()


def laid(a: TraceFile, b: TraceFile) -> Comparison:
    return compare(story_of(a.header, a.lines), story_of(b.header, b.lines))


def test_a_real_run_and_a_simulated_one_agree_step_by_step(arm: ProcessArm) -> None:
    real = arm.trace("good")
    compared = laid(simulated(), real)

    assert check_trace(real.as_text().splitlines()) == []
    assert compared.differences == ()
    assert len(compared.stages) >= 5
    assert real.header.arm == "process"


def test_journals_alone_tell_the_same_moves_as_the_dumps(arm: ProcessArm) -> None:
    """As after a kill of everything: no ring is left, and nobody answers."""
    full = arm.trace()
    journals = {host: arm.processes.logs(host).splitlines() for host in arm.processes.daemons}
    verb_log = arm.verb_log.trace(arm="process", cluster="o2", nodes={1: "node1"})
    alone = merge(journals, verb_log).trace

    assert laid(full, alone).differences == ()
    assert check_trace(alone.as_text().splitlines()) == []


def test_a_trace_has_a_life_for_every_start(arm: ProcessArm) -> None:
    told = [(line.host, line.what) for line in arm.trace().lines if line.kind == "daemon"]

    assert [what for host, what in told if host == 2] == ["start", "killed", "start"]
    assert [what for host, what in told if host == 3] == ["start", "killed"]
