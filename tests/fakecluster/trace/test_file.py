"""Trace files: what is written can be read, what is broken is named."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from fakecluster.trace.events import Line
from fakecluster.trace.file import (
    TraceFileError,
    TraceWriter,
    check_trace,
    end_line,
    parse_trace,
    read_trace,
)
from o2cbd.core.records import Header

HEADER = Header(
    cluster="c",
    nodes=((1, "n1"), (2, "n2")),
    arm="sim",
    seed=7,
    rules={"port": "7777"},
    options={"nodes": 2},
)
KILL = Line(t_us=5, seq=1, host=2, kind="verb", what="kill")
FOUND = Line(t_us=6, seq=2, host=1, kind="check", what="violation", detail={"text": "bad"})


def written(*lines: Line, outcome: str | None = None) -> str:
    out = io.StringIO()
    writer = TraceWriter(out, HEADER)
    for line in lines:
        writer(line)
    if outcome is not None:
        writer.end(outcome, 9)
    return out.getvalue()


def test_what_is_written_can_be_read() -> None:
    text = written(KILL, FOUND, outcome="safety")
    trace = parse_trace(text)

    assert trace.header == HEADER
    assert trace.lines == (KILL, FOUND, end_line("safety", 9, 2, 1))
    assert not trace.cut
    assert check_trace(text.splitlines()) == []


def test_the_end_counts_and_carries_the_exit_code() -> None:
    row = json.loads(written(KILL, FOUND, outcome="safety").splitlines()[-1])
    assert (row["kind"], row["what"], row["code"]) == ("end", "safety", 129)
    assert (row["lines"], row["violations"], row["seq"], row["t_us"]) == (2, 1, 3, 9)


def test_an_end_without_lines_and_an_unknown_outcome() -> None:
    assert json.loads(written(outcome="good").splitlines()[-1])["seq"] == 1
    with pytest.raises(KeyError, match="fine"):
        written(outcome="fine")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(written(KILL), encoding="utf-8")
    assert read_trace(path).lines == (KILL,)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceFileError, match="no text"):
        read_trace(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trace(tmp_path / "no")


def test_a_last_line_that_was_cut_is_left_out() -> None:
    text = written(KILL, FOUND)
    trace = parse_trace(text[:-9])
    assert (trace.lines, trace.cut) == ((KILL,), True)


def test_a_last_line_without_its_newline_counts() -> None:
    trace = parse_trace(written(KILL, FOUND)[:-1])
    assert (trace.lines, trace.cut) == ((KILL, FOUND), False)


def test_lines_come_in_the_order_of_what_happened() -> None:
    assert parse_trace(written(FOUND, KILL)).lines == (KILL, FOUND)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("hello\n", "line 1: no JSON object"),
        ("[]\n", "line 1: no JSON object"),
        (KILL.as_json() + "\n", "line 1: the first line is no header"),
        (written(KILL) + "\n" + FOUND.as_json() + "\n", "line 3: no JSON object"),
        (written() + '{"kind": "verb"}\n', "line 2: t_us is no int; seq is no int"),
        (written() + "[" * 100_000 + "\n", "line 2: no JSON object"),
    ],
)
def test_what_is_no_trace_is_refused_with_the_line(text: str, told: str) -> None:
    with pytest.raises(TraceFileError) as caught:
        parse_trace(text)
    assert str(caught.value).startswith(told)


def test_only_the_first_problems_are_told() -> None:
    with pytest.raises(TraceFileError) as caught:
        parse_trace(written() + "x\n" * 100)
    assert len(str(caught.value).splitlines()) == 5


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["x"], "line 1: no JSON object"),
        ([KILL.as_json()], "line 1: the first line is no header"),
        ([HEADER.as_json(), KILL.as_json().replace(": ", ":")], "line 2: not spelled"),
        ([HEADER.as_json(), FOUND.as_json(), KILL.as_json()], "line 3: not in order"),
        ([HEADER.as_json(), KILL.as_json(), KILL.as_json()], "line 3: not in order"),
    ],
)
def test_the_letter_of_the_schema(lines: list[str], told: str) -> None:
    (found,) = check_trace(lines)
    assert found.startswith(told)
