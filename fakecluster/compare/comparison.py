"""The comparison of two runs: their events matched host by host, and every difference named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from fakecluster.compare.comparable_events import ComparableEvent, ComparedRun
from fakecluster.compare.hosts import HostSummary, standings
from fakecluster.compare.stages import Stage, Staged, staged

ONLY_A: Final = "only in the first"
ONLY_B: Final = "only in the second"
ORDER: Final = "other order"
OUTCOME: Final = "other outcome"
VERB: Final = "other verb"
UNTOLD: Final = "not told"
"""By a daemon that was killed before it could write it down: nobody knows, and it is no
difference."""
KINDS: Final = (ONLY_A, ONLY_B, ORDER, OUTCOME, VERB)


_Row = tuple[ComparableEvent | None, ComparableEvent | None, str]
"""A move of each run, and what differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPair:
    """One row of the comparison: a move of each run, or of one of them."""

    a: ComparableEvent | None
    b: ComparableEvent | None
    difference: str = ""
    """One of KINDS, or UNTOLD; empty: both did the same in the same order."""
    stages: tuple[int, int]
    """Where it is in each run; the same number twice where only one has it."""

    @property
    def moved(self) -> bool:
        """True where it came after another verb than in the other run: that is time alone."""
        return self.stages[0] != self.stages[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDifference:
    """One thing that the runs did not do alike."""

    kind: str
    """One of KINDS."""
    stage: int
    host: int
    """0: the cluster."""
    a: str
    """What the first run did; empty: nothing."""
    b: str
    indexes: tuple[int | None, int | None]
    """The lines of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side."""

    a: ComparedRun
    b: ComparedRun
    names: Mapping[int, str]
    """Of every host of either run, by id."""
    staged: Staged
    pairs: Mapping[int, tuple[EventPair, ...]]
    """By host, in order."""
    ends: tuple[Sequence[Mapping[int, HostSummary]], Sequence[Mapping[int, HostSummary]]]
    """How every host stands at each stage's end, in each run."""
    differences: tuple[HostDifference, ...]

    @property
    def agree(self) -> bool:
        """True when both runs did the same in the same order; times are not asked."""
        return not self.differences

    @property
    def moved(self) -> int:
        """How many events came after another verb than in the other run."""
        return sum(pair.moved for pairs in self.pairs.values() for pair in pairs)

    @property
    def untold(self) -> int:
        """How many events one run has, where the other's daemon was killed before it could tell."""
        return sum(pair.difference == UNTOLD for pairs in self.pairs.values() for pair in pairs)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The common stages."""
        return self.staged.stages


def compare(a: ComparedRun, b: ComparedRun) -> Comparison:
    """Compare two runs of one scenario.

    Every host's events are compared in their order over the whole run. Between hosts no order is
    compared, since no two clocks are the same, and a move that came after another verb than in the
    other run is shown and is no difference.
    """
    cut = staged(a, b)
    names = dict(b.header.nodes) | dict(a.header.nodes)
    for move in (*a.moves, *b.moves):
        names.setdefault(move.host, f"node {move.host}" if move.host else "cluster")
    pairs = {host: _pairs(host, a, b, cut) for host in sorted(names)}
    differences = [*_verb_differences(cut), *_move_differences(pairs)]
    return Comparison(
        a=a,
        b=b,
        names=dict(sorted(names.items())),
        staged=cut,
        pairs=pairs,
        ends=(_ends(a, 0, cut, names), _ends(b, 1, cut, names)),
        differences=tuple(sorted(differences, key=lambda one: (one.stage, one.host))),
    )


def _ends(
    story: ComparedRun, side: int, cut: Staged, names: Mapping[int, str]
) -> Sequence[Mapping[int, HostSummary]]:
    ends = [stage.begins[side] for stage in cut.stages[1:]] + [len(story.lines)]
    return standings(story.lines, sorted(names), ends)


# --- matching -----------------------------------------------------------------------------------


def _pairs(host: int, a: ComparedRun, b: ComparedRun, cut: Staged) -> tuple[EventPair, ...]:
    mine = [move for move in a.moves if move.host == host]
    theirs = [move for move in b.moves if move.host == host]
    keys = ([move.key for move in mine], [move.key for move in theirs])
    rows: list[_Row] = []
    for tag, a0, a1, b0, b1 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += [
                (one, other, "") for one, other in zip(mine[a0:a1], theirs[b0:b1], strict=True)
            ]
        else:
            rows += _outcomes(mine[a0:a1], theirs[b0:b1])
    found: list[EventPair] = []
    for one, other, difference in _untold(_orders(rows), (a, b)):
        first = None if one is None else cut.stage_of(0, one.index)
        second = None if other is None else cut.stage_of(1, other.index)
        both = (first if first is not None else second, second if second is not None else first)
        stages = (both[0] or 0, both[1] or 0)
        found.append(EventPair(a=one, b=other, difference=difference, stages=stages))
    return tuple(found)


def _outcomes(mine: Sequence[ComparableEvent], theirs: Sequence[ComparableEvent]) -> list[_Row]:
    """Pair what was about the same and had another outcome; the rest only one run has."""
    rows: list[_Row] = []
    left = list(theirs)
    for one in mine:
        other = next((move for move in left if move.about == one.about), None)
        if other is None or other.key == one.key:
            rows.append((one, None, ONLY_A))
        else:
            left.remove(other)
            rows.append((one, other, OUTCOME))
    return [*rows, *((None, other, ONLY_B) for other in left)]


def _orders(
    rows: Sequence[_Row],
) -> list[_Row]:
    """Name what both runs did at another place of the order; it stays where the first has it."""
    waiting = [row[1] for row in rows if row[2] == ONLY_B and row[1] is not None]
    out: list[_Row] = []
    taken: set[int] = set()
    for one, other, difference in rows:
        if difference == ONLY_A and one is not None:
            twin = next(
                (move for move in waiting if move.key == one.key and move.index not in taken), None
            )
            if twin is not None:
                taken.add(twin.index)
                out.append((one, twin, ORDER))
                continue
        out.append((one, other, difference))
    return [row for row in out if not (row[2] == ONLY_B and row[1] and row[1].index in taken)]


def _untold(rows: Sequence[_Row], stories: tuple[ComparedRun, ComparedRun]) -> list[_Row]:
    """Excuse what real daemons could have done right before they were killed."""
    out = list(rows)
    for place, (one, other, _) in enumerate(rows):
        if one is None or other is None or one.about != ("daemon", "killed"):
            continue
        for side, lacking in enumerate((ONLY_B, ONLY_A)):
            before = place - 1
            while stories[side].header.utc and before >= 0 and rows[before][2] == lacking:
                out[before] = (rows[before][0], rows[before][1], UNTOLD)
                before -= 1
    return out


# --- differences --------------------------------------------------------------------------------


def _move_differences(pairs: Mapping[int, Sequence[EventPair]]) -> list[HostDifference]:
    return [
        HostDifference(
            kind=pair.difference,
            stage=pair.stages[0],
            host=host,
            a="" if pair.a is None else pair.a.text,
            b="" if pair.b is None else pair.b.text,
            indexes=(
                None if pair.a is None else pair.a.index,
                None if pair.b is None else pair.b.index,
            ),
        )
        for host, rows in pairs.items()
        for pair in rows
        if pair.difference in KINDS
    ]


def _verb_differences(cut: Staged) -> list[HostDifference]:
    found = [
        HostDifference(
            kind=VERB,
            stage=cut.stage_of(0, a.index),
            host=a.host,
            a=a.text,
            b=b.text,
            indexes=(a.index, b.index),
        )
        for a, b in cut.differing
    ]
    found += [
        HostDifference(
            kind=VERB,
            stage=cut.stage_of(side, verb.index),
            host=verb.host,
            a=verb.text if side == 0 else "",
            b=verb.text if side == 1 else "",
            indexes=(verb.index, None) if side == 0 else (None, verb.index),
        )
        for side, verbs in enumerate(cut.unmatched)
        for verb in verbs
    ]
    return found
