"""The stages of two runs of one scenario: what was done to the cluster, and what came of it.

Verbs are matched in their order. A stage begins with a verb before which both runs have come to
something since the verb before; where one of them did several things at one go, and the other let
the daemons move in between, nobody can say whose consequence a move is, so that is one stage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from fakecluster.compare.comparable_events import ComparableEvent, ComparedRun, VerbEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of both runs."""

    verbs: tuple[VerbEvent, ...]
    """As the first run has them; empty only for what was before any verb."""
    begins: tuple[int, int]
    """The first line of it in each run."""
    begin_us: tuple[int, int]
    settled_us: tuple[int, int]
    """How long after its begin the last move of it came, in each run."""
    end_us: tuple[int, int]
    """When the next one begins, or the run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Both runs cut into stages."""

    stages: tuple[Stage, ...]
    unmatched: tuple[tuple[VerbEvent, ...], tuple[VerbEvent, ...]]
    """The verbs that only one of the runs has."""
    differing: tuple[tuple[VerbEvent, VerbEvent], ...]
    """Verbs that both have, with other arguments."""

    def stage_of(self, side: int, index: int) -> int:
        """Return the stage that a line of a run is in."""
        return max(0, bisect_right([stage.begins[side] for stage in self.stages], index) - 1)


def staged(a: ComparedRun, b: ComparedRun) -> Staged:
    """Cut two runs into their common stages."""
    keys = ([verb.key for verb in a.verbs], [verb.key for verb in b.verbs])
    blocks = SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks()
    pairs = [
        (a.verbs[block.a + n], b.verbs[block.b + n]) for block in blocks for n in range(block.size)
    ]
    matched = [{pair[side].index for pair in pairs} for side in (0, 1)]
    groups = _groups(pairs, (a.moves, b.moves))
    begins = [(group[0][0].index, group[0][1].index) for group in groups]
    if not begins or _moved_before(a, begins[0][0]) or _moved_before(b, begins[0][1]):
        groups.insert(0, [])
        begins.insert(0, (0, 0))
    stages = [
        _stage(number, [pair[0] for pair in group], begins, (a, b))
        for number, group in enumerate(groups)
    ]
    return Staged(
        stages=tuple(stages),
        unmatched=(
            tuple(verb for verb in a.verbs if verb.index not in matched[0]),
            tuple(verb for verb in b.verbs if verb.index not in matched[1]),
        ),
        differing=tuple(pair for pair in pairs if not _alike(*pair)),
    )


def _alike(a: VerbEvent, b: VerbEvent) -> bool:
    """Compare the arguments that both runs wrote down."""
    return all(a.detail[name] == b.detail[name] for name in a.detail.keys() & b.detail.keys())


def _groups(
    pairs: Sequence[tuple[VerbEvent, VerbEvent]],
    moves: tuple[Sequence[ComparableEvent], Sequence[ComparableEvent]],
) -> list[list[tuple[VerbEvent, VerbEvent]]]:
    """Put verbs together between which not both runs have comparable events."""
    places = [[move.index for move in one] for one in moves]
    groups: list[list[tuple[VerbEvent, VerbEvent]]] = []
    for pair in pairs:
        if groups and not all(
            bisect_right(places[side], groups[-1][-1][side].index)
            < bisect_right(places[side], pair[side].index)
            for side in (0, 1)
        ):
            groups[-1].append(pair)
        else:
            groups.append([pair])
    return groups


def _moved_before(story: ComparedRun, index: int) -> bool:
    return bool(story.moves) and story.moves[0].index < index


def _stage(
    number: int,
    verbs: list[VerbEvent],
    begins: Sequence[tuple[int, int]],
    stories: tuple[ComparedRun, ComparedRun],
) -> Stage:
    begin_us, settled_us, end_us = [], [], []
    for side, story in enumerate(stories):
        first = begins[number][side]
        last = begins[number + 1][side] if number + 1 < len(begins) else len(story.lines)
        begin = story.at_us(first) if story.lines else 0
        moves = [move.t_us for move in story.moves if first <= move.index < last]
        begin_us.append(begin)
        settled_us.append(max(0, moves[-1] - begin) if moves else 0)
        end_us.append(story.at_us(min(last, len(story.lines) - 1)) if story.lines else 0)
    return Stage(
        verbs=tuple(verbs),
        begins=begins[number],
        begin_us=(begin_us[0], begin_us[1]),
        settled_us=(settled_us[0], settled_us[1]),
        end_us=(end_us[0], end_us[1]),
    )
