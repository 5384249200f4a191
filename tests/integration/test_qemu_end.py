"""A qemu ends with whoever started it, however that ends. No qemu is needed: a stand-in waits."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.packages import TOOLS

CHECKOUT = Path(__file__).resolve().parents[2]

HARNESS = """\
import signal, sys, tempfile
from pathlib import Path
from integration.image import Image
from integration.qemu import Machine, Wiring, running
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
image = Image(directory=Path("/x"), kernel_release="1", identity="1")
machine = Machine(image=image, acceleration="tcg")
with tempfile.TemporaryFile() as console:
    with running(machine, Wiring(drives=()), console) as qemu:
        while "up" not in qemu.console_text():
            pass
        print(qemu.process.pid, flush=True)
        sys.stdin.readline()
        {then}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A PATH where qemu is a program that says that it is up, and waits."""
    for tool in TOOLS:
        if tool.program != "setpriv":
            (tmp_path / tool.program).write_text("#!/bin/sh\necho up\nexec sleep 600\n")
            (tmp_path / tool.program).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(CHECKOUT)}


@pytest.fixture
def harness(
    request: pytest.FixtureRequest, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A harness that has started a qemu, and what it does when a line comes."""
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS.format(then=request.param)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def qemu_of(harness: subprocess.Popen[str]) -> int:
    """A descriptor that can be read once the harness's qemu has ended."""
    assert harness.stdout is not None
    return os.pidfd_open(int(harness.stdout.readline()))


def has_ended(pidfd: int) -> bool:
    """Wait for the end, for a minute at most."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    ended = bool(poller.poll(60_000))
    os.close(pidfd)
    return ended


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("harness", ["sys.stdin.readline()"], indirect=True)
def test_qemu_ends_with_a_killed_harness(
    harness: subprocess.Popen[str], number: signal.Signals
) -> None:
    qemu = qemu_of(harness)
    harness.send_signal(number)
    harness.wait(60)
    assert has_ended(qemu)


@pytest.mark.parametrize("harness", ["raise SystemExit(1)"], indirect=True)
def test_qemu_ends_with_the_block(harness: subprocess.Popen[str]) -> None:
    qemu = qemu_of(harness)
    assert harness.stdin is not None
    harness.stdin.write("go on\n")
    harness.stdin.flush()
    assert harness.wait(60) == 1
    assert has_ended(qemu)
