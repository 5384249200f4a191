"""The journal: one line a report, whatever is in it, and no reader can stop it."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from fakecluster.clock import VirtualClock
from o2cbd.core.model import AddNode, Node, Pending, RemoveNode, Why
from o2cbd.core.reports import PendingBegan, Report, Severity, StepApplied
from o2cbd.service.journal import (
    MAX_LINE_CHARS,
    MAX_WAITING,
    Journal,
    choose_format,
    plain,
)
from o2cbd.settings import LogFormat, LogSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Report):
    code = "said"
    severity = Severity.WARNING
    words: str

    @property
    def text(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Whispered(Said):
    code = "whispered"
    severity = Severity.DEBUG


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def journal_to(fd: int, chosen: LogFormat, level: Severity = Severity.INFO) -> Journal:
    return Journal(fd, LogSettings(level=level), VirtualClock(), format=chosen)


def written(pipe: tuple[int, int], chosen: LogFormat, *reports: Report) -> list[str]:
    journal = journal_to(pipe[1], chosen)
    for report in reports:
        journal.tell(report)
    journal.flush()
    os.write(pipe[1], b"END")
    return os.read(pipe[0], 1_000_000).decode().removesuffix("END").splitlines()


def test_journal_lines_begin_with_syslogs_priority(pipe: tuple[int, int]) -> None:
    """systemd takes the priority from the line's head."""
    assert written(pipe, LogFormat.JOURNAL, Said(words="look")) == ["<4>look"]


def test_console_lines_have_time_and_severity(pipe: tuple[int, int]) -> None:
    """A person sees when and how bad."""
    (line,) = written(pipe, LogFormat.CONSOLE, Said(words="look"))
    time, severity, text = line.split()
    assert (len(time), time[-1], severity, text) == (24, "Z", "warning", "look")


def test_json_lines_hold_the_reports_fields(pipe: tuple[int, int]) -> None:
    """What a report says and what it holds stand in one object."""
    step = AddNode(
        cluster="prod", node=Node(name="a", num=1, address="10.0.0.1", port=7777, local=True)
    )
    (line,) = written(pipe, LogFormat.JSON, StepApplied(step=step))
    entry = json.loads(line)
    del entry["time"]
    assert entry == {
        "severity": "notice",
        "code": "step",
        "text": "done: add node a (1, 10.0.0.1:7777)",
        "data": {
            "step": {
                "kind": "AddNode",
                "cluster": "prod",
                "node": {
                    "kind": "Node",
                    "name": "a",
                    "num": 1,
                    "address": "10.0.0.1",
                    "port": 7777,
                    "local": True,
                },
            }
        },
    }


@pytest.mark.parametrize("chosen", [LogFormat.CONSOLE, LogFormat.JOURNAL, LogFormat.JSON])
def test_no_text_makes_a_second_line(pipe: tuple[int, int], chosen: LogFormat) -> None:
    """Control characters and undecodable bytes of a node's name forge nothing."""
    nasty = "a\n<0>forged\r\x1b[2J\x85\udcff"
    assert len(written(pipe, chosen, Said(words=nasty), Said(words="next"))) == 2


@pytest.mark.parametrize("chosen", [LogFormat.CONSOLE, LogFormat.JOURNAL, LogFormat.JSON])
def test_long_text_is_cut(pipe: tuple[int, int], chosen: LogFormat) -> None:
    """A line stays so short that a pipe takes it whole; JSON stays JSON."""
    (line,) = written(pipe, chosen, Said(words="x" * 100_000))
    assert MAX_LINE_CHARS <= len(line) <= MAX_LINE_CHARS + 200
    if chosen is LogFormat.JSON:
        assert "data" not in json.loads(line)


def test_level_silences_what_is_less_severe(pipe: tuple[int, int]) -> None:
    """At `info` nothing of `debug` is written, at `debug` all is."""
    reports = (Said(words="loud"), Whispered(words="soft"))
    assert written(pipe, LogFormat.JOURNAL, *reports) == ["<4>loud"]

    journal = journal_to(pipe[1], LogFormat.JOURNAL, Severity.DEBUG)
    for report in reports:
        journal.tell(report)
    journal.flush()
    assert os.read(pipe[0], 1000) == b"<4>loud\n<7>soft\n"


