"""The common axis of two runs: stages, and in each a place for every move, the same for both.

Clocks of two runs have nothing in common, so the axis counts instead of measuring: the third move
of a host in a stage stands at the third place. What both did stands at one place, and what only one
did leaves a gap in the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fakecluster.compare.comparable_events import ComparableEvent
from fakecluster.compare.comparison import OUTCOME, Comparison, EventPair

PLACE: Final = 100_000
"""The width of one place; a stage's verbs stand in its first ones."""


@dataclass(slots=True, kw_only=True)
class Axis:
    """Where everything stands."""

    stages: list[int] = field(default_factory=list)
    """Where each stage begins."""
    end: int = 0
    moves: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    """Where each run's events stand, by their index."""
    lines: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    """Where each run's lines stand; those that are no events stand with what was before them."""


def axis_of(comparison: Comparison) -> Axis:
    """Give everything in both runs its place."""
    axis = Axis()
    for number in range(len(comparison.stages)):
        axis.stages.append(axis.end)
        first = axis.end + PLACE * max(1, _verb_places(comparison, number))
        places = [_place_moves(axis, comparison, host, number, first) for host in comparison.names]
        axis.end = first + PLACE * (1 + max(places, default=0))
    for side in (0, 1):
        _place_lines(axis, comparison, side)
    return axis


def _verb_places(comparison: Comparison, number: int) -> int:
    """Return how many verbs of a stage are about the same host, at most."""
    counts = Counter(
        (side, verb.host)
        for side, story in enumerate((comparison.a, comparison.b))
        for verb in story.verbs
        if comparison.staged.stage_of(side, verb.index) == number
    )
    return max(counts.values(), default=0)


def _place_moves(axis: Axis, comparison: Comparison, host: int, number: int, first: int) -> int:
    """Place a host's events of one stage from `first` on; returns how many places they take."""
    pairs = [pair for pair in comparison.pairs[host] if number in pair.stages]
    sides = [_in_order(pairs, side, number) for side in (0, 1)]
    together = {
        pair.a.index: pair.b.index
        for pair in pairs
        if pair.a is not None
        and pair.b is not None
        and not pair.moved
        and pair.difference in {"", OUTCOME}
    }
    met = set(together.values())
    place = at_a = at_b = 0
    while at_a < len(sides[0]) or at_b < len(sides[1]):
        a = sides[0][at_a].index if at_a < len(sides[0]) else None
        b = sides[1][at_b].index if at_b < len(sides[1]) else None
        if a is not None and (a not in together or together[a] == b):
            axis.moves[0][a] = first + place * PLACE
            at_a += 1
            if a in together and b is not None:
                axis.moves[1][b] = first + place * PLACE
                at_b += 1
        elif b is not None and b not in met:
            axis.moves[1][b] = first + place * PLACE
            at_b += 1
        else:  # pairs are in order in both runs
            raise AssertionError(f"host {host}, stage {number}: matched moves cross")
        place += 1
    return place


def _in_order(pairs: Sequence[EventPair], side: int, number: int) -> list[ComparableEvent]:
    moves = [
        move
        for pair in pairs
        if (move := (pair.a, pair.b)[side]) is not None and pair.stages[side] == number
    ]
    return sorted(moves, key=lambda move: move.index)


def _place_lines(axis: Axis, comparison: Comparison, side: int) -> None:
    story = (comparison.a, comparison.b)[side]
    verbs = {verb.index for verb in story.verbs}
    last: dict[int, int] = {}
    said: Counter[int] = Counter()
    stage = -1
    for index, line in enumerate(story.lines):
        now = comparison.staged.stage_of(side, index)
        if now != stage:
            stage = now
            last.clear()
            said.clear()
        start = axis.stages[stage]
        if index in verbs:
            x = start + PLACE // 5 + said[line.host] * PLACE
            said[line.host] += 1
        elif index in axis.moves[side]:
            x = axis.moves[side][index]
        else:
            x = last.get(line.host, start)
        last[line.host] = max(x, last.get(line.host, start))
        axis.lines[side].append(x)
