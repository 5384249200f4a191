"""What the original's clients say is masked and compared."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from fakecluster.historic.clients import (
    KnownDifference,
    Said,
    ToolRow,
    masked,
    transcript,
    transcript_differences,
)

STATUS = """\
Version: 6.2.0
Cluster Generation: 12
Nodes: 3
Active subsystems: 7
Multicast addresses: 239.192.26.236
"""


def test_times_rings_and_counts_are_masked_and_nothing_else() -> None:
    assert masked(STATUS).splitlines() == [
        "Version: 6.2.0",
        "Cluster Generation: <ring>",
        "Nodes: 3",
        "Active subsystems: <count>",
        "Multicast addresses: <address>",
    ]
    assert (
        masked("   1   M     96   2026-11-29 10:00:01  node1") == "   1   M<ring>   <time>  node1"
    )


def test_a_wider_number_is_masked_with_the_blanks_before_it() -> None:
    assert masked("   1   M      4   x") == masked("   1   M   1004   x")


def said(code: int, *lines: str) -> tuple[Said, ...]:
    return (Said(words=("status",), code=code, lines=lines),)


def test_each_line_that_differs_is_told_with_both() -> None:
    assert transcript_differences(said(0, "a", "b", "c"), said(1, "a", "x")) == [
        "cman_tool status: ends with 0, not with 1",
        "cman_tool status: line 2 is 'b', not 'x'",
        "cman_tool status: line 3 is 'c', not nothing",
    ]


def test_a_known_difference_is_none() -> None:
    known = KnownDifference(words=("status",), pattern="Flags", reason="a test's own")
    assert transcript_differences(said(0, "Flags: "), said(0, "Flags: 2node"), [known]) == []
    other = KnownDifference(words=("nodes",), pattern="Flags", reason="a test's own")
    assert len(transcript_differences(said(0, "Flags: "), said(0, "Flags: 2node"), [other])) == 1


def test_transcripts_of_different_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        transcript_differences(said(0), ())


class Playing:
    """A host that answers with its own words, and has a member less after each command."""

    def __init__(self) -> None:
        self.left = 3

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.left -= 1
        return subprocess.CompletedProcess(words, len(words), f"{' '.join(words)} pid 77  \n")

    def members(self) -> int:
        return self.left


def test_each_row_is_run_and_its_end_waited_for() -> None:
    waited: list[tuple[str, bool]] = []

    def until(what: str, reached: Callable[[], bool]) -> None:
        waited.append((what, reached()))

    rows = (ToolRow(words=("version",), members=2), ToolRow(words=("kill", "-n", "x"), members=2))
    assert transcript(Playing(), until, rows) == (
        Said(words=("version",), code=1, lines=("version pid <pid>",)),
        Said(words=("kill", "-n", "x"), code=3, lines=("kill -n x pid <pid>",)),
    )
    assert waited == [
        ("node 1 sees 2 members after cman_tool version", True),
        ("node 1 sees 2 members after cman_tool kill -n x", False),
    ]
