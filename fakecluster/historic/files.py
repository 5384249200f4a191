"""Files that one mount namespace sees in places of its own; this machine's stay as they are.

Run these inside the namespace (`Namespace.call`), which has a `/run` of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_KEPT: Final = Path("/run/kept")
"""What stood where something else stands now."""


class PrivateFiles:
    """What one namespace sees otherwise than the machine."""

    def __init__(self) -> None:
        self._own: set[Path] = set()

    def show(self, sources: Mapping[str, Path], empty: tuple[str, ...] = ()) -> None:
        """Mount files and directories over paths, and empty directories over others.

        Args:
            sources: by path: what is to be seen there.
            empty: directories, made where they are not there.

        Raises:
            subprocess.CalledProcessError: something cannot be mounted.
            OSError: something cannot be made.
        """
        for path in empty:
            place = self._there(Path(path), directory=True)
            if not self._is_own(place):
                self._cover(place)
        for path, source in sources.items():
            place = self._there(Path(path), directory=source.is_dir())
            _mount("--bind", str(source), str(place))

    def _there(self, path: Path, *, directory: bool) -> Path:
        """Make a path where it is not there, without a trace outside; return it, links resolved."""
        place = path.resolve()
        if place.exists():
            return place
        parent = self._there(place.parent, directory=True)
        if not self._is_own(parent):
            self._stand_in(parent)
        place = parent / place.name
        if directory:
            place.mkdir()
        else:
            place.touch()
        return place

    def _is_own(self, directory: Path) -> bool:
        return any(own in {directory, *directory.parents} for own in self._own) or (
            Path("/run") in {directory, *directory.parents} and _KEPT not in directory.parents
        )

    def _cover(self, directory: Path) -> None:
        _mount("-t", "tmpfs", "-o", "mode=755", "none", str(directory))
        self._own.add(directory)

    def _stand_in(self, directory: Path) -> None:
        """Replace a directory by one of ours that has links to everything in it."""
        kept = _KEPT / str(len(self._own))
        kept.mkdir(parents=True)
        # All of it, so that links that lead out of the directory lead somewhere there, too.
        _mount("--rbind", "/", str(kept))
        there = kept / directory.relative_to("/")
        names = sorted(os.listdir(there))  # noqa: PTH208 - names, not paths
        self._cover(directory)
        for name in names:
            (directory / name).symlink_to(there / name)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, stdin=subprocess.DEVNULL)
