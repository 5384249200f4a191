"""What a step that was tried means to the operator."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, node
from o2cbd.core.model import AddNode, CreateCluster, RemoveNode, SetAttribute, Step, Why
from o2cbd.core.refusal import Refusal, explain

CREATE = CreateCluster(cluster=CLUSTER)
ADD = AddNode(cluster=CLUSTER, node=node(2))
REMOVE = RemoveNode(cluster=CLUSTER, node="n2")
LOCAL = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")
IDLE = SetAttribute(cluster=CLUSTER, node=None, attribute="idle_timeout_ms", value="10000")


@pytest.mark.parametrize(
    ("step", "number", "detail", "reason"),
    [
        (ADD, errno.EIO, "node/n2/num", "EIO at node/n2/num: retrying with back-off"),
        (
            ADD,
            errno.EEXIST,
            "node/n2/num",
            (
                "EEXIST at node/n2/num: another entry has its name, num or address; waiting for"
                " the removal of that entry"
            ),
        ),
        (REMOVE, errno.EIO, "", "EIO: retrying with back-off"),
        (CREATE, errno.EACCES, "x", "EACCES at x: no permission: run as root"),
        (REMOVE, errno.EPERM, "x", "EPERM at x: no permission: run as root"),
        (
            LOCAL,
            errno.EADDRNOTAVAIL,
            "node/n1/local",
            (
                "EADDRNOTAVAIL at node/n1/local: this node's address is not on any interface of"
                " this host; waiting until it is"
            ),
        ),
        (
            LOCAL,
            errno.EADDRINUSE,
            "node/n1/local",
            (
                "EADDRINUSE at node/n1/local: another program uses this node's port; waiting"
                " until it is free"
            ),
        ),
        (LOCAL, errno.EINVAL, "x", "EINVAL at x: retrying with back-off"),
        (
            IDLE,
            errno.EINVAL,
            "idle_timeout_ms",
            (
                "EINVAL at idle_timeout_ms: the kernel refuses it: idle_timeout_ms must be"
                " greater than keepalive_delay_ms, and neither can change while peers are"
                " connected; unmount OCFS2 on all nodes"
            ),
        ),
        (CREATE, errno.ENODEV, "not an o2cb configfs", "not an o2cb configfs (ENODEV)"),
        (CREATE, errno.ENOSPC, "alpha", "ENOSPC at alpha: retrying with back-off"),
    ],
)
def test_a_failed_step_keeps_its_errno_and_says_what_ends_it(
    step: Step, number: int, detail: str, reason: str
) -> None:
    pending = explain(step, Refusal(errno=number, detail=detail))
    assert (pending.step, pending.why, pending.errno) == (step, Why.FAILED, number)
    assert reason == pending.reason


def test_ebusy_of_a_removal_is_a_pin() -> None:
    pending = explain(REMOVE, Refusal(errno=errno.EBUSY, detail="node/n2"))
    assert (pending.why, pending.errno) == (Why.PINNED, errno.EBUSY)
    assert "something in the kernel still pins it" in pending.reason


def test_ebusy_of_anything_else_is_a_failure() -> None:
    assert explain(LOCAL, Refusal(errno=errno.EBUSY)).why is Why.FAILED


@pytest.mark.parametrize(
    ("step", "told"),
    [(IDLE, "kept the old value"), (REMOVE, "is something else changing them?")],
)
def test_a_success_that_changed_nothing_is_ignored_by_the_kernel(step: Step, told: str) -> None:
    """A dead_threshold under a region is taken and not kept; an entry can be made anew at once."""
    pending = explain(step, Refusal(errno=None))
    assert (pending.why, pending.errno) == (Why.IGNORED, None)
    assert told in pending.reason
