"""The `process` arm: `fakecluster serve`, FUSE mounts and real `o2cbd` processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from fakecluster.arms.values import Row
from fakecluster.server.child import ServedChild
from fakecluster.transport.looking import look_until
from o2cbd.service.client import ControlClient, NoDaemonError
from o2cbd.service.signals import CAUGHT

DEADLINE_S = 30.0
"""For what must come to be; far beyond what it takes, since machines are shared."""

QUICK = ("--token-ms", "400", "--consensus-ms", "500", "--shutdown-timeout-ms", "2000")
"""A cluster that notices a death in about a second."""

_T = TypeVar("_T")


class NotInTimeError(AssertionError):
    """A condition did not come to be; the text says what there was instead."""


def look_for(
    what: str,
    look: Callable[[], _T | None],
    *,
    timeout_s: float = DEADLINE_S,
    describe: Callable[[], str] = str,
) -> _T:
    """Look until there is something, and return it.

    Raises:
        NotInTimeError: there was nothing in time; the text ends with what `describe` gives.
    """
    found: list[_T] = []

    def looked() -> bool:
        seen = look()
        if seen:
            found.append(seen)
        return bool(found)

    if not look_until(looked, timeout_s):
        raise NotInTimeError(f"not within {timeout_s} s: {what}\n{describe()}")
    return found[0]


class DaemonProcess:
    """One `o2cbd run`, and what this very process wrote."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it.

        Args:
            command: how.
            environment: more than ours.
            log: takes its standard error; not there yet, so that nobody else's words are in it.
        """
        self._log = log
        with log.open("xb") as stream:
            self.process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stderr=stream
            )

    @property
    def log(self) -> str:
        """All that it wrote until now."""
        return self._log.read_text()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the daemon has ended.

        One that a daemon answers to is sent when there is a daemon to answer: a process that was
        just started dies of it. When SIGSTOP was sent, the process has stopped on return.

        Raises:
            NotInTimeError: it neither came so far nor ended.
        """
        if number in CAUGHT:
            look_for("a daemon that answers signals", lambda: self._answers() or not self.runs)
        self.process.send_signal(number)
        if number == signal.SIGSTOP and self.runs:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _answers(self) -> bool:
        """Whether the first instructions of `o2cbd run` are done: SIGTERM is blocked or caught."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        masks = [line.split()[1] for line in status if line.startswith(("SigBlk:", "SigCgt:"))]
        return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait for its end and return its exit code.

        Raises:
            NotInTimeError: it did not end.
        """
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise NotInTimeError(f"no end within {timeout_s} s:\n{self.log}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = DEADLINE_S) -> int:
        """Send a signal, wait for the end and return the exit code, negative for a signal's.

        Raises:
            NotInTimeError: it did not end.
        """
        self.send(number)
        return self.wait(timeout_s)


def served_in(directory: Path) -> Path:
    """Return where a `ProcessCluster` of this directory is served."""
    return directory / "d"


class ProcessCluster:
    """A served cluster with real daemons; a context manager that leaves nothing behind.

    The verbs of `fakecluster ctl` are `ctl(verb, ...)`; nodes go by their numbers.
    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 3,
        topology: str | None = None,
        options: Sequence[str] = QUICK,
        inside: Callable[[int, Sequence[str]], list[str]] | None = None,
    ) -> None:
        """Prepare it; nothing runs yet.

        Args:
            directory: short, since sockets are in it.
            nodes: so many, with the ids 1 to `nodes`.
            topology: instead of `nodes`, the TOML text of a topology.
            options: further ones of `fakecluster serve`.
            inside: gives the command line that runs a command on a node's host, as the same
                process; None: all hosts are this one.
        """
        self.directory = directory
        self._inside = inside or (lambda _node_id, command: list(command))
        shape = ["--nodes", str(nodes)]
        if topology is not None:
            (directory / "topology.toml").write_text(topology)
            shape = ["--topology", str(directory / "topology.toml")]
        self.served = ServedChild(served_in(directory), *shape, *options)
        self._started: dict[int, list[DaemonProcess]] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.served.start()
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            stack.callback(self.served.stop)
            for process in self._processes:
                stack.enter_context(process)  # its end closes pipes and waits
                stack.callback(process.kill)

    # ---- verbs

    def ctl(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Do a verb to the cluster, as `fakecluster ctl` does."""
        return self.served.ctl(verb, **arguments)

    @property
    def daemons(self) -> Mapping[int, DaemonProcess]:
        """Each node's daemon: the one that was started last."""
        return {node_id: started[-1] for node_id, started in self._started.items()}

    def run(
        self, node_id: int, *more: str, environment: Mapping[str, str] | None = None
    ) -> DaemonProcess:
        """Start a node's daemon; from now on what is waited for is this one's doing.

        Raises:
            RuntimeError: the one before has not ended, so that nobody could tell whose doing it is.
        """
        started = self._started.setdefault(node_id, [])
        if started and started[-1].runs:
            raise RuntimeError(f"a daemon of node {node_id} runs: {started[-1].process.pid}")
        started.append(self._daemon(node_id, f"log{node_id}.{len(started)}", more, environment))
        return started[-1]

    def run_second(self, node_id: int, *more: str) -> DaemonProcess:
        """Start a daemon beside the node's own, which is to refuse it."""
        return self._daemon(node_id, f"log{node_id}.second", more, None)

    def _daemon(
        self, node_id: int, log: str, more: Sequence[str], environment: Mapping[str, str] | None
    ) -> DaemonProcess:
        node = self.served.node(node_id)
        given = {**node["env"], **(environment or {})}
        command = self._inside(node_id, [*node["command"], *more])
        daemon = DaemonProcess(command, given, self.directory / log)
        self._processes.append(daemon.process)
        return daemon

    def logs(self, node_id: int) -> str:
        """Return all that a node's daemons wrote, in the order of their lives."""
        return "".join(daemon.log for daemon in self._started[node_id])

    def settings(self, node_id: int, text: str) -> None:
        """Add to a node's settings file, for daemons that are started after this."""
        with self._settings_file(node_id).open("a") as stream:
            stream.write(f"\n{text}\n")

    def run_all(self) -> None:
        """Start every node's daemon, and wait until each is in sync with all nodes."""
        ids = [node["id"] for node in self.served.announced["nodes"]]
        for node_id in ids:
            self.run(node_id)
        for node_id in ids:
            self.wait_nodes(node_id, ids)

    def o2cbd(
        self, node_id: int, command: str, *words: str, timeout_s: float = DEADLINE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run another command of o2cbd for this node, to its end."""
        line, environment = self._command_line(node_id, command, words)
        return subprocess.run(
            line, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def o2cbd_beside(self, node_id: int, command: str, *words: str) -> subprocess.Popen[bytes]:
        """Start another command of o2cbd for this node and let it run."""
        line, environment = self._command_line(node_id, command, words)
        process = subprocess.Popen(
            line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._processes.append(process)
        return process

    def _command_line(
        self, node_id: int, command: str, words: Sequence[str]
    ) -> tuple[list[str], dict[str, str]]:
        node = self.served.node(node_id)
        line = [
            sys.executable, "-m", "o2cbd", command,
            "--config", str(self._settings_file(node_id)), "--runtime-dir", node["runtime_dir"],
            *words,
        ]  # fmt: skip
        return self._inside(node_id, line), {**os.environ, **node["env"]}

    def _settings_file(self, node_id: int) -> Path:
        command = self.served.node(node_id)["command"]
        return Path(command[command.index("--config") + 1])

    # ---- looking

    def status(self, node_id: int) -> dict[str, Any] | None:
        """Return the status of a node's daemon; None while it does not answer.

        Whatever else answers, an earlier one or one beside it, is not this one.
        """
        daemon = self.daemons.get(node_id)
        if daemon is None:
            return None
        try:
            with ControlClient(self.served.node(node_id)["runtime_dir"]) as client:
                status = client.ask({"request": "status"})
        except NoDaemonError:
            return None
        return status if status["pid"] == daemon.process.pid else None

    def cluster_directory(self, node_id: int) -> Path:
        """Return where a node's mount has the cluster."""
        return Path(
            self.served.node(node_id)["configfs"], "cluster", self.served.announced["cluster"]
        )

    def table(self, node_id: int) -> dict[str, Row]:
        """Read a node's table from its mount; {} while there is no cluster."""
        rows: dict[str, Row] = {}
        directory = self.cluster_directory(node_id) / "node"
        try:
            names = sorted(entry.name for entry in os.scandir(directory))
        except FileNotFoundError:
            return rows
        for name in names:
            try:
                values = {
                    file: (directory / name / file).read_text().strip()
                    for file in ("num", "ipv4_address", "ipv4_port", "local")
                }
            except FileNotFoundError:
                continue  # removed meanwhile
            rows[name] = Row(
                num=int(values["num"]),
                address=values["ipv4_address"],
                port=int(values["ipv4_port"]),
                local=values["local"] == "1",
            )
        return rows

    def wait_for(
        self, what: str, look: Callable[[], _T | None], *, timeout_s: float = DEADLINE_S
    ) -> _T:
        """Look until there is something, and return it.

        Raises:
            NotInTimeError: there was nothing in time; the text has states and logs.
        """
        return look_for(what, look, timeout_s=timeout_s, describe=self._describe)

    def wait_state(self, node_id: int, state: str) -> dict[str, Any]:
        """Wait until a daemon is in this state, and return its status."""

        def look() -> dict[str, Any] | None:
            status = self.status(node_id)
            return status if status is not None and status["state"] == state else None

        return self.wait_for(f"node {node_id} is {state}", look)

    def wait_nodes(self, node_id: int, ids: Sequence[int]) -> dict[str, Row]:
        """Wait until a node's table has exactly these nodes, itself local, and is in sync."""

        def look() -> dict[str, Row] | None:
            status = self.status(node_id)
            if status is None or status["state"] != "synced":
                return None
            table = self.table(node_id)
            right = sorted(row.num for row in table.values()) == sorted(ids)
            local = [row.num for row in table.values() if row.local]
            return table if right and local == [node_id] else None

        return self.wait_for(f"node {node_id} has the nodes {list(ids)}", look)

    def wait_pending(self, node_id: int, node: str, why: str) -> dict[str, Any]:
        """Wait until a step about this node is pending for this reason, and return it."""

        def look() -> dict[str, Any] | None:
            status = self.status(node_id) or {"pending": []}
            return next(
                (item for item in status["pending"] if item["node"] == node and item["why"] == why),
                None,
            )

        return self.wait_for(f"{node} is pending on node {node_id}: {why}", look)

    def wait_log(self, node_id: int, text: str) -> str:
        """Wait until a node's daemon wrote this, and not one before it; return its log."""

        def look() -> str | None:
            log = self.daemons[node_id].log
            return log if text in log else None

        return self.wait_for(f"node {node_id} says {text!r}", look)

    def inodes(self, node_id: int) -> dict[str, int]:
        """Return the inode of each entry: another one means that it was made anew."""
        directory = self.cluster_directory(node_id) / "node"
        return {entry.name: entry.inode() for entry in os.scandir(directory)}

    def _describe(self) -> str:
        lines = []
        for node_id in self._started:
            lines.append(f"node {node_id}: {self.table(node_id)}")
            lines.append(self.logs(node_id))
        return "\n".join(lines)


def release(process: subprocess.Popen[bytes]) -> int:
    """Close the stdin that a command waits on, and wait for its end."""
    stdin: IO[bytes] | None = process.stdin
    if stdin is None:
        raise ValueError("the process has no stdin of ours")
    stdin.close()
    return process.wait(DEADLINE_S)
