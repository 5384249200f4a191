"""What the daemon reports: one typed item gives the log line, the JSON and the trace's records."""

from __future__ import annotations

import enum
import errno
from dataclasses import fields
from typing import ClassVar

from o2cbd.core.exit_codes import EXIT_BAD_SETTINGS
from o2cbd.core.frozen import frozen
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Pending,
    Quorum,
    Remark,
    SetAttribute,
    Step,
    node_of,
)
from o2cbd.core.records import TraceItem, Value


class Severity(enum.Enum):
    """A report's severity; the values are syslog's priorities."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


def symbol(number: int | None) -> str:
    """Return errno's name (`EBUSY`), its digits where it has none, "" for None."""
    return "" if number is None else errno.errorcode.get(number, str(number))


def unread(number: int, detail: str) -> str:
    """Return why a reading of the manager failed; ENOENT means that there is no membership yet."""
    if detail:
        return detail
    hint = ": the manager has not formed its first membership yet"
    return f"{symbol(number)}{hint if number == errno.ENOENT else ''}"


def spell(name: str) -> str:
    """Quote a node's name where it could be mistaken for other text."""
    return name if name.isprintable() and name and not name.isspace() else ascii(name)


def process(pid: int) -> str:
    """Return `process PID`; pid 0 is an unknown process."""
    return f"process {pid}" if pid else "an unknown process"


def counted(number: int, thing: str) -> str:
    """Return a count with its noun, singular for one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def describe(step: Step) -> str:
    """Describe a step in a few words."""
    match step:
        case CreateCluster(cluster=cluster):
            return f"create cluster {cluster}"
        case SetAttribute(node=str(name), attribute=attribute, value=value):
            return f"set {attribute} of node {spell(name)} to {value}"
        case SetAttribute(attribute=attribute, value=value):
            return f"set {attribute} to {value}"
        case AddNode(node=node):
            return f"add node {spell(node.name)} ({node.num}, {node.address}:{node.port})"
        case _:
            return f"remove node {spell(step.node)}"


def step_record(step: Step, number: int | None = None, took_us: int = 0) -> TraceItem:
    """Return the record of a step that was tried.

    Args:
        step: what was tried.
        number: its errno; None when it was done.
        took_us: how long the call took, where that is known.
    """
    fields: dict[str, Value] = {
        "node": node_of(step),
        "errno": symbol(number),
        "text": describe(step),
        "took_us": took_us,
    }
    match step:
        case AddNode(node=node):
            fields |= {"num": node.num, "address": node.address, "port": node.port}
        case SetAttribute():
            fields |= {"attribute": step.attribute, "value": step.value}
    return "step", step.word, fields


def _pending_record(what: str, pending: Pending, **more: Value) -> TraceItem:
    fields: dict[str, Value] = {
        "step": pending.step.word,
        "node": pending.node,
        "why": pending.why.value,
        "errno": symbol(pending.errno),
        "text": describe(pending.step),
        "reason": pending.reason,
        **more,
    }
    return "pending", what, fields


@frozen
class Report:
    """One thing that happened, for the person who must act."""

    code: ClassVar[str]
    """Stable name of the kind, for filters and counters."""
    severity: ClassVar[Severity] = Severity.INFO
    event: ClassVar[tuple[str, ...]] = ()
    """Kind and word of the record that a trace has of it beside the log's line, and its fields."""
    exit_code: ClassVar[int | None] = None
    """What the daemon ends with after it; None: it goes on."""

    @property
    def text(self) -> str:
        """The sentence for the log: what, which node, which errno, what happens next."""
        raise NotImplementedError

    def data(self) -> dict[str, object]:
        """Return the fields as they stand, for structured logs."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def log_record(self) -> TraceItem:
        """The log's line as a trace has it."""
        return "report", self.code, {"severity": self.severity.name.lower(), "text": self.text}

    @property
    def records(self) -> tuple[TraceItem, ...]:
        """What a trace has of it (docs/trace.md)."""
        items = [self.log_record]
        if self.event:
            kind, what, *names = self.event
            values = {name: getattr(self, name) for name in names}
            if "errno" in values:
                values["errno"] = symbol(values["errno"])
            items.insert(0, (kind, what, values))
        if self.exit_code is not None:
            items.append(("daemon", "exit", {"code": self.exit_code}))
        return tuple(items)


@frozen
class ManagerAwaited(Report):
    """The cluster manager cannot be reached; reported again only when the errno changes."""

    code = "manager-awaited"
    severity = Severity.WARNING
    event = ("cman", "unreachable", "errno")
    errno: int
    detail: str

    @property
    def text(self) -> str:
        return f"cannot reach the cluster manager: {self.detail}; retrying"


