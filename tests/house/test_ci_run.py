"""`.ci/run`: what it takes from the README, what it prints, and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

README = """\
```sh
exit 9
```
```sh
sh the-tests.sh
```
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A tree with the script, and scripts in place of all that takes long."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "the-tests.sh").write_text("echo SKIPPED [1] b: why; echo SKIPPED [2] a: why\n")
    (tmp_path / "quickstart.py").write_text("def missing(_section): return []\n")
    program(tmp_path / ".venv/bin/tox", "echo tox $*")
    fresh_ends_with(tmp_path, 0)
    smoke_ends_with(tmp_path, 0)
    program(tmp_path / ".tox/vm/bin/python", "echo ran $*; exit 0")
    return tmp_path


def program(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def fresh_ends_with(checkout: Path, code: int) -> None:
    (checkout / "integration").mkdir(exist_ok=True)
    (checkout / "integration" / "__main__.py").write_text(
        f"import sys\nprint('ran', *sys.argv[1:], flush=True)\nsys.exit({code})\n"
    )


def smoke_ends_with(checkout: Path, code: int) -> None:
    program(checkout / ".tox/vm-smoke/bin/python", f"echo ran $*; exit {code}")


def arm_ends_with(arm: str, checkout: Path, code: int) -> None:
    line = f'echo ran $*; case "$*" in *--arm\\ {arm}) exit {code};; esac'
    program(checkout / ".tox/vm/bin/python", line)


def ci(checkout: Path, **variables: str) -> tuple[int, list[str]]:
    # PYTHONPATH would lead to the real `integration`.
    ours = ("O2CBD", "PYTHON")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        ["bash", str(checkout / ".ci" / "run")],
        cwd="/",
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_readme_command_skips_bare_debian_and_kernel_run_in_this_order(
    checkout: Path,
) -> None:
    assert ci(checkout) == (
        0,
        [
            ".ci/run: sh the-tests.sh",
            "SKIPPED [1] b: why",
            "SKIPPED [2] a: why",
            ".ci/run: skipped tests:",
            "SKIPPED [1] b: why",
            "SKIPPED [2] a: why",
            "ran fresh --suite bookworm --environments lint,deb",
            "tox run -q -e vm-smoke,vm --notest",
            "ran -m integration smoke",
            *(
                "ran -m pytest -s -o faulthandler_timeout=0 integration/real -m smoke"
                f" --timeout 900 --arm {arm}"
                for arm in ("vm-corosync", "vm-cman")
            ),
        ],
    )


def test_without_skips_it_says_so(checkout: Path) -> None:
    (checkout / "the-tests.sh").write_text("echo 1 passed\n")
    assert ci(checkout)[1][2:4] == [".ci/run: skipped tests:", "  none"]


def test_failed_tests_end_it_with_their_code_and_their_skips(checkout: Path) -> None:
    (checkout / "the-tests.sh").write_text("echo SKIPPED [1] a; exit 3\n")
    code, lines = ci(checkout, O2CBD_CI_WITHOUT_VM="1")
    assert code == 3
    assert lines[-2:] == [".ci/run: skipped tests:", "SKIPPED [1] a"]


MAY_BE_LEFT_OUT = pytest.mark.parametrize(
    ("end_with", "name"),
    [
        (fresh_ends_with, "fresh"),
        (smoke_ends_with, "vm-smoke"),
        (partial(arm_ends_with, "vm-corosync"), "vm-corosync"),
        (partial(arm_ends_with, "vm-cman"), "vm-cman"),
    ],
    ids=["fresh", "smoke", "vm-corosync", "vm-cman"],
)
EndWith = Callable[[Path, int], None]


@MAY_BE_LEFT_OUT
@pytest.mark.parametrize("code", [1, 2, 77, 137])
def test_a_part_that_fails_or_could_not_run_fails_it(
    checkout: Path, end_with: EndWith, name: str, code: int
) -> None:
    end_with(checkout, code)
    assert ci(checkout)[0] == code


@MAY_BE_LEFT_OUT
def test_a_part_that_cannot_run_may_be_left_out_and_is_named_last(
    checkout: Path, end_with: EndWith, name: str
) -> None:
    end_with(checkout, 77)
    code, lines = ci(checkout, O2CBD_CI_WITHOUT_VM="1")
    assert (code, lines[-1]) == (0, f".ci/run: {name} NOT RUN")


@MAY_BE_LEFT_OUT
def test_a_failure_is_never_left_out(checkout: Path, end_with: EndWith, name: str) -> None:
    end_with(checkout, 1)
    assert ci(checkout, O2CBD_CI_WITHOUT_VM="1")[0] == 1


def test_without_a_second_block_there_is_nothing_to_trust(checkout: Path) -> None:
    (checkout / "README.md").write_text("```sh\nexit 0\n```\n")
    assert ci(checkout)[0] == 1
