"""The timeline as the page's script takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fakecluster.report.timeline import TimelineChart
from fakecluster.report.words import plain


def as_data(timeline: TimelineChart) -> dict[str, Any]:
    """Return the timeline as the page's script takes it: short lists instead of objects."""
    lane_ids = {node_id: lane for lane, (node_id, _) in enumerate(timeline.lanes)}
    kinds = sorted({event.kind for event in timeline.events})
    glyphs = sorted({event.glyph for event in timeline.events} | {""})
    kind_of = {kind: number for number, kind in enumerate(kinds)}
    glyph_of = {glyph: number for number, glyph in enumerate(glyphs)}
    header = timeline.header
    return {
        "cluster": plain(header.cluster),
        "arm": plain(header.arm),
        "seed": header.seed,
        "utc": header.utc,
        "lost": header.lost,
        "origin": timeline.origin_us,
        "end": timeline.end_us,
        "outcome": timeline.outcome,
        "violations": timeline.violations,
        "barRows": timeline.bar_rows,
        "lanes": [{"id": node_id, "name": name} for node_id, name in timeline.lanes],
        "kinds": kinds,
        "glyphs": glyphs,
        "events": [
            [
                event.t_us,
                event.lane,
                kind_of[event.kind],
                glyph_of[event.glyph],
                event.text,
                event.errno,
                event.cause,
            ]
            for event in timeline.events
        ],
        "bands": [
            [band.lane, band.begin_us, band.end_us, band.state, band.members, band.event]
            for band in timeline.bands
        ],
        "lives": timeline.lives,
        "bars": [
            [bar.lane, bar.begin_us, bar.end_us, int(bar.hold), bar.row, bar.event]
            for bar in timeline.bars
        ],
        "splits": [
            [split.begin_us, split.end_us, [_lanes(group, lane_ids) for group in split.groups]]
            for split in timeline.splits
        ],
        "cuts": timeline.cuts,
        "arrows": [
            [arrow.sent_us, arrow.arrives_us, arrow.lane, arrow.to, arrow.event]
            for arrow in timeline.arrows
        ],
    }


def _lanes(group: str, lane_ids: Mapping[int, int]) -> list[int]:
    return [lane_ids[node_id] for node_id in _numbers(group) if node_id in lane_ids]


def _numbers(group: str) -> Iterable[int]:
    return (int(part) for part in group.split(",") if part.isdecimal())
