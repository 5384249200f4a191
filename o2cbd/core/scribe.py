"""What an agent sees, decides and does, written down as records: pure, and the same everywhere.

It hears each event and each effect with the status that came of it. What the operator's log names
and a trace must not (process ids, mount points, paths, texts of errors) is left out or said in
general words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from o2cbd.core import effects, events, reports
from o2cbd.core.frozen import frozen
from o2cbd.core.model import (
    AddNode,
    Membership,
    Pending,
    SetAttribute,
    Status,
    Step,
    Usage,
    Why,
    node_of,
)
from o2cbd.core.records import Value, ranges
from o2cbd.core.rules import Rules

Emit = Callable[[int, str, str, dict[str, Value]], None]
"""Takes the time in microseconds, the kind, what happened, and the fields."""

_WITH_A_KIND = (reports.StepApplied, reports.HoldSeen, reports.HoldGone)
"""Reports of what has records of its own."""

_FAILING_MAX = 1000
"""So many failing steps are known apart; a table has fewer."""


@frozen
class _View:
    """What of a membership makes it another one."""

    members: Mapping[int, int]
    """Incarnations by id."""
    quorate: bool | None
    two_node: bool


class Scribe:
    """Writes down one agent's life. Call `note` with everything in its order."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._now_us = 0
        self._view: _View | None = None
        self._failing: dict[str, int] = {}
        self._failing_steps: dict[Step, int] = {}
        self._step_us = 0
        self._held = False
        self._usage = Usage()
        self._outside = ""
        self.names: dict[int, str] = {}
        """The names of all members that were ever seen, by id."""

    def note(self, item: events.Event | effects.Effect, status: Status, now_us: int) -> None:
        """Write down what is worth it of an event that was observed or an effect to be done."""
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
                self._step(item.step, "")
            case events.StepFailed():
                self._step_failed(item)
            case effects.Tell():
                self._told(item.report)
            case events.MembershipRead():
                self._membership(item.membership)
            case events.TablesRead():
                self._failing.pop("table", None)
            case events.TablesReadFailed():
                self._outside = item.detail
                self._failed("table", "unread", item.errno)
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
                self._add("cman", "gone", errno=reports.symbol(item.errno))
            case events.MembershipReadFailed():
                self._failed("cman", "unread", item.errno)
            case events.Connected():
                self._failing.pop("cman", None)
                self._add("cman", "connected")
            case events.ConnectFailed():
                self._failed("cman", "unreachable", item.errno)
            case events.HoldTaken() | events.HoldRefused():
                self._failing.pop("hold", None)
            case events.HoldFailed():
                self._failed("hold", "unusable", item.errno)
            case events.ForgetAsked():
                self._add("daemon", "forget-asked", node=item.node)
            case events.StopAsked():
                self._add("daemon", "stop-asked")
            case effects.Exit():
                self._add("daemon", "exit", code=item.code)
            case _:
                return

    def _add(self, kind: str, what: str, **detail: Value) -> None:
        self._emit(self._now_us, kind, what, detail)

    def _failed(self, kind: str, what: str, errno: int) -> None:
        """Write a failure down, and not its repetitions."""
        if self._failing.get(kind) != errno:
            self._failing[kind] = errno
            self._add(kind, what, errno=reports.symbol(errno))

    # --- the manager ----------------------------------------------------------------------------

    def _membership(self, membership: Membership) -> None:
        """Write a view down when it is another one than before, with what changed in it."""
        self._failing.pop("cman", None)
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

    def _step_failed(self, event: events.StepFailed) -> None:
        if self._failing_steps.get(event.step) == event.errno:
            return
        if len(self._failing_steps) >= _FAILING_MAX:
            self._failing_steps.clear()
        self._failing_steps[event.step] = event.errno
        self._step(event.step, reports.symbol(event.errno))

    def _step(self, step: Step, errno: str) -> None:
        fields: dict[str, Value] = {}
        match step:
            case AddNode(node=node):
                fields = {"num": node.num, "address": node.address, "port": node.port}
            case SetAttribute():
                fields = {"attribute": step.attribute, "value": step.value}
        self._add(
            "step",
            step.word,
            node=node_of(step),
            errno=errno,
            text=reports.describe(step),
            took_us=self._now_us - self._step_us,
            **fields,
        )

    # --- what is told ---------------------------------------------------------------------------

    def _told(self, report: reports.Report) -> None:
        match report:
            case reports.PendingBegan():
                self._pending("begin", report.pending)
            case reports.PendingEnded():
                self._failing_steps.pop(report.pending.step, None)
                self._pending("end", report.pending, done=report.done)
            case reports.Voted():
                self._add(
                    "vote",
                    "yes" if report.yes else "no",
                    reason=in_use(self._usage) or "no heartbeat, no mount, no hold",
                    forced=report.forced,
                )
            case _ if not isinstance(report, _WITH_A_KIND):
                severity = report.severity.name.lower()
                text = self._general(report).text
                self._add("report", report.code, severity=severity, text=text)

    def _pending(self, what: str, pending: Pending, **more: Value) -> None:
        reason = pending.reason
        if pending.why is Why.HELD and pending.errno is None:
            reason = "somebody else holds the semaphore; done when it is released"
        self._add(
            "pending",
            what,
            step=pending.step.word,
            node=pending.node,
            why=pending.why.value,
            errno=reports.symbol(pending.errno),
            text=reports.describe(pending.step),
            reason=reason,
            **more,
        )

    def _general(self, report: reports.Report) -> reports.Report:
        """Return the report without what belongs to this machine alone."""
        match report:
            case reports.HoldOld():
                return replace(report, pid=0)
            case reports.ManagerAwaited():
                return replace(report, detail=reports.symbol(report.errno))
            case reports.Stopping() if report.in_use:
                return replace(report, in_use=in_use(self._usage))
            case reports.Blocked() if self._outside:
                said, _, _path = self._outside.partition(" at /")
                return replace(report, reason=report.reason.replace(self._outside, said))
        return report


def in_use(usage: Usage) -> str:
    """Say in general words what keeps the cluster in use; empty when nothing does."""
    said: list[str] = []
    if usage.regions:
        said.append(f"heartbeat runs in {len(usage.regions)} region(s)")
    if usage.mounts:
        said.append(f"OCFS2 is mounted at {len(usage.mounts)} place(s)")
    if usage.held_by is not None:
        said.append("somebody else holds the semaphore")
    if usage.unreadable:
        said.append(f"{len(usage.unreadable)} fact(s) cannot be read")
    return "; ".join(said)


def rules_told(rules: Rules) -> dict[str, str]:
    """Return what the operator decided that can be seen in a trace."""
    return {
        "scope": rules.table.scope.value,
        "port": str(rules.table.port),
        "quorum": rules.removals.quorum.value,
        "two_node": rules.removals.two_node.value,
    }
