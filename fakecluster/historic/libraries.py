"""The shared libraries that programs are linked to, as this machine's loader finds them.

It also runs in guests, whose loader has its own.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"^\s+(\S+) => (?:(/.*) \(0x|not found)", re.MULTILINE)
_NO_VERSION: Final = re.compile(r"version [`'](\S+)' not found \(required by")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedLibraries:
    """What the loader finds for some programs, and for the libraries that these need."""

    found: Mapping[str, Path]
    """By the name that is asked for."""
    missing: Mapping[str, Path]
    """What is found nowhere, a library or a version of one: the first file that needs it."""


def linked_libraries(files: Iterable[Path], search: str) -> LinkedLibraries:
    """Ask the loader; a file that is linked to nothing, as a script, needs nothing.

    Args:
        files: programs, libraries and plug-ins.
        search: LD_LIBRARY_PATH.
    """
    found: dict[str, Path] = {}
    missing: dict[str, Path] = {}
    for file in files:
        done = subprocess.run(
            ["ldd", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": search},
            text=True,
            errors="replace",
            check=False,
        )
        for name, path in _LINE.findall(done.stdout):
            if path:
                found.setdefault(name, Path(path))
            else:
                missing.setdefault(name, file)
        for version in _NO_VERSION.findall(done.stdout):
            missing.setdefault(version, file)
    return LinkedLibraries(found=found, missing=missing)
