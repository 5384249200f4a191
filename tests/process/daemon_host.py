"""A host with a real o2cbd whose reports are read, as JSON, from its standard error."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


class DaemonHost(ABC):
    """Its settings, its commands, and its daemon while there is one."""

    def __init__(self, settings: Path) -> None:
        self.settings = settings
        self.daemon: subprocess.Popen[bytes] | None = None
        self._heard = b""

    @abstractmethod
    def command(self, *words: str) -> list[str]:
        """Return how a command of o2cbd is run on this host, its settings left out."""

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of o2cbd with this host's settings to its end."""
        return subprocess.run(
            [*self.command(*words), "--config", os.fspath(self.settings)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            cwd=ROOT,
        )

    def status(self) -> dict[str, Any]:
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def run(self) -> None:
        """Start the daemon."""
        command = [*self.command("run"), "--config", os.fspath(self.settings)]
        self._heard = b""
        self.daemon = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT)

    def told(self, code: str, word: str = "") -> dict[str, Any]:
        """Wait for a report and return it; those before it are forgotten.

        Args:
            code: its code, "" for any.
            word: what is in its text.
        """
        seen: list[str] = []
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            line, newline, rest = self._heard.partition(b"\n")
            if newline:
                self._heard = rest
                report: dict[str, Any] = json.loads(line)
                if code in {"", report["code"]} and word in report["text"]:
                    return report
                seen.append(report["text"])
                continue
            self.listen(PATIENCE_S)
        raise AssertionError(f"no {code or word}, but {seen}")

    def told_all(self, words: Collection[str]) -> None:
        """Wait until each of these words was in a report."""
        left = set(words)
        while left:
            text = self.told("")["text"]
            left = {word for word in left if word not in text}

    def listen(self, wait_s: float) -> None:
        """Read on in the log, where something comes in time."""
        assert self.daemon is not None
        assert self.daemon.stderr is not None
        poller = select.poll()
        poller.register(self.daemon.stderr, select.POLLIN)
        if poller.poll(wait_s * 1000):
            more = os.read(self.daemon.stderr.fileno(), 65536)
            assert more, f"the daemon ended: {self._heard!r}"
            self._heard += more

    def end(self) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.communicate(timeout=PATIENCE_S)
        code, self.daemon = self.daemon.returncode, None
        return code

    def close(self) -> None:
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.communicate()
