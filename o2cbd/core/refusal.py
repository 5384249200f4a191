"""What became of a step that was tried, and what that means to the operator."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from types import MappingProxyType

from o2cbd.core.frozen import frozen
from o2cbd.core.model import AddNode, CreateCluster, Pending, RemoveNode, SetAttribute, Step, Why
from o2cbd.core.reports import symbol

NOT_CONFIGFS_ERRNO = errno.ENODEV
"""What the making of a cluster fails with where a plain directory came of it; mkdir has no such."""


@frozen
class Refusal:
    """A step that was tried and is not to be tried again just now."""

    errno: int | None
    """None: it succeeded and yet the tables read as before."""
    detail: str = ""
    """Where it failed, or for a cluster that cannot be made: what the operator must do."""


def explain(step: Step, refusal: Refusal) -> Pending:
    """Say why the step waits, and what ends that."""
    if refusal.errno is None:
        return Pending(step=step, why=Why.IGNORED, reason=_ignored(step))
    if isinstance(step, RemoveNode) and refusal.errno == errno.EBUSY:
        return Pending(
            step=step,
            why=Why.PINNED,
            reason="rmdir failed (EBUSY): something in the kernel still pins it; retrying",
            errno=refusal.errno,
        )
    return Pending(step=step, why=Why.FAILED, reason=_failed(step, refusal), errno=refusal.errno)


def _ignored(step: Step) -> str:
    if isinstance(step, SetAttribute):
        return "the kernel accepted the write and kept the old value (is there a heartbeat region?)"
    return "the step succeeded and the tables did not change: is something else changing them?"


def _failed(step: Step, refusal: Refusal) -> str:
    if isinstance(step, CreateCluster) and refusal.errno == NOT_CONFIGFS_ERRNO:
        return f"{refusal.detail} ({symbol(refusal.errno)})"
    where = f" at {refusal.detail}" if refusal.detail else ""
    return f"{symbol(refusal.errno)}{where}: {_hint(step, refusal.errno)}"


def _hint(step: Step, number: int | None) -> str:
    if number in {errno.EACCES, errno.EPERM}:
        return "no permission: run as root"
    if isinstance(step, SetAttribute):
        hints = _CLUSTER_HINTS if step.node is None else _LOCAL_HINTS
    else:
        hints = _ADD_HINTS if isinstance(step, AddNode) else _NO_HINTS
    return hints.get(number, "retrying with back-off")


_Hints = Mapping[int | None, str]

_NO_HINTS: _Hints = MappingProxyType({})

_LOCAL_HINTS: _Hints = MappingProxyType(
    {
        errno.EADDRNOTAVAIL: (
            "this node's address is not on any interface of this host; waiting until it is"
        ),
        errno.EADDRINUSE: "another program uses this node's port; waiting until it is free",
    }
)

_CLUSTER_HINTS: _Hints = MappingProxyType(
    {
        errno.EINVAL: "the kernel refuses it: idle_timeout_ms must be greater than"
        " keepalive_delay_ms, and neither can change while peers are connected;"
        " unmount OCFS2 on all nodes",
    }
)

_ADD_HINTS: _Hints = MappingProxyType(
    {
        errno.EEXIST: (
            "another entry has its name, num or address; waiting for the removal of that entry"
        ),
    }
)
