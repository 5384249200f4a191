"""In the guest: whether corosync runs or hangs, and what it holds for true."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

from fakecluster.corosync.cmap import CorosyncMap, UnreadableError
from fakecluster.corosync.view import view_of
from integration.arm.guest_units import unit_pids

_GONE: Final = frozenset("XZ")
_connected: dict[int | None, CorosyncMap] = {}
"""By the process that it is to; at most one."""
_one_at_a_time: Final = threading.Lock()


def manager_view(pid: int | None) -> dict[str, Any]:
    """Whether corosync runs, hangs, and what it knows of nodes and quorum.

    Args:
        pid: its process; None: there is none.
    """
    state = "X" if pid is None else _state(pid)
    if state in _GONE:
        return {"running": False, "stopped": False, "view": None}
    if state == "T":
        return {"running": True, "stopped": True, "view": None}
    return {"running": True, "stopped": False, "view": _view(pid)}


def _view(pid: int | None) -> dict[str, Any] | None:
    """The view, over a connection that is kept for a corosync's life; None: it does not answer."""
    with _one_at_a_time:
        try:
            return view_of(_connection(pid))
        except UnreadableError:
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


def unit_pid() -> int | None:
    """The process of corosync's unit."""
    return next(iter(unit_pids("corosync.service")), None)


def _state(pid: int) -> str:
    """The letter for a process's state, as in /proc/PID/stat: T is stopped, X is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return "X"
