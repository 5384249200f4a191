"""The answer to the manager's question: is it safe to shut the cluster down on this node now?"""

from __future__ import annotations

from dataclasses import dataclass

from o2cbd.core.model import Usage

_NAMED = 3
"""So many regions or mounts are named in a reason; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes or no, and why."""

    yes: bool
    reason: str


def vote(usage: Usage) -> Answer:
    """Decide from facts.

    No while a heartbeat region has a thread (the authority), a volume is mounted, somebody else
    holds, or a fact cannot be read; else yes. All reasons for a no are given at once.
    """
    noes: list[str] = []
    if usage.regions:
        noes.append(f"heartbeat runs in {_some([region.name for region in usage.regions])}")
    if usage.mounts:
        noes.append(f"OCFS2 is mounted at {_some(list(usage.mounts))}")
    if usage.held_by is not None:
        holder = f"process {usage.held_by}" if usage.held_by else "another process"
        noes.append(f"{holder} holds the semaphore")
    noes.extend(f"cannot read {fact}" for fact in usage.unreadable)
    if noes:
        return Answer(yes=False, reason="; ".join(noes))
    return Answer(yes=True, reason="no heartbeat, no mount, no hold")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    rest = len(names) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
