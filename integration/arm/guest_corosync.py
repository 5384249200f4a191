"""In the guest: what corosync holds for true, read by its own tools and not by the daemon's code.

`cmap` is read with corosync-cmapctl, quorum by one call of libquorum (no tool prints it without
resolving names).
"""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path
from typing import Any, Final

_CS_OK: Final = 1
_LINE: Final = re.compile(r"^(\S+) \((\w+)\) = ?(.*)$")
_TIMEOUT_S: Final = 60
_PROCESSES: Final = Path("/sys/fs/cgroup/system.slice/corosync.service/cgroup.procs")
_GONE: Final = frozenset("XZ")
_WANTED: Final = ("nodelist.", "runtime.members.", "runtime.votequorum.", "totem.cluster_name")
"""The keys that `parsed` reads; each key is a question to corosync."""


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
    done = subprocess.run(
        ["corosync-cmapctl", *_WANTED],
        check=False, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_S,
    )  # fmt: skip
    quorate = _quorate()
    if done.returncode != 0 or quorate is None:
        return {"running": True, "stopped": False, "view": None}
    view = parsed(done.stdout) | {"quorate": quorate}
    return {"running": True, "stopped": False, "view": view}


def parsed(cmap: str) -> dict[str, Any]:
    """What is wanted of the keys of the map, as corosync-cmapctl prints them."""
    keys = {found[1]: found[3] for line in cmap.splitlines() if (found := _LINE.match(line))}
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


def _quorate() -> bool | None:
    library = ctypes.CDLL("libquorum.so.5")
    handle, kind, quorate = ctypes.c_uint64(), ctypes.c_uint32(), ctypes.c_int()
    begun = library.quorum_initialize(ctypes.byref(handle), None, ctypes.byref(kind))
    if begun != _CS_OK:
        return None
    try:
        done = library.quorum_getquorate(handle, ctypes.byref(quorate))
    finally:
        library.quorum_finalize(handle)
    return bool(quorate.value) if done == _CS_OK else None


def unit_pid() -> int | None:
    """The process of corosync's unit; read where it costs nothing to look often."""
    try:
        pids = _PROCESSES.read_text().split()
    except FileNotFoundError:  # a unit that has ended has no group
        return None
    return int(pids[0]) if pids else None


def _state(pid: int) -> str:
    """The letter for a process's state, as in /proc/PID/stat: T is stopped, X is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return "X"
