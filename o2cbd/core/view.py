"""What the daemon knows: the last readings, the comparison of them, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from o2cbd.core import reports
from o2cbd.core.changes import left_out_changes
from o2cbd.core.fingerprint import fingerprint, row_of
from o2cbd.core.memo import for_each, last_call
from o2cbd.core.model import (
    CreateCluster,
    Entry,
    Holder,
    Membership,
    Pending,
    State,
    Status,
    Step,
    Tables,
    Vote,
)
from o2cbd.core.names import cluster_name_problem, proposed_cluster_name
from o2cbd.core.planner import Plan, Wanted, by_name, compare, fit_of, plan
from o2cbd.core.policy import Desired, Drafter, called, settle
from o2cbd.core.refusal import NOT_CONFIGFS_ERRNO, Refusal
from o2cbd.core.removals import Permits
from o2cbd.core.rules import Rules

_id_and_incarnation = attrgetter("id", "incarnation")


class View:
    """The last good readings; a failed one changes nothing here."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._cluster: str | None = None
        self._followed: str | None = None
        """The manager's name of the cluster, as first read."""
        self._membership: Membership | None = None
        self._counting: tuple[object, ...] | None = None
        """What must stand still before a removal; None: not known, or not since when."""
        self._settled_us = 0
        """When it will have stood still for long enough."""
        self._reported = self._desired = Desired(nodes=(), left_out=())
        self._entries: tuple[Entry, ...] = ()
        self._forgotten: frozenset[str] = frozenset()
        self._blocked = "not connected to the cluster manager yet"
        self._synced = False
        self._first_pass_done = False
        # Most passes find what the last one found, and most changes are of one row.
        self._own_name_in = last_call(_own_name)
        counts_of = for_each(_id_and_incarnation)
        self._who_counts_in = last_call(lambda now: (now.quorum, counts_of(now.members)))
        self._draft = last_call(Drafter(rules.table).draft)
        self._settle = last_call(settle)
        self._nodes_by_name = last_call(by_name)
        self._entries_by_name = last_call(by_name)
        fits_of, rows_of = for_each(fit_of), for_each(row_of)
        self._diff = last_call(lambda nodes, entries: compare(nodes, entries, fits_of))
        self._fingerprint_of = last_call(lambda entries: fingerprint(entries, rows_of))
        self._make_status = last_call(_status)

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
        return self._own_name_in(self._read_membership())

    def take(self, membership: Membership, now_us: int) -> reports.WrongCluster | None:
        """Take a reading in.

        Returns:
            What to tell before the end, when the very first name is not the operator's.
        """
        self._membership = membership
        counting = self._who_counts_in(membership)
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
        self._forgotten = frozenset()

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
                f"the cluster's name changed from {self._followed!r} to {now.cluster!r}: a"
                " running daemon does not re-create it; if the new name is right: unmount OCFS2"
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
        self._forgotten |= {node}
        return ""

    # --- the comparison

    def desire(self) -> Desired:
        """Find out who should be in the table, where no comparison follows.

        Raises:
            LookupError: the membership was not read yet.
        """
        self._desired = self._settle(self._draft(self._read_membership()), self._entries)
        return self._desired

    def news(self) -> list[reports.Report]:
        """Report who is left out newly, and what is new to remark."""
        before, now = self._reported, self._desired
        self._reported = now
        if before is now:
            return []
        return [
            *left_out_changes(before.left_out, now.left_out),
            *(reports.of_remark(one) for one in now.remarks if one not in before.remarks),
        ]

    def compare(self, tables: Tables, refused: Mapping[Step, Refusal], now_us: int) -> Plan:
        """Compare what should be with what was read back.

        Raises:
            LookupError: the membership was not read yet.
        """
        membership = self._read_membership()
        self._entries = tables.entries
        if self._forgotten:
            self._forgotten &= {entry.name for entry in tables.entries}
        self._desired = self._settle(self._draft(membership), tables.entries)
        permits = Permits(
            rules=self._rules.removals,
            table=self._rules.table,
            membership=membership,
            tables=tables,
            forgotten=self._forgotten,
            settled=now_us >= self._settled_us,
        )
        return plan(
            Wanted(
                cluster=self._cluster or "",
                desired=self._desired,
                attributes=self._rules.attributes,
                permits=permits,
                refused=refused,
            ),
            self._diff(
                self._nodes_by_name(self._desired.nodes), self._entries_by_name(tables.entries)
            ),
        )

    def _read_membership(self) -> Membership:
        if self._membership is None:
            raise LookupError("the membership has not been read yet")
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
        return [
            reports.Synced(
                nodes=len(self._entries), fingerprint=self._fingerprint_of(self._entries)
            )
        ]

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
        return self._make_status(
            self._state(stopping=stopping, lost=lost, held=hold is not None),
            self._blocked,
            self._cluster,
            self._membership,
            self._entries,
            self._desired,
            pending,
            hold,
            vote,
            steps,
            self._fingerprint_of(self._entries),
            self._first_pass_done,
        )

    def _own_problem(self) -> str:
        return _own_problem(self._membership, self._desired)

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


def _status(  # noqa: PLR0917 - compared one by one by `last_call`
    state: State,
    blocked: str,
    cluster: str | None,
    membership: Membership | None,
    entries: tuple[Entry, ...],
    desired: Desired,
    pending: tuple[Pending, ...],
    hold: Holder | None,
    vote: Vote | None,
    steps: tuple[Step, ...],
    fingerprint_: str,
    first_pass_done: bool,  # noqa: FBT001
) -> Status:
    return Status(
        state=state,
        reason="; ".join(filter(None, (blocked, _own_problem(membership, desired)))),
        cluster=cluster,
        local_id=None if membership is None else membership.local_id,
        quorum=None if membership is None else membership.quorum,
        members=() if membership is None else membership.members,
        entries=entries,
        pending=pending,
        left_out=desired.left_out,
        remarks=desired.remarks,
        hold=hold,
        vote=vote,
        steps=steps,
        fingerprint=fingerprint_,
        first_pass_done=first_pass_done,
    )


def _own_problem(now: Membership | None, desired: Desired) -> str:
    """Return why this host's own node is excluded from the table; "" while it is not."""
    if now is None or not desired.left_out:
        return ""
    own = (one for one in desired.left_out if one.id == now.local_id)
    return next((f"this node (id {one.id}) is excluded: {one.reason}" for one in own), "")


def _own_name(membership: Membership) -> str | None:
    own = (called(one) for one in membership.members if one.id == membership.local_id)
    return next(own, None)


def _no_configfs(pendings: Iterable[Pending]) -> str:
    """Return what to do where a cluster was made and no kernel took note; else ""."""
    found = (
        pending.reason
        for pending in pendings
        if isinstance(pending.step, CreateCluster) and pending.errno == NOT_CONFIGFS_ERRNO
    )
    return next(found, "")
