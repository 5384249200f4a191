"""One qemu process: its command line, and its end, which comes with ours whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from integration.channel import PORT_NAME
from integration.image import Image
from integration.packages import require_tools

_END_WAIT_S = 10

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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a guest is made of."""

    image: Image
    acceleration: str
    """`kvm` or `tcg`."""
    memory_mib: int = 256
    scratch_mib: int = 256
    """An empty third disk, for a volume."""


def command_line(
    machine: Machine, *, qemu: str, channel_fd: int, payload_fd: int, scratch_fd: int
) -> list[str]:
    """The command line of qemu.

    The guest's disks are its root (vda, a snapshot whose file has no name), the payload (vdb) and
    an empty one (vdc). The console goes to standard
    output; the command channel is a socket that we hold the other end of.
    """
    image = machine.image
    return [
        qemu,
        "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-machine", "pc",
        *ACCELERATIONS[machine.acceleration],
        "-smp", "1", "-m", str(machine.memory_mib),
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", " ".join(KERNEL_ARGUMENTS),
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-drive", f"if=none,id=root,format=raw,file={image.disk},snapshot=on,cache=unsafe",
        "-device", "virtio-blk-pci,drive=root",
        "-drive", f"if=none,id=payload,format=raw,file=/dev/fd/{payload_fd},readonly=on",
        "-device", "virtio-blk-pci,drive=payload",
        "-drive", f"if=none,id=scratch,format=raw,file=/dev/fd/{scratch_fd},cache=unsafe",
        "-device", "virtio-blk-pci,drive=scratch",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=channel,fd={channel_fd}",
        "-device", f"virtserialport,chardev=channel,name={PORT_NAME}",
        "-object", "rng-random,id=rng,filename=/dev/urandom",
        "-device", "virtio-rng-pci,rng=rng",
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
def running(machine: Machine, payload_fd: int) -> Iterator[Running]:
    """Start qemu, and end it with the block.

    It dies with this process too (a parent-death signal), even when that is killed.

    Raises:
        CannotRunError: qemu is not installed.
    """
    tools = require_tools()
    with (
        tempfile.TemporaryFile() as console,
        tempfile.TemporaryFile() as scratch,
        contextlib.ExitStack() as stack,
    ):
        scratch.truncate(machine.scratch_mib << 20)
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        with theirs:
            argv = command_line(
                machine,
                qemu=tools["qemu-system-x86_64"],
                channel_fd=theirs.fileno(),
                payload_fd=payload_fd,
                scratch_fd=scratch.fileno(),
            )
            process = subprocess.Popen(
                [tools["setpriv"], "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), payload_fd, scratch.fileno()),
                process_group=0,
            )
        stack.callback(_end, process)
        yield Running(process=process, channel=ours, console=console)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill qemu's process group; it holds nothing that would want an orderly end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_END_WAIT_S)
