"""In the guest: everything that an arm looks at, in one answer, without starting a Python for it.

The guest's agent calls these functions in its own process.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from integration.arm.guest_changes import Watch
from integration.arm.guest_cman import (
    cman_expect,
    cman_fenced,
    cman_leave,
    cman_poll_disk,
    cman_set_version,
    cman_view,
    historic_cman_view,
)
from integration.arm.guest_corosync import manager_view
from integration.arm.guest_tables import (
    drop_cluster,
    drop_node,
    place_cluster,
    place_node,
    tables,
)
from integration.arm.guest_units import unit_pid, unit_pids, want_a_processor
from integration.arm.guest_volume import make_volume, mount_volume, umount_volume
from o2cbd.service.client import ControlClient, NoDaemonError

__all__ = [
    "changes",
    "cman",
    "cman_expect",
    "cman_fenced",
    "cman_leave",
    "cman_poll_disk",
    "cman_set_version",
    "drop_cluster",
    "drop_node",
    "historic_cman",
    "look",
    "make_volume",
    "manager",
    "mount_volume",
    "place_cluster",
    "place_node",
    "records",
    "runs",
    "status",
    "umount_volume",
    "unit",
    "utc_us",
    "watch",
]

_CONFIGFS = Path("/sys/kernel/config")
_RUNTIME_DIR = "/run/o2cbd"
_UNIT = "o2cbd.service"
_COROSYNC = "corosync.service"
_GATE = "cman-gate.service"
_HISTORIC = "cman.service"
_UNIT_FACTS = ("ActiveState", "SubState", "MainPID", "ExecMainCode", "ExecMainStatus",
               "ExecMainStartTimestampMonotonic", "NRestarts", "StatusText")  # fmt: skip
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMEOUT_S = 60
_PATIENCE = 5

_T = TypeVar("_T")

_watches: list[Watch] = []


def watch() -> None:
    """Note from now on every change of the tables; begins once."""
    if not _watches:
        _watches.append(Watch(_CONFIGFS))


def changes() -> list[dict[str, str]]:
    """All changes that were noted."""
    return [change for each in _watches for change in each.changes()]


def look() -> dict[str, Any]:
    """The tables, whether the unit has a process, and what the daemon says of itself."""
    return {"clusters": tables(), "runs": runs(), "status": status()}


def runs() -> bool:
    """Whether the daemon's unit has a process."""
    return bool(unit_pids(_UNIT))


def status() -> dict[str, Any] | None:
    """The daemon's own status; None: there is no daemon.

    Raises:
        TimeoutError: it is silent, and it is not for want of a processor.
    """
    return patient(_status, lambda: want_a_processor(unit_pids(_UNIT)))


def _status() -> dict[str, Any] | None:
    try:
        with ControlClient(_RUNTIME_DIR) as client:
            return client.ask({"request": "status"})
    except NoDaemonError:
        return None


def patient(ask: Callable[[], _T], starved: Callable[[], bool]) -> _T:
    """Ask again while an answer is late because emulated processors are shared.

    Args:
        ask: asks, and raises TimeoutError after some seconds.
        starved: whether the one who is asked has something to do and cannot.

    Raises:
        TimeoutError: no answer, twice, of one who waits for something, or at all.
    """
    for _ in range(_PATIENCE):
        try:
            return ask()
        except TimeoutError:
            if not starved():
                break
    return ask()


def utc_us() -> int:
    """This guest's wall clock, in microseconds since 1970."""
    return time.time_ns() // 1000


def records() -> list[str]:
    """What the daemons of this boot have told: the journal, and the dump of the one that runs."""
    boot = _BOOT_ID.read_text().strip().replace("-", "")
    # A clone has another machine id than its journal began with, so: of all machines, this boot.
    done = subprocess.run(
        ["journalctl", "--merge", "--unit", _UNIT, "--output", "json", "--all", f"_BOOT_ID={boot}"],
        check=True, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_S,
    )  # fmt: skip
    return [*done.stdout.splitlines(), *_dump()]


def _dump() -> list[str]:
    try:
        with ControlClient(_RUNTIME_DIR) as client:
            lines: list[str] = client.ask({"request": "dump"})["lines"]
    except NoDaemonError:
        return []
    return lines


def unit() -> dict[str, str]:
    """The facts that systemd keeps of the daemon's unit."""
    done = subprocess.run(
        ["systemctl", "show", _UNIT, *(f"--property={name}" for name in _UNIT_FACTS)],
        check=True, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_S,
    )  # fmt: skip
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}


def manager() -> dict[str, Any]:
    """What this host's corosync holds for true."""
    return manager_view(unit_pid(_COROSYNC))


def cman() -> dict[str, Any]:
    """What this host's cman, the gate over corosync, holds for true."""
    return cman_view(unit_pid(_COROSYNC), unit_pid(_GATE))


def historic_cman() -> dict[str, Any]:
    """What this host's historic cman holds for true."""
    return historic_cman_view(unit_pid(_HISTORIC))
