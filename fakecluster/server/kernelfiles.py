"""The files in which a fake kernel shows more than its configfs: mount table and debugfs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fakecluster.configfs.heartbeat import nums_line
from fakecluster.server.layout import Places


class KernelFiles:
    """Writes them anew when they differ; a reader sees the old or the new one, never a half."""

    def __init__(self, places: Places) -> None:
        self._mounts = places.mounts
        self._live = places.debugfs / "o2hb" / "livenodes"
        self._connected = places.debugfs / "o2net" / "connected_nodes"
        self._written: dict[Path, str] = {}
        self._mounts_hidden = False

    def write(
        self, *, mountinfo: str, live_nums: Iterable[int], connected_nums: Iterable[int]
    ) -> None:
        """Show these facts from now on."""
        if not self._mounts_hidden:
            self._show(self._mounts, mountinfo)
        self._show(self._live, nums_line(live_nums))
        self._show(self._connected, nums_line(connected_nums))

    def hide_mounts(self) -> None:
        """Let the mount table be unreadable (ELOOP) from now on."""
        self._mounts_hidden = True
        fresh = self._mounts.with_name(f".{self._mounts.name}.new")
        fresh.symlink_to(self._mounts.name)
        os.replace(fresh, self._mounts)  # noqa: PTH105 - the atomic one, by its name

    def show_mounts(self) -> None:
        """End what `hide_mounts` began; the next `write` shows what is mounted."""
        self._mounts_hidden = False
        self._written.pop(self._mounts, None)

    def _show(self, path: Path, text: str) -> None:
        if self._written.get(path) == text:
            return
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)  # noqa: PTH105 - the atomic one, by its name
        self._written[path] = text
