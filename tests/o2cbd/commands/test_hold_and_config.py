"""`o2cbd hold` finds its name; `check-config` and `run` tell what is wrong with settings."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner

from fakecluster.server.holds import remove_hold
from o2cbd.cli import cli
from o2cbd.commands import hold
from o2cbd.core.rules import Rules, Scope, TableRules
from o2cbd.given_settings import overridden
from o2cbd.hold import sysv
from o2cbd.hold.semaphore import CannotRunError, HeldError
from o2cbd.settings import DaemonSettings, Paths, Source
from tests.o2cbd.commands.conftest import FakeDaemon, Reply, Run

Held = list[tuple[object, ...]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Notes what would be held and run."""
    noted: list[tuple[object, ...]] = []

    def note(*arguments: object, make: bool) -> None:
        assert make is (os.geteuid() == 0)
        noted.append(arguments)
        raise SystemExit(7)

    monkeypatch.setattr(hold, "exec_with_hold", note)
    return noted


def test_name_comes_from_the_running_daemons_cluster(
    o2cbd: Run, daemon: FakeDaemon, held: Held
) -> None:
    """The daemon knows; the words after the first are the command's own."""
    shown = o2cbd("hold", "--timeout", "3", "true", "--timeout", "x", "--", "-h")
    assert shown.exit_code == 7
    assert held == [("o2cb.prod", 0, 3.0, ("true", "--timeout", "x", "--", "-h"))]


@pytest.mark.row("semaphore-names")
def test_name_of_the_settings_needs_no_cluster(o2cbd: Run, held: Held, tmp_path: Path) -> None:
    """`[hold]` name and mode are taken as they are."""
    (tmp_path / "o2cbd.toml").write_text('[hold]\nname = "mine"\nmode = "0600"')
    assert o2cbd("hold", "--", "true").exit_code == 7
    assert held == [("mine", 0o600, None, ("true",))]


def test_name_comes_from_the_settings_cluster_without_a_daemon(
    o2cbd: Run, held: Held, tmp_path: Path
) -> None:
    """A cluster that is set serves when nobody runs."""
    (tmp_path / "o2cbd.toml").write_text('[cluster]\nname = "set"')
    assert o2cbd("hold", "--", "true").exit_code == 7
    assert held[0][0] == "o2cb.set"


def test_name_that_is_given_wins(o2cbd: Run, daemon: FakeDaemon, held: Held) -> None:
    """The operator's word comes before the daemon's."""
    o2cbd("hold", "--cluster", "given", "--", "true")
    assert held[0][0] == "o2cb.given"


def test_unknown_name_is_69_and_says_what_to_do(o2cbd: Run, held: Held) -> None:
    """Without daemon, settings and option nothing is guessed."""
    shown = o2cbd("hold", "--", "true")
    assert shown.exit_code == 69
    assert "give --cluster NAME" in shown.output
    assert held == []


def test_daemon_that_knows_no_cluster_yet_is_no_help(
    o2cbd: Run, daemon: FakeDaemon, status: Reply, held: Held
) -> None:
    """A waiting daemon has no name to give."""
    daemon.answer = lambda _request: {**status, "cluster": None}
    assert o2cbd("hold", "--", "true").exit_code == 69


def test_command_that_is_not_there_is_127_and_holds_nothing(o2cbd: Run, held: Held) -> None:
    """As env(1) has it, before anything is held."""
    shown = o2cbd("hold", "--cluster", "c", "--", "/nonexistent/command")
    assert (shown.exit_code, shown.output) == (
        127,
        "o2cbd: /nonexistent/command: command not found\n",
    )
    assert held == []


