"""A semaphore of a test's own, and other processes beside it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from o2cbd.hold import sysv
from o2cbd.hold.semaphore import SysvHold

_OTHER = """
import sys
from o2cbd.hold.semaphore import SysvHold
hold = SysvHold(sys.argv[1], 0o600)
for command in sys.stdin:
    if command == "take\\n":
        pid = hold.take()
        print("taken" if pid is None else "refused", flush=True)
    else:
        hold.release()
        print("released", flush=True)
"""


class SysvDriver:
    """A real System V set of two; the other process is a real one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[str] | None = None

    def hold(self) -> SysvHold:
        return SysvHold(self.name, 0o600)

    @property
    def other_pid(self) -> int:
        return self._other().pid

    def other_tries(self) -> bool:
        return self._tell("take") == "taken"

    def other_releases(self) -> None:
        assert self._tell("release") == "released"

    def other_dies(self) -> None:
        process = self._other()
        process.kill()
        process.communicate(timeout=30)

    def remove_set(self) -> None:
        semid = sysv.find(sysv.key_of(self.name))
        if semid is not None:
            assert sysv._LIBC.semctl(semid, 0, 0) == 0  # IPC_RMID

    def set_exists(self) -> bool:
        return sysv.find(sysv.key_of(self.name)) is not None

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.other_dies()
        self.remove_set()

    def _other(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _OTHER, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process

    def _tell(self, command: str) -> str:
        process = self._other()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{command}\n")
        process.stdin.flush()
        return process.stdout.readline().strip()


@pytest.fixture
def driver() -> Iterator[SysvDriver]:
    """A semaphore that nobody has used yet; its set is removed afterwards."""
    made = SysvDriver(f"o2cbd-test-{uuid.uuid4()}")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def run_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python processes with piped streams; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)
