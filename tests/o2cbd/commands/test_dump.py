"""`o2cbd dump`: the daemon's lines, unchanged, where they were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.o2cbd.commands.conftest import FakeDaemon, Run

LINES = ['{"kind": "header"}', '{"kind": "step", "node": "caf\\u00e9"}']


@pytest.fixture(autouse=True)
def answer(daemon: FakeDaemon) -> None:
    daemon.answer = lambda _request: {"schema": 1, "lines": LINES}


def test_the_lines_go_to_stdout(o2cbd: Run, daemon: FakeDaemon) -> None:
    shown = o2cbd("dump")

    assert (shown.exit_code, shown.output) == (0, f"{LINES[0]}\n{LINES[1]}\n")
    assert [one["request"] for one in daemon.asked] == ["dump"]


def test_the_lines_go_to_a_file(o2cbd: Run, tmp_path: Path) -> None:
    shown = o2cbd("dump", "--output", str(tmp_path / "trace"))

    assert (shown.exit_code, shown.output) == (0, "")
    assert (tmp_path / "trace").read_text().splitlines() == LINES


def test_a_file_that_cannot_be_made_is_73(o2cbd: Run, tmp_path: Path) -> None:
    path = tmp_path / "no" / "trace"
    shown = o2cbd("dump", "--output", str(path))

    assert (shown.exit_code, shown.output) == (
        73,
        f"o2cbd: cannot write {path}: No such file or directory (ENOENT)\n",
    )
