"""The arms of real processes: daemons on served hosts, driven by the suite's words."""

from __future__ import annotations

import select
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fakecluster.arms.managers import Managers, SimulatedManagers, groups_text
from fakecluster.arms.outside import Outside
from fakecluster.arms.process import DEADLINE_S, LOOK_EVERY_S, ProcessCluster, served_in
from fakecluster.arms.process_daemons import ProcessDaemons, now_s
from fakecluster.arms.rules import settings_text
from fakecluster.arms.sections import with_sections
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import MISSING, ClusterSpec, Span
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from fakecluster.merge.merging import merge
from fakecluster.report.words import event_text
from fakecluster.serve.topology_file import topology_text
from fakecluster.trace_file import TraceFile
from o2cbd.core.reports import symbol

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


class ProcessArm(ProcessDaemons):
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
        self.begin()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.processes)
            stack.callback(self.managers.close)
            resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
            for host in self.spec.hosts:
                self._write_settings(host, settings_text(self.spec, host), resync_s)
                if host not in self.spec.down:
                    self.account.verb(host, "start")
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

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """See `Cluster.wait`; looks now and then."""
        deadline_s = now_s() + _SPANS_S[within]
        while not condition():
            if now_s() > deadline_s:
                return False
            _until_next_look()
        return True

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """See `Cluster.watch`; looks now and then."""
        deadline_s = now_s() + _SPANS_S[during]
        while condition():
            if now_s() > deadline_s:
                return True
            _until_next_look()
        return False

    # --- hosts and their managers ---------------------------------------------------------------

    def start(self, host: int, *, daemon: bool = True) -> None:
        """See `Cluster.start`."""
        self.account.verb(host, "start")
        if not self.managers.running(host):
            self.processes.ctl("start", node=host)
            self._manager_starts(host)
            self.managers.booted(host)
        if daemon and not self.runs(host):
            self.run_daemon(host)

    def kill(self, host: int) -> None:
        """See `Cluster.kill`."""
        self.untouched_oracle.boots(host)
        self.do("kill", host)
        # Those that had no connection to the manager lived there too.
        for process in (self.holders.pop(host, None), self.process_of(host)):
            if process is not None:
                process.kill()
                process.wait(DEADLINE_S)
        self.managers.powered_off(host)

    def _manager_starts(self, host: int) -> None:
        if self.managers.counts_anew:
            self.untouched_oracle.counts_anew(host)

    def leave(self, host: int, *, removed: bool = False) -> None:
        """See `Cluster.leave`."""
        self.account.verb(host, "leave", removed=removed)
        self.managers.leave(host, removed=removed)

    def cman_start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        self.account.verb(host, "cman-start")
        self._manager_starts(host)
        self.managers.start(host)

    def cman_crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        self.account.verb(host, "cman-crash")
        self.managers.crash(host)

    def cman_stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        self.account.verb(host, "cman-stop")
        self.managers.stop(host)

    def cman_cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        self.account.verb(host, "cman-cont")
        self.managers.cont(host)

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        self.account.verb(host, "fence", by=by)
        self.managers.fence(host, by=by)

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        self.account.verb(host, "qdisk", available=available)
        self.managers.qdisk(host, available=available)

    def expected(self, host: int, votes: int) -> None:
        """See `Cluster.expected`."""
        self.account.verb(host, "expected", votes=votes)
        self.managers.expected(host, votes)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """See `Cluster.partition`."""
        self.account.verb(0, "partition", groups=groups_text(groups))
        self.managers.partition(groups)

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        self.account.verb(0, "cut", speaker=speaker, listener=listener)
        self.managers.cut(speaker, listener)

    def heal(self) -> None:
        """See `Cluster.heal`."""
        self.account.verb(0, "heal")
        self.managers.heal()

    # --- the kernels ----------------------------------------------------------------------------

    def mount(self, host: int) -> None:
        """See `Cluster.mount`."""
        self.do("mount", host)

    def umount(self, host: int) -> None:
        """See `Cluster.umount`."""
        self.do("umount", host)

    def pin(self, host: int, node: str) -> None:
        """See `Cluster.pin`."""
        self.account.verb(host, "pin", node=node)
        self.processes.ctl("pin", node=host, name=node)

    def unpin(self, host: int, node: str) -> None:
        """See `Cluster.unpin`."""
        self.account.verb(host, "unpin", node=node)
        self.processes.ctl("unpin", node=host, name=node)

    def give_address(self, host: int, address: str) -> None:
        """See `Cluster.give_address`."""
        self.do("give-address", host, address=address)

    def take_address(self, host: int, address: str) -> None:
        """See `Cluster.take_address`."""
        self.do("take-address", host, address=address)

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """See `Cluster.place_cluster`; through the mount, as an administrator would."""
        self.account.verb(host, "place-cluster", name=self.by_hand(host, name).name)
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
        self.account.verb(host, "place-node", name=name, num=num, address=address, port=port)
        directory = self.by_hand(host) / "node" / name
        directory.mkdir()
        values = {"ipv4_port": port, "ipv4_address": address, "num": num}
        for attribute, value in {**values, "local": 1 if local else None}.items():
            if value is not None:
                (directory / attribute).write_text(str(value))

    def drop_cluster(self, host: int, name: str) -> None:
        """See `Cluster.drop_cluster`."""
        self.account.verb(host, "drop-cluster", name=name)
        self.by_hand(host, name).rmdir()

    def drop_node(self, host: int, name: str) -> None:
        """See `Cluster.drop_node`."""
        self.untouched_oracle.handled(host, name)
        self.account.verb(host, "drop-node", name=name)
        (self.by_hand(host) / "node" / name).rmdir()

    # --- the configuration ----------------------------------------------------------------------

    def address(self, node: int, *addresses: str) -> None:
        """See `Cluster.address`."""
        self.account.verb(node, "address", addresses=",".join(addresses))
        self.processes.ctl("address", node=node, addresses=list(addresses))
        self.managers.address(node, addresses)

    def add_node(self, node: NodeConfig) -> None:
        """See `Cluster.add_node`."""
        self.account.verb(node.id, "add-node", name=node.name)
        answer = self.processes.ctl(
            "add-node",
            id=node.id,
            name=node.name,
            addresses=list(node.addresses),
            votes=node.votes,
        )
        self.processes.served.announced["nodes"].append(answer["node"])
        self.processes.ctl("kill", node=node.id)
        self._write_settings(node.id, "", _RESYNC_S)
        self.managers.add_node(node)

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        self.account.verb(node, "remove-node")
        self.managers.remove_node(node)

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        self.account.verb(node, "rename-node", name=name)
        self.managers.rename_node(node, name)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        self.account.verb(0, "rename-cluster", name=name)
        self.managers.rename_cluster(name)

    # --- faults ---------------------------------------------------------------------------------

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        self.account.verb(host, "notice", fault=fault.value, count=count)
        self.managers.notice(host, fault, count=count)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        self.account.verb(host, "fail-read", errno=symbol(errno), count=count)
        self.managers.fail_read(host, errno, count=count)

    def fault(self, host: int, call: str, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fault`."""
        self.do("fault", host, call=call, errno=symbol(errno), count=count)

    def mend_calls(self, host: int) -> None:
        """See `Cluster.mend_calls`."""
        self.do("mend-calls", host)

    def crash_daemon_at(self, host: int, call: str, nth: int = 1) -> None:
        """See `Cluster.crash_daemon_at`."""
        self.account.verb(host, "crash-daemon-at", call=call, nth=nth)
        self.processes.ctl("crash-daemon-at", node=host, call=f"{call}:{nth}")

    def hide_mounts(self, host: int) -> None:
        """See `Cluster.hide_mounts`."""
        self.account.verb(host, "mounts-unreadable", errno="EIO")
        self.processes.ctl("hide-mounts", node=host)

    def show_mounts(self, host: int) -> None:
        """See `Cluster.show_mounts`."""
        self.account.verb(host, "mounts-unreadable", errno="")
        self.processes.ctl("show-mounts", node=host)

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """See `Cluster.findings`: what can be seen from outside."""
        outside = Outside(self, self.judged, self.view)
        return (*outside.found_at_last(self.wait), *self.seen_wrong())

    def seen_wrong(self) -> tuple[str, ...]:
        """See `Cluster.seen_wrong`."""
        return tuple(self.untouched_oracle.findings)

    def last_events(self) -> tuple[str, ...]:
        """See `Cluster.last_events`: the verbs, and the ends of the daemons' logs."""
        return tuple(event_text(line) for line in self.trace().lines[-_EVENTS_KEPT:])

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as one trace: the verbs, and what the daemons tell.

        Args:
            outcome: how the run ended; None: it has not.
        """
        topology = self.spec.topology
        account = self.account.trace(
            arm=self.arm,
            cluster=topology.cluster,
            nodes={node.id: node.name for node in topology.nodes if node.id},
        )
        records = {
            host: (*self.processes.logs(host).splitlines(), *self.dump(host))
            for host in sorted(self.processes.daemons)
        }
        return merge(records, account, outcome=outcome).trace


def _until_next_look() -> None:
    # Nothing announces what is looked at; a look is a few short questions.
    select.select([], [], [], LOOK_EVERY_S)
