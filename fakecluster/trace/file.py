"""Trace files: a header, one line each thing that happened, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from fakecluster.trace.events import Line
from fakecluster.trace.schema import COMMON, Row, header_problems, problems
from o2cbd.core.records import Header, Value

MAX_PROBLEMS = 5
"""So many are told of a file that is wrong."""

OUTCOMES = {"good": 0, "crash": 127, "liveness": 128, "safety": 129}
"""How a run can end, and the exit code that says so."""


class TraceFileError(ValueError):
    """The file is no trace that can be read; the text says why, line by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """A trace that was read."""

    header: Header
    lines: tuple[Line, ...]
    cut: bool = False
    """The writer was stopped within the last line, which was left out."""

    def as_text(self) -> str:
        """Return it as it stands in a file."""
        rows = (self.header.as_json(), *(line.as_json() for line in self.lines))
        return "".join(f"{row}\n" for row in rows)


class TraceWriter:
    """A sink that writes a trace file; made before anything happens."""

    def __init__(self, out: TextIO, header: Header) -> None:
        self._out = out
        self._last: Line | None = None
        self._violations = 0
        print(header.as_json(), file=out)

    def __call__(self, line: Line) -> None:
        """Write one line."""
        self._last = line
        self._violations += line.kind == "check"
        print(line.as_json(), file=self._out)

    def end(self, outcome: str, t_us: int) -> None:
        """Write how it ended.

        Raises:
            KeyError: there is no such outcome.
        """
        seq = 0 if self._last is None else self._last.seq
        print(end_line(outcome, t_us, seq, self._violations).as_json(), file=self._out)


def end_line(outcome: str, t_us: int, lines: int, violations: int) -> Line:
    """Return the last line of a trace.

    Args:
        outcome: `good`, `crash`, `liveness` or `safety`.
        t_us: the end's time.
        lines: how many there were before it, or the `seq` of the last one.
        violations: what the judges found.

    Raises:
        KeyError: there is no such outcome.
    """
    detail: dict[str, Value] = {
        "code": OUTCOMES[outcome],
        "lines": lines,
        "violations": violations,
    }
    return Line(t_us=t_us, seq=lines + 1, host=0, kind="end", what=outcome, detail=detail)


def read_trace(path: Path | str) -> TraceFile:
    """Read a file.

    Raises:
        TraceFileError: it is no trace.
        OSError: it cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise TraceFileError("it is no text") from None
    return parse_trace(text)


def parse_trace(text: str) -> TraceFile:
    """Read a trace's text; what is unknown in it is let pass.

    Raises:
        TraceFileError: it is no trace.
    """
    rows = text.split("\n")
    whole = rows.pop() == ""
    cut = not whole and not _is_json(text.rsplit("\n", 1)[-1])
    if not whole and not cut:
        rows.append(text.rsplit("\n", 1)[-1])
    if not rows:
        raise TraceFileError("it is empty")
    header = _parse_header(rows[0])
    found: list[str] = []
    lines: list[Line] = []
    for number, one in enumerate(rows[1:], start=2):
        row = parse_object(one)
        wrong = ["no JSON object"] if row is None else problems(row)
        if row is None or wrong:
            found.append(f"line {number}: {'; '.join(wrong)}")
            if len(found) >= MAX_PROBLEMS:
                break
            continue
        lines.append(line_of(row))
    if found:
        raise TraceFileError("\n".join(found))
    lines.sort(key=lambda line: (line.t_us, line.seq))
    return TraceFile(header=header, lines=tuple(lines), cut=cut)


def _parse_header(text: str) -> Header:
    row = parse_object(text)
    wrong = ["no JSON object"] if row is None else header_problems(row)
    if row is None or wrong:
        raise TraceFileError(f"line 1: {'; '.join(wrong)}")
    return Header(
        cluster=row["cluster"],
        nodes=tuple(sorted((node["id"], node["name"]) for node in row["nodes"])),
        arm=row["arm"],
        seed=row["seed"],
        rules={str(name): str(value) for name, value in row["rules"].items()},
        options=row["options"],
        utc=row["utc"],
        lost=row["lost"],
    )


def line_of(row: Row) -> Line:
    """Return the line that a parsed object is; it must have no `problems`."""
    detail: dict[str, Any] = {name: value for name, value in row.items() if name not in COMMON}
    common: dict[str, Any] = {name: row[name] for name in COMMON}
    return Line(**common, detail=detail)


def _is_json(text: str) -> bool:
    return parse_object(text) is not None


def parse_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a line is; None where it is none."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def check_trace(lines: Iterable[str]) -> list[str]:
    """Return everything that is wrong with a trace by the letter of the schema.

    Stricter than reading: unknown kinds and fields, floats and times that go back are wrong.
    """
    found: list[str] = []
    t_us = seq = 0
    for number, text in enumerate(lines, start=1):
        row = parse_object(text)
        if row is None:
            found.append(f"line {number}: no JSON object")
            continue
        wrong = header_problems(row) if number == 1 else problems(row, strict=True)
        if text != json.dumps(row, sort_keys=True, ensure_ascii=True):
            wrong.append("not spelled as records are")
        if number > 1 and not wrong:
            if row["t_us"] < t_us or row["seq"] <= seq:
                wrong.append("not in order")
            t_us, seq = row["t_us"], row["seq"]
        found += [f"line {number}: {one}" for one in wrong]
    return found
