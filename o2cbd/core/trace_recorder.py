"""Record what an agent sees, decides and does, as a trace: pure, the same in every simulation.

A report of the daemon's has its records itself (`o2cbd.core.reports`). What no report says is taken
from events: the manager's notices, the views, each step that was tried and how long it took, the
tables that cannot be read, and until when somebody holds the semaphore. What the operator's log
names and a trace must not (process ids, mount points, paths, texts of errors) is generalised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from o2cbd.core import effects, events, reports
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Membership, Status, Step, Usage, Why
from o2cbd.core.records import Value, ranges
from o2cbd.core.rules import Rules

Emit = Callable[[int, str, str, dict[str, Value]], None]
"""Takes the time in microseconds, the kind, what happened, and the fields."""

_FROM_EVENTS = (reports.StepApplied, reports.HoldSeen, reports.HoldGone)
"""Reports whose records are made of events: with the step's duration, and with ends of a hold that
are not reported."""

_FAILING_MAX = 1000
"""Failing steps that are told apart; a table has fewer."""


@frozen
class _View:
    """The fields of a membership that make it another view when they change."""

    members: Mapping[int, int]
    """Incarnations by id."""
    quorate: bool | None
    two_node: bool


class TraceRecorder:
    """Records one agent's life. Call `note` with each event and effect, in order."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._now_us = 0
        self._view: _View | None = None
        self._tables_errno: int | None = None
        self._failing_steps: dict[Step, int] = {}
        self._step_us = 0
        self._held = False
        self._usage = Usage()
        self._tables_detail = ""
        self.names: dict[int, str] = {}
        """The names of all members that were ever seen, by id."""

    def note(self, item: events.Event | effects.Effect, status: Status, now_us: int) -> None:
        """Record an event that was observed or an effect to be done, where a trace has it."""
        self._now_us = now_us
        self._note(item)
        if self._held is (status.hold is None):
            self._held = not self._held
            self._add("hold", "begin" if self._held else "end", by="another")

    def _note(self, item: events.Event | effects.Effect) -> None:  # noqa: C901, PLR0912 - one arm a kind
        match item:
            case events.Woken() | events.Dispatched() | effects.Dispatch():
                return  # the most frequent ones say nothing
            case effects.DoStep():
                self._step_us = self._now_us
            case events.StepDone():
                self._failing_steps.pop(item.step, None)
                self._step(item.step, None)
            case events.StepFailed():
                self._step_failed(item)
            case effects.Tell():
                self._report(item.report)
            case events.MembershipRead():
                self._membership(item.membership)
            case events.TablesRead():
                self._tables_errno = None
            case events.TablesReadFailed():
                self._tables_failed(item)
            case events.UsageRead():
                self._usage = item.usage
            case events.StateChange():
                self._add("notice", "state-change", quorate=item.quorate)
            case events.ConfigChange():
                self._add("notice", "config-change", version=item.version)
            case events.ShutdownAsked():
                self._add("notice", "shutdown-asked", forced=item.forced, removed=item.removed)
            case events.ManagerLost():
                self._view = None
            case events.StopAsked():
                self._add("daemon", "stop-asked")
            case _:
                return

    def _add(self, kind: str, what: str, **detail: Value) -> None:
        self._emit(self._now_us, kind, what, detail)

    def _membership(self, membership: Membership) -> None:
        """Record a view when it is another one than before, with what changed in it."""
        view = _View(
            members={member.id: member.incarnation for member in membership.members},
            quorate=membership.quorum.quorate,
            two_node=membership.two_node,
        )
        if view == self._view:
            return
        before = {} if self._view is None else self._view.members
        self._view = view
        for member in membership.members:
            self.names[member.id] = member.name
        joined = [
            node_id
            for node_id, incarnation in view.members.items()
            if before.get(node_id) != incarnation
        ]
        self._add(
            "cman",
            "view",
            members=ranges(view.members),
            quorate=view.quorate,
            two_node=view.two_node,
            joined=joined,
            incarnations=[view.members[node_id] for node_id in joined],
            left=sorted(set(before) - set(view.members)),
        )

    # --- configfs -------------------------------------------------------------------------------

    def _tables_failed(self, event: events.TablesReadFailed) -> None:
        self._tables_detail = event.detail
        if event.errno != self._tables_errno:
            self._tables_errno = event.errno
            self._add("table", "unread", errno=reports.symbol(event.errno))

    def _step_failed(self, event: events.StepFailed) -> None:
        if self._failing_steps.get(event.step) == event.errno:
            return
        if len(self._failing_steps) >= _FAILING_MAX:
            self._failing_steps.clear()
        self._failing_steps[event.step] = event.errno
        self._step(event.step, event.errno)

    def _step(self, step: Step, number: int | None) -> None:
        took_us = self._now_us - self._step_us
        self._emit(self._now_us, *reports.step_record(step, number, took_us))

    # --- reports --------------------------------------------------------------------------------

    def _report(self, report: reports.Report) -> None:
        if isinstance(report, reports.PendingEnded):
            self._failing_steps.pop(report.pending.step, None)
        if not isinstance(report, _FROM_EVENTS):
            for record in self._general(report).records:
                self._emit(self._now_us, *record)

    def _general(self, report: reports.Report) -> reports.Report:
        """Return the report without what belongs to this machine alone."""
        match report:
            case reports.HoldOld():
                report = replace(report, pid=0)
            case reports.ManagerAwaited():
                report = replace(report, detail=reports.symbol(report.errno))
            case reports.Stopping() if report.in_use:
                report = replace(report, in_use=in_use(self._usage))
            case reports.Voted():
                why = in_use(self._usage) or "no heartbeat, no mount, no hold"
                report = replace(report, reason=why)
            case reports.PendingBegan(pending=pending) | reports.PendingEnded(pending=pending) if (
                pending.why is Why.HELD and pending.errno is None
            ):
                reason = "another process holds the semaphore; waiting for its release"
                report = replace(report, pending=replace(pending, reason=reason))
            case reports.Blocked() if self._tables_detail:
                detail, _, _path = self._tables_detail.partition(" at /")
                report = replace(report, reason=report.reason.replace(self._tables_detail, detail))
        return report


def in_use(usage: Usage) -> str:
    """Return what keeps the cluster in use, in general words; empty when nothing does."""
    found: list[str] = []
    if usage.regions:
        found.append(f"heartbeat runs in {len(usage.regions)} region(s)")
    if usage.mounts:
        found.append(f"OCFS2 is mounted at {len(usage.mounts)} place(s)")
    if usage.held_by is not None:
        found.append("another process holds the semaphore")
    if usage.unreadable:
        found.append(f"{len(usage.unreadable)} fact(s) cannot be read")
    return "; ".join(found)


def traced_rules(rules: Rules) -> dict[str, str]:
    """Return the rules that a trace's header names."""
    return {
        "scope": rules.table.scope.value,
        "port": str(rules.table.port),
        "quorum": rules.removals.quorum.value,
        "two_node": rules.removals.two_node.value,
    }
