"""What others see of the daemon: the agent's status with the main thread's overlay, as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace

from o2cbd import __version__
from o2cbd.calls import Call
from o2cbd.clock import WallClock
from o2cbd.core.fingerprint import fingerprint
from o2cbd.core.frozen import frozen
from o2cbd.core.model import (
    AddNode,
    Entry,
    Holder,
    LeftOut,
    Node,
    Pending,
    SetAttribute,
    State,
    Status,
    Step,
    node_of,
)
from o2cbd.core.policy import called
from o2cbd.core.reports import Report, counted, describe, of_remark, symbol

SCHEMA = 1
"""Of every JSON object that is given out."""

NOT_BEGUN = Status(
    state=State.WAITING,
    reason="starting",
    cluster=None,
    quorum=None,
    members=(),
    entries=(),
    pending=(),
    left_out=(),
    hold=None,
    vote=None,
    fingerprint=fingerprint(()),
    first_pass_done=False,
)
"""Before there is an agent."""


@frozen
class Overlay:
    """What the main thread knows and the agent cannot say."""

    stopping: bool = False
    stuck: Call | None = None
    """A declared call that has not returned for too long."""
    hold: Holder | None = None
    """Somebody else who holds the semaphore, also while there is nothing to do."""


def overlaid(status: Status, overlay: Overlay, wall: WallClock) -> Status:
    """Return the status as an operator is to see it: the first state that fits."""
    hold = status.hold or overlay.hold
    status = replace(status, hold=hold)
    if overlay.stopping or status.state is State.STOPPING:
        return replace(status, state=State.STOPPING)
    if status.state is State.LOST:
        return status
    if overlay.stuck is not None:
        call = overlay.stuck
        reason = f"in {call.name} since {wall.utc(call.since_us)}"
        return replace(status, state=State.STUCK, reason=reason)
    if hold is not None and status.state in {State.PENDING, State.SYNCED}:
        return replace(status, state=State.HELD)
    if status.state is State.PENDING and status.steps and not status.reason:
        return replace(status, reason=f"{counted(len(status.steps), 'step')} under way")
    return status


def status_json(
    status: Status, call: Call | None, wall: WallClock, warnings: Iterable[Report] = ()
) -> dict[str, object]:
    """Give the whole status out."""
    vote = status.vote
    hold = status.hold
    return {
        "schema": SCHEMA,
        "state": status.state.value,
        "reason": status.reason,
        "cluster": status.cluster,
        "local_id": status.local_id,
        "quorate": None if status.quorum is None else status.quorum.quorate,
        "quorum": None if status.quorum is None else status.quorum.value,
        "members": [
            {"id": member.id, "name": called(member), "incarnation": member.incarnation}
            for member in status.members
        ],
        "nodes": [
            node_json(entry)
            for entry in sorted(status.entries, key=lambda entry: (entry.num, entry.name))
        ],
        "pending": [pending_json(pending, wall) for pending in status.pending],
        "left_out": [left_out_json(one) for one in status.left_out],
        "hold": None if hold is None else {"pid": hold.pid, "since": wall.utc(hold.since_us)},
        "vote": None
        if vote is None
        else {
            "asked": wall.utc(vote.asked_us),
            "answer": "yes" if vote.yes else "no",
            "reason": vote.reason,
            "forced": vote.forced,
            "removed": vote.removed,
        },
        "call": None if call is None else {"name": call.name, "since": wall.utc(call.since_us)},
        "warnings": [warning_json(one) for one in (*warnings, *map(of_remark, status.remarks))],
        "fingerprint": status.fingerprint,
        "first_pass_done": status.first_pass_done,
        "pid": os.getpid(),
        "versions": versions_json(),
    }


def pending_json(pending: Pending, wall: WallClock) -> dict[str, object]:
    """Give out a step that waits."""
    return {
        **step_json(pending.step),
        "why": pending.why.value,
        "reason": pending.reason,
        "errno": symbol(pending.errno) or None,
        "since": wall.utc(pending.since_us),
    }


def step_json(step: Step) -> dict[str, object]:
    """Give out a step: what is done, to whom, and how it reads."""
    given: dict[str, object] = {
        "step": step.word,
        "node": node_of(step),
        "text": describe(step),
    }
    if isinstance(step, AddNode):
        given["wanted"] = node_json(step.node)
    if isinstance(step, SetAttribute):
        given["attribute"], given["value"] = step.attribute, step.value
    return given


def node_json(node: Node | Entry) -> dict[str, object]:
    """Give out a wanted node, or an entry that is there."""
    return {
        "name": node.name,
        "num": node.num,
        "address": node.address,
        "port": node.port,
        "local": node.local,
    }


def plan_json(status: Status, steps: tuple[Step, ...], wall: WallClock) -> dict[str, object]:
    """Give out what would be done now, and why the rest would not."""
    hold = status.hold
    return {
        "schema": SCHEMA,
        "state": status.state.value,
        "reason": status.reason,
        "cluster": status.cluster,
        "hold": None if hold is None else {"pid": hold.pid, "since": wall.utc(hold.since_us)},
        "steps": [step_json(step) for step in steps],
        "pending": [pending_json(pending, wall) for pending in status.pending],
        "left_out": [left_out_json(one) for one in status.left_out],
        "warnings": [warning_json(of_remark(one)) for one in status.remarks],
    }


def left_out_json(left: LeftOut) -> dict[str, object]:
    """Give out a node that is in no table."""
    return {"id": left.id, "name": left.name, "reason": left.reason}


def warning_json(report: Report) -> dict[str, object]:
    """Give out what stops nothing and should be looked at."""
    return {"severity": report.severity.name.lower(), "code": report.code, "text": report.text}


def versions_json() -> dict[str, str]:
    """Give out what runs here."""
    return {
        "o2cbd": __version__,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "kernel": os.uname().release,
    }


def one_line(status: Status) -> str:
    """Say the status in a line, for `systemctl status`."""
    parts = [status.state.value]
    if status.reason:
        parts.append(status.reason)
    if status.cluster is not None:
        parts.append(f"cluster {status.cluster}")
        parts.append(f"{counted(len(status.entries), 'node')} in the table")
    if status.quorum is not None:
        parts.append(status.quorum.text)
    if status.pending:
        first = status.pending[0]
        waiting = f"{describe(first.step)}: {first.reason}"
        parts.append(f"{counted(len(status.pending), 'step')} pending: {waiting}")
    return ", ".join(parts)
