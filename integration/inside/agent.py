"""The guest's end of the command channel: runs commands and calls functions, each as it is asked.

Standard library only: it runs in the guest.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import operator
import os
import platform
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    try:
        child = _start(request)
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


def call_function(request: dict[str, Any], send: Send) -> None:
    """Call a function in this process, which costs no start of another; send its value as JSON.

    What it raises is told as a command's failure is.
    """
    number, value = request["id"], None
    try:
        module, _, name = request["call"].partition(":")
        function = operator.attrgetter(name)(importlib.import_module(module))
        value = json.dumps(function(**request["arguments"]))
    finally:
        error = sys.exception()
        if error is None:
            send({"id": number, "line": value})
        text = "" if error is None else "".join(traceback.format_exception(error))
        send({"id": number, "rc": int(error is not None), "err": text, "timed_out": False})


def _start(request: dict[str, Any]) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as stdin:
        stdin.write(request.get("stdin", "").encode())
        stdin.seek(0)
        return subprocess.Popen(
            request["argv"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | request.get("env", {}),
            cwd=request.get("cwd"),
            start_new_session=True,
        )


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
    """Answer requests until the channel ends; each has a thread, so that none waits for another."""
    one_at_a_time = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        data = encode(message)
        with one_at_a_time:
            while data:
                data = data[os.write(fd, data) :]

    send({"ready": {"kernel": platform.release(), "python": platform.python_version()}})
    lines = Lines()
    while data := os.read(fd, _PIECE):
        for request in lines.feed(data):
            work = call_function if "call" in request else run_command
            threading.Thread(target=work, args=(request, send), daemon=True).start()


def main() -> int:
    """Serve the port; ends when the host closes its side."""
    serve(os.open(find_port(), os.O_RDWR))
    return 0


if __name__ == "__main__":
    sys.exit(main())
