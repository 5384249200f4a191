"""A served cluster, with your daemon as a real process on each host."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from pathlib import Path
from typing import Any, Final, Self

from fakecluster import verbs
from fakecluster.clusters.base import Cluster
from fakecluster.cman.standin import standin_library
from fakecluster.cman.topology import Topology
from fakecluster.merge.verb_log import PriorTrace, VerbLog
from fakecluster.server.ask import Asked
from fakecluster.server.child import AskedShutdown, ServedChild, ServeFailedError
from fakecluster.server.processes import SOCKET_DIR_VARIABLE
from fakecluster.topology_file import topology_text
from fakecluster.trace.file import TraceFile, end_line
from fakecluster.transport.looking import look_until
from fakecluster.verb_codec import request_of
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.clock import MonotonicClock

_OPTIONS: Final = ("--token-ms", "400", "--consensus-ms", "500", "--shutdown-timeout-ms", "2000")
"""A death is noticed in about a second."""
_CALM_S: Final = 2.0
"""For so long the invariant must go on holding: longer than a death takes to be noticed."""
_END_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedHost:
    """What a daemon's command line may need of its host."""

    id: int
    """The node's id."""
    name: str
    """The node's name."""
    directory: Path
    """For the daemon's files, like /run: emptied when the host's power is cut. The working
    directory of its processes."""
    configfs: Path
    """Where the host's fake configfs is mounted, where it was asked for."""
    environment: Mapping[str, str]
    """What leads the processes of a host to its cman: the variable CMAN_SOCKET_DIR, and
    LD_LIBRARY_PATH with the directory of the stand-in `libcman.so.3`."""


Command = Callable[[ServedHost], Sequence[str]]
"""Gives the command line of a host's daemon."""


