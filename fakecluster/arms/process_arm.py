"""The `process` arm: real daemons on a served cluster, driven by the suite's words."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fakecluster.arms.outside import Outside
from fakecluster.arms.process import DEADLINE_S, LOOK_EVERY_S, ProcessCluster
from fakecluster.arms.process_daemons import ProcessDaemons, now_s
from fakecluster.arms.rules import settings_text
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
    Span.SOON: DEADLINE_S,
    Span.LATER: 2 * DEADLINE_S,
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
    """One served cluster and its daemons; a context manager that leaves nothing behind."""

    arm = "process"
    missing = MISSING["process"]

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
        self.begin()

    def __enter__(self) -> Self:
        self.processes.__enter__()
        resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
        for host in self.spec.hosts:
            text = settings_text(self.spec, host) + _SETTINGS.format(resync_s=resync_s)
            self.processes.settings(host, text)
            if host not in self.spec.down:
                self.account.verb(host, "start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_questions()
        self.processes.__exit__(kind, error, trace)

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
        if not self.host_state(host)["running"]:
            self.processes.ctl("start", node=host)
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

    def leave(self, host: int, *, removed: bool = False) -> None:
        """See `Cluster.leave`."""
        self.account.verb(host, "leave", removed=removed)
        self.processes.ctl("leave", node=host, remove=removed)

    def cman_start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        self.do("cman-start", host)

    def cman_crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        self.do("cman-crash", host)

    def cman_stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        self.do("cman-stop", host)

    def cman_cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        self.do("cman-cont", host)

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        self.account.verb(host, "fence", by=by)
        self.processes.ctl("fence", node=host, by=str(by))

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        self.account.verb(host, "qdisk", available=available)
        self.processes.ctl("qdisk", node=host, lost=not available)

    def expected(self, host: int, votes: int) -> None:
        """See `Cluster.expected`."""
        self.account.verb(host, "expected", votes=votes)
        self.processes.ctl("expected", node=host, votes=votes)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """See `Cluster.partition`."""
        text = "/".join(",".join(map(str, group)) for group in groups)
        self.account.verb(0, "partition", groups=text)
        self.processes.ctl("partition", groups=text)

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        self.account.verb(0, "cut", speaker=speaker, listener=listener)
        self.processes.ctl("cut", speaker=str(speaker), listener=str(listener))

    def heal(self) -> None:
        """See `Cluster.heal`."""
        self.account.verb(0, "heal")
        self.processes.ctl("heal")

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
        self.processes.settings(node.id, _SETTINGS.format(resync_s=_RESYNC_S))

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        self.do("remove-node", node)

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        self.do("rename-node", node, name=name)

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        self.account.verb(0, "rename-cluster", name=name)
        self.processes.ctl("rename-cluster", name=name)

    # --- faults ---------------------------------------------------------------------------------

    def notice(self, host: int, fault: NoticeFault, *, count: int = 1) -> None:
        """See `Cluster.notice`."""
        self.do("notice", host, fault=fault.value, count=count)

    def fail_read(self, host: int, errno: int, *, count: int = 1) -> None:
        """See `Cluster.fail_read`."""
        self.do("fail-read", host, errno=symbol(errno), count=count)

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
        outside = Outside(self, self.host_state, self.view)
        self.wait(outside.content, Span.LATER)
        return (*outside.findings(), *self.seen_wrong())

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
