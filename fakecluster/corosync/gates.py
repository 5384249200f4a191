"""A `fakecluster gate` on one of the lab's hosts, and what it tells systemd."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.wire.codec import Opcode
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.server import SOCKET_NAMES
from fakecluster.corosync.lab import PATIENCE_S, LabError
from fakecluster.corosync.namespaces import Namespace

SOCKET_DIR: Final = Path("/run")
ROOT: Final = Path(__file__).parents[2]

START_S: Final = 90
"""The start of a Python on a busy machine; from then on corosync's patience is enough."""

_MEMBERS: Final = re.compile("serving: members ([0-9 ]*)")
_REFUSED: Final = (FileNotFoundError, ConnectionRefusedError, HungUpError)


class GateProcess:
    """The gate of one host."""

    def __init__(
        self,
        host: Namespace,
        directory: Path,
        *,
        sockets: Path = SOCKET_DIR,
        options: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            host: where.
            directory: where its log and its notification socket go; one for each gate.
            sockets: where it serves, as the host finds it.
            options: of the command, further ones.
        """
        self._host = host
        self._sockets = sockets
        self._log = directory / "gate.log"
        self._heard: list[str] = []
        self._notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._notify_socket.bind(os.fspath(directory / "notify"))
        command = [sys.executable, "-m", "fakecluster", "gate", "--socket-dir", os.fspath(sockets)]
        words = ["env", f"PYTHONPATH={ROOT}", *command, *options]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                host.command(*words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": os.fspath(directory / "notify")},
            )

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    @property
    def status(self) -> str:
        """What `systemctl status` would show; empty before the first word."""
        lines = [line for line in self._heard if line.startswith("STATUS=")]
        return lines[-1].removeprefix("STATUS=") if lines else ""

    @property
    def ready(self) -> bool:
        """Whether it said so."""
        return "READY=1" in self._heard

    def members(self) -> set[int]:
        """Return those of whom it has told its clients by now; none: it serves nobody."""
        found = _MEMBERS.match(self.wait(lambda _status: True))
        return set() if found is None else set(map(int, found[1].split()))

    def wait(self, reached: Callable[[str], bool]) -> str:
        """Wait for a status, that of this moment or a later one, and return it.

        Raises:
            LabError: it did not come.
        """
        self._listen(0)
        while not reached(self.status):
            if not self._listen(PATIENCE_S if self._heard else START_S):
                raise LabError(f"the gate came to nothing: {self.status!r}; {self.log}")
        return self.status

    def serving(self) -> None:
        """Wait until it serves. Raises LabError."""
        self.wait(lambda status: status.startswith("serving"))

    def away(self) -> None:
        """Wait until it has no corosync. Raises LabError."""
        self.wait(lambda status: status.startswith("waiting"))

    def _listen(self, wait_s: float) -> bool:
        """Take what it has told by now, or tells next; False: that was nothing."""
        poller = select.poll()
        poller.register(self._notify_socket, select.POLLIN)
        heard = False
        while poller.poll(0 if heard else wait_s * 1000):
            self._heard.append(self._notify_socket.recv(4096).decode())
            heard = True
        return heard

    def connect(self, kind: SocketKind = SocketKind.CLIENT) -> RawClient:
        """Connect a client; OSError: it is refused."""
        path = self._sockets / SOCKET_NAMES[kind]
        return self._host.call(lambda: RawClient(path, timeout_s=PATIENCE_S))

    def catch_up(self) -> None:
        """Wait until it has taken in all that its corosync has told, and told its clients.

        Raises:
            LabError: it serves nobody.
        """
        while True:
            self.serving()
            try:
                with self.connect() as client:
                    client.ask(Opcode.ISACTIVE)
            except _REFUSED as error:
                # Of a life of corosync that is over; the next one is told.
                if not self._listen(PATIENCE_S):
                    raise LabError(f"the gate serves nobody: {self.log}") from error
            else:
                return

    def stop(self) -> None:
        """SIGSTOP it; it stands still on return."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def go_on(self) -> None:
        """Undo `stop`."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """SIGTERM it, wait, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End it however that goes."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self._notify_socket.close()
