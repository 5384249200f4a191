"""Output that nobody takes, and lengths of time that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from o2cbd.cli import cli
from tests.o2cbd.commands.conftest import FakeDaemon, Reply, Run

COMMANDS = (
    ["--help"],
    ["--version"],
    ["status", "--help"],
    ["status", "--runtime-dir", "."],
    ["status", "--json", "--runtime-dir", "."],
    ["forget", "beta", "--runtime-dir", "."],
    ["dump", "--runtime-dir", "."],
    ["check-config", "good.toml"],
)
"""Everything that prints; `plan` writes as `status` does."""


@pytest.fixture
def into(
    daemon: FakeDaemon, status: Reply, tmp_path: Path
) -> Callable[[list[str], int], subprocess.CompletedProcess[str]]:
    """Runs a command, its standard output a descriptor, which is closed."""
    daemon.answer = lambda _request: {**status, "lines": ["{}"], "node": "beta", "accepted": True}
    (tmp_path / "good.toml").write_text("")

    def run(words: list[str], stdout: int) -> subprocess.CompletedProcess[str]:
        with os.fdopen(stdout, "w") as out:
            return subprocess.run(
                [sys.executable, "-m", "o2cbd", *words],
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
                cwd=tmp_path,
            )

    return run


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_that_left_is_the_end_and_no_noise(words: list[str], into: Any) -> None:
    """`o2cbd status | head -1`, as the shells count it."""
    reader, writer = os.pipe()
    os.close(reader)
    shown = into(words, writer)
    assert (shown.returncode, shown.stderr) == (141, "")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_output_that_cannot_be_written_is_73(words: list[str], into: Any) -> None:
    """A full disk is told in a line."""
    shown = into(words, os.open("/dev/full", os.O_WRONLY))
    assert (shown.returncode, shown.stderr) == (
        73,
        "o2cbd: cannot write the output: No space left on device (ENOSPC)\n",
    )


def test_file_that_cannot_be_written_is_named(o2cbd: Run, daemon: FakeDaemon) -> None:
    """Also where it could be opened."""
    daemon.answer = lambda _request: {"schema": 1, "lines": ["{}"]}
    shown = o2cbd("dump", "--output", "/dev/full")
    assert (shown.exit_code, shown.output) == (
        73,
        "o2cbd: cannot write /dev/full: No space left on device (ENOSPC)\n",
    )


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "-0.1", "soon"])
@pytest.mark.parametrize(
    "words",
    [
        ["wait", "--in-sync", "--timeout"],
        ["wait", "--in-sync", "--timeout", "1", "--settle"],
        ["hold", "--timeout"],
    ],
)
def test_what_is_no_length_of_time_is_64(words: list[str], seconds: str) -> None:
    more = ["--", "true"] if words[0] == "hold" else []
    shown = CliRunner().invoke(cli, [*words, seconds, *more])
    assert (shown.exit_code, "Invalid value for" in shown.output) == (64, True)
