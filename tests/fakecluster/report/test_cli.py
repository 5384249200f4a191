"""`fakecluster replay TRACE`: the grid, the page, and what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fakecluster.commands.run import replay_command

Replay = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path, story: Any) -> Path:
    path = tmp_path / "story.trace"
    lines = [story.header, *story.lines]
    path.write_text("".join(f"{line.as_json()}\n" for line in lines), encoding="utf-8")
    return path


def replay(*arguments: object) -> Result:
    return CliRunner().invoke(replay_command, [str(one) for one in arguments])


def test_a_trace_is_printed_as_a_grid(path: Path) -> None:
    shown = replay(path)

    assert shown.exit_code == 0
    assert shown.stdout.startswith("columns:")
    assert "X | :  node1   failed: remove node node3 [EBUSY]" in shown.stdout


def test_kinds_can_be_chosen(path: Path) -> None:
    shown = replay(path, "--kind", "vote", "--kind", "message")

    told = shown.stdout.splitlines()[-2:]
    assert told[0].endswith("node1   announcement to 2-3")
    assert told[1].endswith("node2   votes no: OCFS2 is mounted")
    assert "== start" not in shown.stdout


def test_an_unknown_kind_is_wrong_usage(path: Path) -> None:
    assert replay(path, "--kind", "dream").exit_code == 2


def test_a_trace_is_drawn(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = replay(path, "--html", page)

    assert (shown.exit_code, shown.output) == (0, "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_file_that_is_not_there_is_66(tmp_path: Path) -> None:
    shown = replay(tmp_path / "no")

    assert shown.exit_code == 66
    assert "No such file or directory" in shown.output


def test_a_file_that_is_no_trace_is_65_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("hello\n", encoding="utf-8")
    shown = replay(path)

    assert shown.exit_code == 65
    assert "is no trace:\nline 1: no JSON object" in shown.output


def test_a_cut_trace_is_shown_and_said_to_be_cut(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    shown = replay(path)

    assert shown.exit_code == 0
    assert "the last line is cut" in shown.output


def test_the_command_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fakecluster", "replay", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--html" in done.stdout
