"""A running guest that does what it is told over the command channel."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from integration.cache import Progress
from integration.conversation import CommandResult, Conversation, GuestCall
from integration.errors import GuestError
from integration.guest_modules import INSIDE
from integration.image import Image
from integration.payload import DIRECTORY, pack
from integration.qemu import Drive, Machine, Running, Wiring, open_file, running

BOOT_TIMEOUT_S = 600
_KVM_TIMEOUT_S = 25
_PUT_TIMEOUT_S = 120
_CALL_TIMEOUT_S = 420
_SCRATCH_MIB = 256
_LOOK_AGAIN_S = 0.3

_ALARMS = re.compile(
    r"Oops|BUG:|kernel BUG|general protection|Kernel panic|Call Trace|unable to handle|WARNING: CPU"
)


def alarms(console: str) -> list[str]:
    """The lines of a console by which a kernel says that it is not well."""
    return [line.strip() for line in console.splitlines() if _ALARMS.search(line)]


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Ask again and again until it holds; how many seconds that took.

    Raises:
        GuestError: it did not come to be in time.
    """
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise GuestError(f"timed out after {timeout_s:.0f} s: {what}")
        time.sleep(_LOOK_AGAIN_S)
    return time.monotonic() - began


class Guest:
    """One guest: its qemu, and the host's end of its command channel."""

    def __init__(self, qemu: Running, directory: str = "/") -> None:
        """Speak with the guest of a qemu.

        Args:
            qemu: the running process.
            directory: where its commands run.
        """
        self.qemu = qemu
        self.kernel = ""
        """The kernel's own release text, once it is ready."""
        self.boot_s = 0.0
        self._directory = directory
        self._conversation = Conversation(qemu.channel)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait for the agent's first word.

        Raises:
            GuestError: the guest ended or nothing came in time.
        """
        began = time.monotonic()
        self.kernel = self._conversation.ready(timeout_s)["kernel"]
        self.boot_s = time.monotonic() - began

    def spawn(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> GuestCall:
        """Start a command and do not wait for its end.

        Args:
            argv: the program and its arguments; no shell.
            timeout_s: after this time the command is killed in the guest.
            env: added to the agent's environment.
            stdin: its standard input.

        Raises:
            GuestError: the guest takes no command.
        """
        request = {
            "argv": list(argv),
            "env": dict(env or {}),
            "cwd": self._directory,
            "stdin": stdin,
            "timeout_s": timeout_s,
        }
        return self._conversation.send(f"`{argv[0]}` to end", timeout_s, request)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> CommandResult:
        """Run a command as `spawn` does, and wait for its end.

        Raises:
            GuestError: the guest ended, or did not answer even after the time was up.
        """
        return self.spawn(argv, timeout_s=timeout_s, env=env, stdin=stdin).result()

    def check(self, argv: Sequence[str], *, timeout_s: float, stdin: str = "") -> str:
        """Run a command that must succeed; its output.

        Raises:
            GuestError: it did not.
        """
        result = self.run(argv, timeout_s=timeout_s, stdin=stdin)
        if result.rc != 0:
            text = result.err.strip() or result.out.strip()
            raise GuestError(f"in the guest, `{' '.join(argv)}` ended with {result.rc}: {text}")
        return result.out

    def call(
        self,
        function: str,
        arguments: Mapping[str, object] | None = None,
        timeout_s: float = _CALL_TIMEOUT_S,
    ) -> Any:
        """Call a function in the agent's process; its value.

        Args:
            function: as `module:name`, of a module of `integration.inside` that the guest has
                (`unpack`).
            arguments: by keyword; they and the value go through JSON.
            timeout_s: after this time we lose patience; nobody can end the call.

        Raises:
            GuestError: it raised something, or the guest ended.
        """
        request = {"call": f"{INSIDE}.{function}", "arguments": arguments or {}}
        result = self._conversation.send(f"{function} to return", timeout_s, request).result()
        if result.rc != 0:
            raise GuestError(f"in the guest, {function} failed: {result.err.strip()}")
        return json.loads(result.out)

    def unpack(self, files: Iterable[tuple[str, Path]], directory: str) -> None:
        """Bring files to a guest.

        Args:
            files: the name below the directory, and where it is here.
            directory: in the guest; made where it is not there.

        Raises:
            GuestError: the guest could not.
        """
        with os.fdopen(pack(files), "rb") as archive:
            archive.seek(0)
            text = base64.b64encode(archive.read()).decode()
        script = 'mkdir -p "$1" && base64 -d | tar -C "$1" -xf -'
        argv = ["sh", "-c", script, "unpack", directory]
        self.check(argv, timeout_s=_PUT_TIMEOUT_S, stdin=text)

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, and the directories that it needs.

        Raises:
            GuestError: the guest could not.
        """
        argv = ["install", "-D", "-m", f"{mode:o}", "/dev/stdin", path]
        self.check(argv, timeout_s=_PUT_TIMEOUT_S, stdin=text)


@contextlib.contextmanager
def started(machine: Machine, payload_fd: int, name: str = "the guest") -> Iterator[Guest]:
    """A guest of the smoke that was just switched on; it ends with the block.

    Its disks are its root (vda, a snapshot whose file has no name), the payload (vdb) and an empty
    one (vdc). A failure in the block carries the console's end as a note.
    """
    with tempfile.TemporaryFile() as console, tempfile.TemporaryFile() as scratch:
        scratch.truncate(_SCRATCH_MIB << 20)
        wiring = Wiring(
            drives=(
                Drive(file=str(machine.image.disk), options="snapshot=on,cache=unsafe"),
                Drive(file=open_file(payload_fd), options="readonly=on"),
                Drive(file=open_file(scratch.fileno())),
            ),
            fds=(payload_fd, scratch.fileno()),
        )
        with running(machine, wiring, console) as qemu:
            try:
                yield Guest(qemu, DIRECTORY)
            except (GuestError, OSError, ValueError) as error:
                tail = "\n".join(qemu.console_text().splitlines()[-40:])
                error.add_note(f"--- the console of {name}, its end ---\n{tail}\n---")
                raise


def _machine_key() -> str:
    """Names this machine's kernel and CPU: what decides whether KVM works."""
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{platform.release()} / {model[1] if model else platform.machine()}"


def choose_acceleration(
    image: Image,
    boot: Callable[[Machine], AbstractContextManager[Guest]],
    cache: Path,
    say: Progress,
) -> str:
    """`kvm` where a guest really boots with it, else `tcg`; learnt once a machine.

    /dev/kvm may exist and open, and still run no guest: only a boot tells.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    note = cache / "accelerations.json"
    key = _machine_key()
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(note.read_text("utf-8"))
    if key in known:
        return known[key]
    say(f"guest: trying hardware virtualisation, for {_KVM_TIMEOUT_S} s at most")
    try:
        with boot(Machine(image=image, acceleration="kvm")) as guest:
            guest.wait_ready(_KVM_TIMEOUT_S)
            found = "kvm"
    except GuestError as error:
        say(f"guest: /dev/kvm boots no guest ({error}); emulating")
        found = "tcg"
    note.write_text(json.dumps(known | {key: found}), "utf-8")
    return found
