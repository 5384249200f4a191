"""What a cman's clients see, and what its administrators order, by ctypes.

Not by the daemon's own code, which is judged by this. The library is the one that is installed.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import sys
import threading
import time
from typing import Any, Final

from integration.inside.corosync import COROSYNC, Observed, manager_view
from integration.inside.units import Process, process_state, unit_pid

LIBRARY: Final = "libcman.so.3"
_GATE: Final = "cman-gate.service"
_HISTORIC: Final = "cman.service"
_ROOM: Final = 64
"""More nodes and addresses than guests have."""
_TWO_NODE: Final = 1
_EXTRA_ROOM_BYTES: Final = 8192
_LEAVE_REMOVED: Final = 3
_CMAN_VERSION: Final = (6, 2, 0)
_AGENT: Final = b"fence_harness"
_POLL_S: Final = 2.0
"""cman gives a device up that is not polled for 6 s."""


class CmanRefusedError(OSError):
    """libcman says no; errno says why."""


class _Address(ctypes.Structure):
    _fields_ = (("length", ctypes.c_int), ("data", ctypes.c_ubyte * 28))


class _Node(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_int),
        ("address", _Address),
        ("name", ctypes.c_char * 256),
        ("member", ctypes.c_int),
        ("incarnation", ctypes.c_uint),
        ("joined", ctypes.c_long * 2),
    )


class _Version(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint) for name in ("major", "minor", "patch", "config"))


class _Cluster(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char * 17),
        ("number", ctypes.c_uint16),
        ("generation", ctypes.c_uint32),
    )


class Cman:
    """A connection to this host's cman, for its life."""

    def __init__(self, *, admin: bool = False) -> None:
        """Connect.

        Args:
            admin: for orders.

        Raises:
            CmanRefusedError: there is no cman.
            OSError: there is no library.
        """
        self.library = ctypes.CDLL(LIBRARY, use_errno=True)
        opener = self.library.cman_admin_init if admin else self.library.cman_init
        opener.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(opener(None))
        if not self.handle:
            raise _refused("connect")

    def close(self) -> None:
        """End it; a cman that has gone does not mind."""
        self.library.cman_finish(self.handle)

    def ask(self, function: str, *arguments: Any) -> int:
        """Call a function of the library that takes a handle first; its result.

        Raises:
            CmanRefusedError: it fails.
        """
        result = int(getattr(self.library, function)(self.handle, *arguments))
        if result < 0:
            raise _refused(function)
        return result

    def view(self) -> dict[str, Any]:
        """Everything that a client can read of the membership, in the form of `ctl view`.

        Raises:
            CmanRefusedError: it cannot be read now.
        """
        nodes, count = (_Node * _ROOM)(), ctypes.c_int()
        self.ask("cman_get_nodes", _ROOM, ctypes.byref(count), nodes)
        cluster, us = _Cluster(), _Node()
        self.ask("cman_get_cluster", ctypes.byref(cluster))
        self.ask("cman_get_node", 0, ctypes.byref(us))
        return {
            "cluster": os.fsdecode(cluster.name),
            "local_id": us.id,
            "quorate": self.ask("cman_is_quorate") == 1,
            "two_node": bool(self._flags() & _TWO_NODE),
            "listed": [self._listed(node) for node in nodes[: count.value]],
        }

    def _listed(self, node: _Node) -> dict[str, Any]:
        addresses = self._addresses(node.id) if node.member and node.id else []
        return {
            "id": node.id,
            "name": os.fsdecode(node.name),
            "member": bool(node.member),
            "addresses": addresses,
        }

    def _addresses(self, node_id: int) -> list[str]:
        found, count = (_Address * _ROOM)(), ctypes.c_int()
        self.ask("cman_get_node_addrs", node_id, _ROOM, ctypes.byref(count), found)
        return [_text(each) for each in found[: min(count.value, _ROOM)]]

    def _flags(self) -> int:
        extra = (ctypes.c_int * (_EXTRA_ROOM_BYTES // 4))()
        self.ask("cman_get_extra_info", extra, _EXTRA_ROOM_BYTES)
        return int(extra[1])


_observed: Final = Observed(Cman, Cman.view, CmanRefusedError)


def _text(address: _Address) -> str:
    data = bytes(address.data)
    family = int.from_bytes(data[:2], sys.byteorder)
    return str(ipaddress.ip_address(data[4:8] if family == socket.AF_INET else data[8:24]))


def _refused(what: str) -> CmanRefusedError:
    code = ctypes.get_errno()
    return CmanRefusedError(code, f"{what}: {os.strerror(code)}")


def cman_view(corosync: int | None, gate: int | None) -> dict[str, Any]:
    """Whether this host's cman runs, hangs, and what it and the corosync beneath hold for true.

    Args:
        corosync: its process; None: there is none.
        gate: the same.
    """
    beneath = manager_view(corosync)
    over = process_state(gate)
    running = beneath["running"] and over is not Process.GONE
    stopped = running and (beneath["stopped"] or over is Process.STOPPED)
    view = _observed.view(corosync, gate) if running and not stopped else None
    return {
        "running": running,
        "stopped": stopped,
        "view": view,
        "beneath": None if view is None else beneath["view"],
    }


def historic_cman_view(pid: int | None) -> dict[str, Any]:
    """Whether this host's cman, one process, runs, hangs, and what it holds for true.

    Args:
        pid: its process; None: there is none.
    """
    state = process_state(pid)
    return {
        "running": state is not Process.GONE,
        "stopped": state is Process.STOPPED,
        "view": _observed.view(pid) if state is Process.RUNS else None,
        "beneath": None,
    }


def look() -> dict[str, Any]:
    """What this host's cman, the gate over corosync, holds for true."""
    return cman_view(unit_pid(COROSYNC), unit_pid(_GATE))


def look_historic() -> dict[str, Any]:
    """What this host's historic cman holds for true."""
    return historic_cman_view(unit_pid(_HISTORIC))


def leave(*, removed: bool) -> None:
    """Let this node leave; nobody is asked.

    Raises:
        CmanRefusedError: it is refused.
    """
    _order("cman_leave_cluster", _LEAVE_REMOVED if removed else 0)


def expect(votes: int) -> None:
    """Let the partition expect so many votes.

    Raises:
        CmanRefusedError: it is refused.
    """
    _order("cman_set_expected_votes", votes)


def fenced(node: int) -> None:
    """Say that a node was fenced, just now.

    Raises:
        CmanRefusedError: it is refused.
    """
    _order("cman_node_fenced", node, ctypes.c_uint64(int(time.time())), _AGENT)


def set_version(version: int) -> None:
    """Say which version of the configuration is current: every node reads its file.

    Raises:
        CmanRefusedError: it is refused.
    """
    record = _Version(*_CMAN_VERSION, version)
    _order("cman_set_version", ctypes.byref(record))


def poll_disk(name: str, votes: int, *, available: bool) -> None:
    """Poll a quorum disk with this result from now on; register it where that is not done.

    Raises:
        CmanRefusedError: it is refused.
    """
    for disk in _disks:
        disk.available = available
        disk.changed.set()
    if not _disks:
        _disks.append(_Disk(name, votes, available=available))


class _Disk:
    """A quorum disk's daemon, as far as cman knows it; it ends with its cman."""

    def __init__(self, name: str, votes: int, *, available: bool) -> None:
        self.available = available
        self.changed = threading.Event()
        self._cman = Cman(admin=True)
        try:
            self._cman.ask("cman_register_quorum_device", name.encode(), votes)
        except CmanRefusedError:
            self._cman.close()
            raise
        threading.Thread(target=self._poll, daemon=True).start()

    def _poll(self) -> None:
        try:
            while True:
                self._cman.ask("cman_poll_quorum_device", int(self.available))
                self.changed.wait(_POLL_S)
                self.changed.clear()
        except CmanRefusedError:  # it has gone, and its devices with it
            _disks.remove(self)
            self._cman.close()


_disks: list[_Disk] = []
"""At most one."""


def _order(function: str, *arguments: Any) -> None:
    admin = Cman(admin=True)
    try:
        admin.ask(function, *arguments)
    finally:
        admin.close()
