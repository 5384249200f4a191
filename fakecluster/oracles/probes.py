"""Probes: "this interesting thing happened at least once", read off what happens.

Nothing in the daemon knows of them. A run counts its own; whoever makes many runs adds them up and
asks which were never hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from o2cbd.core import reports
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    RemoveNode,
    SetAttribute,
    State,
    Status,
    Why,
)

PROBES: Final[Mapping[str, str]] = {
    "adopted": "a daemon found right entries at its first pass and did no step",
    "cluster-made": "a daemon made the cluster",
    "node-added": "a node was added",
    "node-removed": "a node was removed",
    "local-set": "the local node got local=1",
    "completed": "a half-made node was completed in place",
    "attribute-set": "an attribute of the cluster was set",
    "replacement-failed": "an add failed after the removal that it was to follow",
    "pending-ended": "a step that had to wait was done, or was wanted no more",
    "member-joined": "somebody joined",
    "member-left": "somebody left",
    "member-rejoined": "somebody was gone and back before anybody saw it gone",
    "quorum-lost": "a partition lost quorum",
    "quorum-found": "a partition got quorum",
    "left-out-id": "a node was left out for its id",
    "left-out-name": "a node was left out for its name",
    "left-out-address": "a node was left out for its address",
    "left-out-duplicate": "a node was left out for what another one has",
    "manager-awaited": "the manager was not there yet",
    "manager-gone": "the manager died under the daemon",
    "manager-again": "the daemon reached the manager again",
    "read-failed": "the membership could not be read",
    "wrong-cluster": "the manager's name was not the operator's",
    "blocked": "no step was allowed at all",
    "held": "somebody else held while there was something to do",
    "held-long": "somebody held for over a minute",
    "hold-ended": "a hold ended and what was left was done",
    "hold-unusable": "the semaphore could not be used",
    "vote-yes": "a shutdown was agreed to",
    "vote-no": "a shutdown was refused",
    "vote-forced": "a shutdown was asked that heeds no answer",
    "forgot": "an operator vouched for a lost node",
    "forget-refused": "an operator's word was not taken",
    "stopped": "a daemon was asked to end and did",
    "stopped-in-use": "a daemon ended while OCFS2 was in use",
    "state-stuck": "a daemon stood still in a call to a stopped manager",
    **{
        f"state-{state.value}": f"a daemon rested in state {state.value}"
        for state in State
        if state not in {State.STOPPING, State.STUCK}
    },
    # A hold is told of as such, and a moment is not told.
    **{
        f"pending-{why.value}": f"a step waited: {why.value}"
        for why in Why
        if why not in {Why.HELD, Why.UNSETTLED}
    },
    "daemon-crashed-in-call": "a daemon was killed inside a call",
    "call-failed": "a changing call of a daemon's to configfs was refused",
}
"""Every probe by its name, and what it stands for."""

RARE: Final = frozenset(
    {
        "pending-ignored",
        "pending-replacement-blocked",
        "pending-unsafe",
        "replacement-failed",
        "stopped-in-use",
        "wrong-cluster",
    }
)
"""Not to be expected of a short run."""

_SIMPLE: Final[Mapping[type[reports.Report], str]] = {
    reports.ReplacementFailed: "replacement-failed",
    reports.PendingEnded: "pending-ended",
    reports.MemberJoined: "member-joined",
    reports.MemberLeft: "member-left",
    reports.MemberRejoined: "member-rejoined",
    reports.ManagerAwaited: "manager-awaited",
    reports.ManagerGone: "manager-gone",
    reports.MembershipUnreadable: "read-failed",
    reports.WrongCluster: "wrong-cluster",
    reports.Blocked: "blocked",
    reports.HoldSeen: "held",
    reports.HoldOld: "held-long",
    reports.HoldGone: "hold-ended",
    reports.HoldUnusable: "hold-unusable",
    reports.Forgotten: "forgot",
    reports.ForgetRefused: "forget-refused",
}


class Probes:
    """Counts what happened in one run."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}
        """How often each probe was hit; those that never were are not in it."""
        self._last: Status | None = None

    def hit(self, name: str) -> None:
        """Count one.

        Raises:
            KeyError: there is no such probe.
        """
        if name not in PROBES:
            raise KeyError(name)
        self.hits[name] = self.hits.get(name, 0) + 1

    def never_hit(self) -> tuple[str, ...]:
        """Return the probes that were not hit, sorted."""
        return tuple(sorted(set(PROBES) - set(self.hits)))

    def reported(self, report: reports.Report) -> None:
        """See what a daemon reported."""
        name = _SIMPLE.get(type(report)) or _probe_of(report)
        if name is not None:
            self.hit(name)
        if isinstance(report, reports.Voted) and report.forced:
            self.hit("vote-forced")

    def rested(self, status: Status) -> None:
        """See in which state a daemon rests."""
        if status is not self._last:
            self._last = status
            self.hit(f"state-{status.state.value}")


def _probe_of(report: reports.Report) -> str | None:  # noqa: PLR0911 - one arm a report
    match report:
        case reports.StepApplied(step=step):
            return _probe_of_step(step)
        case reports.PendingBegan(pending=pending):
            return f"pending-{pending.why.value}"
        case reports.QuorumChanged(quorum=quorum):
            return "quorum-found" if quorum == "quorate" else "quorum-lost"
        case reports.ManagerReached(again=again):
            return "manager-again" if again else None
        case reports.Voted(yes=yes):
            return "vote-yes" if yes else "vote-no"
        case reports.Stopping(in_use=in_use):
            return "stopped-in-use" if in_use else "stopped"
        case reports.NodeLeftOut(reason=reason):
            return _probe_of_reason(reason)
        case _:
            return None


def _probe_of_step(step: object) -> str:
    match step:
        case CreateCluster():
            return "cluster-made"
        case AddNode():
            return "node-added"
        case RemoveNode():
            return "node-removed"
        case SetAttribute(node=None):
            return "attribute-set"
        case SetAttribute(attribute="local"):
            return "local-set"
        case _:
            return "completed"


def _probe_of_reason(reason: str) -> str:
    for word, name in (("belongs to", "duplicate"), ("node id", "id"), ("its name", "name")):
        if word in reason:
            return f"left-out-{name}"
    return "left-out-address"
