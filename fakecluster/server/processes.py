"""The processes of fake hosts: which are a host's, and how a power cut ends them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

SOCKET_DIR_VARIABLE = "CMAN_SOCKET_DIR"
"""Where the stand-in libcman looks for its sockets; it also says on which host a process lives."""


def kill_all(pids: Iterable[int], socket_dir: Path) -> tuple[int, ...]:
    """SIGKILL those of the processes that live on the host whose sockets are in `socket_dir`.

    A process lives there when its environment says so. Anything else that once connected, a test
    or a tool of the user's, is left alone, and so is a process that got a dead one's pid.
    """
    return tuple(pid for pid in sorted(set(pids)) if _kill(pid, socket_dir))


def kill_one(pid: int) -> None:
    """SIGKILL a process; nothing happens when it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(pid: int, socket_dir: Path) -> bool:
    if pid == os.getpid():
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # The descriptor first: so what is read is of the very process that is killed.
        if not _lives_on(pid, socket_dir):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(descriptor)
    return True


def _lives_on(pid: int, socket_dir: Path) -> bool:
    wanted = os.fsencode(f"{SOCKET_DIR_VARIABLE}={socket_dir}")
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return wanted in environment.split(b"\0")
