"""Output that nobody takes, and lengths of time that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from o2cbd.cli import cli


def status_into(stdout: int, runtime_dir: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "o2cbd", "status", "--runtime-dir", str(runtime_dir)]
    return subprocess.run(
        line, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )


def test_a_reader_that_left_is_the_end_and_no_noise(daemon: Any, tmp_path: Path) -> None:
    """`o2cbd status | head -1`, as the shells count it."""
    reader, writer = os.pipe()
    os.close(reader)
    shown = status_into(writer, tmp_path)
    os.close(writer)
    assert (shown.returncode, shown.stderr) == (141, "")


def test_output_that_cannot_be_written_is_73(daemon: Any, tmp_path: Path) -> None:
    """A full disk is told in a line."""
    full = os.open("/dev/full", os.O_WRONLY)
    shown = status_into(full, tmp_path)
    os.close(full)
    assert (shown.returncode, shown.stderr) == (
        73,
        "o2cbd: cannot write the output: No space left on device (ENOSPC)\n",
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
