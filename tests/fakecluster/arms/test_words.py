"""What the suite's words do when things are not as expected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import spec_of
from fakecluster.arms.values import Span
from fakecluster.arms.words import ExpectationFailedError
from o2cbd.core.model import State, Why


@pytest.fixture
def cluster() -> SimCluster:
    made = SimCluster(spec_of(3))
    made.scenario = "tests/scenarios/test_x.py::test_y"
    made.up()
    return made


def test_what_comes_true_takes_no_more_time_than_it_needs(cluster: SimCluster) -> None:
    cluster.leave(3)
    cluster.in_sync(1, 2, nodes=(1, 2))
    begin_us = cluster.world.now_us()
    cluster.eventually("nothing has to happen", lambda: True, within=Span.LATER)
    assert cluster.world.now_us() == begin_us


@pytest.mark.parametrize(
    ("expect", "first_line"),
    [
        (
            lambda c: c.eventually("pigs fly", lambda: False),
            "expected soon that pigs fly",
        ),
        (
            lambda c: c.stays("host 9 is there", lambda: False, during=Span.A_MOMENT),
            "expected for a moment that host 9 is there",
        ),
        (lambda c: c.check("it rains", False), "expected now that it rains"),
        (
            lambda c: c.in_sync(1, nodes=(1, 2, 3, 4), within=Span.SOON),
            "expected soon that host 1 is in sync with the nodes 1-4",
        ),
        (lambda c: c.is_in(2, State.STUCK), "expected soon that host 2 is stuck"),
        (
            lambda c: c.waits(1, "node3", Why.PINNED, errno="EBUSY"),
            "expected soon that host 1 waits with node3: pinned, EBUSY",
        ),
        (
            lambda c: c.waits(1, None, Why.HELD),
            "expected soon that host 1 waits with the cluster: held",
        ),
        (
            lambda c: c.leaves_out(1, 3, "no", "sense"),
            "expected soon that host 1 leaves node 3 out: no sense",
        ),
        (lambda c: c.ends(1, 0), "expected soon that the daemon of host 1 ends with 0"),
    ],
)
def test_what_does_not_come_true_is_told_in_the_first_line(
    cluster: SimCluster, expect: Callable[[SimCluster], object], first_line: str
) -> None:
    with pytest.raises(ExpectationFailedError) as caught:
        expect(cluster)
    assert str(caught.value).splitlines()[0] == first_line


def test_a_failure_tells_what_every_host_has_and_how_to_see_it_again(cluster: SimCluster) -> None:
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.waits(1, "node3", Why.PINNED)

    lines = cluster.describe("the moon").splitlines()

    assert lines[:4] == [
        "expected the moon",
        "there is:",
        "  host 1: pending, quorate, members 1-2",
        "    table: node1=1 10.0.0.1:7777 local, node2=2 10.0.0.2:7777, node3=3 10.0.0.3:7777",
    ]
    assert lines[4].startswith("    waits: remove-node node3 [pinned EBUSY]: ")
    assert "  host 3: no daemon, the last one ended with -9" in lines
    assert "    table: empty" in lines
    assert any("cluster   == " in line or "host 3    == kill" in line for line in lines)
    assert lines[-1] == "run it again: pytest 'tests/scenarios/test_x.py::test_y' --arm sim"


def test_an_exit_with_another_code_is_told(cluster: SimCluster) -> None:
    cluster.daemon_kill(1)
    with pytest.raises(ExpectationFailedError, match="ends with 0, not with -9"):
        cluster.ends(1, 0)


def change_an_address_unnoticed(cluster: SimCluster) -> None:
    with cluster.untouched(1, "node2", "node3"):
        cluster.address(3, "10.0.0.33")
        cluster.eventually(
            "the address is new",
            lambda: cluster.table(1)["node3"].address == "10.0.0.33",
            within=Span.LATER,
        )


def test_an_entry_that_was_made_anew_is_told(cluster: SimCluster) -> None:
    with pytest.raises(
        ExpectationFailedError, match="now that host 1 has left the entry node3 alone"
    ):
        change_an_address_unnoticed(cluster)


def test_an_entry_that_is_not_there_cannot_stay_untouched(cluster: SimCluster) -> None:
    with (
        pytest.raises(ExpectationFailedError, match="now that host 1 has node9"),
        cluster.untouched(1, "node9"),
    ):
        pytest.fail("it began all the same")


def test_a_violation_fails_the_judgement_and_stands_in_the_story(cluster: SimCluster) -> None:
    cluster.world.violations.append("node 1: something terrible")
    with pytest.raises(
        ExpectationFailedError, match="no oracle to find anything, but:\n  node 1: something"
    ):
        cluster.judge()
    assert "the oracles saw:\n  node 1: something terrible\n" in cluster.describe("x")


def test_a_good_cluster_is_judged_good(cluster: SimCluster) -> None:
    cluster.kill(2)
    cluster.judge()
    assert cluster.findings() == ()


def test_unseen_is_broken_by_time_that_passes(cluster: SimCluster) -> None:
    with (
        pytest.raises(ExpectationFailedError, match="host 1 has seen nothing yet"),
        cluster.unseen(1),
    ):
        cluster.world.run_for(1)