class RealCluster(Cluster):
    """A served cluster with real processes; a context manager that leaves nothing behind."""

    arm = "process"

    def __init__(
        self,
        topology: Topology,
        command: Command,
        directory: Path,
        *,
        configfs: bool = False,
        invariant: Callable[[Cluster], object] | None = None,
    ) -> None:
        """Prepare it; nothing runs yet, and no host will have power.

        Args:
            topology: the cluster's configuration.
            command: gives the command line of a host's daemon.
            directory: takes all files; short, since sockets are in it (under 80 bytes).
            configfs: mount a fake o2cb configfs for each host (needs the extra `fuse`).
            invariant: see `Cluster.invariant`.

        Raises:
            BuildError: there is no C compiler for the stand-in `libcman.so.3`.
        """
        self.topology = topology
        self.invariant = invariant
        self.scenario = ""
        self._command = command
        self._directory = directory
        self._library = standin_library()
        (directory / "topology.toml").write_text(topology_text(topology), encoding="utf-8")
        down = [word for node in topology.ids for word in ("--down", str(node))]
        without = [] if configfs else ["--no-configfs"]
        self._served = ServedChild(
            directory / "d",
            *("--topology", str(directory / "topology.toml")),
            *(*_OPTIONS, *down, *without),
        )
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._questions: dict[int, AskedShutdown] = {}
        clock = MonotonicClock()
        self._verb_log = VerbLog(clock, PriorTrace(lines=(), ended_us=0), clock.now_us())

    def __enter__(self) -> Self:
        self._served.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._served.stop)
            for question in self._questions.values():
                stack.callback(question.close)
            for process in self._processes.values():
                stack.callback(process.wait)
                stack.callback(process.kill)

    def form(self) -> None:
        """Start every host with its cman and daemon, and wait until all cmans see each other."""
        for node in self.topology.ids:
            self.start(node)
        ids = self.topology.ids
        self.eventually(lambda: all(self.members(node) == ids for node in ids), "a whole cluster")
        self.check_formed()

    # --- time -----------------------------------------------------------------------------------

    def let_pass(self, seconds: float) -> None:
        """Wait."""
        self.wait(lambda: False, seconds)

    def wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Look now and then until a condition holds."""
        return look_until(condition, within_s)

    def findings(self, within_s: float) -> list[str]:
        """Wait until the invariant holds and goes on holding, or time is up."""
        deadline_s = _now_s() + within_s
        found = ["nothing was looked at"]
        while _now_s() < deadline_s:
            if not self.wait(lambda: not self.broken(), deadline_s - _now_s()):
                return self.broken()
            if not self.wait(lambda: bool(self.broken()), _CALM_S):
                return []
            found = self.broken() or found
        return found

    # --- verbs ----------------------------------------------------------------------------------

    def apply(self, verb: Verb) -> None:
        """Do a verb.

        Raises:
            ServeFailedError: it makes no sense now.
            UnsupportedVerbError: it cannot be done to real processes.
        """
        self._verb_log.verb(verb)
        self._do(verb)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        if not verb.commands():
            raise verb.refused_by(self.arm)
        word, fields = request_of(verb)
        self._served.ctl(word, **fields)

    @_do.register
    def _start(self, verb: verbs.Start) -> None:
        if not self._state(verb.node)["running"]:
            self._served.ctl("start", node=verb.node)
        if verb.daemon and not self.daemon_runs(verb.node):
            self._run(verb.node)

    @_do.register
    def _kill(self, verb: verbs.Kill) -> None:
        self._powered(verb.node)
        self._served.ctl("kill", node=verb.node)
        self._kill_daemon(verb.node)
        directory = self.directory(verb.node)
        shutil.rmtree(directory)
        directory.mkdir()

    @_do.register
    def _isolate(self, verb: verbs.Isolate) -> None:
        self._served.ctl("partition", groups=str(verb.node))

    @_do.register
    def _daemon_start(self, verb: verbs.DaemonStart) -> None:
        self._powered(verb.node)
        if not self.daemon_runs(verb.node):
            self._run(verb.node)

    @_do.register
    def _daemon_kill(self, verb: verbs.DaemonKill) -> None:
        self._kill_daemon(verb.node)

    @_do.register
    def _daemon_sigterm(self, verb: verbs.DaemonSigterm) -> None:
        if self.daemon_runs(verb.node):
            self._processes[verb.node].send_signal(signal.SIGTERM)

    @_do.register
    def _daemon_restart(self, verb: verbs.DaemonRestart) -> None:
        self.daemon_kill(verb.node)
        self.daemon_start(verb.node)

    @_do.register
    def _shutdown(self, verb: verbs.Shutdown) -> None:
        word, fields = request_of(verb)
        before = self._questions.pop(verb.node, None)
        if before is not None:
            before.close()
        self._questions[verb.node] = AskedShutdown(Asked(self._served.directory, word, fields))

    def question(self, host: int) -> Question:
        """Return the last shutdown that was asked for on a host."""
        return self._questions[host]

    def end_faults(self) -> None:
        """Heal the network, let stopped cmans go on, and start what does not run."""
        self.heal()
        for node in self.topology.ids:
            if self._state(node)["stopped"]:
                self.cman_cont(node)
            self.start(node)

    def _run(self, node: int) -> None:
        host = self.host(node)
        with self._log_file(node).open("ab") as log:
            self._processes[node] = subprocess.Popen(
                self._command(host),
                cwd=host.directory,
                env={**os.environ, **host.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _kill_daemon(self, node: int) -> None:
        process = self._processes.pop(node, None)
        if process is not None:
            process.kill()
            process.wait(_END_S)

    def _powered(self, node: int) -> None:
        if not self._state(node)["powered"]:
            raise ServeFailedError(f"node {node} has no power: start it")

    # --- looking --------------------------------------------------------------------------------

    def host(self, node: int) -> ServedHost:
        """Return what a host has for its daemon."""
        served = self._served.node(node)
        found = os.environ.get("LD_LIBRARY_PATH")
        libraries = [str(self._library.parent), *([found] if found else [])]
        return ServedHost(
            id=node,
            name=served["name"],
            directory=Path(served["runtime_dir"]),
            configfs=Path(served["configfs"]),
            environment={
                SOCKET_DIR_VARIABLE: served["socket_dir"],
                "LD_LIBRARY_PATH": ":".join(libraries),
            },
        )

    def _state(self, node: int) -> dict[str, Any]:
        found: dict[str, Any] = self._served.ctl("state", node=node)["nodes"][0]
        return found

    def members(self, node: int) -> tuple[int, ...]:
        """Return the members that a node's cman sees."""
        return tuple(self._state(node)["members"])

    def quorate(self, node: int) -> bool:
        """Return whether a node's cman has quorum."""
        return bool(self._state(node)["quorate"])

    def manager_answers(self, node: int) -> bool:
        """Return whether a node's cman runs as a member and is not stopped."""
        seen = self._state(node)
        return bool(seen["is_member"]) and not seen["stopped"]

    def daemon_runs(self, node: int) -> bool:
        """Return whether a node's daemon runs."""
        process = self._processes.get(node)
        return process is not None and process.poll() is None

    def exit_code(self, node: int) -> int | None:
        """Return the exit code of a daemon that ended by itself, negative for a signal's."""
        process = self._processes.get(node)
        return None if process is None else process.poll()

    def directory(self, node: int) -> Path:
        """Return the directory for the files of a node's daemon."""
        return Path(self._served.node(node)["runtime_dir"])

    def _log_file(self, node: int) -> Path:
        return self._directory / f"node{node}.log"

    def log(self, node: int) -> str:
        """Return what a node's daemons wrote to their standard output and error."""
        path = self._log_file(node)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return what was done so far as a trace; what daemons wrote is in `log`."""
        found = self._verb_log.trace(
            arm=self.arm,
            cluster=self.topology.cluster,
            nodes={node.id: node.name for node in self.topology.nodes},
        )
        if outcome is None:
            return found
        last_us = found.lines[-1].t_us if found.lines else 0
        lines = (*found.lines, end_line(outcome, last_us, len(found.lines), 0))
        return TraceFile(header=found.header, lines=lines)


def _now_s() -> float:
    """Return the time in seconds; only differences mean anything."""
    return MonotonicClock().now_us() / 1_000_000


def serve(
    nodes: int | Topology,
    command: Command,
    directory: Path,
    *,
    configfs: bool = False,
    invariant: Callable[[Cluster], object] | None = None,
) -> RealCluster:
    """Return a served cluster with your daemon as a real process on each host; use it with `with`.

    Args:
        nodes: how many, with ids from 1 and names node1 ...; or all of the configuration.
        command: gives the command line of a host's daemon.
        directory: takes all files; short, since sockets are in it (under 80 bytes).
        configfs: mount a fake o2cb configfs for each host (needs the extra `fuse`).
        invariant: raises AssertionError where something is wrong though all has come to rest.

    Raises:
        TopologyError: there cannot be such a cluster.
        BuildError: there is no C compiler for the stand-in `libcman.so.3`.
    """
    topology = Topology.of(nodes) if isinstance(nodes, int) else nodes
    return RealCluster(topology, command, directory, configfs=configfs, invariant=invariant)
