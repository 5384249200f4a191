"""What the controller wants done: its only output. Each is answered by the events named here."""

from __future__ import annotations

from dataclasses import dataclass

from o2cbd.core.model import Step
from o2cbd.core.reports import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Open the manager. Answer: Connected or ConnectFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """Close the manager's connection. No answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Take the manager's notices. Answer: each notice, then Dispatched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMembership:
    """Answer: MembershipRead, MembershipReadFailed or ManagerLost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTables:
    """Answer: TablesRead or TablesReadFailed."""

    cluster: str
    own: str | None
    """The name of our own entry as wanted, whose `local` is always read."""
    attributes: tuple[str, ...]
    """The cluster attributes to read."""
    fresh: bool
    """Nothing kept from earlier readings is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeHold:
    """Answer: HoldTaken, HoldRefused or HoldFailed."""

    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold:
    """No answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoStep:
    """Answer: StepDone or StepFailed."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUsage:
    """Answer: UsageRead."""

    cluster: str | None
    """None: not known yet, so any cluster that is there counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyShutdown:
    """Answer the manager's open question. No answer, or ManagerLost."""

    yes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Journal this. No answer."""

    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The daemon must end with this exit code. No answer."""

    code: int


Effect = (
    Connect
    | Disconnect
    | Dispatch
    | ReadMembership
    | ReadTables
    | TakeHold
    | ReleaseHold
    | DoStep
    | ReadUsage
    | ReplyShutdown
    | Tell
    | Exit
)
