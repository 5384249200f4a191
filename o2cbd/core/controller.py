"""The state machine that ties membership, tables, hold and vote together: events in, effects out.

One pass is: read the membership, read the tables, take the hold, do the steps that can be done,
read the tables again, until nothing doable is left; then rest. Nothing is concluded from what was
done before, only from what is read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from o2cbd.core import effects, events, reports
from o2cbd.core.changes import membership_changes
from o2cbd.core.connection import Connection
from o2cbd.core.exit_codes import EXIT_BAD_SETTINGS
from o2cbd.core.holders import Holders
from o2cbd.core.ledger import Ledger, pause_us
from o2cbd.core.model import Membership, Pending, RemoveNode, Status, Step, Tables, Usage
from o2cbd.core.phase import LEGAL, Phase, UnexpectedEventError
from o2cbd.core.planner import Plan
from o2cbd.core.rules import Rules
from o2cbd.core.schedule import Schedule
from o2cbd.core.shutdown import Question, vote
from o2cbd.core.view import View
from o2cbd.core.waiting import Waiting
from o2cbd.core.work import Work

Effects = list[effects.Effect]

_SAYS_NOTHING = frozenset({events.Woken, events.StateChange, events.ConfigChange})
"""The most frequent events: what they are about is found out by a pass, and known only then."""


class Controller:
    """Decides; does nothing. Feed every event to `observe` and perform the effects in order."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._timing = rules.timing
        self._now_us = 0
        self._phase = Phase.AWAY
        self._interrupted = Phase.LISTENING
        self._connection = Connection(rules.timing)
        self._schedule = Schedule(rules.timing.resync_us)
        self._ledger = Ledger(rules.timing)
        self._holders = Holders(rules.timing)
        self._waiting = Waiting()
        self._question = Question()
        self._view = View(rules)
        self._work = Work()
        self._noticed = False
        self._holding = False
        self._stopping = False
        self._unread_memberships = 0
        self._unread_tables = 0
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
                return self._connection.due_us
            case Phase.ENDED:
                return None
            case _:
                return self._schedule.due_us

    def observe(self, event: events.Event, now_us: int) -> tuple[effects.Effect, ...]:
        """Take one event in and say what is to be done, in this order.

        Raises:
            UnexpectedEventError: the event cannot come in this phase.
        """
        if type(event) not in LEGAL[self._phase]:
            raise UnexpectedEventError(f"{type(event).__name__} while {self._phase.value}")
        self._now_us = now_us
        wanted = self._react(event)
        if type(event) not in _SAYS_NOTHING:
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
            case _:
                return self._on_stop()

    # --- the manager ----------------------------------------------------------------------------

    def _on_woken(self) -> Effects:
        if self._phase is Phase.AWAY and self._now_us >= self._connection.due_us:
            self._phase = Phase.CONNECTING
            return [effects.Connect()]
        if self._phase is Phase.IDLE:
            return self._listen(Phase.LISTENING)
        return []

    def _listen(self, phase: Phase) -> Effects:
        self._phase = phase
        return [effects.Dispatch()]

    def _on_connected(self) -> Effects:
        told = self._connection.reached()
        self._view.unsettle()
        self._view.block("the membership has not been read yet")
        self._look_at_once()
        return [*_tell(told), *self._listen(Phase.LISTENING)]

    def _on_connect_failed(self, event: events.ConnectFailed) -> Effects:
        self._phase = Phase.AWAY
        self._view.block(f"cannot reach the cluster manager: {event.detail}")
        return _tell(*self._connection.failed(event.errno, event.detail, self._now_us))

    def _on_manager_lost(self, event: events.ManagerLost) -> Effects:
        if self._phase in {Phase.AWAY, Phase.ENDED}:
            return []
        self._phase = Phase.AWAY
        self._work = Work()
        self._question.drop()
        self._view.lose_manager()
        symbol = reports.symbol(event.errno)
        self._view.block(f"lost the connection to the cluster manager ({symbol})")
        told = self._connection.died(event.errno, self._now_us)
        gone = [*self._let_go(), effects.Disconnect(), *_tell(told)]
        return [*gone, *self._leave()] if self._stopping else gone

    def _on_notice(self) -> Effects:
        if self._phase in {Phase.LISTENING, Phase.CHECKING}:
            self._look_at_once()
        return []

    def _look_at_once(self) -> None:
        """Let a pass begin after this dispatch, and let it try everything again."""
        self._noticed = True
        self._schedule.at_once(self._now_us)
        self._ledger.all_due(self._now_us)

    def _on_shutdown_asked(self, event: events.ShutdownAsked) -> Effects:
        if self._phase in {Phase.LISTENING, Phase.CHECKING}:
            self._question.asked(event, self._now_us)
        return []

    def _on_dispatched(self) -> Effects:
        if self._phase not in {Phase.LISTENING, Phase.CHECKING}:
            return []
        if self._question.open:
            self._interrupted, self._phase = self._phase, Phase.ANSWERING
            return [effects.ReadUsage(cluster=self._view.cluster)]
        if self._stopping:
            return [*self._let_go(), *self._leave()]
        if self._phase is Phase.CHECKING and not self._noticed:
            return self._next_step()
        if self._now_us >= self._schedule.due_us:
            return [*self._let_go(), *self._begin_pass()]
        self._phase = Phase.IDLE
        return []

    def _on_usage(self, event: events.UsageRead) -> Effects:
        if self._phase is Phase.LEAVING:
            self._phase = Phase.ENDED
            left = vote(event.usage)
            told = reports.Stopping(in_use="" if left.yes else left.reason)
            return [*_tell(told), effects.Disconnect(), effects.Exit(code=0)]
        given = self._question.answer(self._with_what_is_unknown(event.usage))
        told_vote = reports.Voted(yes=given.yes, reason=given.reason, forced=given.forced)
        return [
            effects.ReplyShutdown(yes=given.yes),
            *_tell(told_vote),
            *self._listen(self._interrupted),
        ]

    def _with_what_is_unknown(self, usage: Usage) -> Usage:
        """Add that nobody could be asked who holds: the semaphore goes by the cluster's name."""
        if self._view.cluster_known:
            return usage
        unknown = "who holds the semaphore: this node's cluster is not known yet"
        return replace(usage, unreadable=(*usage.unreadable, unknown))

    # --- the pass: what should be ---------------------------------------------------------------

    def _begin_pass(self) -> Effects:
        self._phase = Phase.READING_MEMBERSHIP
        self._noticed = False
        self._work = Work()
        self._schedule.begin(self._now_us)
        return [effects.ReadMembership()]

    def _end_pass(self, *moments_us: int | None) -> None:
        """Rest until the first of these moments, or the resync."""
        self._phase = Phase.IDLE
        self._schedule.rest(*moments_us)

    def _on_membership_failed(self, event: events.MembershipReadFailed) -> Effects:
        self._unread_memberships += 1
        why = reports.unread(event.errno, event.detail)
        news = self._view.block(f"cannot read the membership ({why}); retrying")
        self._end_pass(self._now_us + pause_us(self._unread_memberships, self._timing))
        if not news:
            return []
        return _tell(reports.MembershipUnreadable(errno=event.errno, detail=event.detail))

    def _on_membership(self, membership: Membership) -> Effects:
        self._unread_memberships = 0
        self._connection.proved()
        told = _tell(*membership_changes(self._view.membership, membership))
        wrong = self._view.take(membership, self._now_us)
        if wrong is not None:
            return self._wrong_cluster(wrong)
        problem = self._view.no_step()
        if problem:
            self._end_pass()
            self._view.desire()
            return [*told, *_tell(*self._view.news()), *self._block(problem)]
        return [*told, *self._read_tables()]

    def _wrong_cluster(self, wrong: reports.WrongCluster) -> Effects:
        self._phase = Phase.ENDED
        self._view.block(wrong.text)
        return [*_tell(wrong), effects.Disconnect(), effects.Exit(code=EXIT_BAD_SETTINGS)]

    def _block(self, problem: str) -> Effects:
        """Note that no step is done, telling it once."""
        return _tell(reports.Blocked(reason=problem)) if self._view.block(problem) else []

    # --- the pass: what is ----------------------------------------------------------------------

    def _read_tables(self) -> Effects:
        self._phase = Phase.READING_TABLES
        return [
            effects.ReadTables(
                cluster=self._view.cluster or "",
                own=self._view.own_name,
                attributes=tuple(sorted(self._rules.attributes)),
                fresh=self._schedule.fresh,
            )
        ]

    def _on_tables_failed(self, event: events.TablesReadFailed) -> Effects:
        self._unread_tables += 1
        self._schedule.read(good=False)
        self._end_pass(self._now_us + pause_us(self._unread_tables, self._timing))
        problem = f"{event.detail} ({reports.symbol(event.errno)})"
        return [*self._let_go(), *self._block(problem)]

    def _on_tables(self, tables: Tables) -> Effects:
        self._unread_tables = 0
        self._schedule.read(good=True)
        refused = {**self._ledger.refusals(self._now_us), **self._work.tried}
        difference = self._view.compare(tables, refused, self._now_us)
        told = _tell(*self._view.news())
        if not self._work.begin_round(difference):
            return [*told, *self._let_go(), *self._settle(difference)]
        self._view.differs()
        if self._holding:
            return [*told, *self._listen(Phase.CHECKING)]
        self._phase = Phase.TAKING_HOLD
        return [*told, effects.TakeHold(cluster=self._view.cluster or "")]

    # --- the pass: doing it ---------------------------------------------------------------------

    def _on_hold_taken(self) -> Effects:
        self._holding = True
        return [*_tell(*self._holders.taken()), *self._listen(Phase.CHECKING)]

    def _on_hold_refused(self, event: events.HoldRefused) -> Effects:
        told, held = self._holders.refused(event.pid, self._work.steps, self._now_us)
        return self._keep_back(told, held)

    def _on_hold_failed(self, event: events.HoldFailed) -> Effects:
        told, held = self._holders.unusable(event.errno, self._work.steps, event.detail)
        self._view.block(reports.HoldUnusable(errno=event.errno, detail=event.detail).text)
        return self._keep_back(told, held)

    def _keep_back(self, told: Iterable[reports.Report], held: Sequence[Pending]) -> Effects:
        waits = self._waiting.now((*self._work.waiting, *held), self._now_us)
        self._work = Work()
        self._end_pass(self._holders.retry_us(self._now_us))
        return _tell(*told, *waits)

    def _let_go(self) -> Effects:
        if not self._holding:
            return []
        self._holding = False
        return [effects.ReleaseHold()]

    def _next_step(self) -> Effects:
        step = self._work.next()
        if step is None:
            return self._read_tables()
        self._phase = Phase.STEPPING
        return [effects.DoStep(step=step)]

    def _on_step_done(self, step: Step) -> Effects:
        self._ledger.done(step)
        if isinstance(step, RemoveNode):
            self._ledger.removed(self._now_us)
        self._work.succeeded(step)
        self._waiting.did(step)
        return [*_tell(reports.StepApplied(step=step)), *self._listen(Phase.CHECKING)]

    def _on_step_failed(self, event: events.StepFailed) -> Effects:
        orphan = self._work.failed(event.step, event.errno, event.detail)
        if orphan is None:
            self._ledger.failed(event.step, event.errno, event.detail, self._now_us)
            return self._listen(Phase.CHECKING)
        told = reports.ReplacementFailed(node=orphan, errno=event.errno)
        return [*_tell(told), *self._listen(Phase.CHECKING)]

    def _settle(self, difference: Plan) -> Effects:
        """End a pass that went to its end: note what waits, and until when."""
        told = self._waiting.now(difference.pending, self._now_us)
        self._holders.nothing_waits()
        self._ledger.keep_only(self._waiting.steps)
        told.extend(self._view.settled(difference))
        self._end_pass(
            self._now_us + self._timing.retry_first_us if difference.steps else None,
            self._ledger.next_due_us(self._now_us),
            self._waiting.next_look_us(
                self._now_us, self._timing.pinned_retry_us, self._timing.retry_max_us
            ),
            self._view.settled_us if self._waiting.unsettled else None,
        )
        return _tell(*told)

    # --- requests -------------------------------------------------------------------------------

    def _on_forget(self, node: str) -> Effects:
        if self._phase is Phase.ENDED:
            return []
        refused = self._view.forget(node)
        if refused:
            return _tell(reports.ForgetRefused(node=node, reason=refused))
        self._look_at_once()
        return _tell(reports.Forgotten(node=node))

    def _on_stop(self) -> Effects:
        if self._phase is Phase.ENDED:
            return []
        self._stopping = True
        if self._phase is Phase.AWAY:
            return self._leave()
        if self._phase is Phase.IDLE:
            return self._listen(Phase.LISTENING)
        return []

    def _leave(self) -> Effects:
        self._phase = Phase.LEAVING
        self._work = Work()
        return [effects.ReadUsage(cluster=self._view.cluster)]

    # --- what is told ---------------------------------------------------------------------------

    def _make_status(self) -> Status:
        return self._view.status(
            stopping=self._stopping,
            lost=self._connection.lost,
            pending=self._waiting.pending,
            hold=self._holders.holder,
            vote=self._question.last,
            steps=self._work.left,
        )


def _tell(*told: reports.Report) -> Effects:
    return [effects.Tell(report=report) for report in told]
