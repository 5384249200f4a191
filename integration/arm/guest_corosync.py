"""In the guest: whether corosync runs or hangs, and what it holds for true."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from integration.arm.guest_cmap import CorosyncMap, UnreadableError
from integration.arm.guest_units import Process, process_state

_WANTED: Final = ("nodelist.", "runtime.members.", "runtime.votequorum.", "totem.cluster_name")
"""The keys that `parsed` reads; each key is a question to corosync."""

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
            connected = _connection(pid)
            keys, quorate = connected.values(_WANTED), connected.quorate()
        except UnreadableError:
            _forget()
            return None
    try:
        return parsed(keys) | {"quorate": quorate}
    except KeyError:  # it reads a new configuration in this moment
        return None


def _connection(pid: int | None) -> CorosyncMap:
    if pid not in _connected:
        _forget()
        _connected[pid] = CorosyncMap()
    return _connected[pid]


def _forget() -> None:
    while _connected:
        _connected.popitem()[1].close()


def parsed(keys: Mapping[str, str]) -> dict[str, Any]:
    """What is wanted of the keys of the map.

    Raises:
        KeyError: one is not there.
    """
    positions = {key.split(".")[2] for key in keys if key.startswith("nodelist.node.")}
    listed = []
    for position in sorted(positions, key=int):
        block = f"nodelist.node.{position}."
        number = keys[block + "nodeid"]
        address = keys.get(block + "o2cb_address") or keys[block + "ring0_addr"]
        listed.append({
            "id": int(number),
            "name": keys.get(block + "name", ""),
            "member": keys.get(f"runtime.members.{number}.status") == "joined",
            "addresses": [address],
        })  # fmt: skip
    return {
        "cluster": keys["totem.cluster_name"],
        "local_id": int(keys["runtime.votequorum.this_node_id"]),
        "two_node": keys.get("runtime.votequorum.two_node", "0") == "1",
        "listed": sorted(listed, key=lambda each: each["id"]),
    }
