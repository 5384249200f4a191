"""What the daemon knows: the last readings, the comparison of them, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import is_

from o2cbd.core import reports
from o2cbd.core.changes import left_out_changes
from o2cbd.core.fingerprint import Fingerprint
from o2cbd.core.matching import Matching
from o2cbd.core.model import (
    CreateCluster,
    Entry,
    Holder,
    LeftOut,
    Membership,
    Pending,
    Remark,
    State,
    Status,
    Step,
    Tables,
    Vote,
)
from o2cbd.core.names import cluster_name_problem, proposed_cluster_name
from o2cbd.core.planner import Plan, Wanted, plan
from o2cbd.core.policy import Desired, Table, called
from o2cbd.core.refusal import NOT_CONFIGFS_ERRNO, Refusal
from o2cbd.core.removals import Permits
from o2cbd.core.rules import Rules


class View:
    """The last good readings; a failed one changes nothing here."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._table = Table(rules.table)
        self._cluster: str | None = None
        self._followed: str | None = None
        """The manager's name of the cluster, as first read."""
        self._membership: Membership | None = None
        self._counting: tuple[object, ...] | None = None
        """What must stand still before a removal; None: not known, or not since when."""
        self._settled_us = 0
        """When it will have stood still for long enough."""
        self._told: tuple[tuple[LeftOut, ...], tuple[Remark, ...]] = ((), ())
        self._own_name: str | None = None
        self._entries: tuple[Entry, ...] = ()
        self._fingerprints = Fingerprint()
        self._fingerprint = self._fingerprints.of(())
        self._matching = Matching()
        self._desired = Desired(nodes=(), left_out=())
        self._forgotten: set[str] = set()
        self._compared: tuple[Membership, Tables, Plan] | None = None
        self._blocked = "the cluster manager was not reached yet"
        self._synced = False
        self._first_pass_done = False
        self._status: tuple[tuple[object, ...], Status] | None = None
        """The last one, and what it was made of."""

    # --- the membership

    @property
    def cluster(self) -> str | None:
        """The name of OCFS2's cluster; None before it is known, and while OCFS2 takes none such."""
        return self._cluster

    @property
    def cluster_known(self) -> bool:
        """True while it is known which cluster this node is in, and so who may hold."""
        now = self._membership
        return now is not None and self._cluster is not None and now.cluster == self._followed

    @property
    def membership(self) -> Membership | None:
        """The last good reading."""
        return self._membership

    @property
    def settled_us(self) -> int:
        """When members and quorum will have been the same for long enough, or since when."""
        return self._settled_us

    @property
    def own_name(self) -> str | None:
        """The name of the local node; None where it is no member.

        Raises:
            LookupError: the membership was not read yet.
        """
        self._read_membership()
        return self._own_name

    def take(self, membership: Membership, now_us: int) -> reports.WrongCluster | None:
        """Take a reading in.

        Returns:
            What to tell before the end, when the very first name is not the operator's.
        """
        if membership is not self._membership:
            own = (called(one) for one in membership.members if one.id == membership.local_id)
            self._own_name = next(own, None)
        self._membership = membership
        counting = _who_counts(membership)
        if counting != self._counting:
            self._counting = counting
            self._settled_us = now_us + self._rules.removals.settle_us
        if self._forgotten:
            self._forgotten -= {called(member) for member in membership.members}
        if self._cluster is not None:
            return None
        confirmed = self._rules.cluster
        if confirmed is not None and membership.cluster not in {"", confirmed}:
            return reports.WrongCluster(wanted=confirmed, found=membership.cluster)
        name = self._rules.o2cb_name or membership.cluster
        if cluster_name_problem(name) is None:
            self._cluster, self._followed = name, membership.cluster
        return None

    def lose_manager(self) -> None:
        """Note that nobody is seen from now on: who is vouched for may return and be lost again."""
        self._forgotten.clear()

    def unsettle(self) -> None:
        """Note that nobody knows what happened while there was no connection."""
        self._counting = None

    def no_step(self) -> str:
        """Say why nothing at all may be done; "" when work may be done.

        Raises:
            LookupError: the membership was not read yet.
        """
        now = self._read_membership()
        if self._cluster is None:
            line = f'[cluster] o2cb_name = "{proposed_cluster_name(now.cluster)}"'
            return (
                f"{cluster_name_problem(now.cluster)}: write {line} in"
                f" {self._rules.table.settings_file} on all nodes, and give mkfs.ocfs2 and"
                " tunefs.ocfs2 that name"
            )
        if now.cluster != self._followed:
            return (
                f"the cluster's name was {self._followed!r} and is {now.cluster!r} now: it is"
                " never re-created under a running daemon; if the new name is right: unmount OCFS2"
                f" here, systemctl stop o2cbd, o2cbd flush --cluster {self._cluster}, systemctl"
                " start o2cbd"
            )
        return "" if self.own_name is not None else "this node is not a member of its cluster"

    def forget(self, node: str) -> str:
        """Take the operator's word that a lost node is down.

        Returns:
            Why that cannot be; "" when it was taken.
        """
        members = () if self._membership is None else self._membership.members
        if any(called(member) == node for member in members):
            return "it is a member now"
        if all(entry.name != node for entry in self._entries):
            return "it is not in the table"
        self._forgotten.add(node)
        return ""

    # --- the comparison

    def desire(self) -> Desired:
        """Find out who should be in the table, where no comparison follows.

        Raises:
            LookupError: the membership was not read yet.
        """
        self._compared = None  # that was of another desired table
        self._desired = self._table.desired(self._read_membership(), self._entries)
        return self._desired

    def news(self) -> list[reports.Report]:
        """Report who is left out newly, and what is new to remark."""
        (left_out, remarks), now = self._told, self._desired
        self._told = (now.left_out, now.remarks)
        return [
            *left_out_changes(left_out, now.left_out),
            *(reports.of_remark(one) for one in now.remarks if one not in remarks),
        ]

    def compare(self, tables: Tables, refused: Mapping[Step, Refusal], now_us: int) -> Plan:
        """Compare what should be with what was read back.

        Raises:
            LookupError: the membership was not read yet.
        """
        membership = self._read_membership()
        settled = now_us >= self._settled_us
        plain = settled and not refused and not self._forgotten
        before, self._compared = self._compared, None
        if plain and before is not None and before[:2] == (membership, tables):
            # Most passes are resyncs that find what the last one found.
            self._compared = before
            return before[2]
        found = self._compare(membership, tables, refused, settled=settled)
        if plain or not (found.steps or found.pending):
            # Where there is no difference, refusals and an operator's word have no say.
            self._compared = (membership, tables, found)
        return found

    def _compare(
        self,
        membership: Membership,
        tables: Tables,
        refused: Mapping[Step, Refusal],
        *,
        settled: bool,
    ) -> Plan:
        if tables.entries != self._entries:
            self._entries = tables.entries
            self._fingerprint = self._fingerprints.of(tables.entries)
        if self._forgotten:
            self._forgotten &= {entry.name for entry in tables.entries}
        self._desired = self._table.desired(membership, tables.entries)
        permits = Permits(
            rules=self._rules.removals,
            table=self._rules.table,
            membership=membership,
            tables=tables,
            forgotten=self._forgotten,
            settled=settled,
        )
        return plan(
            Wanted(
                cluster=self._cluster or "",
                desired=self._desired,
                attributes=self._rules.attributes,
                permits=permits,
                refused=refused,
            ),
            self._matching,
        )

    def _read_membership(self) -> Membership:
        if self._membership is None:
            raise LookupError("the membership was not read yet")
        return self._membership

    # --- what it comes to

    def block(self, problem: str) -> bool:
        """Note that no step is done at all; True when that is news."""
        self._synced = False
        news = problem != self._blocked
        self._blocked = problem
        return news

    def differs(self) -> None:
        """Note that the tables are not as they should be, and that something can be done."""
        self._synced = False
        self._blocked = ""

    def settled(self, difference: Plan) -> list[reports.Report]:
        """Note what a pass that went to its end has left."""
        self._blocked = _no_configfs(difference.pending)
        self._first_pass_done = self._first_pass_done or not self._blocked
        was = self._synced
        self._synced = not (difference.steps or difference.pending or self._own_problem())
        if was or not self._synced:
            return []
        return [reports.Synced(nodes=len(self._entries), fingerprint=self._fingerprint)]

    def status(
        self,
        *,
        stopping: bool,
        lost: bool,
        pending: tuple[Pending, ...],
        hold: Holder | None,
        vote: Vote | None,
        steps: tuple[Step, ...],
    ) -> Status:
        """Put together what may be known outside."""
        state = self._state(stopping=stopping, lost=lost, held=hold is not None)
        parts = (
            *(state, self._blocked, self._cluster, self._membership, self._entries, pending),
            *(self._desired, hold, vote, steps, self._fingerprint, self._first_pass_done),
        )
        last = self._status
        if last is not None and all(map(is_, parts, last[0])):
            return last[1]  # most events change nothing of it
        membership = self._membership
        status = Status(
            state=state,
            reason="; ".join(filter(None, (self._blocked, self._own_problem()))),
            cluster=self._cluster,
            local_id=None if membership is None else membership.local_id,
            quorum=None if membership is None else membership.quorum,
            members=() if membership is None else membership.members,
            entries=self._entries,
            pending=pending,
            left_out=self._desired.left_out,
            remarks=self._desired.remarks,
            hold=hold,
            vote=vote,
            steps=steps,
            fingerprint=self._fingerprint,
            first_pass_done=self._first_pass_done,
        )
        self._status = (parts, status)
        return status

    def _own_problem(self) -> str:
        """Return why this host's own node is excluded from the table; "" while it is not."""
        now = self._membership
        own = (one for one in self._desired.left_out if now is not None and one.id == now.local_id)
        return next((f"this node (id {one.id}) is excluded: {one.reason}" for one in own), "")

    def _state(self, *, stopping: bool, lost: bool, held: bool) -> State:
        if stopping:
            return State.STOPPING
        if lost:
            return State.LOST
        if self._blocked:
            return State.WAITING
        if held:
            return State.HELD
        return State.SYNCED if self._synced else State.PENDING


def _who_counts(membership: Membership) -> tuple[object, ...]:
    """Return what must stand still before a node is removed."""
    members = tuple((member.id, member.incarnation) for member in membership.members)
    return membership.quorum, members


def _no_configfs(pendings: Iterable[Pending]) -> str:
    """Return what to do where a cluster was made and no kernel took note; else ""."""
    found = (
        pending.reason
        for pending in pendings
        if isinstance(pending.step, CreateCluster) and pending.errno == NOT_CONFIGFS_ERRNO
    )
    return next(found, "")
