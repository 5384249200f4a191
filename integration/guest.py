"""A running guest that does what it is told over the command channel."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.channel import ChannelError, Lines, encode
from integration.errors import GuestError
from integration.image import Image, Progress
from integration.payload import DIRECTORY
from integration.qemu import Machine, Running, running

BOOT_TIMEOUT_S = 240
_KVM_TIMEOUT_S = 25
_GRACE_S = 15
"""How much later than the guest's agent we lose patience with a command."""
_PIECE = 1 << 16

_ALARMS = re.compile(
    r"Oops|BUG:|kernel BUG|general protection|Kernel panic|Call Trace|unable to handle|WARNING: CPU"
)


def alarms(console: str) -> list[str]:
    """The lines of a console by which a kernel says that it is not well."""
    return [line.strip() for line in console.splitlines() if _ALARMS.search(line)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command in the guest ended."""

    rc: int
    """124 when its time was up, 127 when it could not be started."""
    out: str
    err: str
    timed_out: bool = False


@dataclass(slots=True, kw_only=True)
class Guest:
    """The host's end of the command channel."""

    machine: Machine
    qemu: Running
    kernel: str = ""
    """The kernel's own release text."""
    boot_s: float = 0.0
    _lines: Lines = field(default_factory=Lines)
    _queue: list[dict[str, Any]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def console_text(self) -> str:
        """All that the console has shown so far."""
        return self.qemu.console_text()

    def wait_ready(self, timeout_s: float) -> None:
        """Wait for the agent's first word.

        Raises:
            GuestError: the guest ended or nothing came in time.
        """
        began = time.monotonic()
        message = self._receive(began + timeout_s, "its agent to be ready")
        self.kernel = message["ready"]["kernel"]
        self.boot_s = time.monotonic() - began

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        input_text: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run a command and wait for its end.

        Args:
            argv: the program and its arguments; no shell.
            timeout_s: after this time the command is killed in the guest.
            env: added to the agent's environment.
            input_text: what its standard input holds.
            on_line: takes each line of its output as it comes; it is in the result as well.

        Raises:
            GuestError: the guest ended, or did not answer even after the time was up.
        """
        number = next(self._numbers)
        request = {
            "id": number,
            "argv": list(argv),
            "env": dict(env or {}),
            "input": input_text,
            "cwd": DIRECTORY,
            "timeout_s": timeout_s,
        }
        try:
            self.qemu.channel.sendall(encode(request))
        except OSError as error:
            raise GuestError(f"the guest takes no command: {error}") from None
        deadline = time.monotonic() + timeout_s + _GRACE_S
        out: list[str] = []
        while True:
            message = self._receive(deadline, f"`{argv[0]}` to end")
            if message.get("id") != number:
                raise GuestError(f"an answer to no question of ours: {message}")
            if "line" not in message:
                return Result(
                    rc=message["rc"],
                    out="\n".join(out),
                    err=message["err"],
                    timed_out=message["timed_out"],
                )
            out.append(message["line"])
            if on_line is not None:
                on_line(message["line"])

    def check(self, argv: Sequence[str], *, timeout_s: float) -> str:
        """Run a command that must succeed; its output.

        Raises:
            GuestError: it did not.
        """
        result = self.run(argv, timeout_s=timeout_s)
        if result.rc != 0:
            text = result.err.strip() or result.out.strip()
            raise GuestError(f"in the guest, `{' '.join(argv)}` ended with {result.rc}: {text}")
        return result.out

    def _receive(self, deadline: float, what: str) -> dict[str, Any]:
        """The next message.

        Raises:
            GuestError: the guest ended, spoke nonsense, or the deadline passed.
        """
        while not self._queue:
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestError(f"waited in vain for {what}")
            self.qemu.channel.settimeout(left)
            try:
                data = self.qemu.channel.recv(_PIECE)
            except TimeoutError:
                continue
            except OSError as error:
                raise GuestError(f"the channel broke while waiting for {what}: {error}") from None
            if not data:
                raise GuestError(f"the guest ended while waiting for {what}")
            try:
                self._queue += self._lines.feed(data)
            except ChannelError as error:
                raise GuestError(f"waiting for {what}: {error}") from None
        return self._queue.pop(0)


@contextlib.contextmanager
def started(machine: Machine, payload_fd: int, name: str = "the guest") -> Iterator[Guest]:
    """A guest that was just switched on; it ends with the block.

    A failure inside the block carries the end of the console as a note.
    """
    with running(machine, payload_fd) as qemu:
        guest = Guest(machine=machine, qemu=qemu)
        try:
            yield guest
        except (GuestError, OSError, ValueError) as error:
            tail = "\n".join(guest.console_text().splitlines()[-40:])
            error.add_note(f"--- the console of {name}, its end ---\n{tail}\n---")
            raise


def _machine_key(image: Image) -> str:
    """Names this machine's kernel and CPU and the image: what decides whether KVM works."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    cpu = model[1] if model else platform.machine()
    return f"{platform.release()} / {cpu} / {image.directory.name}"


def choose_acceleration(image: Image, payload_fd: int, cache: Path, say: Progress) -> str:
    """`kvm` where a guest really boots with it, else `tcg`; learnt once a machine.

    /dev/kvm may exist and open, and still run no guest: only a boot tells.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    note = cache / "acceleration.json"
    key = _machine_key(image)
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text("utf-8"))
        if known["machine"] == key:
            return str(known["acceleration"])
    say(f"guest: trying hardware virtualisation, for {_KVM_TIMEOUT_S} s at most")
    try:
        with started(Machine(image=image, acceleration="kvm"), payload_fd) as guest:
            guest.wait_ready(_KVM_TIMEOUT_S)
            found = "kvm"
    except GuestError as error:
        say(f"guest: /dev/kvm is there and runs no guest ({error}); emulating")
        found = "tcg"
    note.write_text(json.dumps({"machine": key, "acceleration": found}), "utf-8")
    return found
