"""What the controller wants done: its only output. Each is answered by the events named here."""

from __future__ import annotations

from o2cbd.core.frozen import frozen
from o2cbd.core.model import Step
from o2cbd.core.reports import Report


@frozen
class Connect:
    """Open the manager. Answer: Connected or ConnectFailed."""


@frozen
class Disconnect:
    """Close the manager's connection. No answer."""


@frozen
class Dispatch:
    """Take the manager's notices. Answer: each notice, then Dispatched."""


@frozen
class ReadMembership:
    """Answer: MembershipRead, MembershipReadFailed or ManagerLost."""


@frozen
class ReadTables:
    """Answer: TablesRead or TablesReadFailed."""

    cluster: str
    own: str | None
    """The name of our own entry as wanted, whose `local` is always read."""
    attributes: tuple[str, ...]
    """The cluster attributes to read."""
    fresh: bool
    """Nothing kept from earlier readings is used."""


@frozen
class TakeHold:
    """Answer: HoldTaken, HoldRefused or HoldFailed."""

    cluster: str


@frozen
class ReleaseHold:
    """No answer."""


@frozen
class DoStep:
    """Answer: StepDone or StepFailed."""

    step: Step


@frozen
class ReadUsage:
    """Answer: UsageRead."""

    cluster: str | None
    """None: not known yet, so any cluster that is there counts."""


@frozen
class ReplyShutdown:
    """Answer the manager's open question. No answer, or ManagerLost."""

    yes: bool


@frozen
class Tell:
    """Journal this. No answer."""

    report: Report


@frozen
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