@frozen
class ManagerReached(Report):
    """There is a connection to the cluster manager."""

    code = "manager-reached"
    severity = Severity.NOTICE
    event = ("cman", "connected")
    again: bool

    @property
    def text(self) -> str:
        return f"connected to the cluster manager{' again' if self.again else ''}"


@frozen
class ManagerGone(Report):
    """The connection to the cluster manager died."""

    code = "manager-gone"
    severity = Severity.ERROR
    event = ("cman", "gone", "errno")
    errno: int

    @property
    def text(self) -> str:
        return (
            f"lost the connection to the cluster manager ({symbol(self.errno)}): keeping the"
            " node tables (file systems may be mounted); reconnecting"
        )


@frozen
class MembershipUnreadable(Report):
    """One reading of the manager failed."""

    code = "membership-unreadable"
    severity = Severity.WARNING
    event = ("cman", "unread", "errno")
    errno: int
    detail: str = ""

    @property
    def text(self) -> str:
        why = unread(self.errno, self.detail)
        return (
            f"cannot read the membership ({why}): keeping the last view; no changes until it can"
            " be read"
        )


@frozen
class Blocked(Report):
    """No step is done at all, for the reason given."""

    code = "blocked"
    severity = Severity.WARNING
    reason: str

    @property
    def text(self) -> str:
        return f"making no changes: {self.reason}"


@frozen
class WrongCluster(Report):
    """The manager's cluster is not the one that the operator named; the start ends."""

    code = "wrong-cluster"
    severity = Severity.ERROR
    exit_code = EXIT_BAD_SETTINGS
    wanted: str
    found: str

    @property
    def text(self) -> str:
        return (
            f"the cluster manager's cluster is {self.found!r} and not {self.wanted!r}: changed"
            " nothing; set the right name, or none"
        )


@frozen
class QuorumChanged(Report):
    """The manager's quorum changed."""

    code = "quorum"
    severity = Severity.NOTICE
    quorum: str

    @property
    def text(self) -> str:
        if self.quorum == Quorum.NONE.value:
            return "static membership, no quorum: the file alone decides which nodes exist"
        return f"quorum: this partition is {self.quorum}"


@frozen
class MemberJoined(Report):
    """A node became a member."""

    code = "member-joined"
    id: int
    name: str

    @property
    def text(self) -> str:
        return f"node {spell(self.name)} (id {self.id}) joined"


@frozen
class MemberLeft(Report):
    """A node is no longer a member."""

    code = "member-left"
    severity = Severity.NOTICE
    id: int
    name: str

    @property
    def text(self) -> str:
        return f"node {spell(self.name)} (id {self.id}) left"


@frozen
class MemberRejoined(Report):
    """A member left and rejoined between two readings; a correct entry stays."""

    code = "member-rejoined"
    severity = Severity.NOTICE
    id: int
    name: str
    was: int
    incarnation: int

    @property
    def text(self) -> str:
        return (
            f"node {spell(self.name)} (id {self.id}) left and rejoined unnoticed (incarnation"
            f" {self.was} -> {self.incarnation})"
        )


@frozen
class NodeLeftOut(Report):
    """A node of the manager's is excluded from the table."""

    code = "left-out"
    severity = Severity.WARNING
    id: int
    name: str
    reason: str

    @property
    def text(self) -> str:
        return f"node {spell(self.name)} (id {self.id}) is excluded: {self.reason}"


@frozen
class Remarked(Report):
    """Something in the configuration that the operator should know; it blocks nothing."""

    code = "remark"
    severity = Severity.NOTICE
    remark: str

    @property
    def text(self) -> str:
        return self.remark


@frozen
class RemarkedMistake(Remarked):
    """A remark of what surely is a mistake."""

    code = "remark-mistake"
    severity = Severity.WARNING


def of_remark(remark: Remark) -> Remarked:
    """Return the report of a remark."""
    return (RemarkedMistake if remark.warning else Remarked)(remark=remark.text)


@frozen
class StepApplied(Report):
    """configfs was changed."""

    code = "step"
    severity = Severity.NOTICE
    step: Step

    @property
    def text(self) -> str:
        return f"done: {describe(self.step)}"

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (step_record(self.step),)


@frozen
class PendingBegan(Report):
    """A step became pending, or is pending for another reason."""

    code = "pending"
    severity = Severity.WARNING
    pending: Pending

    @property
    def text(self) -> str:
        return f"pending: {describe(self.pending.step)}: {self.pending.reason}"

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (_pending_record("begin", self.pending),)


@frozen
class PendingEnded(Report):
    """A step is no longer pending: it was done, or it is no longer wanted."""

    code = "pending-ended"
    severity = Severity.NOTICE
    pending: Pending
    done: bool

    @property
    def text(self) -> str:
        end = "done" if self.done else "dropped, no longer wanted"
        return f"no longer pending: {describe(self.pending.step)}: {end}"

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (_pending_record("end", self.pending, done=self.done),)


