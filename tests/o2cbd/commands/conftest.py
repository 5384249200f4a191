"""A daemon that answers what the test says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from o2cbd.cli import cli

Reply = dict[str, Any]
Run = Callable[..., Result]
Answer = Callable[[dict[str, Any]], object]

STATUS: dict[str, Any] = {
    "schema": 1,
    "state": "synced",
    "reason": "",
    "cluster": "prod",
    "local_id": 1,
    "quorate": True,
    "quorum": "quorate",
    "members": [
        {"id": 1, "name": "alpha", "incarnation": 4},
        {"id": 12, "name": "beta", "incarnation": 8},
    ],
    "nodes": [
        {"name": "alpha", "num": 1, "address": "10.0.0.1", "port": 7777, "local": True},
        {"name": "beta", "num": 12, "address": "10.0.0.12", "port": 7777, "local": False},
        {"name": "gamma", "num": 3, "address": "0.0.0.0", "port": 0, "local": False},
    ],
    "pending": [],
    "left_out": [],
    "warnings": [],
    "hold": None,
    "vote": None,
    "call": None,
    "fingerprint": "e3b0c44298fc1c14",
    "first_pass_done": True,
    "pid": 4711,
    "versions": {"o2cbd": "9.9", "python": "3", "kernel": "6"},
    "serial": 1,
}


class FakeDaemon:
    """Serves a control socket with canned answers; None closes the connection."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda _request: STATUS
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(directory / "control.sock"))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    request = json.loads(line)
                    if request.get("request") == "(end)":
                        return
                    self.asked.append(request)
                    reply = self.answer(request)
                    if reply is None:
                        break
                    connection.sendall(json.dumps(reply).encode() + b"\n")

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(self.directory / "control.sock"))
            client.sendall(b'{"request":"(end)"}\n')
            self._thread.join(20)
        assert not self._thread.is_alive()
        self._listener.close()


@pytest.fixture
def status() -> Reply:
    """A status in sync, the test's own copy."""
    copied: dict[str, Any] = json.loads(json.dumps(STATUS))
    return copied


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


@pytest.fixture
def o2cbd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process, its runtime directory the test's."""
    monkeypatch.setattr("o2cbd.given_settings.DEFAULT_FILE", str(tmp_path / "o2cbd.toml"))
    monkeypatch.setattr("o2cbd.commands.check_config.DEFAULT_FILE", str(tmp_path / "o2cbd.toml"))

    def run(command: str, *words: str) -> Result:
        return CliRunner().invoke(cli, [command, "--runtime-dir", str(tmp_path), *words])

    return run
