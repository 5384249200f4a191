"""One real `o2cbd run`: started, waited for with systemd's own protocol, looked at, stopped."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Self

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class NotReadyError(RuntimeError):
    """The daemon ended or did not get ready; the text has what it said."""


class RunningDaemon:
    """A daemon that was started and has said READY=1: its first pass is complete."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], scratch: Path
    ) -> None:
        """Prepare it; nothing runs yet.

        Args:
            command: what to run.
            environment: added to this process's own.
            scratch: a directory for its socket and its log; short.
        """
        self._command = command
        self._environment = environment
        self._socket_path = scratch / "notify.sock"
        self._log = scratch / "log"
        self.ready_s = 0.0
        """From the start of the process to READY=1."""

    def __enter__(self) -> Self:
        self._socket_path.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._socket_path))
        with self._log.open("wb") as log:
            begin = perf_counter()
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment, "NOTIFY_SOCKET": str(self._socket_path)},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            self._wait_ready(begin + READY_TIMEOUT_S)
        except BaseException:
            self._end()
            raise
        self.ready_s = perf_counter() - begin
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """SIGTERM it, and wait for its end."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_TIMEOUT_S)

    def _wait_ready(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._notify, select.POLLIN)
        with _process_end(self._process.pid) as ended:
            poll.register(ended, select.POLLIN)
            while True:
                events = poll.poll(max(0.0, 1000 * (deadline - perf_counter())))
                if not events:
                    raise NotReadyError(f"not ready in {READY_TIMEOUT_S} s:\n{self.log}")
                if self._notify.fileno() not in {fd for fd, _ in events}:
                    raise NotReadyError(f"it ended ({self._process.wait()}):\n{self.log}")
                if b"READY=1" in self._notify.recv(4096).split(b"\n"):
                    return

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._notify.close()
        self._socket_path.unlink(missing_ok=True)


@contextmanager
def _process_end(pid: int) -> Iterator[int]:
    """Open a descriptor that can be read when a process has ended."""
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


def memory_kib(pid: int) -> dict[str, int]:
    """Return the process's memory by kind (RssAnon, VmRSS ...), in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    found = {}
    for line in lines:
        name, _, value = line.partition(":")
        if value.endswith("kB"):
            found[name] = int(value.split()[0])
    return found


def processor_s(pid: int) -> float:
    """Return how long all threads of a process have been on a processor, in seconds."""
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent_ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return spent_ns / 1e9


def wake_ups(pid: int) -> dict[str, int]:
    """Return how often each thread gave up its processor to wait, by name and id.

    A thread that sleeps all the while has the same number before and after; one that wakes, looks
    and sleeps again has one more.
    """
    found = {}
    for task in sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda each: int(each.name)):
        text = (task / "status").read_text(encoding="ascii", errors="replace")
        fields = {
            name: value for name, _, value in (each.partition(":") for each in text.splitlines())
        }
        name = fields["Name"].strip()
        found[f"{name} {task.name}"] = int(fields["voluntary_ctxt_switches"])
    return found
