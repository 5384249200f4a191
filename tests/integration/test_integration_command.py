"""`python -m integration` and what it says to people; no guest is needed for any of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main as benchmark
from integration import deb
from integration.__main__ import main
from integration.errors import EXIT_CANNOT_RUN

ROOT = Path(__file__).parents[2]
WITHOUT_QMP = """
import runpy, sys
sys.modules["qemu"] = None  # importing it fails as if it were not installed
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("words", [["integration", "lab"], ["benchmarks", "guests"]])
def test_who_lacks_the_library_for_qemu_is_told_how_to_get_it(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_QMP, *words],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == EXIT_CANNOT_RUN
    assert "qemu.qmp" in done.stderr
    assert "--group vm" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["deb", "--output", "{}/below"], ["image"]])
def test_a_place_that_cannot_be_written_to_is_named(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(deb, "require_tools", lambda _tools: {})
    monkeypatch.setenv("O2CBD_VM_CACHE", str(tmp_path / "file" / "below"))
    assert main([word.format(tmp_path / "file") for word in words]) == EXIT_CANNOT_RUN
    said = capsys.readouterr().err
    assert f"cannot create {tmp_path}/file/below (Not a directory)" in said
    assert "$O2CBD_VM_CACHE" in said


@pytest.mark.parametrize("hosts", ["0", "255", "x"])
def test_a_lab_has_as_many_machines_as_there_are_numbers(
    hosts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["lab", "--hosts", hosts])
    assert caught.value.code == 2
    assert "1 to 254" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--members", "6"], "3 to 5"), (["--rounds", "0"], "at least 1"), (["--rounds", "x"], "at")],
)
def test_guests_are_measured_in_numbers_that_they_can_have(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark(["guests", *words])
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(("command", "option"), [("deb", "--revision"), ("fresh", "--suite")])
def test_what_starts_no_guest_runs_with_nothing_but_the_standard_library(
    command: str, option: str
) -> None:
    """As the README does, with Debian's own Python; a bare host has no virtual environment."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "integration", command, "--help"],
        cwd=ROOT, check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert option in done.stdout
