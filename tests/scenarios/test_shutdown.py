"""The cluster manager asks: is it safe to shut the cluster down now?"""

from __future__ import annotations

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.words import ClusterWords
from fakecluster.capabilities import Capability
from o2cbd.core.model import State


def voted(cluster: ClusterWords, host: int) -> tuple[bool, bool]:
    """The last answer's yes, and whether it was known not to count."""
    vote = cluster.vote(host)
    assert vote is not None
    return (vote.yes, vote.forced)


def test_asked_while_idle(make: MakeCluster) -> None:
    """vote-facts: nothing is in use, so yes; the tables stay."""
    cluster = make(3)
    cluster.up()

    assert cluster.outcome(cluster.shutdown(1)) == "allowed"

    cluster.is_in(1, State.LOST)
    cluster.in_sync(2, 3, nodes=(2, 3))
    assert voted(cluster, 1) == (True, False)
    assert cluster.has(1, "node1", "node2", "node3")


def test_asked_while_mounted(make: MakeCluster) -> None:
    """vote-facts, vote-no-teardown: no while mounted, and nothing is torn down for the asking."""
    cluster = make(3)
    cluster.up()
    cluster.mount(1)
    before = cluster.calls(1)

    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"

    vote = cluster.vote(1)
    assert vote is not None
    assert "heartbeat runs in" in vote.reason
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    assert cluster.calls(1) == before


def test_asked_twice(make: MakeCluster) -> None:
    """vote-again: no while mounted; after the umount the new question gets a yes."""
    cluster = make(3)
    cluster.up()
    cluster.mount(1)
    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"
    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"

    cluster.umount(1)

    assert cluster.outcome(cluster.shutdown(1)) == "allowed"


def test_asked_while_held(make: MakeCluster) -> None:
    """vote-facts: who holds configfs is at work with it."""
    cluster = make(3)
    cluster.up()
    cluster.hold(1)
    cluster.is_in(1, State.HELD)

    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"

    cluster.release(1)
    cluster.is_in(1, State.SYNCED)
    assert cluster.outcome(cluster.shutdown(1)) == "allowed"


@needs(Capability.UNREADABLE_MOUNTS)
def test_asked_while_facts_are_unreadable(make: MakeCluster) -> None:
    """vote-facts: what cannot be read is taken for use, and told."""
    cluster = make(3)
    cluster.up()
    cluster.hide_mounts(1)

    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"

    vote = cluster.vote(1)
    assert vote is not None
    assert "mountinfo" in vote.reason
    cluster.show_mounts(1)
    assert cluster.outcome(cluster.shutdown(1)) == "allowed"


def test_forced_while_mounted(make: MakeCluster) -> None:
    """vote-forced: answered the same way, and known not to be heeded."""
    cluster = make(3)
    cluster.up()
    cluster.mount(1)

    assert cluster.outcome(cluster.shutdown(1, force=True)) == "allowed"

    cluster.is_in(1, State.LOST)
    assert voted(cluster, 1) == (False, True)
    assert cluster.has(1, "node1", "node2", "node3")


@needs(Capability.LEAVING_FOR_GOOD)
def test_asked_with_remove(make: MakeCluster) -> None:
    """vote-facts: `leave remove` is a question like any other."""
    cluster = make(3)
    cluster.up()

    assert cluster.outcome(cluster.shutdown(1, remove=True)) == "allowed"

    cluster.in_sync(2, 3, nodes=(2, 3))


def test_asked_after_a_reconnect(make: MakeCluster) -> None:
    """vote-again: the manager died and came back; its question is answered, once."""
    cluster = make(3)
    cluster.up()
    cluster.mount(1)
    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"
    cluster.cman_crash(1)
    cluster.is_in(1, State.LOST)
    cluster.cman_start(1)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))

    assert cluster.outcome(cluster.shutdown(1)) == "EBUSY"

    cluster.umount(1)
    assert cluster.outcome(cluster.shutdown(1)) == "allowed"


@needs(Capability.PINS_BY_HAND)
def test_asked_while_a_removal_is_pinned(make: MakeCluster) -> None:
    """vote-once: a pending step keeps nobody from answering, nor is it use."""
    cluster = make(3)
    cluster.up()
    cluster.pin(1, "node3")
    cluster.kill(3)
    cluster.is_in(1, State.PENDING)

    assert cluster.outcome(cluster.shutdown(1)) == "allowed"


def test_asked_everywhere_at_once(make: MakeCluster) -> None:
    """vote-facts, vote-once: each host answers for itself alone."""
    cluster = make(3)
    cluster.up()
    cluster.mount(2)

    questions = {host: cluster.shutdown(host) for host in (1, 2, 3)}

    outcomes = {host: cluster.outcome(question) for host, question in questions.items()}
    assert outcomes == {1: "allowed", 2: "EBUSY", 3: "allowed"}
