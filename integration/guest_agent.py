"""The guest's end of the command channel: runs one command after the other.

Standard library only: it runs in the guest.
"""

from __future__ import annotations

import contextlib
import os
import platform
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from integration.channel import PORT_NAME, TIMED_OUT_RC, Lines, encode

_PIECE = 1 << 16
_STDERR_KEPT = 1 << 16
_PORT_WAIT_S = 30.0

Send = Callable[[dict[str, Any]], None]


def run_command(request: dict[str, Any], send: Send) -> None:
    """Run one command; send its output line by line, then how it ended.

    When its time is up the command's whole process group is killed, as is whatever it left in the
    background when it ended.
    """
    number = request["id"]
    with tempfile.TemporaryFile() as stdin:
        # A file and no pipe: a command may take its input as late as it likes.
        stdin.write(request.get("input", "").encode())
        stdin.seek(0)
        _run_fed(number, request, stdin, send)


def _run_fed(number: int, request: dict[str, Any], stdin: IO[bytes], send: Send) -> None:
    try:
        child = subprocess.Popen(
            request["argv"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | request.get("env", {}),
            cwd=request.get("cwd"),
            start_new_session=True,
        )
    except OSError as error:
        send({"id": number, "rc": 127, "err": str(error), "timed_out": False})
        return
    deadline = time.monotonic() + request["timeout_s"]
    with child:
        try:
            err, timed_out = _pump(child, deadline, lambda line: send({"id": number, "line": line}))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    rc = TIMED_OUT_RC if timed_out else child.returncode
    text = err.decode(errors="replace")
    send({"id": number, "rc": rc, "err": text, "timed_out": timed_out})


def _pump(
    child: subprocess.Popen[bytes], deadline: float, on_line: Callable[[str], None]
) -> tuple[bytes, bool]:
    """Read both outputs until the command ended and they are empty, or its time is up."""
    assert child.stdout is not None  # noqa: S101 - Popen was asked for both pipes
    assert child.stderr is not None  # noqa: S101 - Popen was asked for both pipes
    rest, err = b"", b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        selector.register(child.stderr, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return err, True
            for key, _ in selector.select(left):
                data = os.read(key.fd, _PIECE)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is child.stderr:
                    err = (err + data)[-_STDERR_KEPT:]
                else:
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        on_line(line.decode(errors="replace"))
    if rest:
        on_line(rest.decode(errors="replace"))
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return err, True
    return err, False


def find_port(base: Path = Path("/sys/class/virtio-ports"), wait_s: float = _PORT_WAIT_S) -> str:
    """The device of our virtio-serial port, waited for while the kernel finds it.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        for name in base.glob("*/name"):
            if name.read_text("utf-8").strip() == PORT_NAME:
                return f"/dev/{name.parent.name}"
        time.sleep(0.05)
    raise TimeoutError(f"no virtio-serial port {PORT_NAME} within {wait_s:.0f} s")


def serve(fd: int) -> None:
    """Answer requests until the channel ends."""

    def send(message: dict[str, Any]) -> None:
        data = encode(message)
        while data:
            data = data[os.write(fd, data) :]

    send({"ready": {"kernel": platform.release(), "python": platform.python_version()}})
    lines = Lines()
    while data := os.read(fd, _PIECE):
        for request in lines.feed(data):
            run_command(request, send)


def main() -> int:
    """Serve the port; ends when the host closes its side."""
    serve(os.open(find_port(), os.O_RDWR))
    return 0


if __name__ == "__main__":
    sys.exit(main())
