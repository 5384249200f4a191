"""Output that cannot be written: one line and an exit code, whichever command it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster import cli

FULL = "No space left on device (ENOSPC)"
CANNOT_CREATE = 73
READER_GONE = 141

COMMANDS = (
    ("--help",),
    ("--version",),
    ("run", "--help"),
    ("demo", "--fast"),
    ("demo", "--json"),
    ("run", "--seed", "1"),
    ("run", "--seed", "1", "--json"),
    ("run", "--seed", "1", "--hash"),
    ("run", "--count", "1"),
    ("replay", "1"),
    ("replay", "t.jsonl"),
    ("compare", "t.jsonl", "t.jsonl"),
    ("compare", "--json", "t.jsonl", "t.jsonl"),
)
"""Everything that prints and needs no server."""

WRITERS = (
    ("demo", "--json", "--trace"),
    ("demo", "--json", "--html"),
    ("run", "--seed", "1", "--trace"),
    ("run", "--seed", "1", "--html"),
    ("run", "--seed", "1", "--save"),
    ("replay", "1", "--html"),
    ("replay", "t.jsonl", "--html"),
    ("compare", "t.jsonl", "t.jsonl", "--html"),
    ("merge", "1=dump.jsonl", "--output"),
)
"""Everything that writes a file; its name is the last word."""


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a trace of the story, and a dump of one daemon in it."""
    directory = tmp_path_factory.mktemp("traces")
    trace = directory / "t.jsonl"
    out = os.open(os.devnull, os.O_WRONLY)
    assert run_into(out, "run", "--seed", "1", "--trace", str(trace)) == 0
    header = trace.read_text("utf-8").splitlines()[0].replace('"arm": "sim"', '"arm": "daemon"')
    (directory / "dump.jsonl").write_text(
        header.replace('"options": {', '"options": {"host": 1, ') + "\n", "utf-8"
    )
    return directory


@pytest.fixture(autouse=True)
def here(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(traces)


def run(patch: pytest.MonkeyPatch, *words: str) -> object:
    patch.setattr(sys, "argv", ["fakecluster", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def run_into(descriptor: int, *words: str) -> object:
    """Run a command with its output into a descriptor, which is closed. Not a fixture's work:
    before each test pytest puts its own output in place.
    """
    with pytest.MonkeyPatch.context() as patch, os.fdopen(descriptor, "w") as out:
        patch.setattr(sys, "stdout", out)
        return run(patch, *words)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk_is_one_line_and_73(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_into(os.open("/dev/full", os.O_WRONLY), *words) == CANNOT_CREATE
    assert capsys.readouterr().err == f"fakecluster: cannot write the output: {FULL}\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_that_left_is_the_end_and_no_noise(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """`fakecluster replay F | head`, as the shells count it."""
    reader, writer = os.pipe()
    os.close(reader)
    assert run_into(writer, *words) == READER_GONE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", WRITERS, ids=" ".join)
def test_a_file_that_cannot_be_written_is_named(
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor is it taken for something that the simulated daemon did."""
    for path, why in (("/dev/full", FULL), ("absent/f", "No such file or directory (ENOENT)")):
        assert run(monkeypatch, *words, path) == CANNOT_CREATE
        said = capsys.readouterr()
        assert said.err.splitlines()[-1] == f"fakecluster: cannot write {path}: {why}"
        assert "Traceback" not in said.err


@pytest.mark.parametrize("words", [("demo", "--fast"), ("compare", "t.jsonl", "t.jsonl")])
def test_the_end_of_the_process_says_no_more(words: tuple[str, ...]) -> None:
    """What is left in buffers is not written once more, and a closed output is none."""
    line = [sys.executable, "-m", "fakecluster", *words]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (CANNOT_CREATE, 1)
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *line]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
