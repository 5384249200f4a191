"""What each command of `fakecluster ctl` asks the server."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from fakecluster.cli import cli
from fakecluster.server import ctl
from fakecluster.server.ask import NoServerError
from fakecluster.server.verbs import QUESTIONS
from fakecluster.verbs import commands

CASES: dict[tuple[str, ...], dict[str, Any]] = {
    ("state",): {},
    ("state", "1"): {"node": "1"},
    ("view", "1"): {"node": "1"},
    ("journal", "1"): {"node": "1"},
    ("kill", "n2"): {"node": "n2"},
    ("start", "2"): {"node": "2"},
    ("leave", "2", "--remove"): {"node": "2", "remove": True},
    ("partition", "1,2/3"): {"groups": "1,2/3"},
    ("cut", "1", "2"): {"speaker": "1", "listener": "2"},
    ("mend", "1", "2"): {"speaker": "1", "listener": "2"},
    ("heal",): {},
    ("cman-crash", "1"): {"node": "1"},
    ("cman-stop", "1"): {"node": "1"},
    ("cman-cont", "1"): {"node": "1"},
    ("cman-start", "1"): {"node": "1"},
    ("mount", "1"): {"node": "1"},
    ("umount", "1"): {"node": "1"},
    ("stall-disk", "1"): {"node": "1"},
    ("pin", "1", "n2"): {"node": "1", "name": "n2"},
    ("unpin", "1", "n2"): {"node": "1", "name": "n2"},
    ("address", "1", "10.0.0.1", "10.0.0.2"): {
        "node": "1",
        "addresses": ["10.0.0.1", "10.0.0.2"],
        "at_rejoin": False,
    },
    ("give-address", "1", "10.0.0.9"): {"node": "1", "address": "10.0.0.9"},
    ("take-address", "1", "10.0.0.9"): {"node": "1", "address": "10.0.0.9"},
    ("add-node", "9", "10.0.0.9", "--name", "x", "--votes", "0", "--lagging", "1"): {
        "id": 9,
        "addresses": ["10.0.0.9"],
        "name": "x",
        "votes": 0,
        "lagging": [1],
    },
    ("add-node", "9"): {"id": 9, "addresses": [], "votes": 1, "lagging": []},
    ("remove-node", "9", "--lagging", "1", "--lagging", "2"): {"node": "9", "lagging": [1, 2]},
    ("rename-node", "1", "alpha"): {"node": "1", "name": "alpha"},
    ("rename-cluster", "other"): {"name": "other"},
    ("fence", "2", "--by", "1"): {"node": "2", "by": "1"},
    ("qdisk", "1", "--lost"): {"node": "1", "lost": True},
    ("expected", "1", "2"): {"node": "1", "votes": 2},
    ("votes", "1", "0"): {"node": "1", "votes": 0},
    ("bind-port", "1", "5"): {"node": "1", "port": 5},
    ("close-port", "1", "5"): {"node": "1", "port": 5},
    ("config-older", "2"): {"node": "2"},
    ("config-newer", "2"): {"node": "2"},
    ("config-mend",): {},
    ("notice", "delay", "1", "--count", "2", "--delay-ms", "5"): {
        "fault": "delay",
        "node": "1",
        "count": 2,
        "delay_ms": 5,
    },
    ("fail-read", "1", "--errno", "ENOENT"): {"node": "1", "errno": "ENOENT", "count": 1},
    ("fault", "1", "mkdir", "EIO", "--count", "3"): {
        "node": "1",
        "call": "mkdir",
        "errno": "EIO",
        "count": 3,
    },
    ("mend-calls", "1"): {"node": "1"},
    ("hide-mounts", "1"): {"node": "1"},
    ("show-mounts", "1"): {"node": "1"},
    ("remove-semaphore", "1"): {"node": "1"},
    ("crash-daemon-at", "1", "write:num:2"): {"node": "1", "call": "write:num:2"},
    ("shutdown", "1", "--force"): {"node": "1", "force": True, "remove": False},
}


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_command_asks_its_verb(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    asked: list[tuple[Path, str, dict[str, Any], float]] = []

    def ask(
        directory: Path, verb: str, arguments: dict[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        asked.append((directory, verb, arguments, timeout_s))
        return {"ok": True}

    monkeypatch.setattr(ctl, "ask", ask)
    result = CliRunner().invoke(
        ctl.ctl_command, ["--dir", "/d", "--timeout", "7", *words], standalone_mode=False
    )
    assert (result.exception, result.return_value, result.output) == (None, 0, '{"ok": true}\n')
    assert asked == [(Path("/d"), words[0], CASES[words], 7.0)]


def test_every_verb_has_a_command_and_a_case_here() -> None:
    assert isinstance(ctl.ctl_command, click.Group)
    assert sorted(ctl.ctl_command.commands) == sorted([*QUESTIONS, *commands()])
    assert {words[0] for words in CASES} == {*QUESTIONS, *commands()}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"ok": True}, 0),
        ({"ok": True, "allowed": True}, 0),
        ({"ok": True, "allowed": False, "errno": "EBUSY"}, 75),
        ({"ok": False, "error": "no such node"}, 64),
        (TimeoutError(), 75),
        (NoServerError(2, "nobody", "/d"), 69),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | OSError, expected: int
) -> None:
    def ask(*_: object, **__: object) -> dict[str, Any]:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(ctl, "ask", ask)
    result = CliRunner().invoke(ctl.ctl_command, ["--dir", "/d", "heal"], standalone_mode=False)
    assert (result.exception, result.return_value) == (None, expected)


@pytest.mark.parametrize("verb", sorted([*QUESTIONS, *commands()]))
def test_the_help_of_a_verb_needs_no_directory(verb: str) -> None:
    shown = CliRunner().invoke(cli, ["ctl", verb, "--help"])
    assert (shown.exit_code, shown.output[:6]) == (0, "Usage:")


def test_a_verb_without_a_directory_says_which_option_is_missing() -> None:
    shown = CliRunner().invoke(cli, ["ctl", "state"])
    assert shown.exit_code == 2  # click's own; main makes 64 of it
    assert "Missing option '--dir'" in shown.output
