"""The saved state: a guest that was booted once, and from which machines start."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from integration.cache import Progress, identity_of, load_facts, lock, making, note_facts
from integration.errors import GuestError
from integration.guest import BOOT_TIMEOUT_S
from integration.lab.base import DISK, Base, alone, settle
from integration.lab.disks import make_overlay, shared_disk
from integration.lab.host import Plugs, cluster_wiring
from integration.lab.monitor import Monitor
from integration.packages import program
from integration.qemu import command_line
from integration.recipe import text_digest

MEMORY = "memory"
_SAVE_TIMEOUT_S = 300
_LOOK_AGAIN_S = 0.1
_NO_PLUGS = Plugs(root_fd=0, shared_fd=0, cable_fd=0, monitor_fd=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The memory and the disk of a guest at one moment."""

    directory: Path
    anonymous: bool = True
    """Whoever starts from it has still to become somebody: it is a clone of many."""

    @property
    def disk(self) -> Path:
        """Its qcow2 disk; who starts from it has an overlay over it."""
        return self.directory / DISK

    @property
    def incoming(self) -> str:
        """Where its memory comes from, in qemu's words."""
        return f"exec:cat {shlex.quote(str(self.directory / MEMORY))}"


def saved_state(base: Base, cache: Path, say: Progress) -> SavedState:
    """The state of a base whose boot is over, out of the cache or made now.

    Raises:
        GuestError: it does not come up.
        CannotRunError: this machine lacks something.
    """
    name = f"state-{_digest(base)}"
    with lock(cache, name, say):
        if load_facts(cache / name) is None:
            _make(base, cache, name, say)
        identity_of(cache / name)
    return SavedState(directory=cache / name)


def _digest(base: Base) -> str:
    """Changes with all that a memory depends on: the disk, the machine as qemu is told, qemu."""
    qemu = program("qemu-system-x86_64")
    version = subprocess.run([qemu, "--version"], check=True, capture_output=True, text=True)
    wiring = cluster_wiring(_NO_PLUGS, "")
    machine = command_line(base.machine, wiring, qemu=qemu, channel_fd=0)
    words = [base.identity, version.stdout, *machine]
    return text_digest(words, [Path(__file__), *base.prepared_in])


def _make(base: Base, cache: Path, name: str, say: Progress) -> None:
    say("state: booting a guest to save it")
    began = time.monotonic()
    with (
        making(cache, name) as result,
        (result / DISK).open("w+b") as root,
        shared_disk() as shared,
    ):
        make_overlay(root, base.disk, base.disk_format)
        with alone(base.machine, root, shared) as host:
            host.guest.wait_ready(BOOT_TIMEOUT_S)
            settle(host.guest)
            if base.prepare is not None:
                base.prepare(host.guest)
            host.guest.check(["sync"], timeout_s=60)
            booted = time.monotonic()
            host.monitor.order("stop")
            save(host.monitor, result / MEMORY)
            size_mib = (result / MEMORY).stat().st_size >> 20
        note_facts(result)
    ended = time.monotonic()
    say(f"state: {booted - began:.0f} s to boot, {ended - booted:.1f} s to save {size_mib} MiB")


def save(monitor: Monitor, path: Path) -> None:
    """Write the memory of a guest that stands still to a file, and end it.

    Raises:
        GuestError: qemu could not.
    """
    monitor.order("migrate", uri=f"exec:cat > {shlex.quote(str(path))}")
    deadline = time.monotonic() + _SAVE_TIMEOUT_S
    while (status := monitor.order("query-migrate")["status"]) != "completed":
        if status in {"failed", "cancelled"} or time.monotonic() > deadline:
            raise GuestError(f"the guest's state could not be saved: {status}")
        time.sleep(_LOOK_AGAIN_S)
    monitor.order("quit")
