"""The judge of a simulated host: what must never happen, asked of the state and never of a log.

It sees every changing call of the daemon before the fake kernel applies it, every answer to a
shutdown question before the manager gets it, and the state after each of the daemon's steps. It
knows the truth from the manager, the model and the semaphore; it does not ask the daemon, except
for what the daemon takes for true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from fakecluster.configfs.journal import Call, Done
from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import (
    ExpectedNode,
    ListedNode,
    ManagerView,
    num_of,
    usable_cluster_name,
)
from fakecluster.oracles.mutual_removals import MutualRemovals
from fakecluster.oracles.quorum_blockers import lost_of, nodes_of, quorum_blockers
from o2cbd.core import reports
from o2cbd.core.memo import gap
from o2cbd.core.model import Entry, Membership, State, Status, Step, Why
from o2cbd.core.rules import MajorityRule, Rules, TwoNodeRule


class Truth(Protocol):
    """What is so on a host at this moment, whatever its daemon believes."""

    @property
    def view(self) -> ManagerView | None:
        """The manager's; None: it is no member of anything."""
        ...

    @property
    def cluster(self) -> str:
        """The cluster's name in OCFS2."""
        ...

    @property
    def rows(self) -> Mapping[str, ExpectedNode]:
        """What should be in the kernel, by name."""
        ...

    @property
    def holder(self) -> int | None:
        """The pid of whoever holds the semaphore."""
        ...

    @property
    def in_use(self) -> str:
        """Why a shutdown must be refused now; empty: nothing speaks against it."""
        ...


Finding = Callable[[str], None]
"""Told of each violation, in words."""

_NEVER_TAKEN = frozenset({"EINVAL", "ENOSPC", "EPERM"})
_NODE_DEPTH = 4  # cluster/C/node/N
_VALUE_DEPTH = 5  # cluster/C/node/N/num


