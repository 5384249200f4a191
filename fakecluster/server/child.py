"""A `fakecluster serve` that runs as a child: started, asked, stopped, killed."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from fakecluster.server.ask import Asked, ask
from fakecluster.transport.looking import look_until

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
_LOOK_EVERY_S = 0.02


class ServeFailedError(RuntimeError):
    """The server ended, or did not come up in time; the text has what it said."""


def ctl(directory: Path, verb: str, **arguments: Any) -> dict[str, Any]:
    """Do a verb to the cluster that is served in a directory, as `fakecluster ctl` does.

    Args:
        directory: the server's.
        verb: what to do.
        arguments: the verb's own; `node` may be a number.

    Raises:
        ServeFailedError: it was refused as senseless.
    """
    if "node" in arguments:
        arguments["node"] = str(arguments["node"])
    answer = ask(directory, verb, arguments)
    if not answer["ok"]:
        raise ServeFailedError(f"{verb}: {answer['error']}")
    return answer


class AskedShutdown:
    """A shutdown that was asked of a cman of a served cluster."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._outcome: str | None = None
        self.close = asked.close

    @property
    def outcome(self) -> str | None:
        """`allowed`, or the errno's symbol with which it was refused; None: not decided yet."""
        if self._outcome is None and self._asked.answered():
            answer = self._asked.wait()
            if not answer["ok"]:
                raise ServeFailedError(f"shutdown: {answer['error']}")
            self._outcome = "allowed" if answer["allowed"] else answer["errno"]
        return self._outcome


class ServedChild:
    """One server process; use it as a context manager."""

    def __init__(self, directory: Path, *options: str) -> None:
        """Prepare it; nothing runs yet.

        Args:
            directory: for `--dir`.
            options: all others: `--nodes`, `3` ...
        """
        self.directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.announced: dict[str, Any] = {}
        """The line that it printed when all was up."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's pid."""
        return self._running().pid

    def start(self) -> None:
        """Start it and wait until all is up.

        Raises:
            ServeFailedError: it ended or was too slow; it is gone then.
        """
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "fakecluster", "serve", "--dir", str(self.directory),
                *self._options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        line = self._first_line(self._process)
        if not line.endswith(b"\n"):
            self._process.kill()
            _, errors = self._process.communicate()
            code, self._process = self._process.returncode, None
            raise ServeFailedError(f"fakecluster serve ({code}): {errors.decode()}")
        self.announced = json.loads(line)

    def node(self, node_id: int) -> dict[str, Any]:
        """Return what was announced of a node."""
        found: dict[str, Any] = next(
            node for node in self.announced["nodes"] if node["id"] == node_id
        )
        return found

    def ctl(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Do a verb to this cluster: see `ctl`.

        Raises:
            ServeFailedError: it was refused as senseless.
        """
        return ctl(self.directory, verb, **arguments)

    def state(self, node_id: int) -> dict[str, Any]:
        """Return the present state of a node."""
        nodes = self.ctl("state")["nodes"]
        found: dict[str, Any] = next(node for node in nodes if node["id"] == node_id)
        return found

    def wait_for(
        self, what: str, condition: Callable[[], object], *, timeout_s: float = 30.0
    ) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: it did not in time; the text has the cluster's state.
        """
        if not look_until(condition, timeout_s, every_s=_LOOK_EVERY_S):
            state = json.dumps(self.ctl("state"), indent=1)
            raise TimeoutError(f"not in {timeout_s} s: {what}\n{state}")

    def environment(self, node_id: int, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process that lives on a node."""
        return {**base, **self.node(node_id)["env"]}

    def stop(self) -> int | None:
        """SIGTERM it and wait; return its exit code, None when it had been stopped before.

        Raises:
            ServeFailedError: it did not end in time; it was killed.
        """
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.terminate()
        try:
            process.communicate(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise ServeFailedError("fakecluster serve did not end on SIGTERM") from None
        return process.returncode

    def wait_gone(self) -> int:
        """Wait until it has ended by itself; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it did not in time.
        """
        process = self._running()
        process.communicate(timeout=STOP_TIMEOUT_S)
        self._process = None
        return process.returncode

    def kill(self) -> None:
        """SIGKILL it: mounts, sockets and files stay behind."""
        process, self._process = self._running(), None
        process.kill()
        process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    @staticmethod
    def _first_line(process: subprocess.Popen[bytes]) -> bytes:
        if process.stdout is None:
            raise RuntimeError("the server has no stdout")
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        if not poll.poll(START_TIMEOUT_S * 1000):
            return b""
        return process.stdout.readline()
