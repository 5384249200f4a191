"""What a new user types: the README's two lines, and what they say where something is missing."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


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
    monkeypatch.setattr(module, "is_here", lambda _sign: False)
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
    assert "ensurepip, venv, corosync, fusermount3, cc, ip, stdio.h" in told
    assert (
        "    apt-get install --no-install-recommends python3 python3-venv corosync fuse3 gcc"
        " iproute2 libc6-dev ocfs2-tools\n"
    ) in told
    assert "again" in told


def test_only_the_packages_of_what_is_missing_are_asked_for(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A section that is whole is not named."""
    monkeypatch.setattr(quickstart, "is_here", lambda sign: sign in {"ensurepip", "venv"})
    with pytest.raises(SystemExit):
        quickstart.fetch("run", "test")
    told = capsys.readouterr().err
    assert "corosync fuse3 gcc iproute2 libc6-dev ocfs2-tools" in told
    assert "python3-venv" not in told


def test_root_gets_what_is_missing_from_the_archive(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists first, since a fresh machine has none."""
    ran: list[list[str]] = []
    monkeypatch.setattr(quickstart, "may_install", lambda: True)
    monkeypatch.setattr(quickstart, "run", lambda command, **_: ran.append(command))
    monkeypatch.setattr(quickstart, "is_here", lambda _sign: bool(ran))
    quickstart.fetch("test")
    assert [command[-1] for command in ran] == ["update", "ocfs2-tools"]


def test_a_machine_that_has_all_runs_no_package_tool(
    quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` would fail the test."""
    monkeypatch.setattr(quickstart, "is_here", lambda _sign: True)
    monkeypatch.setattr(quickstart, "may_install", lambda: True)
    quickstart.fetch("run", "test", "vm")


def test_what_lies_in_sbin_is_found_by_a_user_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Debian gives its users no sbin in PATH, and mke2fs is there."""
    module = load_quickstart()
    tool = tmp_path / "mke2fs"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(module, "SBIN", (str(tmp_path),))
    assert module.is_here("mke2fs")
    assert not module.is_here("no-such-tool")


def test_a_path_is_a_sign_of_a_package_that_has_no_command(tmp_path: Path) -> None:
    """Modules of Debian's own Python, whatever Python runs this."""
    module = load_quickstart()
    assert not module.is_here(str(tmp_path / "module"))
    (tmp_path / "module").mkdir()
    assert module.is_here(str(tmp_path / "module"))


@pytest.mark.parametrize("section", ["run", "test", "browser", "package", "vm"])
def test_each_section_has_packages_and_signs(section: str) -> None:
    """debian-packages.txt and the signs say the same headings."""
    module = load_quickstart()
    assert module.packages(section)
    assert module.SIGNS[section]
    assert set(module.SIGNS) == {"run", "test", "browser", "package", "vm"}


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
     (["-e", "vm-smoke"], True)],
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
