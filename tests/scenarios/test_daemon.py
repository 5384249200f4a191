"""The daemon is killed, wherever it is, and asked to end, whatever it does."""

from __future__ import annotations

import signal

import pytest

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Span
from fakecluster.capabilities import Capability
from o2cbd.core.model import State, Why

VALUES = ("write:ipv4_port", "write:ipv4_address", "write:num")
ADDS = [
    ("mkdir", 1),  # the cluster
    ("write:local", 1),
    *(("mkdir", node + 1) for node in (1, 2, 3)),
    *((call, node) for node in (1, 2, 3) for call in VALUES),
]
"""Every changing call of a first start with two peers; our own node is the first of three."""


@needs(Capability.CALL_FAULTS)
@pytest.mark.parametrize(("call", "nth"), ADDS, ids=str)
def test_killed_in_each_call_of_the_adds(make: MakeCluster, call: str, nth: int) -> None:
    """kill-9: the next start finishes what the first one began, and touches no right entry."""
    cluster = make(3)
    cluster.crash_daemon_at(1, call, nth)
    cluster.daemon_start(1)
    cluster.ends(1, -signal.SIGKILL)
    whole = [name for name, row in cluster.table(1).items() if row.num]

    with cluster.untouched(1, *whole):
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2, 3))


@needs(Capability.CALL_FAULTS)
@pytest.mark.parametrize("nth", [1, 2])
def test_killed_in_each_call_of_the_removes(make: MakeCluster, nth: int) -> None:
    """kill-9: two nodes leave, and the daemon dies in the first or second rmdir."""
    cluster = make(5)
    cluster.up()
    cluster.crash_daemon_at(1, "rmdir", nth)
    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.kill(4)
        cluster.kill(5)
        cluster.ends(1, -signal.SIGKILL)
        assert len(cluster.table(1)) == 6 - nth

        cluster.daemon_start(1)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.FREE_ADDRESSES, Capability.CALL_FAULTS)
@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("rmdir", 1),
        ("mkdir", 1),
        ("write:ipv4_port", 1),
        ("write:ipv4_address", 1),
        ("write:num", 1),
    ],
    ids=str,
)
def test_killed_in_each_call_of_a_replacement(make: MakeCluster, call: str, nth: int) -> None:
    """kill-9, replace: an address changes, and the daemon dies between the old and new entry."""
    cluster = make(3)
    cluster.up()
    cluster.crash_daemon_at(1, call, nth)
    with cluster.untouched(1, "node1", "node2"):
        cluster.address(3, "10.0.0.33")
        cluster.eventually(
            "the daemon is killed", lambda: cluster.daemon_exit(1) is not None, within=Span.LATER
        )
        cluster.daemon_start(1)
        cluster.in_sync(1, nodes=(1, 2, 3))
    assert cluster.table(1)["node3"].address == "10.0.0.33"


def test_killed_at_rest(make: MakeCluster) -> None:
    """kill-9: nothing is in the next one's way, and nothing is done twice."""
    cluster = make(3)
    cluster.up()
    before = cluster.calls(1)
    cluster.daemon_kill(1)
    cluster.ends(1, -signal.SIGKILL)

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))
    assert cluster.calls(1) == before


@needs(Capability.PINS_BY_HAND)
def test_killed_while_a_removal_is_pending(make: MakeCluster) -> None:
    """kill-9, pinned: what waited is nowhere written down, and is found again by looking."""
    cluster = make(3)
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.waits(1, "node3", Why.PINNED)
    cluster.daemon_kill(1)

    cluster.daemon_start(1)
    cluster.waits(1, "node3", Why.PINNED)
    cluster.unpin(1, "node3")

    cluster.in_sync(1, nodes=(1, 2))


def test_sigterm_leaves_everything_as_it_is(make: MakeCluster) -> None:
    """sigterm: it ends with 0, and configfs stays."""
    cluster = make(3)
    cluster.up()
    before = cluster.calls(1)

    cluster.daemon_term(1)

    cluster.ends(1, 0)
    assert cluster.calls(1) == before
    assert cluster.has(1, "node1", "node2", "node3")


@needs(Capability.PINS_BY_HAND)
def test_sigterm_while_a_step_is_pending(make: MakeCluster) -> None:
    """sigterm: it does not wait for pins."""
    cluster = make(3)
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.waits(1, "node3", Why.PINNED)

    cluster.daemon_term(1)

    cluster.ends(1, 0)


def test_sigterm_while_waiting_for_the_manager(make: MakeCluster) -> None:
    """sigterm: nor for a manager that is not there."""
    cluster = make(3)
    cluster.cman_crash(1)
    cluster.daemon_start(1)
    cluster.is_in(1, State.WAITING)

    cluster.daemon_term(1)

    cluster.ends(1, 0)


@needs(Capability.STOPPED_MANAGER)
def test_sigterm_while_the_manager_is_stuck(make: MakeCluster) -> None:
    """sigterm: nor for a call that never returns."""
    cluster = make(3)
    cluster.up()
    cluster.cman_stop(1)
    cluster.is_in(1, State.STUCK, within=Span.LATER)

    cluster.daemon_term(1)

    cluster.ends(1, 0)
    assert cluster.has(1, "node1", "node2", "node3")


def test_sigterm_while_held(make: MakeCluster) -> None:
    """sigterm: nor for a holder."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)
    cluster.leave(3)
    cluster.waits(1, "node3", Why.HELD)

    cluster.daemon_term(1)

    cluster.ends(1, 0)
    cluster.release(1)
    assert cluster.has(1, "node1", "node2", "node3")


def test_sigterm_during_a_vote(make: MakeCluster) -> None:
    """sigterm, vote-once: question and signal come together; the question is answered first.

    cman counts a client that closes as a yes: to end without an answer would be to agree.
    """
    cluster = make(3)
    cluster.up()
    cluster.mount(1)
    with cluster.unseen(1):
        question = cluster.shutdown(1)
        cluster.daemon_term(1)

    cluster.ends(1, 0)

    assert cluster.outcome(question) == "EBUSY"


def test_what_others_change_by_hand_is_mended(make: MakeCluster) -> None:
    """resync: an entry that somebody removed, and one that somebody made, without a word."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.place_node(1, "stranger", num=77, address="10.0.0.77", port=7777)
        cluster.drop_node(1, "node3")
        cluster.eventually(
            "the table is mended",
            lambda: cluster.has(1, "node1", "node2", "node3"),
            within=Span.LATER,
        )
        cluster.in_sync(1, nodes=(1, 2, 3))