@pytest.mark.parametrize(("word", "why"), [("file", "Permission denied"), (".", "Is a directory")])
def test_command_that_cannot_be_run_is_126_and_holds_nothing(
    o2cbd: Run, held: Held, tmp_path: Path, word: str, why: str
) -> None:
    """What is there and is no program is not called absent."""
    (tmp_path / "file").write_text("no program")
    path = f"{tmp_path}/{word}"
    shown = o2cbd("hold", "--cluster", "c", "--", path)
    assert (shown.exit_code, shown.output) == (126, f"o2cbd: {path}: {why}\n")
    assert held == []


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            CannotRunError("Exec format error"),
            126,
            "true: Exec format error; the semaphore was released",
        ),
        (HeldError(12), 75, "timed out: held by process 12"),
        (
            PermissionError(13, "Permission denied"),
            77,
            "cannot hold o2cb.c: Permission denied (EACCES)",
        ),
        (
            OSError(28, "No space left on device"),
            73,
            "cannot hold o2cb.c: No space left on device (ENOSPC)",
        ),
    ],
)
def test_failed_hold_has_its_code(
    o2cbd: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, words: str
) -> None:
    """Time-out, permission and no room are told apart."""

    def fail(*_arguments: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(hold, "exec_with_hold", fail)
    shown = o2cbd("hold", "--cluster", "c", "--", "true")
    assert shown.exit_code == code
    assert words in shown.output


@pytest.mark.row("semaphore-command")
def test_who_is_not_root_is_told_who_makes_the_set(
    o2cbd: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves none behind that would be in the daemon's way."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    cluster = uuid.uuid4().hex[:16]
    shown = o2cbd("hold", "--cluster", cluster, "--", "true")
    key = sysv.key_of(f"o2cb.{cluster}")
    assert (shown.exit_code, shown.output) == (
        77,
        (
            f"o2cbd: cannot hold o2cb.{cluster}: semaphore key 0x{key & 0xFFFFFFFF:08x}: no"
            " semaphore set exists, and only root may create one: run this once as root"
            " (EACCES)\n"
        ),
    )
    assert sysv.find(key) is None


@pytest.mark.row("semaphore-command")
def test_hold_becomes_its_command(tmp_path: Path) -> None:
    """The real thing: its own exit code; while it runs another attempt is refused with 75."""
    config = tmp_path / "c.toml"
    name = f"o2cbd.test.{uuid.uuid4()}"
    config.write_text(f'[hold]\nname = "{name}"\nmode = "0600"')
    # Whoever runs the tests: the command itself makes a set for root alone.
    sysv.make_or_find(sysv.key_of(name), 0o600)
    line = [sys.executable, "-m", "o2cbd", "hold", "--config", str(config), "--timeout", "0"]
    inner = f"exec {sys.executable} -m o2cbd hold --config {config} --timeout 0 -- true"
    shown = subprocess.run(
        [*line, "--", "sh", "-c", inner], capture_output=True, text=True, check=False, timeout=60
    )
    free = subprocess.run([*line, "--", "sh", "-c", "exit 5"], check=False, timeout=60)
    remove_hold(name)
    assert (shown.returncode, free.returncode) == (75, 5)


def test_check_config_is_good_or_says_all(tmp_path: Path) -> None:
    """0 and one line; 78 and all mistakes; nothing else is touched."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[table]\nport = 7778")
    bad.write_text("[table]\nport = 0\nscope = 1")
    runner = CliRunner()
    shown = runner.invoke(cli, ["check-config", str(good)])
    assert (shown.exit_code, shown.output) == (0, f"{good}: good\n")
    shown = runner.invoke(cli, ["check-config", str(bad)])
    assert (shown.exit_code, shown.output) == (
        78,
        (
            f"o2cbd: {bad}: table.port: 0 is outside 1..65534\n"
            f'o2cbd: {bad}: table.scope: must be "members" or "configured", not 1\n'
        ),
    )


def test_check_config_without_any_file(o2cbd: Run, tmp_path: Path) -> None:
    """The default file need not be there; when it is, it is the one that is checked."""
    default = tmp_path / "o2cbd.toml"
    runner = CliRunner()
    shown = runner.invoke(cli, ["check-config"])
    assert shown.output == f"{default} does not exist: using the defaults\n"
    default.write_text("")
    assert runner.invoke(cli, ["check-config"]).output == f"{default}: good\n"


@pytest.mark.parametrize("command", ["run", "status", "plan", "wait", "hold"])
def test_bad_settings_are_78_before_anything_is_done(tmp_path: Path, command: str) -> None:
    """A named file that is wrong or missing stops every command."""
    more = {"wait": ["--in-sync", "--timeout", "0"], "hold": ["--", "true"]}.get(command, [])
    bad = tmp_path / "bad.toml"
    bad.write_text("colour = 1")
    shown = CliRunner().invoke(cli, [command, "--config", str(bad), *more])
    assert (shown.exit_code, shown.output) == (78, f"o2cbd: {bad}: colour: unknown key\n")
    absent = tmp_path / "absent.toml"
    shown = CliRunner().invoke(cli, [command, "--config", str(absent), *more])
    assert (shown.exit_code, shown.output) == (
        78,
        f"o2cbd: {absent}: No such file or directory (ENOENT)\n",
    )
    assert sorted(tmp_path.iterdir()) == [bad]


def test_unreadable_settings_are_77(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission is not a mistake of the file's."""

    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied", "/x.toml")

    monkeypatch.setattr("o2cbd.settings_file.load", refuse)
    shown = CliRunner().invoke(cli, ["check-config", "/x.toml"])
    assert (shown.exit_code, shown.output) == (77, "o2cbd: /x.toml: Permission denied (EACCES)\n")


def test_options_override_the_file() -> None:
    """What is given on the command line counts; the rest stays as the file has it."""
    file = DaemonSettings(
        libcman="a",
        paths=Paths(configfs="/file", runtime_dir="/run/file"),
        rules=Rules(cluster="file", table=TableRules(port=1)),
    )
    nothing: dict[str, str | None] = {"configfs": None, "runtime_dir": None}
    assert (
        overridden(file, membership=None, libcman=None, paths=nothing, cluster=None, port=None)
        == file
    )
    assert overridden(
        file,
        membership="corosync",
        libcman="b",
        paths={"configfs": "/given"},
        cluster="given",
        port=2,
    ) == DaemonSettings(
        source=Source.COROSYNC,
        libcman="b",
        paths=Paths(configfs="/given", runtime_dir="/run/file"),
        rules=Rules(cluster="given", table=TableRules(port=2, scope=Scope.CONFIGURED)),
    )
