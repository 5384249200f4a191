"""The FUSE mounts of the served hosts' configfs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fakecluster.configfs.model import ConfigfsModel

if TYPE_CHECKING:
    from fakecluster.configfs.fuse import FuseMount

WITHOUT = "; or serve with --no-configfs"


class Mounts:
    """Mounted models; nobody in this process ever touches what is mounted."""

    def __init__(self) -> None:
        self._mounted: list[FuseMount] = []

    def add(self, model: ConfigfsModel, mount_point: Path) -> None:
        """Mount a model.

        Raises:
            OSError: it cannot be mounted, or libfuse is not there.
        """
        # mfusepy is an extra, and loads libfuse when it is imported.
        try:
            from fakecluster.configfs.fuse import FuseMount  # noqa: PLC0415 - needed only here
        except ModuleNotFoundError as error:
            if error.name != "mfusepy":
                raise
            raise OSError(f"a configfs needs mfusepy: pip install 'o2cbd[fuse]'{WITHOUT}") from None
        except OSError as error:
            raise OSError(f"{error}: on Debian, apt-get install fuse3{WITHOUT}") from None

        mount_point.mkdir(exist_ok=True)
        mount = FuseMount(model, mount_point)
        mount.start()
        self._mounted.append(mount)

    def close(self) -> None:
        """Unmount everything."""
        while self._mounted:
            self._mounted.pop().stop()
