"""The state machine that ties membership, tables, hold and vote together: events in, effects out.

One pass is: read the membership, read the tables, take the hold, do the steps that can be done,
read the tables again, until nothing doable is left; then rest. Nothing is concluded from what was
done before, only from what is read back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from o2cbd.core import effects, events, reports
from o2cbd.core.changes import left_out_changes, membership_changes, pending_changes
from o2cbd.core.fingerprint import fingerprint
from o2cbd.core.ledger import Ledger, pause_us
from o2cbd.core.model import (
    Holder,
    Membership,
    Pending,
    RemoveNode,
    State,
    Status,
    Step,
    Tables,
    Vote,
    Why,
    node_of,
)
from o2cbd.core.names import cluster_name_problem
from o2cbd.core.phase import LEGAL, Phase, UnexpectedEventError
from o2cbd.core.planner import Plan, Wanted, plan
from o2cbd.core.policy import Desired, desired_table
from o2cbd.core.removals import Permits
from o2cbd.core.rules import Rules
from o2cbd.core.shutdown import vote
from o2cbd.core.work import Work

EXIT_SETTINGS = 78

_ENDS_UNANNOUNCED = frozenset({Why.REGION, Why.FOREIGN_CLUSTER, Why.IGNORED})
"""What may end without any notice, and is looked at now and then."""

Effects = list[effects.Effect]


class Controller:
    """Decides; does nothing. Feed every event to `observe` and perform the effects in order."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._timing = rules.timing
        self._now_us = 0
        self._phase = Phase.AWAY
        self._ledger = Ledger(rules.timing)
        self._attempts = 0
        self._attempt_due_us = 0
        self._awaited_errno: int | None = None
        self._ever_connected = False
        self._lost = False
        self._cluster: str | None = None
        self._membership: Membership | None = None
        self._tables: Tables | None = None
        self._desired = Desired(nodes=(), left_out=())
        self._fingerprint = fingerprint(())
        self._read_failures = 0
        self._pass_due_us = 0
        self._fresh_due_us = 0
        self._noticed = False
        self._work = Work()
        self._holding = False
        self._hold: Holder | None = None
        self._hold_warned = False
        self._hold_errno: int | None = None
        self._pending: dict[Step, Pending] = {}
        self._forgotten: set[str] = set()
        self._question: tuple[events.ShutdownAsked, int] | None = None
        self._vote: Vote | None = None
        self._blocked = "the cluster manager was not reached yet"
        self._stopping = False
        self._synced = False
        self._first_pass_done = False
        self._status = self._make_status()

    # --- the face -------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where the controller stands."""
        return self._phase

    @property
    def status(self) -> Status:
        """What is known, as of the last event."""
        return self._status

    @property
    def deadline_us(self) -> int | None:
        """When to send the next `Woken` at the latest; None once ended."""
        match self._phase:
            case Phase.AWAY:
                return self._attempt_due_us
            case Phase.ENDED:
                return None
            case _:
                return self._pass_due_us

    def observe(self, event: events.Event, now_us: int) -> tuple[effects.Effect, ...]:
        """Take one event in and say what is to be done, in this order.

        Raises:
            UnexpectedEventError: the event cannot come in this phase.
        """
        if type(event) not in LEGAL[self._phase]:
            raise UnexpectedEventError(f"{type(event).__name__} while {self._phase.value}")
        self._now_us = now_us
        wanted = self._react(event)
        self._status = self._make_status()
        return tuple(wanted)

    def _react(self, event: events.Event) -> Effects:  # noqa: C901, PLR0911, PLR0912 - one arm an event
        match event:
            case events.Woken():
                return self._on_woken()
            case events.Connected():
                return self._on_connected()
            case events.ConnectFailed():
                return self._on_connect_failed(event)
            case events.StateChange() | events.ConfigChange():
                return self._on_notice()
            case events.ShutdownAsked():
                return self._on_shutdown_asked(event)
            case events.ManagerLost():
                return self._on_manager_lost(event)
            case events.Dispatched():
                return self._on_dispatched()
            case events.MembershipRead():
                return self._on_membership(event.membership)
            case events.MembershipReadFailed():
                return self._on_membership_failed(event)
            case events.TablesRead():
                return self._on_tables(event.tables)
            case events.TablesReadFailed():
                return self._on_tables_failed(event)
            case events.HoldTaken():
                return self._on_hold_taken()
            case events.HoldRefused():
                return self._on_hold_refused(event)
            case events.HoldFailed():
                return self._on_hold_failed(event)
            case events.StepDone():
                return self._on_step_done(event.step)
            case events.StepFailed():
                return self._on_step_failed(event)
            case events.UsageRead():
                return self._on_usage(event)
            case events.ForgetAsked():
                return self._on_forget(event.node)
            case events.StopAsked():
                return self._on_stop()

    # --- the manager ----------------------------------------------------------------------------

    def _on_woken(self) -> Effects:
        if self._phase is Phase.AWAY and self._now_us >= self._attempt_due_us:
            self._phase = Phase.CONNECTING
            return [effects.Connect()]
        if self._phase is Phase.IDLE:
            self._phase = Phase.LISTENING
            return [effects.Dispatch()]
        return []

    def _on_connected(self) -> Effects:
        self._phase = Phase.LISTENING
        again, self._ever_connected = self._ever_connected, True
        self._lost = False
        self._attempts = 0
        self._awaited_errno = None
        self._blocked = "the membership was not read yet"
        self._pass_due_us = self._now_us
        self._ledger.all_due(self._now_us)
        return [effects.Tell(report=reports.ManagerReached(again=again)), effects.Dispatch()]

    def _on_connect_failed(self, event: events.ConnectFailed) -> Effects:
        self._phase = Phase.AWAY
        self._attempts += 1
        self._attempt_due_us = self._now_us + pause_us(self._attempts, self._timing)
        self._blocked = f"waiting for the cluster manager: {event.detail}"
        if event.errno == self._awaited_errno:
            return []
        self._awaited_errno = event.errno
        report = reports.ManagerAwaited(errno=event.errno, detail=event.detail)
        return [effects.Tell(report=report)]

    def _on_manager_lost(self, event: events.ManagerLost) -> Effects:
        if self._phase in {Phase.AWAY, Phase.LEAVING, Phase.ENDED}:
            return []
        self._phase = Phase.AWAY
        self._lost = True
        self._question = None
        self._attempt_due_us = self._now_us + self._timing.retry_first_us
        self._blocked = (
            f"the connection to the cluster manager died ({reports.symbol(event.errno)})"
        )
        told = reports.ManagerGone(errno=event.errno)
        return [*self._let_go(), effects.Disconnect(), effects.Tell(report=told)]

    def _on_notice(self) -> Effects:
        if self._phase in {Phase.LISTENING, Phase.CHECKING}:
            self._noticed = True
            self._pass_due_us = self._now_us
            self._ledger.all_due(self._now_us)
        return []

    def _on_dispatched(self) -> Effects:
        if self._phase not in {Phase.LISTENING, Phase.CHECKING}:
            return []
        if self._stopping:
            return [*self._let_go(), *self._leave()]
        if self._phase is Phase.CHECKING and not self._noticed:
            return self._next_step()
        if self._now_us >= self._pass_due_us:
            return [*self._let_go(), *self._begin_pass()]
        self._phase = Phase.IDLE
        return []

    # --- the pass: what should be ---------------------------------------------------------------

    def _begin_pass(self) -> Effects:
        self._phase = Phase.READING_MEMBERSHIP
        self._noticed = False
        self._pass_due_us = self._now_us + self._timing.resync_us
        self._work = Work()
        return [effects.ReadMembership()]

    def _end_pass(self, again_us: int | None = None) -> Effects:
        """Rest until `again_us`, a failed step's next try, or the resync, whichever is first."""
        self._phase = Phase.IDLE
        moments = (again_us, self._ledger.next_due_us(), self._pass_due_us)
        self._pass_due_us = min(moment for moment in moments if moment is not None)
        return []

    def _on_membership_failed(self, event: events.MembershipReadFailed) -> Effects:
        self._read_failures += 1
        first = self._read_failures == 1
        symbol = reports.symbol(event.errno)
        self._blocked = f"the membership cannot be read ({symbol}), it is tried again"
        self._end_pass(self._now_us + pause_us(self._read_failures, self._timing))
        report = reports.MembershipUnreadable(errno=event.errno)
        return [effects.Tell(report=report)] if first else []

    def _on_membership(self, membership: Membership) -> Effects:
        self._read_failures = 0
        told = _tell(membership_changes(self._membership, membership))
        self._membership = membership
        if self._cluster is None:
            if self._rules.cluster not in {None, membership.cluster}:
                return self._wrong_cluster(membership.cluster)
            self._cluster = membership.cluster
        problem = self._no_step(membership)
        if problem is not None:
            return [*told, *self._block(problem), *self._end_pass()]
        self._forgotten -= {member.name for member in membership.members}
        fresh = self._now_us >= self._fresh_due_us
        if fresh:
            self._fresh_due_us = self._now_us + self._timing.resync_us
        return [*told, *self._read_tables(fresh=fresh)]

    def _wrong_cluster(self, found: str) -> Effects:
        self._phase = Phase.ENDED
        report = reports.WrongCluster(wanted=str(self._rules.cluster), found=found)
        self._blocked = report.text
        return [
            effects.Tell(report=report),
            effects.Disconnect(),
            effects.Exit(code=EXIT_SETTINGS),
        ]

    def _no_step(self, membership: Membership) -> str | None:
        """Say why nothing at all may be done; None when work may be done."""
        if membership.cluster != self._cluster:
            return (
                f"the cluster's name was {self._cluster!r} and is {membership.cluster!r} now: it is"
                " never re-created under a running daemon; restart o2cbd if the new name is right"
            )
        problem = cluster_name_problem(membership.cluster)
        if problem is not None:
            return problem
        if all(member.id != membership.local_id for member in membership.members):
            return "this node is not a member of its cluster"
        return None

    def _block(self, problem: str) -> Effects:
        """Note that no step is done, telling it once."""
        self._synced = False
        if problem == self._blocked:
            return []
        self._blocked = problem
        return [effects.Tell(report=reports.Blocked(reason=problem))]

    # --- the pass: what is ----------------------------------------------------------------------

    def _read_tables(self, *, fresh: bool) -> Effects:
        membership = self._membership
        if membership is None:
            raise UnexpectedEventError("the tables are read after the membership")
        self._phase = Phase.READING_TABLES
        own = (one.name for one in membership.members if one.id == membership.local_id)
        return [
            effects.ReadTables(
                cluster=membership.cluster,
                own=next(own, None),
                attributes=tuple(sorted(self._rules.attributes)),
                fresh=fresh,
            )
        ]

    def _on_tables_failed(self, event: events.TablesReadFailed) -> Effects:
        self._read_failures += 1
        self._fresh_due_us = self._now_us
        told = self._block(f"{event.detail} ({reports.symbol(event.errno)})")
        pause = pause_us(self._read_failures, self._timing)
        return [*self._let_go(), *told, *self._end_pass(self._now_us + pause)]

    def _on_tables(self, tables: Tables) -> Effects:
        self._read_failures = 0
        self._tables = tables
        self._fingerprint = fingerprint(tables.entries)
        left_out = self._desired.left_out
        difference = self._difference(tables)
        told = _tell(left_out_changes(left_out, self._desired.left_out))
        self._forgotten &= {entry.name for entry in tables.entries}
        if not self._work.begin_round(difference):
            return [*told, *self._let_go(), *self._settle(difference)]
        if self._holding:
            return [*told, *self._next_step()]
        self._phase = Phase.TAKING_HOLD
        return [*told, effects.TakeHold(cluster=self._cluster or "")]

    def _difference(self, tables: Tables) -> Plan:
        """Compare what should be with what was read back."""
        membership = self._membership
        if membership is None:
            raise UnexpectedEventError("the tables are read after the membership")
        self._desired = desired_table(membership, self._rules.table, tables.entries)
        return plan(
            Wanted(
                cluster=membership.cluster,
                desired=self._desired,
                attributes=self._rules.attributes,
                permits=Permits(
                    rules=self._rules.removals,
                    membership=membership,
                    tables=tables,
                    forgotten=self._forgotten,
                ),
                refused={**self._ledger.refusals(self._now_us), **self._work.tried},
            )
        )

    # --- the pass: doing it ---------------------------------------------------------------------

    def _on_hold_taken(self) -> Effects:
        self._holding = True
        self._hold_errno = None
        told: Effects = []
        if self._hold is not None:
            self._hold = None
            told = [effects.Tell(report=reports.HoldGone())]
        return [*told, *self._next_step()]

    def _on_hold_refused(self, event: events.HoldRefused) -> Effects:
        told: list[reports.Report] = []
        steps = self._work.steps
        self._blocked = ""
        self._synced = False
        if self._hold is None or self._hold.pid != event.pid:
            self._hold = Holder(pid=event.pid, since_us=self._now_us)
            self._hold_warned = False
            told.append(reports.HoldSeen(pid=event.pid, steps=len(steps)))
        held_us = self._now_us - self._hold.since_us
        if held_us >= self._timing.hold_warn_us and not self._hold_warned:
            self._hold_warned = True
            waiting = tuple(reports.describe(step) for step in steps)
            seconds = held_us // 1_000_000
            told.append(reports.HoldOld(pid=event.pid, seconds=seconds, waiting=waiting))
        reason = f"process {event.pid} holds the semaphore; done when it is released"
        held = (Pending(step=step, why=Why.HELD, reason=reason) for step in steps)
        told.extend(self._now_pending((*self._work.waiting, *held)))
        return [*_tell(told), *self._end_pass(self._now_us + self._timing.hold_retry_us)]

    def _on_hold_failed(self, event: events.HoldFailed) -> Effects:
        report = reports.HoldUnusable(errno=event.errno)
        known = self._hold_errno == event.errno
        self._hold_errno = event.errno
        self._blocked = report.text
        self._synced = False
        told = [] if known else _tell([report])
        return [*told, *self._end_pass(self._now_us + self._timing.retry_max_us)]

    def _let_go(self) -> Effects:
        if not self._holding:
            return []
        self._holding = False
        return [effects.ReleaseHold()]

    def _next_step(self) -> Effects:
        step = self._work.next()
        if step is None:
            return self._read_tables(fresh=False)
        self._phase = Phase.STEPPING
        return [effects.DoStep(step=step)]

    def _on_step_done(self, step: Step) -> Effects:
        self._phase = Phase.CHECKING
        self._ledger.done(step)
        num = None
        if isinstance(step, RemoveNode):
            num = self._num_of(step.node)
            self._ledger.all_due(self._now_us)
        self._work.succeeded(step, num)
        return [effects.Tell(report=reports.StepApplied(step=step)), effects.Dispatch()]

    def _on_step_failed(self, event: events.StepFailed) -> Effects:
        self._phase = Phase.CHECKING
        again = self._work.failed(event.step, event.errno, event.detail)
        if not again:
            self._ledger.failed(event.step, event.errno, event.detail, self._now_us)
            return [effects.Dispatch()]
        name = node_of(event.step) or ""
        report = reports.ReplacementFailed(node=name, errno=event.errno)
        return [effects.Tell(report=report), effects.Dispatch()]

    def _num_of(self, name: str) -> int | None:
        entries = self._tables.entries if self._tables is not None else ()
        return next((entry.num for entry in entries if entry.name == name), None)

    def _settle(self, difference: Plan) -> Effects:
        """End a pass that went to its end: note what waits, and until when."""
        self._blocked = ""
        self._hold = None
        self._first_pass_done = True
        told = self._now_pending(difference.pending)
        self._ledger.keep_only(self._pending)
        if not self._pending and not difference.steps:
            if not self._synced:
                self._synced = True
                entries = self._tables.entries if self._tables is not None else ()
                told.append(reports.Synced(nodes=len(entries), fingerprint=fingerprint(entries)))
        else:
            self._synced = False
        return [*_tell(told), *self._end_pass(self._next_look_us(difference))]

    def _next_look_us(self, difference: Plan) -> int | None:
        """Return when to look again at what ends without a notice; None when nothing does."""
        whys = {pending.why for pending in difference.pending}
        if difference.steps:
            return self._now_us + self._timing.retry_first_us
        if Why.PINNED in whys:
            return self._now_us + self._timing.pinned_retry_us
        if whys & _ENDS_UNANNOUNCED:
            return self._now_us + self._timing.retry_max_us
        return None

    def _now_pending(self, pendings: Iterable[Pending]) -> list[reports.Report]:
        """Replace what is pending, keeping since when for what was so before."""
        now: dict[Step, Pending] = {}
        for pending in pendings:
            old = self._pending.get(pending.step)
            since_us = self._now_us if old is None else old.since_us
            now[pending.step] = replace(pending, since_us=since_us)
        told = pending_changes(self._pending, now, self._work.done)
        self._pending = now
        return told

    # --- the shutdown question, and other requests ----------------------------------------------

    def _on_shutdown_asked(self, event: events.ShutdownAsked) -> Effects:
        if self._phase not in {Phase.LISTENING, Phase.CHECKING}:
            return []
        self._question = (event, self._now_us)
        return [effects.ReadUsage(cluster=self._cluster)]

    def _on_usage(self, event: events.UsageRead) -> Effects:
        answer = vote(event.usage)
        if self._phase is Phase.LEAVING:
            self._phase = Phase.ENDED
            in_use = "" if answer.yes else answer.reason
            report = reports.Stopping(in_use=in_use)
            return [effects.Tell(report=report), effects.Disconnect(), effects.Exit(code=0)]
        if self._question is None:
            return []
        asked, asked_us = self._question
        self._question = None
        self._vote = Vote(
            asked_us=asked_us,
            yes=answer.yes,
            reason=answer.reason,
            forced=asked.forced,
            removed=asked.removed,
        )
        report_vote = reports.Voted(yes=answer.yes, reason=answer.reason, forced=asked.forced)
        return [effects.ReplyShutdown(yes=answer.yes), effects.Tell(report=report_vote)]

    def _on_forget(self, node: str) -> Effects:
        if self._phase in {Phase.LEAVING, Phase.ENDED}:
            return []
        members = self._membership.members if self._membership is not None else ()
        entries = self._tables.entries if self._tables is not None else ()
        if any(member.name == node for member in members):
            refused = "it is a member now"
        elif all(entry.name != node for entry in entries):
            refused = "it is not in the table"
        else:
            self._forgotten.add(node)
            self._pass_due_us = self._now_us
            return [effects.Tell(report=reports.Forgotten(node=node))]
        return [effects.Tell(report=reports.ForgetRefused(node=node, reason=refused))]

    def _on_stop(self) -> Effects:
        if self._phase in {Phase.LEAVING, Phase.ENDED}:
            return []
        self._stopping = True
        if self._phase is Phase.AWAY:
            return self._leave()
        if self._phase is Phase.IDLE:
            self._phase = Phase.LISTENING
            return [effects.Dispatch()]
        return []

    def _leave(self) -> Effects:
        self._phase = Phase.LEAVING
        return [effects.ReadUsage(cluster=self._cluster)]

    # --- what is told ---------------------------------------------------------------------------

    def _make_status(self) -> Status:
        membership = self._membership
        entries = self._tables.entries if self._tables is not None else ()
        return Status(
            state=self._state(),
            reason=self._blocked,
            cluster=self._cluster,
            local_id=membership.local_id if membership is not None else None,
            quorum=membership.quorum if membership is not None else None,
            members=membership.members if membership is not None else (),
            entries=entries,
            pending=tuple(self._pending.values()),
            left_out=self._desired.left_out,
            hold=self._hold,
            vote=self._vote,
            fingerprint=self._fingerprint,
            first_pass_done=self._first_pass_done,
        )

    def _state(self) -> State:
        if self._stopping:
            return State.STOPPING
        if self._lost:
            return State.LOST
        if self._blocked:
            return State.WAITING
        if self._hold is not None:
            return State.HELD
        return State.SYNCED if self._synced else State.PENDING


def _tell(told: Iterable[reports.Report]) -> Effects:
    return [effects.Tell(report=report) for report in told]
