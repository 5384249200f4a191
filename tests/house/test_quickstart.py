"""What a new user types: the README's two lines, and what they say where something is missing."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SECTIONS = ("run", "test", "browser", "package", "vm")


def load_quickstart() -> ModuleType:
    """Import the script that no package holds."""
    spec = importlib.util.spec_from_file_location("quickstart", ROOT / "quickstart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def quickstart(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a machine that has nothing, as a user; commands are never run."""
    module = load_quickstart()
    monkeypatch.setattr(module, "installed", lambda: frozenset({"dpkg"}))
    monkeypatch.setattr(module, "may_install", lambda: False)
    monkeypatch.setattr(module, "run", lambda *_command, **_: pytest.fail("a command was run"))
    return module


def test_the_readme_has_exactly_two_sh_blocks_of_one_line_that_quickstart_knows() -> None:
    """`.ci/run` and a new user take them from there."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert blocks == ["python3 quickstart.py demo\n", "python3 quickstart.py test\n"]


def test_a_user_is_told_once_all_that_is_missing_and_what_root_must_type(
    quickstart: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not package after package."""
    with pytest.raises(SystemExit) as ended:
        quickstart.fetch("run", "test")
    assert ended.value.code == 69
    told = capsys.readouterr().err
    names = " ".join([*quickstart.packages("run"), *quickstart.packages("test")])
    assert f"    apt-get install --no-install-recommends {names}\n" in told
    assert "again" in told


def test_only_packages_that_are_missing_are_named(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that is installed is upgraded."""
    here = frozenset({*quickstart.packages("run"), "gcc"})
    monkeypatch.setattr(quickstart, "installed", lambda: here)
    with pytest.raises(SystemExit):
        quickstart.fetch("run", "test")
    names = [name for name in quickstart.packages("test") if name != "gcc"]
    assert f"recommends {' '.join(names)}\n" in capsys.readouterr().err


def test_root_gets_what_is_missing_from_the_archive(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists first, since a fresh machine has none."""
    ran: list[list[str]] = []
    monkeypatch.setattr(quickstart, "may_install", lambda: True)
    monkeypatch.setattr(quickstart, "run", lambda command, **_: ran.append(command))
    quickstart.fetch("test")
    assert [command[-1] for command in ran] == ["update", quickstart.packages("test")[-1]]


def test_a_machine_that_has_all_runs_no_package_tool(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` would fail the test."""
    here = frozenset(name for section in SECTIONS for name in quickstart.packages(section))
    monkeypatch.setattr(quickstart, "installed", lambda: here)
    monkeypatch.setattr(quickstart, "may_install", lambda: True)
    quickstart.fetch(*SECTIONS)
    assert quickstart.missing(*SECTIONS) == []


def test_without_dpkg_the_packages_are_named_and_it_goes_on(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another distribution has them under other names."""
    monkeypatch.setattr(quickstart, "installed", frozenset)
    monkeypatch.setattr(quickstart, "may_install", lambda: True)
    quickstart.fetch("run")
    assert "needed here: python3 python3-venv\n" in capsys.readouterr().err
    assert quickstart.missing("run") == []


DATABASE = """\
installed\tgcc\tc-compiler, gcc-x86-64-linux-gnu (= 4:12.2.0-3)
installed\tfuse3\t
not-installed\tcorosync\tcluster
half-configured\tlintian\t
config-files\tiproute2\tarpd
"""


def dpkg_query(directory: Path, script: str) -> None:
    program = directory / "dpkg-query"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (f"cat <<'E'\n{DATABASE}E", {"gcc", "c-compiler", "gcc-x86-64-linux-gnu", "fuse3"}),
        ("echo no packages found >&2; exit 1", set()),
        (None, set()),
    ],
    ids=["debian", "dpkg on another distribution", "no dpkg"],
)
def test_packages_here_are_those_installed_and_those_provided(
    script: str | None, names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpacked, removed or half-configured packages are not here."""
    if script is not None:
        dpkg_query(tmp_path, script)
    # The tools of the script itself, and no dpkg-query of this machine's.
    for tool in ("sh", "cat"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load_quickstart().installed() == names


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="this is no Debian")
def test_dpkg_understands_the_question() -> None:
    """The package that every Debian has."""
    assert "libc6" in load_quickstart().installed()


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_has_packages(section: str) -> None:
    """All headings of debian-packages.txt."""
    assert load_quickstart().packages(section)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 64), (["tests"], 64), (["--help"], 0), (["-h"], 0)],
)
def test_usage(arguments: list[str], code: int) -> None:
    """Both lines are shown to whoever asks or errs."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "quickstart.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "quickstart.py demo" in done.stdout + done.stderr
    assert "quickstart.py test" in done.stdout + done.stderr


@pytest.mark.parametrize("action", ["demo", "test"])
def test_an_old_python_is_told_apart(
    action: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Debian 11 has 3.9."""
    module = load_quickstart()
    monkeypatch.setattr(module, "PYTHON", (3, 9))
    main: Callable[[list[str]], None] = module.main
    with pytest.raises(SystemExit) as ended:
        main([action])
    assert ended.value.code == 69
    assert "3.9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "real_kernels"),
    [([], False), (["-e", "py311", "--", "-k", "x"], False), (["-e", "vm"], True),
     (["-e", "vm-smoke"], True), (["-e", "lint,vm"], True)],
)  # fmt: skip
def test_what_real_kernels_need_is_fetched_for_them_alone(
    quickstart: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    real_kernels: bool,
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(quickstart, "fetch", lambda *sections: fetched.extend(sections))
    monkeypatch.setattr(quickstart, "environment", lambda *_wanted: "python")
    monkeypatch.setattr(quickstart.os, "execv", lambda *_: None)
    quickstart.test(arguments)
    assert ("vm" in fetched) == real_kernels