class SafetyOracle:
    """Watches one host. `call` judges every changing call of its daemon."""

    def __init__(
        self,
        host_id: int,
        model: ConfigfsModel,
        truth: Truth,
        found: Finding,
        *,
        removals: MutualRemovals,
        now_us: Callable[[], int],
    ) -> None:
        """Tie it to a host; `removals` is shared by all judges of a cluster."""
        self._host_id = host_id
        self._removals = removals
        self._now_us = now_us
        self._model = model
        self._truth = truth
        self._found = found
        self._rules = Rules()
        self._pid = 0
        self._open_questions = 0
        self._poison_seen = 0
        self._believed: tuple[Entry, ...] = ()
        self._log_pending: set[Step] = set()
        """What the log of this daemon has as pending, by its own reports."""
        self._log_in_sync = True
        """The log of this daemon tells of no step since it last called the table in sync."""
        self._cluster: str | None = None
        self._counted: tuple[object, ...] | None = None
        """Quorum and members as the daemon last read them, and since when it reads the same."""
        self._counted_since_us = 0
        self.followed: str | None = None
        """The manager's name of the cluster that the daemon began with."""
        self.forgotten: set[str] = set()
        """Of whom the operator said that they are down."""
        self.checked = 0
        """How many calls and answers were judged."""

    def daemon_began(self, rules: Rules, pid: int) -> None:
        """Note that another daemon runs from now on."""
        self._rules = rules
        self._pid = pid
        self._cluster = None
        self._counted = None
        self.followed = None
        self._believed = ()
        self._log_pending.clear()
        self._log_in_sync = True
        self.forgotten.clear()

    def logged(self, report: reports.Report) -> None:
        """Note what the daemon's log says."""
        match report:
            case reports.PendingBegan(pending=pending):
                self._log_pending.add(pending.step)
            case reports.PendingEnded(pending=pending):
                self._log_pending.discard(pending.step)
            case reports.StepApplied():
                self._log_in_sync = False
            case reports.Synced():
                self._log_in_sync = True
            case _:
                pass

    def read(self, membership: Membership) -> None:
        """Note what the daemon reads of its manager."""
        counted = (membership.quorum, tuple(member.id for member in membership.members))
        if counted != self._counted:
            self._counted, self._counted_since_us = counted, self._now_us()
        if self.followed is None and usable_cluster_name(
            self._rules.o2cb_name or membership.cluster
        ):
            self.followed = membership.cluster

    # --- changing calls -------------------------------------------------------------------------

    def call(self, call: Call) -> None:
        """Judge one changing call of the daemon's before it is applied."""
        self.checked += 1
        truth = self._truth
        if truth.holder not in {None, self._pid}:
            self._found(f"{call.name} {call.path} while process {truth.holder} holds")
        parts = call.path.strip("/").split("/")
        cluster = parts[1] if len(parts) > 1 else ""
        self._judge_place(call, cluster, truth)
        if len(parts) >= _NODE_DEPTH and parts[2] == "node":
            if len(parts) == _NODE_DEPTH and call.name == "mkdir":
                if parts[3] not in truth.rows:
                    self._found(f"node {parts[3]} is added and should not be in the table")
            elif len(parts) == _NODE_DEPTH and call.name == "rmdir":
                self._judge_removal(parts[3], truth)
            elif len(parts) == _VALUE_DEPTH:
                self._judge_value(call, parts[3], truth)
        elif len(parts) > 2 and parts[2] == "heartbeat" and call.name in {"mkdir", "rmdir"}:
            self._found(f"{call.name} {call.path}: regions are not the daemon's")
        elif len(parts) == 2 and call.name == "rmdir":
            self._judge_cluster_removal(call.path)

    def refused(self, done: Done) -> None:
        """Judge a changing call of the daemon's that the kernel has refused.

        What a kernel never takes must not be tried: values out of their range, attributes in an
        order that makes them contradict each other, a second cluster.
        """
        cluster = self._model.kernel.cluster
        under_region = cluster is not None and bool(cluster.regions)
        excused = under_region or self._model.journal.meddled
        if done.error in _NEVER_TAKEN and not excused:
            value = done.data.decode("ascii", "backslashreplace")
            self._found(f"{done.name} {done.path} {value!r} is refused with {done.error}")

    def ended(self, exit_code: int, *, asked: bool, manager_cluster: str) -> None:
        """Judge that the daemon has ended by itself.

        Args:
            exit_code: its exit code.
            asked: it had SIGTERM.
            manager_cluster: the manager's name of the cluster.
        """
        if exit_code == 0:
            if not asked:
                self._found("it ended, and nothing asked it to")
        elif self._rules.cluster in {None, manager_cluster}:
            self._found(f"it ended with {exit_code}, and its settings fit")

    def overdue(self) -> None:
        """Note that the daemon was asked to end and had to be killed, with nothing in its way."""
        self._found("it was asked to end, and did not within its grace")

    def _judge_place(self, call: Call, cluster: str, truth: Truth) -> None:
        view = truth.view
        if view is None or view.own_name is None:
            self._found(f"{call.name} {call.path} while this node is no member")
            return
        if cluster != truth.cluster or not usable_cluster_name(cluster):
            self._found(f"{call.name} {call.path}, and the cluster is {truth.cluster!r}")
        if self._cluster not in {None, cluster}:
            self._found(f"{call.name} {call.path} under a daemon of cluster {self._cluster!r}")
        self._cluster = cluster

    def _judge_cluster_removal(self, path: str) -> None:
        kernel = self._model.kernel
        if kernel.cluster is not None:
            self._found(f"rmdir of the cluster {path}")

    def _judge_value(self, call: Call, name: str, truth: Truth) -> None:
        attribute = call.path.rsplit("/", 1)[1]
        value = call.data.decode("ascii", "backslashreplace").strip()
        if attribute == "local" and value == "0":
            self._found(f"local=0 written to {call.path}")
            return
        if attribute == "ipv4_address" and value == "0.0.0.0":
            self._found(f"0.0.0.0 written to {call.path}")
            return
        row = truth.rows.get(name)
        wanted = {} if row is None else _values(row)
        if value != wanted.get(attribute):
            self._found(f"{attribute} of {name} is written as {value}, should be {wanted}")

    def _judge_removal(self, name: str, truth: Truth) -> None:
        cluster = self._model.kernel.cluster
        node = None if cluster is None else cluster.nodes.get(name)
        if cluster is None or node is None:
            return
        row = truth.rows.get(name)
        own = node.local if truth.view is None else truth.view.owns(node, row)
        if own and cluster.regions:
            self._found(f"rmdir of the local node {name} under a heartbeat region")
        if node.num is None or truth.view is None or _reads_half_made(node):
            return
        if row is not None and row.fits(node) and (row.local or not node.local):
            self._found(f"rmdir of {name}, whose entry is right")
        if node.num in self._model.kernel.live_nums:
            self._found(f"rmdir of {name}, which the disk heartbeat still sees alive")
        self._judge_quorum(node, truth.view, vouched=own or name in self.forgotten)
        about = nodes_of(node, truth.view, self._rules)
        if not own and not any(each.member for each in about):
            self._judge_loss(node, lost_of(about), truth.view)

    def _judge_loss(self, node: NodeState, lost: list[ListedNode], view: ManagerView) -> None:
        age_us, settle_us = self._now_us() - self._counted_since_us, self._rules.removals.settle_us
        if age_us < settle_us:
            self._found(f"rmdir of the lost node {node.name} {age_us} us after a change of members")
        rules = self._rules.removals
        trusted = (
            rules.two_node is TwoNodeRule.ALLOW
            if view.two_node
            else rules.majority is MajorityRule.TRUST_MANAGER
        )
        if not trusted and node.name not in self.forgotten:
            for each in lost:
                self._removals.removing(self._host_id, each, node, view)

    def _judge_quorum(self, node: NodeState, view: ManagerView, *, vouched: bool) -> None:
        why = quorum_blockers(node, view, self._rules, vouched=vouched)
        if Why.INQUORATE in why:
            self._found(f"rmdir of {node.name} without quorum")
        if Why.QUORUM_UNKNOWN in why:
            self._found(f"rmdir of {node.name} where nobody knows of quorum")
        if Why.TWO_NODE in why:
            self._found(f"rmdir of the lost node {node.name} where quorum proves nothing")
        if Why.MINORITY in why:
            self._found(f"rmdir of the lost node {node.name} by a minority of the nodes")

    # --- the shutdown question ------------------------------------------------------------------

    def asked(self) -> None:
        """Note that the manager asked for a vote."""
        self._open_questions += 1

    def answered(self, *, yes: bool) -> None:
        """Judge an answer before the manager gets it."""
        self.checked += 1
        self._open_questions -= 1
        if self._open_questions < 0:
            self._found("a shutdown question was answered twice, or was never asked")
        in_use = self._truth.in_use
        if yes and in_use:
            self._found(f"yes to a shutdown while {in_use}")
        if not yes and not in_use and self._sees_all():
            self._found("no to a shutdown although nothing speaks against it")

    def _sees_all(self) -> bool:
        """Return whether the daemon can know all that speaks against a shutdown."""
        view, journal = self._truth.view, self._model.journal
        return view is not None and view.cluster == self.followed and not journal.meddled

    def closing(self) -> None:
        """Judge that the daemon closes its connection."""
        if self._open_questions > 0 and self._truth.view is not None:
            self._found("it leaves with a shutdown question open, which counts as a yes")
        self.connection_ended()

    def connection_ended(self) -> None:
        """Note that open questions went with the connection."""
        self._open_questions = 0

    # --- after each step ------------------------------------------------------------------------

    def at_rest(self, status: Status | None = None) -> None:
        """Judge a moment at which the daemon has nothing left to do at once."""
        if self._open_questions > 0:
            self._found(f"{self._open_questions} shutdown questions are not answered")
        if self._model.kernel.poison:
            poison = self._model.poisoned
            for each in poison[self._poison_seen :]:
                self._found(f"the kernel could crash: {each.what}")
            self._poison_seen = len(poison)
        if self._truth.holder == self._pid:
            self._found("it rests and keeps the semaphore")
        for text in self._removals.found(self._host_id, self._truth.view):
            self._found(text)
        if status is not None:
            self._judge_status(status)
        if self.forgotten and (view := self._truth.view) is not None:
            self.forgotten -= view.member_names

    def _judge_status(self, status: Status) -> None:
        ended = self._log_pending - {one.step for one in status.pending}
        for step in sorted(ended, key=reports.describe):
            self._found(f"its log does not say that it is over: {reports.describe(step)}")
        self._log_pending -= ended
        if status.state is State.SYNCED:
            self._judge_own_node(status)
            if not self._log_in_sync:
                self._found("its log does not say that its steps have led to sync")
        if status.entries is not self._believed:
            start, _, end = gap(self._believed, status.entries)
            self._believed = status.entries
            self._judge_beliefs(status.entries[start:end])

    def _judge_own_node(self, status: Status) -> None:
        """Whoever is in sync lets the mount through, so its own node must be there."""
        view = self._truth.view
        if view is None or view.own_name is None:
            return  # it has not heard of that yet
        own = [one for one in status.members if one.id == status.local_id == view.local_id]
        for one in own:
            node = ListedNode(id=one.id, name=one.name, member=True, addresses=one.addresses)
            num = num_of(node, self._rules.table)
            for entry in status.entries:
                if (
                    entry.name == node.called
                    and entry.num == num
                    and entry.local
                    and entry.complete
                ):
                    return
        self._found(f"synced, and its own node (id {view.local_id}) is not in the table")

    def _judge_beliefs(self, entries: Iterable[Entry]) -> None:
        """What the daemon calls complete must be so in the kernel; two must never claim one."""
        cluster = self._model.kernel.cluster
        if cluster is None:
            return
        for entry in entries:
            node = cluster.nodes.get(entry.name)
            if node is None or not entry.complete or not self._same(cluster, entry):
                continue
            if node.num is None:
                self._found(f"{entry.name} is half made and taken for complete")
        for what, values in (
            ("num", [node.num for node in cluster.nodes.values() if node.num is not None]),
            ("address", [n.address for n in cluster.nodes.values() if n.address is not None]),
        ):
            if len(set(values)) != len(values):
                self._found(f"two nodes of one {what} in the kernel")

    def _same(self, cluster: ClusterState, entry: Entry) -> bool:
        item = self._model.find(f"/cluster/{cluster.name}/node/{entry.name}")
        return item is not None and item.inode == entry.inode

    def forget(self, name: str) -> None:
        """Note that the operator vouches for a node being down."""
        self.forgotten.add(name)

    def not_forgotten(self, name: str) -> None:
        """Note that the operator's word was refused, and that the log says so."""
        self.forgotten.discard(name)

    def poison_known(self) -> None:
        """Note that what has poisoned the kernel so far was not the daemon."""
        self._poison_seen = len(self._model.poisoned)


def _reads_half_made(node: NodeState) -> bool:
    """True where a reading shows no sign of a num, whatever was written."""
    return not node.num and not node.local and (node.address in {None, "0.0.0.0"} or not node.port)


def _values(row: ExpectedNode) -> dict[str, str]:
    values = {"num": str(row.num), "ipv4_address": row.address, "ipv4_port": str(row.port)}
    return {**values, "local": "1"} if row.local else values
