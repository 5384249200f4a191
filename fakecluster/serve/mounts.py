"""The FUSE mounts of the served hosts' configfs."""

from __future__ import annotations

from pathlib import Path

from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel


class Mounts:
    """Mounted models; nobody in this process ever touches what is mounted."""

    def __init__(self) -> None:
        self._mounted: list[FuseMount] = []

    def add(self, model: ConfigfsModel, mount_point: Path) -> None:
        """Mount a model.

        Raises:
            OSError: it cannot be mounted.
        """
        self._mounted.append(FuseMount(model, mount_point))

    def close(self) -> None:
        """Unmount everything."""
        while self._mounted:
            self._mounted.pop().close()
