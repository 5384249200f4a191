"""Whether a guest's corosync runs or hangs, and what it holds for true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from fakecluster.corosync.cmap import CmapError, CorosyncMap
from fakecluster.corosync.view import manager_fields
from integration.inside.units import Process, process_state, unit_pid

COROSYNC = "corosync.service"


class Closable(Protocol):
    """A connection to a manager."""

    def close(self) -> None:
        """End it."""
        ...


_C = TypeVar("_C", bound=Closable)


class Observed(Generic[_C]):
    """A manager's view, over a connection that is kept for the life of its processes."""

    def __init__(
        self,
        connect: Callable[[], _C],
        read: Callable[[_C], dict[str, Any] | None],
        refusal: type[Exception],
    ) -> None:
        """Connect when it is asked for.

        Args:
            connect: connects.
            read: reads the view.
            refusal: what both raise when the manager does not answer.
        """
        self._connect = connect
        self._read = read
        self._refusal = refusal
        self._connected: dict[tuple[int | None, ...], _C] = {}
        self._lock = threading.Lock()

    def view(self, *processes: int | None) -> dict[str, Any] | None:
        """Read the view; None: it does not answer.

        Args:
            processes: those of the manager; another one has another connection.
        """
        with self._lock:
            try:
                if processes not in self._connected:
                    self._forget()
                    self._connected[processes] = self._connect()
                return self._read(self._connected[processes])
            except self._refusal:
                self._forget()
                return None

    def _forget(self) -> None:
        while self._connected:
            self._connected.popitem()[1].close()


_observed = Observed(CorosyncMap, manager_fields, CmapError)


def manager_view(pid: int | None) -> dict[str, Any]:
    """Whether corosync runs, hangs, and what it knows of nodes and quorum.

    Args:
        pid: its process; None: there is none.
    """
    state = process_state(pid)
    return {
        "running": state is not Process.GONE,
        "stopped": state is Process.STOPPED,
        "view": _observed.view(pid) if state is Process.RUNS else None,
    }


def look() -> dict[str, Any]:
    """What this host's corosync holds for true."""
    return manager_view(unit_pid(COROSYNC))
