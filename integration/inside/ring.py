"""A guest's corosync, as systemd's unit, and what that thinks of the ring."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fakecluster.corosync.observer import Observer
from integration.inside.provision import provision
from integration.inside.sources import close_all, libraries
from integration.inside.tools import run_tool
from integration.inside.units import unit_pid

_UNIT: Final = "corosync.service"
_CONFIGURATION: Final = Path("/etc/corosync/corosync.conf")
_DROP_IN: Final = f"/run/systemd/system/{_UNIT}.d/checks.conf"
_DROP_IN_TEXT: Final = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nStandardError=journal\n"
"""A corosync that is killed and started again and again is no failure here, and has a log."""
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - libqb's place, where names are its own
_END_TIMEOUT_S: Final = 120
_LOG_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    process: int
    """A descriptor of it, so that no other one is taken for it."""
    observer: Observer


_running: list[_Running] = []


def prepare(address: str) -> None:
    """Give this guest an address of the ring, and its unit what checks need."""
    provision({_DROP_IN: _DROP_IN_TEXT}, _UNIT, [address])


def configure(text: str) -> None:
    """Write corosync.conf, for whoever starts or reloads after this."""
    _CONFIGURATION.write_text(text, encoding="utf-8", errors="surrogateescape")


def start(shutdown_timeout_ms: int) -> None:
    """Start the unit, and look at what it thinks from now on; it serves when this returns.

    Raises:
        OSError: it does not start.
    """
    run_tool("systemctl", "start", _UNIT)
    pid = unit_pid(_UNIT)
    if pid is None:
        raise ProcessLookupError(f"{_UNIT} was started, and has no process: {log()}")
    _running.append(_Running(process=os.pidfd_open(pid), observer=Observer(libraries())))
    run_tool("corosync-cmapctl", "-s", "cfg.shutdown_timeout", "u32", str(shutdown_timeout_ms))


def end(name: str) -> None:
    """Send the process a signal, and wait for its end."""
    signal.pidfd_send_signal(_running[0].process, signal.Signals[name])
    ended()


def ended() -> None:
    """Wait until the process is gone.

    Raises:
        TimeoutError: it is not.
    """
    gone = _running.pop()
    with contextlib.closing(gone.observer), _closed(gone.process):
        _wait(gone.process)


def reload() -> None:
    """Have every node that runs read its configuration anew."""
    run_tool("corosync-cfgtool", "-R")


def look() -> dict[str, Any]:
    """What corosync thinks of the ring, as the fields of a `Ring`."""
    return asdict(_running[0].observer.look())


def log() -> str:
    """The last that the unit has said."""
    words = [
        "journalctl",
        "--merge",
        "--unit",
        _UNIT,
        "--lines",
        "60",
        "--output",
        "cat",
        "--no-pager",
    ]
    done = subprocess.run(
        words, check=True, stdout=subprocess.PIPE, timeout=_LOG_TIMEOUT_S, errors="replace"
    )
    return done.stdout


def clear() -> None:
    """Close every source and kill the process, whatever has come to be of them."""
    close_all()
    pid = unit_pid(_UNIT)
    if pid is not None:
        process = os.pidfd_open(pid)
        with _closed(process):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            _wait(process)
    for gone in _running:
        gone.observer.close()
        os.close(gone.process)
    _running.clear()
    _forget_memory()


def _forget_memory() -> None:
    """Remove what killed corosyncs leave in shared memory, of which a guest has little."""
    for path in _SHARED_MEMORY.glob("qb-*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _wait(process: int) -> None:
    poller = select.poll()
    poller.register(process, select.POLLIN)
    if not poller.poll(_END_TIMEOUT_S * 1000):
        raise TimeoutError(f"{_UNIT} does not end: {log()}")


@contextlib.contextmanager
def _closed(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
