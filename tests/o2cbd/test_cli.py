"""The command line as a whole: names, versions, exit codes, and what a start imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import o2cbd
from o2cbd import __version__
from o2cbd.cli import cli

COMMANDS = ["run", "status", "plan", "check-config", "hold", "forget", "wait"]


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user does: coverage that measures us must not be loaded there too."""
    environment = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def test_module_and_version() -> None:
    """`python -m o2cbd --version` says name and version."""
    shown = python("-m", "o2cbd", "--version")
    assert (shown.returncode, shown.stdout) == (0, f"o2cbd {__version__}\n")


def test_overview_names_every_command_and_each_has_help() -> None:
    """What the overview lists is there and explains itself."""
    runner = CliRunner()
    overview = runner.invoke(cli, ["--help"])
    assert overview.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in overview.output
        shown = runner.invoke(cli, [name, "--help"])
        assert (shown.exit_code, shown.output[:6]) == (0, "Usage:")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["run", "--nonsense"],
        ["run", "--port", "0"],
        ["run", "--port", "65535"],
        ["run", "--membership", "heartbeat"],
        ["run", "--cluster", "has-dash"],
        ["run", "--cluster", "seventeenletters1"],
        ["run", "--cluster", ""],
        ["run", "extra"],
        ["status", "extra"],
        ["forget"],
        ["hold"],
        ["hold", "--timeout", "-1", "--", "true"],
        ["wait", "--in-sync"],
        ["wait", "--timeout", "1"],
        ["wait", "--in-sync", "--timeout", "soon"],
        ["wait", "--nodes", "0", "--timeout", "1"],
    ],
)
def test_wrong_usage_is_64(words: list[str]) -> None:
    """sysexits' code, not click's, with words on stderr and nothing on stdout."""
    shown = CliRunner().invoke(cli, words)
    assert shown.exit_code == 64
    assert shown.output


def test_process_exits_with_64_too() -> None:
    """The code reaches the shell."""
    shown = python("-m", "o2cbd", "nonsense")
    assert (shown.returncode, shown.stdout) == (64, "")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_manager_that_nobody_knows_is_wrong_usage(command: str) -> None:
    """The known ones are named."""
    shown = CliRunner().invoke(cli, [command, "--membership", "heartbeat"])
    assert shown.exit_code == 64
    assert "'cman', 'corosync'" in shown.output


def test_daemon_imports_only_what_it_needs() -> None:
    """Memory and start time: no settings machinery without a file, no asyncio, no fakes."""
    code = (
        "import json, sys\n"
        "import o2cbd.cli, o2cbd.commands.run, o2cbd.service.wiring\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = set(json.loads(python("-c", code).stdout))
    unwanted = {
        "asyncio", "attr", "attrs", "cattrs", "tomllib", "rich", "structlog", "logging.config",
        "prometheus_client", "fakecluster", "pytest", "o2cbd.settings_file", "multiprocessing",
    }  # fmt: skip
    assert loaded & unwanted == set()


def test_daemon_has_no_broad_except() -> None:
    """Nobody catches what he did not expect: `except Exception` swallows nothing here."""
    package = Path(o2cbd.__file__).parent
    broad = []
    for path in sorted(package.rglob("*.py")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            words = line.strip()
            if re.match(r"except( \(?Exception\b.*)?:", words):
                broad.append(f"{path.name}:{number}")
            if words.startswith("except BaseException"):
                body = [later.strip() for later in lines[number : number + 8]]
                if "raise" not in body:
                    broad.append(f"{path.name}:{number}")
    assert broad == []
