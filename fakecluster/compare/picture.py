"""Both timelines in one page, one above the other, over the common axis of stages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fakecluster.compare.comparable_events import ComparedRun
from fakecluster.compare.comparison import VERB, Comparison
from fakecluster.compare.render import labels, span, stage_text, verdict
from fakecluster.compare.stage_layout import Axis, axis_of
from fakecluster.report.page import page_from
from fakecluster.report.timeline import CLUSTER_LANE, NO_CAUSE, timeline_of
from fakecluster.report.timeline_data import as_data
from fakecluster.report.words import plain

_X, _LANE, _KIND, _GLYPH, _TEXT, _ERRNO, _CAUSE = range(7)
"""The fields of an event, as the page has them."""
_GHOST: Final = "ghost"
_DIFFERENCE: Final = "difference"


def page_of_both(comparison: Comparison) -> str:
    """Return the page; the same comparison gives the same bytes."""
    title = f"{comparison.a.header.cluster or 'cluster'}: {' and '.join(labels(comparison))}"
    return page_from(data_of_both(comparison), title)


def data_of_both(comparison: Comparison) -> dict[str, Any]:
    """Return what the page draws: the shapes of one timeline, with the lanes of both."""
    axis = axis_of(comparison)
    names = labels(comparison)
    sides = [_side(story, side, axis) for side, story in enumerate((comparison.a, comparison.b))]
    shift = (0, len(sides[0]["lanes"]) - 1)
    rows = _Rows(comparison, axis, sides, shift)
    a, b = sides
    lanes = [{**lane, "side": 0} for lane in a["lanes"]]
    lanes += [{**lane, "side": 1} for lane in b["lanes"][1:]]
    return {
        **{name: a[name] for name in ("cluster", "seed")},
        "arm": " and ".join(names),
        "utc": None,
        "lost": 0,
        "origin": 0,
        "end": axis.end,
        "outcome": "agree" if comparison.agree else "",
        "violations": a["violations"] + b["violations"],
        "barRows": max(a["barRows"], b["barRows"]),
        "lanes": lanes,
        "kinds": rows.kinds,
        "glyphs": rows.glyphs,
        "events": rows.events,
        "clocks": rows.clocks,
        "bands": rows.moved("bands", lane=0, event=5),
        "lives": rows.moved("lives", lane=0),
        "bars": rows.moved("bars", lane=0, event=5),
        "splits": _splits(sides, shift),
        "cuts": [
            [begin, end, *(lane + shift[side] for lane in ends)]
            for side, data in enumerate(sides)
            for begin, end, *ends in data["cuts"]
        ],
        "arrows": [],
        "compare": {
            "sides": [
                {"name": names[0], "first": 1, "last": shift[1]},
                {"name": names[1], "first": shift[1] + 1, "last": len(lanes) - 1},
            ],
            "stages": [
                {
                    "x": axis.stages[number],
                    "text": stage_text(stage.verbs, comparison.names),
                    "began": list(stage.begin_us),
                    "took": [span(one) for one in stage.settled_us],
                }
                for number, stage in enumerate(comparison.stages)
            ],
            "differences": rows.differences,
            "twins": rows.twins(comparison),
            "verdict": verdict(comparison),
        },
    }


def _side(story: ComparedRun, side: int, axis: Axis) -> dict[str, Any]:
    """Draw one run on the common axis."""
    lines = [replace(line, t_us=x) for line, x in zip(story.lines, axis.lines[side], strict=True)]
    return as_data(timeline_of(story.header, lines, origin_us=0, end_us=axis.end))


def _splits(sides: list[dict[str, Any]], shift: tuple[int, int]) -> list[list[Any]]:
    """Each split shades the lanes of its own run; the second one's has no name of its own."""
    found: list[list[Any]] = []
    for side, data in enumerate(sides):
        first = 1 + shift[side]
        last = len(data["lanes"]) - 1 + shift[side]
        for begin, end, groups in data["splits"]:
            moved = [[lane + shift[side] for lane in group] for group in groups]
            found.append([begin, end, moved, first, last, side])
    return found


