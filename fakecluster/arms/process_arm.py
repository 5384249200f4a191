"""The `process` arm: real daemons on a served cluster, driven by the suite's words."""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from fakecluster.arms.outside import Outside
from fakecluster.arms.process import DEADLINE_S, LOOK_EVERY_S, ProcessCluster, release
from fakecluster.arms.process_looks import ProcessLooks
from fakecluster.arms.rules import settings_text
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import Capability, ClusterSpec, Span
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from fakecluster.serve.ask import Asked
from fakecluster.serve.topology_file import topology_text
from o2cbd.clock import MonotonicClock
from o2cbd.core.reports import symbol

_SPANS_S: Final[Mapping[Span, float]] = {
    Span.SOON: DEADLINE_S,
    Span.LATER: 2 * DEADLINE_S,
    Span.A_MOMENT: 0.5,
    Span.A_WHILE: 1.5,
}
"""The first two are far beyond what it takes, since machines are shared; a resync comes each 0.5 s,
a death is noticed in a second and by the disk heartbeat in two."""

_SERVE: Final = ("--token-ms", "400", "--consensus-ms", "500", "--shutdown-timeout-ms", "2000",
                 "--heartbeat-ms", "400")  # fmt: skip
_TIMING: Final = """
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
_LOG_LINES: Final = 12
_VERBS_KEPT: Final = 20


class ProcessArm(ProcessLooks):
    """One served cluster and its daemons; a context manager that leaves nothing behind."""

    arm = "process"
    missing: Mapping[Capability, str] = {}

    def __init__(self, spec: ClusterSpec, directory: Path) -> None:
        """Prepare it; nothing runs yet.

        Args:
            spec: what to boot.
            directory: short, since sockets are in it.
        """
        self.spec = spec
        self.untouched_oracle = UntouchedOracle(self)
        options = [*_SERVE, "--dead-threshold", str(spec.dead_threshold)]
        for node in spec.down:
            options += ["--down", str(node)]
        for node in spec.daemons_on or ():
            options += ["--configfs-of", str(node)]
        self.processes = ProcessCluster(
            directory, topology=topology_text(spec.topology), options=options
        )
        self._holders: dict[int, subprocess.Popen[bytes]] = {}
        self._questions: list[Asked] = []
        self._verbs: list[str] = []
        self._begin_s = _now_s()

    def __enter__(self) -> Self:
        self.processes.__enter__()
        resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
        for host in self.spec.hosts:
            text = settings_text(self.spec, host) + _TIMING.format(resync_s=resync_s)
            self.processes.settings(host, text)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for question in self._questions:
            question.close()
        self.processes.__exit__(kind, error, trace)

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """See `Cluster.wait`; looks now and then."""
        deadline_s = _now_s() + _SPANS_S[within]
        while not condition():
            if _now_s() > deadline_s:
                return False
            _until_next_look()
        return True

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """See `Cluster.watch`; looks now and then."""
        deadline_s = _now_s() + _SPANS_S[during]
        while condition():
            if _now_s() > deadline_s:
                return True
            _until_next_look()
        return False

    # --- hosts and their managers ---------------------------------------------------------------

    def _do(self, verb: str, **arguments: Any) -> Mapping[str, Any]:
        self._note(verb, **arguments)
        return self.processes.ctl(verb, **arguments)

    def _note(self, what: str, **arguments: object) -> None:
        said = " ".join(f"{key}={value}" for key, value in arguments.items() if value is not None)
        after_s = _now_s() - self._begin_s
        self._verbs = [*self._verbs[1 - _VERBS_KEPT :], f"{after_s:9.3f}  {what} {said}".rstrip()]

    def start(self, host: int, *, daemon: bool = True) -> None:
        """See `Cluster.start`."""
        if not self.host_state(host)["running"]:
            self._do("start", node=host)
        if daemon and not self.runs(host):
            self.daemon_start(host)

    def kill(self, host: int) -> None:
        """See `Cluster.kill`."""
        self.untouched_oracle.boots(host)
        self._do("kill", node=host)
        # Those that had no connection to the manager lived there too.
        for process in (self._holders.pop(host, None), self.process_of(host)):
            if process is not None:
                process.kill()
                process.wait(DEADLINE_S)

    def leave(self, host: int, *, removed: bool = False) -> None:
        """See `Cluster.leave`."""
        self._do("leave", node=host, remove=removed)

    def cman_start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        self._do("cman-start", node=host)

    def cman_crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        self._do("cman-crash", node=host)

    def cman_stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        self._do("cman-stop", node=host)

    def cman_cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        self._do("cman-cont", node=host)

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        self._do("fence", node=host, by=str(by))

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        self._do("qdisk", node=host, lost=not available)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """See `Cluster.partition`."""
        self._do("partition", groups="/".join(",".join(map(str, group)) for group in groups))

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        self._do("cut", speaker=str(speaker), listener=str(listener))

    def heal(self) -> None:
        """See `Cluster.heal`."""
        self._do("heal")

    # --- the kernels ----------------------------------------------------------------------------

    def mount(self, host: int) -> None:
        """See `Cluster.mount`."""
        self._do("mount", node=host)

    def umount(self, host: int) -> None:
        """See `Cluster.umount`."""
        self._do("umount", node=host)

    def pin(self, host: int, node: str) -> None:
        """See `Cluster.pin`."""
        self._do("pin", node=host, name=node)

    def unpin(self, host: int, node: str) -> None:
        """See `Cluster.unpin`."""
        self._do("unpin", node=host, name=node)

    def give_address(self, host: int, address: str) -> None:
        """See `Cluster.give_address`."""
        self._do("give-address", node=host, address=address)

    def take_address(self, host: int, address: str) -> None:
        """See `Cluster.take_address`."""
        self._do("take-address", node=host, address=address)

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """See `Cluster.place_cluster`; through the mount, as an administrator would."""
        self._note("place-cluster", node=host, name=name)
        self.by_hand(host, name).mkdir()

    def place_node(
        self,
        host: int,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """See `Cluster.place_node`; through the mount, as an administrator would."""
        self.untouched_oracle.handled(host, name)
        if not self.clusters(host):
            self.place_cluster(host)
        self._note("place-node", node=host, name=name, num=num, address=address, port=port)
        directory = self.by_hand(host) / "node" / name
        directory.mkdir()
        values = {"ipv4_port": port, "ipv4_address": address, "num": num}
        for attribute, value in {**values, "local": 1 if local else None}.items():
            if value is not None:
                (directory / attribute).write_text(str(value))

    def drop_cluster(self, host: int, name: str) -> None:
        """See `Cluster.drop_cluster`."""
        self._note("drop-cluster", node=host, name=name)
        self.by_hand(host, name).rmdir()

    def drop_node(self, host: int, name: str) -> None:
        """See `Cluster.drop_node`."""
        self.untouched_oracle.handled(host, name)
        self._note("drop-node", node=host, name=name)
        (self.by_hand(host) / "node" / name).rmdir()

    # --- the configuration ----------------------------------------------------------------------

    def address(self, node: int, *addresses: str) -> None:
        """See `Cluster.address`."""
        self._do("address", node=node, addresses=list(addresses))

    def add_node(self, node: NodeConfig) -> None:
        """See `Cluster.add_node`."""
        answer = self._do(
            "add-node",
            id=node.id,
            name=node.name,
            addresses=list(node.addresses),
            votes=node.votes,
        )
        self.processes.served.announced["nodes"].append(answer["node"])
        self._do("kill", node=node.id)
        self.processes.settings(node.id, _TIMING.format(resync_s=_RESYNC_S))

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        self._do("remove-node", node=node)

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        self._do("rename-node", node=node, name=name)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        self._do("rename-cluster", name=name)

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """See `Cluster.hold`: `o2cbd hold`, whose command says when it runs."""
        self._note("hold", node=host)
        holder = self.processes.o2cbd_beside(host, "hold", "--", "sh", "-c", "echo; exec cat")
        self._holders[host] = holder
        if holder.stdout is None or holder.stdout.readline() != b"\n":
            raise AssertionError(f"the semaphore of host {host} could not be taken")

    def release(self, host: int) -> None:
        """See `Cluster.release`."""
        self._note("release", node=host)
        release(self._holders.pop(host))

    def kill_holder(self, host: int) -> None:
        """See `Cluster.kill_holder`."""
        self._note("kill-holder", node=host)
        holder = self._holders.pop(host)
        holder.kill()
        holder.wait(DEADLINE_S)

    def remove_semaphore(self, host: int) -> None:
        """See `Cluster.remove_semaphore`."""
        self._do("remove-semaphore", node=host)

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """See `Cluster.daemon_start`."""
        self._note("daemon-start", node=host)
        self.processes.run(host, *self.spec.options.get(host, ()))

    def _signal(self, host: int, number: signal.Signals) -> None:
        self._note(number.name, node=host)
        self.processes.daemons[host].process.send_signal(number)

    def daemon_kill(self, host: int) -> None:
        """See `Cluster.daemon_kill`."""
        self._signal(host, signal.SIGKILL)

    def daemon_term(self, host: int) -> None:
        """See `Cluster.daemon_term`."""
        self._signal(host, signal.SIGTERM)

    def forget(self, host: int, node: str) -> None:
        """See `Cluster.forget`."""
        self._note("forget", node=host, name=node)
        done = self.processes.o2cbd(host, "forget", node)
        if done.returncode:
            raise AssertionError(f"o2cbd forget {node}: {done.stderr}")

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: the daemon's process is stopped meanwhile."""
        self._signal(host, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(host, signal.SIGCONT)

    # --- faults ---------------------------------------------------------------------------------

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        self._do("notice", node=host, fault=fault.value, count=count)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        self._do("fail-read", node=host, errno=symbol(errno), count=count)

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fault`."""
        self._do("fault", node=host, call=call, errno=symbol(errno), count=count)

    def mend_calls(self, host: int) -> None:
        """See `Cluster.mend_calls`."""
        self._do("mend-calls", node=host)

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """See `Cluster.crash_daemon_at`."""
        self._do("crash-daemon-at", node=host, call=f"{call}:{nth}")

    def hide_mounts(self, host: int) -> None:
        """See `Cluster.hide_mounts`."""
        self._do("hide-mounts", node=host)

    def show_mounts(self, host: int) -> None:
        """See `Cluster.show_mounts`."""
        self._do("show-mounts", node=host)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> ProcessQuestion:
        """See `Cluster.shutdown`."""
        self._note("shutdown", node=host, force=force, remove=remove)
        arguments = {"node": str(host), "force": force, "remove": remove}
        asked = Asked(self.processes.served.directory, "shutdown", arguments)
        self._questions.append(asked)
        return ProcessQuestion(asked)

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """See `Cluster.findings`: what can be seen from outside."""
        outside = Outside(self, self.host_state, self.view)
        self.wait(outside.content, Span.LATER)
        return (*outside.findings(), *self.untouched_oracle.findings)

    def last_events(self) -> tuple[str, ...]:
        """See `Cluster.last_events`: the verbs, and the ends of the daemons' logs."""
        lines = list(self._verbs)
        for host, daemon in sorted(self.processes.daemons.items()):
            lines += [f"host {host}: {line}" for line in daemon.log.splitlines()[-_LOG_LINES:]]
        return tuple(lines)


class ProcessQuestion:
    """A shutdown that was asked of a served cluster."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._outcome: str | None = None

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
        if self._outcome is None and self._asked.answered():
            answer = self._asked.wait()
            if not answer["ok"]:
                raise AssertionError(f"shutdown: {answer['error']}")
            self._outcome = "allowed" if answer["allowed"] else answer["errno"]
        return self._outcome


def _now_s() -> float:
    return MonotonicClock().now_us() / 1_000_000


def _until_next_look() -> None:
    # Nothing announces what is looked at; a look is a few short questions.
    select.select([], [], [], LOOK_EVERY_S)
