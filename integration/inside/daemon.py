"""The daemon of a guest: its status, its records, its unit; with the tables, in one answer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from integration.inside.tables import tables
from integration.inside.units import unit_pids, want_a_processor
from o2cbd.service.client import ControlClient, NoDaemonError

_RUNTIME_DIR = "/run/o2cbd"
_UNIT = "o2cbd.service"
_UNIT_FACTS = ("ActiveState", "SubState", "MainPID", "ExecMainCode", "ExecMainStatus",
               "ExecMainStartTimestampMonotonic", "NRestarts", "StatusText")  # fmt: skip
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMEOUT_S = 60
_PATIENCE = 5

_T = TypeVar("_T")


def look() -> dict[str, Any]:
    """The tables, whether the unit has a process, and what the daemon says of itself."""
    return {"clusters": tables(), "runs": runs(), "status": status()}


def runs() -> bool:
    """Whether the daemon's unit has a process."""
    return bool(unit_pids(_UNIT))


def status(runtime_dir: str = _RUNTIME_DIR) -> dict[str, Any] | None:
    """The daemon's own status; None: there is no daemon.

    Raises:
        TimeoutError: it is silent, and it is not for want of a processor.
    """

    def ask() -> dict[str, Any] | None:
        return _answer("status", runtime_dir)

    return patient(ask, lambda: want_a_processor(unit_pids(_UNIT)))


def _answer(request: str, runtime_dir: str = _RUNTIME_DIR) -> dict[str, Any] | None:
    try:
        with ControlClient(runtime_dir) as client:
            return client.ask({"request": request})
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
    dump = _answer("dump")
    return [*done.stdout.splitlines(), *([] if dump is None else dump["lines"])]


def unit() -> dict[str, str]:
    """The facts that systemd keeps of the daemon's unit."""
    done = subprocess.run(
        ["systemctl", "show", _UNIT, *(f"--property={name}" for name in _UNIT_FACTS)],
        check=True, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_S,
    )  # fmt: skip
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}
