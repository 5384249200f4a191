"""The command line of fakecluster, without a server."""

import sys
from pathlib import Path

import pytest

from fakecluster import cli
from o2cbd import __version__


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["fakecluster", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert __version__ in capsys.readouterr().out


def test_help_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {"serve", "ctl", "demo"} <= listed


@pytest.mark.parametrize(
    "words",
    [
        ("no-such-command",),
        ("serve",),
        ("serve", "--dir", "d", "--nodes", "256"),
        ("ctl", "--dir", "d"),
        ("ctl", "--dir", "d", "notice", "eat", "1"),
        ("ctl", "--dir", "d", "kill"),
        ("replay", "7", "--kind", "nonsense"),
    ],
)
def test_wrong_usage_is_64(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *words) == 64
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_69(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ctl", "--dir", str(tmp_path), "state") == 69
    assert "no fakecluster serves here" in capsys.readouterr().err


def test_a_path_that_cannot_be_is_64(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ctl", "--dir", str(tmp_path / ("x" * 110)), "state") == 64
    assert "at most 107 bytes" in capsys.readouterr().err