@frozen
class ReplacementFailed(Report):
    """An entry was removed to be replaced, and the add failed: the node is in no table."""

    code = "replacement-failed"
    severity = Severity.ERROR
    node: str
    errno: int

    @property
    def text(self) -> str:
        return (
            f"node {spell(self.node)} was removed for its replacement, which cannot be added"
            f" ({symbol(self.errno)}): the node is in no table now; retrying at once"
        )


@frozen
class HoldSeen(Report):
    """Another process holds the semaphore while there are steps to do."""

    code = "hold"
    severity = Severity.NOTICE
    pid: int
    steps: int

    @property
    def text(self) -> str:
        steps = counted(self.steps, "step")
        return f"{process(self.pid)} holds the semaphore: {steps} waiting for its release"

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (("hold", "begin", {"by": "another"}),)


@frozen
class HoldOld(Report):
    """The hold has lasted long."""

    code = "hold-old"
    severity = Severity.WARNING
    pid: int
    seconds: int
    waiting: tuple[str, ...]

    @property
    def text(self) -> str:
        return (
            f"{process(self.pid)} has held the semaphore for {self.seconds} s: no changes until"
            f" it is released; waiting: {'; '.join(self.waiting)}"
        )


@frozen
class HoldGone(Report):
    """The hold is released."""

    code = "hold-gone"
    severity = Severity.NOTICE

    @property
    def text(self) -> str:
        return "the semaphore was released: resuming changes"

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (("hold", "end", {"by": "another"}),)


@frozen
class HoldUnusable(Report):
    """The semaphore cannot be used, so no step is done."""

    code = "hold-unusable"
    severity = Severity.ERROR
    event = ("hold", "unusable", "errno")
    errno: int
    detail: str = ""

    @property
    def text(self) -> str:
        return (
            f"cannot take the semaphore ({symbol(self.errno)}): no changes without it;"
            f" retrying{'; ' if self.detail else ''}{self.detail}"
        )


@frozen
class Voted(Report):
    """The manager asked whether it may shut down, and was answered."""

    code = "vote"
    severity = Severity.NOTICE
    yes: bool
    reason: str
    forced: bool

    @property
    def text(self) -> str:
        answer = "yes" if self.yes else "no"
        unheard = "; the shutdown is forced, so the answer is ignored"
        return (
            f"asked whether the cluster may shut down: {answer}, {self.reason}"
            f"{unheard if self.forced else ''}"
        )

    @property
    def records(self) -> tuple[TraceItem, ...]:
        return (
            ("vote", "yes" if self.yes else "no", {"reason": self.reason, "forced": self.forced}),
        )


@frozen
class AnswerLost(Report):
    """The answer to the shutdown question cannot be sent."""

    code = "answer-lost"
    severity = Severity.ERROR
    yes: bool
    errno: int

    @property
    def text(self) -> str:
        return (
            f"cannot send the answer to the shutdown question, {'yes' if self.yes else 'no'}"
            f" ({symbol(self.errno)}): not retrying; the manager counts a missing answer as no"
        )


@frozen
class Synced(Report):
    """The tables are in sync again."""

    code = "synced"
    severity = Severity.NOTICE
    nodes: int
    fingerprint: str

    @property
    def text(self) -> str:
        return f"in sync: {counted(self.nodes, 'node')}, fingerprint {self.fingerprint}"


@frozen
class Forgotten(Report):
    """The operator confirmed that a lost node is down."""

    code = "forgotten"
    severity = Severity.NOTICE
    event = ("daemon", "forget-asked", "node")
    node: str

    @property
    def text(self) -> str:
        return (
            f"the operator confirmed that node {spell(self.node)} is down: its removal no longer"
            " waits for its return or a majority, only for quorum"
        )


@frozen
class ForgetRefused(Report):
    """The operator asked to forget a node that cannot be forgotten."""

    code = "forget-refused"
    severity = Severity.WARNING
    event = ("daemon", "forget-asked", "node")
    node: str
    reason: str

    @property
    def text(self) -> str:
        return f"cannot forget node {spell(self.node)}: {self.reason}"


@frozen
class Stopping(Report):
    """The daemon ends; configfs stays."""

    code = "stopping"
    severity = Severity.NOTICE
    exit_code = 0
    in_use: str
    """Why the cluster is in use; empty when it is not."""

    @property
    def text(self) -> str:
        if self.in_use:
            return (
                f"stopping; keeping the node tables; {self.in_use}: from now on nothing vetoes a"
                " shutdown of the cluster"
            )
        return "stopping; keeping the node tables"
