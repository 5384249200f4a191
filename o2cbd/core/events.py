"""What can happen to the daemon: the controller's only input. Times come with `observe`."""

from __future__ import annotations

from dataclasses import dataclass

from o2cbd.core.model import Membership, Step, Tables, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """The manager recalculated membership or quorum; it never says what changed."""

    quorate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """The manager re-read its configuration."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownAsked:
    """The manager asks whether it is safe to shut the cluster down on this node."""

    forced: bool
    """The answer will not be heeded."""
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerLost:
    """The connection to the manager died."""

    errno: int


Notice = StateChange | ConfigChange | ShutdownAsked | ManagerLost
"""What a membership source hands over without being asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """The agent was woken: by a descriptor, a deadline or a request. It says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The answer to `Connect`: there is a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed:
    """The answer to `Connect`: there is none."""

    errno: int
    detail: str
    """For the operator: what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """The answer to `Dispatch`: all notices that were there have been observed before this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipRead:
    """The answer to `ReadMembership`."""

    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipReadFailed:
    """The answer to `ReadMembership`: it failed, the connection lives."""

    errno: int
    detail: str = ""
    """For the operator: what to mend where; empty where the manager says only an errno."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesRead:
    """The answer to `ReadTables`."""

    tables: Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesReadFailed:
    """The answer to `ReadTables`: configfs could not be read."""

    errno: int
    detail: str
    """For the operator: which path, or that this is no o2cb configfs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTaken:
    """The answer to `TakeHold`: configfs is ours until `ReleaseHold`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRefused:
    """The answer to `TakeHold`: somebody else holds."""

    pid: int
    """0: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFailed:
    """The answer to `TakeHold`: the semaphore cannot be used at all."""

    errno: int
    detail: str = ""
    """What more is known of it than its errno says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """The answer to `DoStep`."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """The answer to `DoStep`: nothing of it is left behind, or what is left is found next time."""

    step: Step
    errno: int
    detail: str
    """The path, relative to the cluster, at which it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRead:
    """The answer to `ReadUsage`."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAsked:
    """The operator vouches that this lost node is down (`o2cbd forget NODE`)."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
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
