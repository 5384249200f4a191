"""The arms of real processes: daemons on served hosts, driven by the suite's words."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import singledispatchmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from fakecluster import verbs
from fakecluster.arms.managers import Managers, SimulatedManagers
from fakecluster.arms.outside import Outside
from fakecluster.arms.process import DEADLINE_S, ProcessCluster, release, served_in
from fakecluster.arms.rules import settings_text
from fakecluster.arms.sections import with_sections
from fakecluster.arms.status_looks import StatusLooks
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import MISSING, Call, ClusterSpec, Row, Span
from fakecluster.merge.merge import merge
from fakecluster.merge.verb_log import VerbLog
from fakecluster.overriding import override
from fakecluster.report.words import event_text
from fakecluster.topology_file import topology_text
from fakecluster.trace.file import TraceFile
from fakecluster.transport.looking import look_until
from fakecluster.verb_codec import request_of
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.clock import MonotonicClock
from o2cbd.core.model import UNSET_ADDRESS
from o2cbd.service.client import ControlClient, NoDaemonError

_SPANS_S: Final[Mapping[Span, float]] = {
    Span.SOON: 3 * DEADLINE_S,
    Span.LATER: 6 * DEADLINE_S,
    Span.A_MOMENT: 0.5,
    Span.A_WHILE: 1.5,
}
"""The first two are far beyond what it takes, since machines are shared; a resync comes each 0.5 s,
a death is noticed in a second and by the disk heartbeat in two."""

_SERVE: Final = ("--token-ms", "400", "--consensus-ms", "500", "--shutdown-timeout-ms", "2000",
                 "--heartbeat-ms", "400")  # fmt: skip
_SETTINGS: Final = """
[log]
format = "json"