def test_reader_that_does_not_read_blocks_nobody(pipe: tuple[int, int]) -> None:
    """Lines wait up to a bound; what is beyond is counted and told of when reading goes on."""
    journal = journal_to(pipe[1], LogFormat.JOURNAL)
    line = "x" * (MAX_LINE_CHARS - 3)
    told, blocked = 0, False
    while not blocked:
        journal.tell(Said(words=line))
        journal.flush()
        told += 1
        blocked = journal.blocked
    for _ in range(MAX_WAITING + 9):
        journal.tell(Said(words=line))
        journal.flush()
        told += 1

    seen = b""
    while journal.blocked:
        seen += os.read(pipe[0], 65536)
        journal.flush()
    os.write(pipe[1], b"END")
    while not seen.endswith(b"END"):
        seen += os.read(pipe[0], 65536)
    lines = seen.removesuffix(b"END").splitlines()

    assert lines[-1] == b"<4>10 reports were lost: the reader of the log is too slow"
    assert len(lines) - 1 == told - 10


def test_end_waits_only_a_moment_for_the_reader(pipe: tuple[int, int]) -> None:
    """The last flush gives up on a full pipe."""
    journal = journal_to(pipe[1], LogFormat.JOURNAL)
    while not journal.blocked:
        journal.tell(Said(words="x" * 1000))
        journal.flush()
    journal.finish()
    assert journal.blocked


def test_reader_that_is_gone_is_no_error() -> None:
    """Nobody reads any more: lines are dropped, the daemon goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    journal = journal_to(writer, LogFormat.JOURNAL)
    journal.tell(Said(words="x"))
    journal.flush()
    os.close(writer)
    assert not journal.blocked


def test_nonblocking_stderr_that_is_full_keeps_the_line(pipe: tuple[int, int]) -> None:
    """A descriptor that somebody made non-blocking loses no line."""
    os.set_blocking(pipe[1], False)
    try:
        while True:
            os.write(pipe[1], b"x" * 4096)
    except BlockingIOError:
        pass
    journal = journal_to(pipe[1], LogFormat.JOURNAL)
    journal.tell(Said(words="kept"))
    journal.flush()
    assert journal.blocked


@pytest.mark.parametrize(
    ("wanted", "environment", "chosen"),
    [
        (LogFormat.AUTO, {}, LogFormat.CONSOLE),
        (LogFormat.AUTO, {"JOURNAL_STREAM": "8:1"}, LogFormat.JOURNAL),
        (LogFormat.JSON, {"JOURNAL_STREAM": "8:1"}, LogFormat.JSON),
        (LogFormat.CONSOLE, {"JOURNAL_STREAM": "8:1"}, LogFormat.CONSOLE),
    ],
)
def test_auto_follows_systemd(
    wanted: LogFormat, environment: dict[str, str], chosen: LogFormat
) -> None:
    """Only `auto` looks at the environment."""
    assert choose_format(wanted, environment) is chosen


def test_every_value_of_a_report_has_a_json_form() -> None:
    """Enums, mappings, sets and nested data become what JSON has."""
    pending = Pending(step=RemoveNode(cluster="c", node="n"), why=Why.PINNED, reason="r", errno=16)
    assert plain(PendingBegan(pending=pending).data()) == {
        "pending": {
            "kind": "Pending",
            "step": {"kind": "RemoveNode", "cluster": "c", "node": "n"},
            "why": "pinned",
            "reason": "r",
            "errno": 16,
            "since_us": 0,
        }
    }
    assert plain(MappingProxyType({1: frozenset({2, 1})})) == {"1": ["1", "2"]}


@pytest.mark.parametrize("chosen", [LogFormat.JOURNAL, LogFormat.CONSOLE, LogFormat.JSON])
@pytest.mark.parametrize("char", ["x", "\u672c", "\U0001f40d", "\udcff"])
def test_no_line_is_longer_than_poll_promises_room_for(
    pipe: tuple[int, int], chosen: LogFormat, char: str
) -> None:
    """A name of wide or odd characters must not make the write block, nor break the JSON."""
    (line,) = written(pipe, chosen, Said(words=char * 5000))
    assert len(line.encode()) < select.PIPE_BUF
    if chosen is LogFormat.JSON:
        assert json.loads(line)["text"][:100] == char * 100


class HastyClock:
    """Each look at it takes a tenth of a second."""

    def __init__(self) -> None:
        self.now = 0

    def now_us(self) -> int:
        self.now += 100_000
        return self.now


def test_end_has_one_patience_for_all_lines(pipe: tuple[int, int]) -> None:
    """A reader that takes a line now and then may not keep the daemon from its end."""
    journal = Journal(pipe[1], LogSettings(), HastyClock(), format=LogFormat.JOURNAL)
    for number in range(100):
        journal.tell(Said(words=str(number)))
    journal.finish()
    assert os.read(pipe[0], 1_000_000).decode().splitlines() == [f"<4>{n}" for n in range(6)]
    assert journal.blocked
