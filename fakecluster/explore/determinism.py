"""Asks every Python that is there, with two hash seeds each, for the digest of the same histories.

`python -m fakecluster.explore.determinism [--count N] [FILE ...]`. Exits with 0 when all digests
are one, 1 when they differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

VERSIONS: Final = ("3.11", "3.12", "3.13")
HASH_SEEDS: Final = ("0", "4711")
_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 900

Run = tuple[str, str]
"""An interpreter's version and its hash seed."""


def interpreters() -> dict[str, str]:
    """Return the Pythons that can be asked, by version: this one, and what PATH has."""
    found: dict[str, str] = {}
    for version in VERSIONS:
        for folder in os.get_exec_path():
            path = shutil.which(f"python{version}", path=folder)
            if path is not None and _version(path) == version:
                found[version] = path
                break
    found["{}.{}".format(*sys.version_info)] = sys.executable
    return found


def _version(path: str) -> str:
    """Return what a Python says that it is; empty where a shim has nothing behind it."""
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    asked = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def digests(
    pythons: Mapping[str, str], count: int, files: Sequence[str] = (), jobs: int | None = None
) -> dict[Run, str]:
    """Return each Python's digest with each hash seed.

    Raises:
        subprocess.CalledProcessError: one could not tell; its words are on stderr.
    """
    runs = [(version, seed) for version in sorted(pythons) for seed in HASH_SEEDS]

    def ask(one: Run) -> str:
        version, seed = one
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(_ROOT)}
        command = [pythons[version], "-m", "fakecluster.explore.hashing", "0", str(count), *files]
        told = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True
        )
        return told.stdout.decode("ascii").strip()

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return dict(zip(runs, pool.map(ask, runs), strict=True))


def told(found: Mapping[Run, str]) -> Iterable[str]:
    """Return what was found, line by line."""
    for (version, seed), digest in sorted(found.items()):
        yield f"Python {version}, PYTHONHASHSEED={seed}: {digest}"


def main(arguments: Sequence[str]) -> int:
    """Ask, tell and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="so many seeds, from 0 on")
    parser.add_argument("files", nargs="*", help="scenario files")
    options = parser.parse_args(arguments)
    pythons = interpreters()
    files = [str(Path(file).resolve()) for file in options.files]
    found = digests(pythons, options.count, files)
    for line in told(found):
        print(line)
    for version in sorted(set(VERSIONS) - set(pythons)):
        print(f"Python {version}: is not here, NOT ASKED")
    same = len(set(found.values())) == 1
    print(f"{options.count} histories and {len(files)} files:", "equal" if same else "NOT EQUAL")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
