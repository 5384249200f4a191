"""The comparison as JSON, and the words that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fakecluster.compare.comparable_events import ComparableEvent, ComparedRun, VerbEvent
from fakecluster.compare.comparison import Comparison, EventPair, HostDifference
from fakecluster.report.words import plain

SCHEMA: Final = 1


def label(story: ComparedRun) -> str:
    """Name a run by what it ran on."""
    return plain(story.header.arm)


def labels(comparison: Comparison) -> tuple[str, str]:
    """Name both runs; of one kind they are told apart by A and B."""
    a, b = label(comparison.a), label(comparison.b)
    return (f"{a} A", f"{b} B") if a == b else (a, b)


def span(us: int) -> str:
    """Say a duration as exactly as a person wants it."""
    if us < 1_000:
        return f"{us} µs"
    if us < 1_000_000:
        return f"{us / 1_000:.3g} ms" if us < 999_500 else "1 s"
    return f"{us / 1_000_000:.3f}".rstrip("0").rstrip(".") + " s"


def verb_text(verb: VerbEvent, names: Mapping[int, str]) -> str:
    """Say a verb with whom it was done to."""
    where = f"{plain(names.get(verb.host, f'node {verb.host}'))}: " if verb.host else ""
    return f"{where}{verb.text}"


def stage_text(verbs: tuple[VerbEvent, ...], names: Mapping[int, str]) -> str:
    """Say what a stage begins with; the same verb on many hosts is said once."""
    if not verbs:
        return "before the first verb"
    groups: dict[str, list[str]] = {}
    for verb in verbs:
        host = plain(names.get(verb.host, f"node {verb.host}")) if verb.host else ""
        groups.setdefault(verb.text, []).append(host)
    said = []
    for text, hosts in groups.items():
        where = " ".join(dict.fromkeys(host for host in hosts if host))
        said.append(f"{where}: {text}" if where else text)
    return "; ".join(said)


def verdict(comparison: Comparison) -> str:
    """Say in one sentence how the runs compare."""
    moves = sum(
        pair.a is not None and not pair.difference
        for pairs in comparison.pairs.values()
        for pair in pairs
    )
    count = len(comparison.differences)
    said = (
        f"the steps agree: {_counted(moves, 'move')} alike in {_stages(comparison)}"
        if comparison.agree
        else f"{_counted(count, 'difference')}, {_counted(moves, 'move')} alike"
        f" in {_stages(comparison)}"
    )
    if comparison.moved:
        said += f"; {comparison.moved} came after another verb"
    if comparison.untold:
        said += f"; {comparison.untold} could not be told by a daemon that was killed"
    return said


def _stages(comparison: Comparison) -> str:
    return _counted(len(comparison.stages), "stage")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


# --- JSON ---------------------------------------------------------------------------------------


def as_data(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as `--json` prints it: everything, times in microseconds."""
    names = comparison.names
    return {
        "schema": SCHEMA,
        "agree": comparison.agree,
        "a": _run(comparison.a),
        "b": _run(comparison.b),
        "moved": comparison.moved,
        "untold": comparison.untold,
        "differences": [_difference(one) for one in comparison.differences],
        "stages": [
            {
                "verbs": [verb_text(verb, names) for verb in stage.verbs],
                "begin_us": list(stage.begin_us),
                "settled_us": list(stage.settled_us),
                "end_us": list(stage.end_us),
                "hosts": [
                    {
                        "host": host,
                        "name": plain(name),
                        "a": asdict(comparison.ends[0][number][host]),
                        "b": asdict(comparison.ends[1][number][host]),
                        "moves": [
                            _pair(comparison, pair)
                            for pair in comparison.pairs[host]
                            if pair.stages[0] == number
                        ],
                    }
                    for host, name in names.items()
                    if host
                ],
            }
            for number, stage in enumerate(comparison.stages)
        ],
    }


def _run(story: ComparedRun) -> dict[str, Any]:
    header = story.header
    return {
        "arm": header.arm,
        "cluster": header.cluster,
        "seed": header.seed,
        "utc": header.utc,
        "lines": len(story.lines),
        "end_us": story.at_us(len(story.lines) - 1) if story.lines else 0,
    }


def _difference(one: HostDifference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "stage": one.stage,
        "host": one.host,
        "a": one.a or None,
        "b": one.b or None,
    }


def _pair(comparison: Comparison, pair: EventPair) -> dict[str, Any]:
    return {
        "difference": pair.difference,
        "stages": list(pair.stages),
        "a": _move(comparison, 0, pair.a, pair.stages[0]),
        "b": _move(comparison, 1, pair.b, pair.stages[1]),
    }


def _move(
    comparison: Comparison, side: int, move: ComparableEvent | None, stage: int
) -> dict[str, Any] | None:
    if move is None:
        return None
    after_us = move.t_us - comparison.stages[stage].begin_us[side]
    return {"t_us": move.t_us, "after_us": after_us, "text": move.text}