[timing]
resync_s = {resync_s}
retry_first_s = 0.05
retry_max_s = 0.5
pinned_retry_s = 0.1
hold_retry_s = 0.05
stuck_after_s = 0.4
"""
_RESYNC_S: Final = 0.5
_SELDOM_S: Final = 3600
_EVENTS_KEPT: Final = 30


class ProcessArm(StatusLooks):
    """Served hosts, their managers and daemons; a context manager that leaves nothing behind."""

    def __init__(
        self, spec: ClusterSpec, directory: Path, managers: Managers | None = None
    ) -> None:
        """Prepare it; nothing runs yet.

        Args:
            spec: what to boot.
            directory: short, since sockets are in it.
            managers: of the hosts; None: simulated ones.
        """
        self.spec = spec
        self.managers = managers or SimulatedManagers(served_in(directory))
        self.arm = self.managers.arm
        self.missing = MISSING[self.arm]
        self.untouched_oracle = UntouchedOracle(self)
        options = [*_SERVE, "--dead-threshold", str(spec.dead_threshold)]
        options += self.managers.serve_options
        for node in spec.down:
            options += ["--down", str(node)]
        for node in spec.daemons_on or ():
            options += ["--configfs-of", str(node)]
        self.processes = ProcessCluster(
            directory,
            topology=topology_text(spec.topology),
            options=options,
            inside=self.managers.inside,
        )
        self.holders: dict[int, subprocess.Popen[bytes]] = {}
        """Who holds the semaphore, by host."""
        self.verb_log = VerbLog(MonotonicClock())
        """What the scenario did."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.processes)
            stack.callback(self.managers.close)
            resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
            for host in self.spec.hosts:
                self._write_settings(host, settings_text(self.spec, host), resync_s)
                if host not in self.spec.down:
                    self.verb_log.verb(verbs.Start(node=host))
            self.managers.open(self.spec.down)
            self._opened = stack.pop_all()
        return self

    def _write_settings(self, host: int, text: str, resync_s: float) -> None:
        own = tomllib.loads(_SETTINGS.format(resync_s=resync_s) + self.managers.settings)
        chosen = tomllib.loads(text)  # a scenario's own words win
        missing = {
            name: {key: value for key, value in section.items() if key not in chosen.get(name, {})}
            for name, section in own.items()
        }
        self.processes.settings(host, with_sections(text, missing))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    # --- time -----------------------------------------------------------------------------------

    @override
    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """Look now and then until it holds."""
        return look_until(condition, _SPANS_S[within])

    @override
    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """Look now and then whether it holds."""
        return not look_until(lambda: not condition(), _SPANS_S[during])

    # --- verbs ----------------------------------------------------------------------------------

    @override
    def apply(self, verb: Verb) -> None:
        """Do it, and note it for the trace.

        Raises:
            UnsupportedVerbError: the arm's managers cannot do it.
        """
        self.untouched_oracle.hears(verb)
        if not isinstance(verb, verbs.PlaceCluster | verbs.PlaceNode):
            self.verb_log.verb(verb)
        self._do(verb)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        self.managers.apply(verb)

    @_do.register
    def _on_served_host(
        self,
        verb: verbs.Mount
        | verbs.Umount
        | verbs.Pin
        | verbs.Unpin
        | verbs.GiveAddress
        | verbs.TakeAddress
        | verbs.RemoveSemaphore
        | verbs.Fault
        | verbs.MendCalls
        | verbs.CrashDaemonAt
        | verbs.MountsUnreadable,
    ) -> None:
        self._serve(verb)

    def _serve(self, verb: Verb) -> Mapping[str, Any]:
        """Do a verb as `fakecluster ctl` does, and return the answer."""
        word, fields = request_of(verb)
        return self.processes.ctl(word, **fields)

    # --- hosts and their managers

    @_do.register
    def _start(self, verb: verbs.Start) -> None:
        if not self.managers.running(verb.node):
            self._serve(verbs.Start(node=verb.node))
            self._manager_starts(verb.node)
            self.managers.booted(verb.node)
        if verb.daemon and not self.runs(verb.node):
            self._run_daemon(verb.node)

    @_do.register
    def _kill(self, verb: verbs.Kill) -> None:
        self._serve(verb)
        # Those that had no connection to the manager lived there too.
        for process in (self.holders.pop(verb.node, None), self.process_of(verb.node)):
            if process is not None:
                process.kill()
                process.wait(DEADLINE_S)
        self.managers.powered_off(verb.node)

    @_do.register
    def _cman_start(self, verb: verbs.CmanStart) -> None:
        self._manager_starts(verb.node)
        self.managers.apply(verb)

    def _manager_starts(self, host: int) -> None:
        if self.managers.counts_anew:
            self.untouched_oracle.counts_anew(host)

    # --- the kernels, through the mount, as an administrator would

    @_do.register
    def _place_cluster(self, verb: verbs.PlaceCluster) -> None:
        directory = self.by_hand(verb.node, verb.name)
        self.verb_log.verb(replace(verb, name=directory.name))
        directory.mkdir()

    @_do.register
    def _place_node(self, verb: verbs.PlaceNode) -> None:
        if not self.clusters(verb.node):
            self.place_cluster(verb.node)
        self.verb_log.verb(verb)
        directory = self.by_hand(verb.node) / "node" / verb.name
        directory.mkdir()
        values = {
            "ipv4_port": verb.port,
            "ipv4_address": verb.address,
            "num": verb.num,
            "local": 1 if verb.local else None,
        }
        for attribute, value in values.items():
            if value is not None:
                (directory / attribute).write_text(str(value))

    @_do.register
    def _drop_cluster(self, verb: verbs.DropCluster) -> None:
        self.by_hand(verb.node, verb.name).rmdir()

    @_do.register
    def _drop_node(self, verb: verbs.DropNode) -> None:
        (self.by_hand(verb.node) / "node" / verb.name).rmdir()

    # --- the configuration

    @_do.register
    def _change_address(self, verb: verbs.ChangeAddress) -> None:
        self._serve(verb)
        self.managers.apply(verb)

    @_do.register
    def _add_node(self, verb: verbs.AddNode) -> None:
        answer = self._serve(verb)
        self.processes.served.announced["nodes"].append(answer["node"])
        self._serve(verbs.Kill(node=verb.id))
        self._write_settings(verb.id, "", _RESYNC_S)
        self.managers.apply(verb)

    # --- the semaphore

    @_do.register
    def _hold(self, verb: verbs.Hold) -> None:
        # `o2cbd hold`, whose command says when it runs.
        holder = self.processes.o2cbd_beside(verb.node, "hold", "--", "sh", "-c", "echo; exec cat")
        self.holders[verb.node] = holder
        if holder.stdout is None or holder.stdout.readline() != b"\n":
            raise AssertionError(f"the semaphore of host {verb.node} could not be taken")

    @_do.register
    def _release(self, verb: verbs.Release) -> None:
        release(self.holders.pop(verb.node))

    @_do.register
    def _kill_holder(self, verb: verbs.KillHolder) -> None:
        holder = self.holders.pop(verb.node)
        holder.kill()
        holder.wait(DEADLINE_S)

    # --- the daemon

    @_do.register
    def _daemon_start(self, verb: verbs.DaemonStart) -> None:
        self._run_daemon(verb.node)

    def _run_daemon(self, host: int) -> None:
        self.processes.run(host, *self.spec.options.get(host, ()))

    @_do.register
    def _daemon_kill(self, verb: verbs.DaemonKill) -> None:
        self.processes.daemons[verb.node].stop(signal.SIGKILL)

    @_do.register
    def _daemon_sigterm(self, verb: verbs.DaemonSigterm) -> None:
        self.processes.daemons[verb.node].send(signal.SIGTERM)

    @_do.register
    def _forget(self, verb: verbs.Forget) -> None:
        done = self.processes.o2cbd(verb.node, "forget", verb.name)
        if done.returncode:
            raise AssertionError(f"o2cbd forget {verb.name}: {done.stderr}")

    @override
    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """Keep the daemon's process stopped meanwhile."""
        self.processes.daemons[host].send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.processes.daemons[host].send(signal.SIGCONT)

    # --- what the arm itself needs --------------------------------------------------------------

    def process_of(self, host: int) -> subprocess.Popen[bytes] | None:
        """Return a host's last daemon."""
        daemon = self.processes.daemons.get(host)
        return None if daemon is None else daemon.process

    def runs(self, host: int) -> bool:
        """Return whether a host's daemon runs."""
        process = self.process_of(host)
        return process is not None and process.poll() is None

    def by_hand(self, host: int, cluster: str | None = None) -> Path:
        """Return where an administrator finds a cluster; None: ours."""
        name = self.spec.topology.cluster if cluster is None else cluster
        return Path(self.processes.served.node(host)["configfs"], "cluster", name)

    def view(self, host: int) -> Mapping[str, Any] | None:
        """Return what a host's manager holds for true; None: there is none."""
        return self.managers.view(host)

    def judged(self, host: int) -> Mapping[str, Any]:
        """Return what the judge asks of a host: its state, and its manager's."""
        manager = {
            "running": self.managers.running(host),
            "stopped": self.managers.stopped(host),
        }
        return {**self.host_state(host), **manager}

    def dump(self, host: int) -> list[str]:
        """Return the lines of a daemon's flight recorder; none where no daemon answers."""
        if not self.runs(host):
            return []
        try:
            with ControlClient(self.processes.served.node(host)["runtime_dir"]) as client:
                lines: list[str] = client.ask({"request": "dump"})["lines"]
        except NoDaemonError:
            return []
        return lines

    @override
    def question(self, host: int) -> Question:
        return self.managers.question(host)

    # --- looking --------------------------------------------------------------------------------

    @override
    def daemon_exit(self, host: int) -> int | None:
        process = self.process_of(host)
        return None if process is None else process.poll()

    def host_state(self, host: int) -> Mapping[str, Any]:
        """Return what the server knows of a host; no call on its mount, so no fault sees it."""
        found: Mapping[str, Any] = self.processes.ctl("state", node=host)["nodes"][0]
        return found

    def _entries(self, host: int) -> list[Mapping[str, Any]]:
        seen = self.host_state(host)
        ours = seen["cluster"] == self.spec.topology.cluster
        entries: list[Mapping[str, Any]] = seen["table"] if ours else []
        return entries

    @override
    def table(self, host: int) -> dict[str, Row]:
        return {
            each["name"]: Row(
                num=each["num"] or 0,
                address=each["address"] or UNSET_ADDRESS,
                port=each["port"] or 0,
                local=each["local"],
            )
            for each in self._entries(host)
        }

    @override
    def inodes(self, host: int) -> dict[str, int]:
        return {each["name"]: each["inode"] for each in self._entries(host)}

    @override
    def clusters(self, host: int) -> tuple[str, ...]:
        name = self.host_state(host)["cluster"]
        return () if name is None else (name,)

    @override
    def attribute(self, host: int, name: str) -> str:
        return (self.by_hand(host) / name).read_text().strip()

    @override
    def calls(self, host: int) -> tuple[Call, ...]:
        return tuple(
            Call(name=done["name"], path=done["path"], value=done["data"], errno=done["error"])
            for done in self.processes.ctl("journal", node=host)["calls"]
        )

    @override
    def status(self, host: int) -> Mapping[str, Any]:
        status = self.processes.status(host) if self.runs(host) else None
        return {} if status is None else status

    # --- judging --------------------------------------------------------------------------------

    @override
    def findings(self) -> tuple[str, ...]:
        """Let the cluster come to rest, and judge what can be seen from outside."""
        outside = Outside(self, self.judged, self.view)
        return (*outside.found_at_last(self.wait), *self.seen_wrong())

    @override
    def seen_wrong(self) -> tuple[str, ...]:
        return tuple(self.untouched_oracle.findings)

    @override
    def last_events(self) -> tuple[str, ...]:
        """Return the last verbs, and the ends of the daemons' logs."""
        return tuple(event_text(line) for line in self.trace().lines[-_EVENTS_KEPT:])

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as one trace: the verbs, and what the daemons tell.

        Args:
            outcome: how the run ended; None: it has not.
        """
        topology = self.spec.topology
        verb_log = self.verb_log.trace(
            arm=self.arm,
            cluster=topology.cluster,
            nodes={node.id: node.name for node in topology.nodes if node.id},
        )
        records = {
            host: (*self.processes.logs(host).splitlines(), *self.dump(host))
            for host in sorted(self.processes.daemons)
        }
        return merge(records, verb_log, outcome=outcome).trace
