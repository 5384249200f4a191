"""In the guest: whether corosync runs or hangs, and what it holds for true."""

from __future__ import annotations

import threading
from typing import Any, Final

from fakecluster.corosync.cmap import CmapError, CorosyncMap
from fakecluster.corosync.view import manager_fields
from integration.arm.guest_units import Process, process_state

_connected: dict[int | None, CorosyncMap] = {}
"""By the process that it is to; at most one."""
_one_at_a_time: Final = threading.Lock()


def manager_view(pid: int | None) -> dict[str, Any]:
    """Whether corosync runs, hangs, and what it knows of nodes and quorum.

    Args:
        pid: its process; None: there is none.
    """
    state = process_state(pid)
    return {
        "running": state is not Process.GONE,
        "stopped": state is Process.STOPPED,
        "view": _view(pid) if state is Process.RUNS else None,
    }


def _view(pid: int | None) -> dict[str, Any] | None:
    """The view, over a connection that is kept for a corosync's life; None: it does not answer."""
    with _one_at_a_time:
        try:
            return manager_fields(_connection(pid))
        except CmapError:
            _forget()
            return None


def _connection(pid: int | None) -> CorosyncMap:
    if pid not in _connected:
        _forget()
        _connected[pid] = CorosyncMap()
    return _connected[pid]


def _forget() -> None:
    while _connected:
        _connected.popitem()[1].close()
