"""One qemu process: its command line, and its end, which comes with ours whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from integration.channel import PORT_NAME
from integration.image import Image
from integration.packages import require_tools

_END_WAIT_S = 60

KERNEL_ARGUMENTS = (
    "console=ttyS0",
    "quiet",
    "panic=-1",
    "mitigations=off",
    "random.trust_cpu=on",
    "tsc=reliable",
    "no_timer_check",
)

ACCELERATIONS = {
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    # Without tb-size the translation cache alone grows a guest to about 1 GB.
    "tcg": ("-accel", "tcg,thread=multi,tb-size=96", "-cpu", "max"),
    # The guest's clocks count its instructions, one a nanosecond, and jump over idle time.
    "icount": ("-accel", "tcg,thread=single,tb-size=96", "-icount", "shift=0,sleep=off",
               "-cpu", "max"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a guest is made of, whatever it is used for."""

    image: Image
    acceleration: str
    """One of `ACCELERATIONS`."""
    memory_mib: int = 256
    kernel_arguments: tuple[str, ...] = ()
    """More of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """One disk, in the order vda, vdb, ..."""

    file: str
    """A path, or `open_file` of a descriptor that qemu is given."""
    disk_format: str = "raw"
    options: str = "cache=unsafe"
    """Of qemu's -drive. cache=unsafe: what the guest flushes reaches the host's kernel, and so
    outlives qemu, but is not waited for on the host's disk."""
    device_options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What differs from one qemu to the next: its disks, and descriptors that it inherits."""

    drives: Sequence[Drive]
    more: Sequence[str] = ()
    """More arguments."""
    fds: Sequence[int] = ()
    """The descriptors that drives and arguments name."""


def open_file(fd: int) -> str:
    """The path by which a qemu that inherits a descriptor opens its file, named or not."""
    return f"/dev/fd/{fd}"


def command_line(machine: Machine, wiring: Wiring, *, qemu: str, channel_fd: int) -> list[str]:
    """The command line of qemu.

    The console goes to standard output; the command channel is a socket that we hold the other
    end of.
    """
    image = machine.image
    drives: list[str] = []
    for number, drive in enumerate(wiring.drives):
        word = f"if=none,id=disk{number},format={drive.disk_format},file={drive.file}"
        drives += ["-drive", f"{word},{drive.options}"]
        drives += ["-device", f"virtio-blk-pci,drive=disk{number}{drive.device_options}"]
    return [
        qemu,
        "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-machine", "pc",
        *ACCELERATIONS[machine.acceleration],
        "-smp", "1", "-m", str(machine.memory_mib),
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", " ".join((*KERNEL_ARGUMENTS, *machine.kernel_arguments)),
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        *drives,
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=channel,fd={channel_fd}",
        "-device", f"virtserialport,chardev=channel,name={PORT_NAME}",
        "-object", "rng-random,id=rng,filename=/dev/urandom",
        "-device", "virtio-rng-pci,rng=rng",
        *wiring.more,
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A qemu that was started."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    console: IO[bytes]
    """What the guest's kernel and start said, and qemu itself."""

    def console_text(self) -> str:
        """All that the console has shown so far."""
        size = os.fstat(self.console.fileno()).st_size
        return os.pread(self.console.fileno(), size, 0).decode(errors="replace")


@contextlib.contextmanager
def running(machine: Machine, wiring: Wiring, console: IO[bytes]) -> Iterator[Running]:
    """Start qemu, and end it with the block.

    It dies with this process too (a parent-death signal), even when that is killed.

    Args:
        machine: what is started.
        wiring: its disks, and what it inherits.
        console: the file that takes what the guest's console and qemu say; must be readable.

    Raises:
        CannotRunError: qemu is not installed.
    """
    tools = require_tools()
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ours)
        with theirs:
            argv = command_line(
                machine, wiring, qemu=tools["qemu-system-x86_64"], channel_fd=theirs.fileno()
            )
            process = subprocess.Popen(
                [tools["setpriv"], "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), *wiring.fds),
                process_group=0,
            )
        stack.callback(_end, process)
        yield Running(process=process, channel=ours, console=console)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill qemu's process group; it holds nothing that would want an orderly end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_END_WAIT_S)
