"""Checks the example of docs/test-your-daemon.md, with an installed o2cbd; run by `tox -e example`.

It runs in an environment that has the wheel with the extra `fakecluster` and nothing else, and in a
copy of the example outside of this checkout.
"""

from __future__ import annotations

import importlib.resources
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import fakecluster

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "docs" / "examples" / "your-daemon"
DATA: Final = (
    *("py.typed", "__init__.pyi"),
    *("cman/standin/libcman.h", "cman/standin/handle.c", "cman/standin/libcman.map"),
    *("report/page.html", "report/page.css", "report/page.js", "report/paint.js"),
)


def main() -> None:
    """Check everything, and end with what is wrong."""
    with tempfile.TemporaryDirectory(prefix="example-") as directory:
        copy = Path(directory, "your-daemon")
        shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        problems = [*_of_wheel(), *_of_example(copy)]
    for problem in problems:
        print(f"example: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


def _of_wheel() -> Iterator[str]:
    if Path(fakecluster.__file__).is_relative_to(ROOT / "fakecluster"):
        yield "fakecluster comes from this checkout, not from the wheel"
    files = importlib.resources.files("fakecluster")
    yield from (f"the wheel lacks {name}" for name in DATA if not files.joinpath(name).is_file())
    for name in fakecluster.__all__:
        getattr(fakecluster, name)  # whatever it needs is there


def _of_example(copy: Path) -> Iterator[str]:
    for options in (("--seeds", "80..100"), ("--arm", "process")):
        printed = _pytest(copy, *options)
        if not re.search(r"^\d+ passed in", printed, re.MULTILINE):
            yield f"the daemon does not pass its tests with {options}:\n{printed}"
    readme = (copy / "README.md").read_text(encoding="utf-8")
    changes = re.findall(r"^\$ (sed -i .*)$", readme, re.MULTILINE)
    again = re.search(r"^run it again: pytest '(\S+)' --seeds (\S+)$", readme, re.MULTILINE)
    if len(changes) != 2 or again is None:
        yield "the README lacks a line that makes the mistake, undoes it, or repeats the failure"
        return
    mistake, undo = map(shlex.split, changes)
    right = (copy / "leader.py").read_bytes()
    repeated = again[1], "--seeds", again[2]
    if "1 passed" not in _pytest(copy, *repeated):
        yield f"{repeated} of the README fails without the mistake"
    subprocess.run(mistake, cwd=copy, check=True)
    if "1 failed" not in _pytest(copy, *repeated):
        yield f"{repeated} of the README does not fail with the mistake"
    yield from _of_mistake(copy)
    subprocess.run(undo, cwd=copy, check=True)
    if (copy / "leader.py").read_bytes() != right:
        yield "the README's line does not undo the mistake"


def _of_mistake(copy: Path) -> Iterator[str]:
    printed = _pytest(copy, "--seeds", "80..100")
    failed = re.findall(r"^FAILED tests/test_leader\.py::(\w+)", printed, re.MULTILINE)
    if not failed or set(failed) != {"test_any_history"}:
        yield f"the mistake is not found by drawn histories alone:\n{printed}"
    pages = re.findall(r"^timeline: (.*)$", printed, re.MULTILINE)
    if len(pages) != len(failed) or not all(Path(page).is_file() for page in pages):
        yield f"not every failure has its timeline:\n{printed}"


def _pytest(directory: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
