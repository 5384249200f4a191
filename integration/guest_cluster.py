"""In the guest: the processes of the story, which end with their `with` blocks."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from integration.guest_host import CONFIGFS
from integration.stages import OWN, TOPOLOGY

COMMAND_TIMEOUT_S = 120
END_TIMEOUT_S = 20
_REFUSED_RC = 75


def serve_command(directory: Path, topology: Path, libcman: str) -> list[str]:
    """What starts the wire server; the kernel's configfs takes the place of its own."""
    return [
        sys.executable, "-m", "fakecluster", "serve", "--dir", str(directory),
        "--topology", str(topology), "--no-configfs", "--libcman", libcman,
        "--token-ms", "1000", "--consensus-ms", "1200", "--shutdown-timeout-ms", "30000",
    ]  # fmt: skip


def daemon_command(libcman: str, runtime: Path) -> list[str]:
    """What starts o2cbd on the kernel's own tables."""
    return [
        sys.executable, "-m", "o2cbd", "run", "--membership", "cman", "--libcman", libcman,
        "--configfs", CONFIGFS, "--mounts", "/proc/self/mountinfo",
        "--debugfs", "/sys/kernel/debug", "--runtime-dir", str(runtime),
    ]  # fmt: skip


def stop(process: subprocess.Popen[str]) -> int:
    """End a process with SIGTERM, and with SIGKILL where that does not help; its return code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class FakeCman:
    """`fakecluster serve` with the three nodes."""

    def __init__(self, work: Path, libcman: str) -> None:
        """Nothing runs yet."""
        self._directory = work / "serve"
        self._topology = work / "topology.toml"
        self._log = work / "serve.log"
        self._libcman = libcman
        self._stack = contextlib.ExitStack()
        self.environment: Mapping[str, str] = {}
        """What the own node's o2cbd needs to find its cman."""

    def __enter__(self) -> Self:
        """Start it and wait until all is up.

        Raises:
            RuntimeError: it ended without a word.
        """
        self._topology.write_text(TOPOLOGY, "utf-8")
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(self._log.open("w"))
            process = subprocess.Popen(
                serve_command(self._directory, self._topology, self._libcman),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(stop, process)
            if process.stdout is None or not (line := process.stdout.readline()):
                raise RuntimeError("`fakecluster serve` ended without a word")
            nodes = json.loads(line)["nodes"]
            self.environment = next(node["env"] for node in nodes if node["id"] == OWN)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End it."""
        self._stack.close()

    def ctl(self, *words: str) -> Mapping[str, Any]:
        """Say something to the fake cluster; its answer.

        Raises:
            CalledProcessError: it was not done.
        """
        return json.loads(self._ctl(words, good=(0,)))  # type: ignore[no-any-return]

    def shutdown_allowed(self) -> bool:
        """Ask the shutdown question on the own node; whether all voters allowed it."""
        answer = json.loads(self._ctl(("shutdown", str(OWN)), good=(0, _REFUSED_RC)))
        return bool(answer["allowed"])

    def _ctl(self, words: Sequence[str], good: Sequence[int]) -> str:
        argv = [sys.executable, "-m", "fakecluster", "ctl", "--dir", str(self._directory)]
        argv += ["--timeout", str(COMMAND_TIMEOUT_S), *words]
        done = subprocess.run(
            argv, check=False, stdout=subprocess.PIPE, text=True, timeout=2 * COMMAND_TIMEOUT_S
        )
        if done.returncode not in good:
            raise subprocess.CalledProcessError(done.returncode, argv, done.stdout)
        return done.stdout


class Daemon:
    """`o2cbd run`, which may be killed and started again."""

    def __init__(self, work: Path, libcman: str, environment: Mapping[str, str]) -> None:
        """Nothing runs yet."""
        self._runtime = work / "run"
        self._runtime.mkdir()
        self._log = work / "o2cbd.log"
        self._command = daemon_command(libcman, self._runtime)
        self._environment = os.environ | dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Only `start` starts it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End it if it runs."""
        if self._process is not None:
            stop(self._process)

    def start(self) -> None:
        """Start it; does not wait for anything."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=self._environment,
                text=True,
            )

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)

    def stop(self) -> int:
        """End it with SIGTERM; its return code, -1 if it never ran."""
        return -1 if self._process is None else stop(self._process)

    def wait_in_sync(self, timeout_s: float) -> None:
        """Wait until it says that all is as it should be.

        Raises:
            CalledProcessError: it did not, within the time.
        """
        self._ask("wait", "--in-sync", "--timeout", str(timeout_s))

    def status(self) -> Mapping[str, Any]:
        """What it says of itself.

        Raises:
            CalledProcessError: it does not answer.
        """
        return json.loads(self._ask("status", "--json"))  # type: ignore[no-any-return]

    def _ask(self, *words: str) -> str:
        argv = [sys.executable, "-m", "o2cbd", *words, "--runtime-dir", str(self._runtime)]
        return subprocess.run(
            argv, check=True, stdout=subprocess.PIPE, text=True, timeout=2 * COMMAND_TIMEOUT_S
        ).stdout
