"""How many votes it takes; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one daemon counts when it recalculates."""

    total_votes: int
    """Of all members, and of the quorum disk while it answers."""
    expected_votes: int
    """The highest that any member expects."""
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a count of the votes came to."""

    quorum: int
    """The votes needed."""
    quorate: bool


def judge(
    tally: Tally, *, current: int = 0, two_node: bool = False, may_decrease: bool = False
) -> Judgement:
    """Judge a tally as cman does; the arguments are those of `quorum_for`."""
    needed = quorum_for(tally, current=current, two_node=two_node, may_decrease=may_decrease)
    return Judgement(quorum=needed, quorate=tally.total_votes >= needed)


def quorum_for(
    tally: Tally, *, current: int = 0, two_node: bool = False, may_decrease: bool = False
) -> int:
    """Return the votes needed: more than half of the expected and of the present ones.

    Args:
        tally: what is counted.
        current: what was needed until now; it never decreases by itself.
        two_node: one vote is enough while there are at most two members.
        may_decrease: an operator's act (a node removed, expected votes set) lowers it.
    """
    if two_node and tally.members <= 2:
        return 1
    needed = max((tally.expected_votes + 2) // 2, (tally.total_votes + 2) // 2)
    return needed if may_decrease else max(needed, current)
