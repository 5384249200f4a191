"""What can happen to the daemon: the controller's only input. Times come with `observe`."""

from __future__ import annotations

from o2cbd.core.frozen import frozen
from o2cbd.core.model import Membership, Step, Tables, Usage


@frozen
class StateChange:
    """The manager recalculated membership or quorum; it never says what changed."""

    quorate: bool


@frozen
class ConfigChange:
    """The manager re-read its configuration."""

    version: int


@frozen
class ShutdownAsked:
    """The manager asks whether it is safe to shut the cluster down on this node."""

    forced: bool
    """The answer will not be heeded."""
    removed: bool


@frozen
class ManagerLost:
    """The connection to the manager died."""

    errno: int


Notice = StateChange | ConfigChange | ShutdownAsked | ManagerLost
"""What a membership source hands over without being asked."""


@frozen
class Woken:
    """The agent was woken: by a descriptor, a deadline or a request. It says nothing else."""


@frozen
class Connected:
    """The answer to `Connect`: there is a connection."""


@frozen
class ConnectFailed:
    """The answer to `Connect`: there is none."""

    errno: int
    detail: str
    """For the operator: what was tried."""


@frozen
class Dispatched:
    """The answer to `Dispatch`: all notices that were there have been observed before this."""


@frozen
class MembershipRead:
    """The answer to `ReadMembership`."""

    membership: Membership


@frozen
class MembershipReadFailed:
    """The answer to `ReadMembership`: it failed, the connection lives."""

    errno: int
    detail: str = ""
    """For the operator: what to mend where; empty where the manager says only an errno."""


@frozen
class TablesRead:
    """The answer to `ReadTables`."""

    tables: Tables


@frozen
class TablesReadFailed:
    """The answer to `ReadTables`: configfs could not be read."""

    errno: int
    detail: str
    """For the operator: which path, or that this is no o2cb configfs."""


@frozen
class HoldTaken:
    """The answer to `TakeHold`: configfs is ours until `ReleaseHold`."""


@frozen
class HoldRefused:
    """The answer to `TakeHold`: somebody else holds."""

    pid: int
    """0: unknown."""


@frozen
class HoldFailed:
    """The answer to `TakeHold`: the semaphore cannot be used at all."""

    errno: int
    detail: str = ""
    """What more is known of it than its errno says."""


@frozen
class StepDone:
    """The answer to `DoStep`."""

    step: Step


@frozen
class StepFailed:
    """The answer to `DoStep`: nothing of it is left behind, or what is left is found next time."""

    step: Step
    errno: int
    detail: str
    """The path, relative to the cluster, at which it failed."""


@frozen
class UsageRead:
    """The answer to `ReadUsage`."""

    usage: Usage


@frozen
class ForgetAsked:
    """The operator vouches that this lost node is down (`o2cbd forget NODE`)."""

    node: str


@frozen
class StopAsked:
    """The daemon is to end; configfs stays."""


Event = (
    Notice
    | Woken
    | Connected
    | ConnectFailed
    | Dispatched
    | MembershipRead
    | MembershipReadFailed
    | TablesRead
    | TablesReadFailed
    | HoldTaken
    | HoldRefused
    | HoldFailed
    | StepDone
    | StepFailed
    | UsageRead
    | ForgetAsked
    | StopAsked
)