class _Rows:
    """The events of both runs in one list, in order of their places, and who refers to them."""

    def __init__(
        self,
        comparison: Comparison,
        axis: Axis,
        sides: list[dict[str, Any]],
        shift: tuple[int, int],
    ) -> None:
        self._sides, self._shift = sides, shift
        stories = (comparison.a, comparison.b)
        alone = {verb.index for verb in comparison.staged.unmatched[1]}
        told = [{verb.index for verb in story.verbs} for story in stories]
        made: list[tuple[int, int, int, list[Any], int]] = []
        """Place, run, index in it (behind its last one for ghosts), the event, its real time."""
        for side, data in enumerate(sides):
            for index, event in enumerate(data["events"]):
                row = list(event)
                row[_LANE] += shift[side] if row[_LANE] != CLUSTER_LANE else 0
                row[_KIND] = data["kinds"][event[_KIND]]
                row[_GLYPH] = data["glyphs"][event[_GLYPH]]
                again = side == 1 and row[_LANE] == CLUSTER_LANE and index not in alone
                if row[_GLYPH] == "verb" and (again or index not in told[side]):
                    row[_GLYPH] = ""  # the first run's stands there already, or nobody's story
                made.append((row[_X], side, index, row, stories[side].at_us(index)))
        ghosts = _ghosts(comparison, axis, sides, shift)
        made += ghosts
        made.sort(key=lambda one: one[:3])
        self._at = {(side, index): at for at, (_, side, index, _, _) in enumerate(made)}
        self.kinds = sorted({row[_KIND] for _, _, _, row, _ in made})
        self.glyphs = sorted({row[_GLYPH] for _, _, _, row, _ in made} | {""})
        self.events = [self._numbered(side, row) for _, side, _, row, _ in made]
        self.clocks = [clock for *_, clock in made]
        self.differences = self._differences(comparison, ghosts)

    def _numbered(self, side: int, row: list[Any]) -> list[Any]:
        cause = row[_CAUSE]
        return [
            *row[:_KIND],
            self.kinds.index(row[_KIND]),
            self.glyphs.index(row[_GLYPH]),
            *row[_TEXT:_CAUSE],
            NO_CAUSE if cause == NO_CAUSE else self._at[side, cause],
        ]

    def _differences(self, comparison: Comparison, ghosts: list[Any]) -> list[list[Any]]:
        """Return each difference's events, and what it is."""
        found: list[list[Any]] = []
        waiting = iter(ghosts)
        for one in comparison.differences:
            events = [
                self._at[side, index] for side, index in enumerate(one.indexes) if index is not None
            ]
            if one.kind != VERB and len(events) == 1:
                _, side, index, _, _ = next(waiting)
                events.append(self._at[side, index])
            found.append([one.kind, sorted(events)])
        return found

    def twins(self, comparison: Comparison) -> list[int]:
        """Return for every event what the other run has for it; NO_CAUSE: nothing."""
        found = [NO_CAUSE] * len(self.events)
        for pairs in comparison.pairs.values():
            for pair in pairs:
                if pair.a is not None and pair.b is not None:
                    a, b = self._at[0, pair.a.index], self._at[1, pair.b.index]
                    found[a], found[b] = b, a
        return found

    def moved(self, what: str, *, lane: int, event: int | None = None) -> list[list[Any]]:
        """Return shapes of both runs with their lanes and events as the page has them."""
        found: list[list[Any]] = []
        for side, data in enumerate(self._sides):
            for shape in data[what]:
                row = list(shape)
                row[lane] += self._shift[side]
                if event is not None:
                    row[event] = self._at[side, row[event]]
                found.append(row)
        return found


def _ghosts(
    comparison: Comparison, axis: Axis, sides: list[dict[str, Any]], shift: tuple[int, int]
) -> list[tuple[int, int, int, list[Any], int]]:
    """Return an event for every move that is missing, where it would have been."""
    names = labels(comparison)
    found: list[tuple[int, int, int, list[Any], int]] = []
    counts = [len(data["events"]) for data in sides]
    for one in comparison.differences:
        if one.kind == VERB or None not in one.indexes:
            continue
        there = 0 if one.indexes[1] is None else 1
        here, index = 1 - there, one.indexes[there] or 0
        lane = next(
            (at for at, lane in enumerate(sides[here]["lanes"]) if lane["id"] == one.host),
            CLUSTER_LANE,
        )
        x = axis.lines[there][index]
        text = f"not here, only {plain(names[there])}: {one.a or one.b}"
        lane += shift[here] if lane != CLUSTER_LANE else 0
        row = [x, lane, _DIFFERENCE, _GHOST, text, "", NO_CAUSE]
        stage = comparison.staged.stage_of(there, index)
        found.append((x, here, counts[here], row, comparison.stages[stage].begin_us[here]))
        counts[here] += 1
    return found
