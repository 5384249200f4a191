"""One machine of the cluster: its disks, its power switch, and what qemu is told."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from integration import build
from integration.errors import GuestError
from integration.guest import Guest
from integration.lab.identity import Identity
from integration.lab.monitor import Monitor, monitor_arguments, monitoring
from integration.packages import program
from integration.qemu import Drive, Machine, Running, Wiring, open_file, running

_SHARED_MIB = 256
_LOAD_TIMEOUT_S = 120
_LOOK_AGAIN_S = 0.05
_KILL_WAIT_S = 60

Starter = Callable[[Callable[[], Running]], Running]
"""Runs what starts a process, in a thread that lives as long as the process may: the parent-death
signal comes when the thread that started it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugs:
    """The descriptors of one qemu's disks and cables."""

    root_fd: int
    """A qcow2 overlay."""
    shared_fd: int
    """The raw disk that all machines have."""
    cable_fd: int
    """A datagram socket to the switch."""
    monitor_fd: int


def cluster_wiring(plugs: Plugs, mac: str, state: str | None = None) -> Wiring:
    """The disks (vda its own, vdb the shared one), the network card and the monitor of a machine.

    Args:
        plugs: what it inherits.
        mac: the card's address.
        state: where a saved state comes from, in qemu's words; None starts the kernel.
    """
    more = [
        "-netdev", f"dgram,id=net,local.type=fd,local.str={plugs.cable_fd}",
        "-device", f"virtio-net-pci,netdev=net,mac={mac},romfile=",
        *monitor_arguments(plugs.monitor_fd),
    ]  # fmt: skip
    if state is not None:
        more += ["-incoming", state]
    return Wiring(
        drives=(
            Drive(file=open_file(plugs.root_fd), disk_format="qcow2"),
            Drive(
                file=open_file(plugs.shared_fd),
                options="file.locking=off,cache=unsafe",
                device_options=",share-rw=on",
            ),
        ),
        more=more,
        fds=(plugs.root_fd, plugs.shared_fd, plugs.cable_fd, plugs.monitor_fd),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disks:
    """What of a machine outlives a power cut."""

    root: IO[bytes]
    shared: IO[bytes]


def make_overlay(file: IO[bytes], backing: Path, backing_format: str) -> None:
    """Make an empty file a qcow2 disk that starts as another one and takes what is written.

    Raises:
        CannotRunError: qemu-img is missing or failed.
    """
    build.run_tool(
        [program("qemu-img"), "create", "-q", "-f", "qcow2", "-b", backing.resolve(),
         "-F", backing_format, open_file(file.fileno())],
        "making a disk",
        fds=(file.fileno(),),
    )  # fmt: skip


@contextlib.contextmanager
def nameless_overlay(backing: Path, backing_format: str) -> Iterator[IO[bytes]]:
    """An overlay that never has a name, so that nothing is left behind whatever happens."""
    with tempfile.TemporaryFile() as file:
        make_overlay(file, backing, backing_format)
        yield file


@contextlib.contextmanager
def shared_disk(size_mib: int = _SHARED_MIB) -> Iterator[IO[bytes]]:
    """An empty raw disk without a name."""
    with tempfile.TemporaryFile() as file:
        file.truncate(size_mib << 20)
        yield file


class LabMachine:
    """A machine that can be switched on and off; its disks stay what they are."""

    def __init__(
        self,
        identity: Identity,
        machine: Machine,
        disks: Disks,
        console: IO[bytes],
        starter: Starter = lambda start: start(),
    ) -> None:
        """Start with the power off.

        Args:
            identity: who it is.
            machine: what it is made of.
            disks: its own and the shared one.
            console: takes what it and its qemu say, one boot after the other.
            starter: starts processes.
        """
        self.identity = identity
        self._machine = machine
        self._disks = disks
        self._console = console
        self._starter = starter
        self._power = contextlib.ExitStack()
        self._on: tuple[Running, Guest, Monitor] | None = None

    @property
    def guest(self) -> Guest:
        """Who takes commands.

        Raises:
            GuestError: the power is off.
        """
        return self._parts()[1]

    @property
    def monitor(self) -> Monitor:
        """Who takes orders to qemu itself.

        Raises:
            GuestError: the power is off.
        """
        return self._parts()[2]

    def alive(self) -> bool:
        """Whether it runs: it was switched on, and did not end by itself or by `kill`."""
        return self._on is not None and self._on[0].process.poll() is None

    def switch_on(self, cable: socket.socket, state: str | None = None) -> None:
        """Start its qemu; from its kernel, or from a saved state.

        Args:
            cable: to the switch; closed here once qemu has it.
            state: as for `cluster_wiring`.

        Raises:
            GuestError: it runs already, or qemu does not answer.
        """
        if self.alive():
            raise GuestError(f"{self.identity.name} is on already")
        self.kill()
        self._console.write(f"--- {self.identity.name} is switched on ---\n".encode())
        self._console.flush()
        ours, theirs = socket.socketpair()
        with cable, theirs, contextlib.ExitStack() as power:
            power.enter_context(ours)
            plugs = Plugs(
                root_fd=self._disks.root.fileno(),
                shared_fd=self._disks.shared.fileno(),
                cable_fd=cable.fileno(),
                monitor_fd=theirs.fileno(),
            )
            wiring = cluster_wiring(plugs, self.identity.mac, state)
            qemu = self._starter(
                lambda: power.enter_context(running(self._machine, wiring, self._console))
            )
            theirs.close()
            monitor = power.enter_context(monitoring(ours))
            self._on = (qemu, Guest(qemu), monitor)
            self._power = power.pop_all()

    def wait_loaded(self) -> None:
        """Wait until a saved state is there; it stands still until `monitor` is told `cont`.

        Raises:
            GuestError: qemu did not load it.
        """
        deadline = time.monotonic() + _LOAD_TIMEOUT_S
        while self.monitor.order("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise GuestError(
                    f"{self.identity.name}: the saved state did not load in {_LOAD_TIMEOUT_S} s"
                )
            time.sleep(_LOOK_AGAIN_S)

    def pause(self) -> None:
        """Let it stand still: it does nothing and hears nothing until `resume`.

        Raises:
            GuestError: the power is off.
        """
        self.monitor.order("stop")

    def resume(self) -> None:
        """Let it go on from a pause or a saved state; its clock has not moved.

        Raises:
            GuestError: the power is off.
        """
        self.monitor.order("cont")

    def cut_power(self) -> None:
        """End its qemu, and with it whoever waits for an answer; `kill` tidies up after it."""
        if self._on is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._on[0].process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Cut the power. Does nothing when it is off."""
        self.cut_power()
        if self._on is not None:
            self._on[0].process.wait(_KILL_WAIT_S)
        self._on = None
        self._power.close()

    def wait_end(self, timeout_s: float) -> None:
        """Wait until it has ended by itself: switched off, rebooted, fenced or panicked.

        Raises:
            GuestError: it has not, or was not on.
        """
        try:
            self._parts()[0].process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise GuestError(f"{self.identity.name} still runs after {timeout_s:.0f} s") from None

    def console_text(self) -> str:
        """All that its console and its qemu have said, over all its boots."""
        size = os.fstat(self._console.fileno()).st_size
        return os.pread(self._console.fileno(), size, 0).decode(errors="replace")

    def copy_root(self, path: Path) -> None:
        """Copy its own disk, which has an overlay's size; its power is off."""
        self._disks.root.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(self._disks.root, copy)

    def memory_kib(self) -> int:
        """The resident memory of its qemu.

        Raises:
            GuestError: the power is off.
        """
        status = Path(f"/proc/{self._parts()[0].process.pid}/status").read_text("ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line)

    def _parts(self) -> tuple[Running, Guest, Monitor]:
        if self._on is None:
            raise GuestError(f"{self.identity.name} is off")
        return self._on
