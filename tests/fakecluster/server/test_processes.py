"""Which processes end with a host."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.server.processes import kill_all, kill_one

pytestmark = pytest.mark.process

WAITER = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def inhabitant(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives on the host of `tmp_path`."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITER],
        env={**os.environ, "CMAN_SOCKET_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_hosts_process_is_killed(inhabitant: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert kill_all([inhabitant.pid, inhabitant.pid], tmp_path) == (inhabitant.pid,)
    assert inhabitant.wait(timeout=20) == -signal.SIGKILL


def test_another_hosts_process_is_not(inhabitant: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert kill_all([inhabitant.pid], tmp_path / "other") == ()
    assert inhabitant.poll() is None


def test_ourselves_and_the_dead_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMAN_SOCKET_DIR", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait(timeout=20)
    assert kill_all([os.getpid(), dead.pid], tmp_path) == ()
    kill_one(dead.pid)


def test_one_is_killed_wherever_it_lives(inhabitant: subprocess.Popen[bytes]) -> None:
    kill_one(inhabitant.pid)
    assert inhabitant.wait(timeout=20) == -signal.SIGKILL
