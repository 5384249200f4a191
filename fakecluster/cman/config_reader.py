"""How a daemon takes notice of a new configuration, and what its clients hear of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakecluster.cman.answers import Notice
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import Reason
from fakecluster.cman.timings import Profile

if TYPE_CHECKING:
    from fakecluster.cman.daemon import Daemon

_PAIRS_ONCE_MENDED = 2


class ConfigurationReader:
    """Re-reads the file of one daemon's node.

    3.0.12 tells of the new version alone, and of the old one again and again while its file lags;
    3.1.8 recalculates first, and tells nothing before its file is right.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._is_older = daemon.world.profile is Profile.A
        self._wanted_version = 0

    def told_version(self, version: int) -> None:
        """Re-read the file, since somebody said that this version is current."""
        daemon = self._daemon
        if version <= daemon.config.version:
            return
        self._wanted_version = version
        file = daemon.world.file_of(daemon.node_id)
        if file.version >= version:
            self._take(file, recalculates=not self._is_older)
        elif self._is_older:
            self._lag(version)

    def file_mended(self) -> None:
        """Take the file that lagged and is right now."""
        daemon = self._daemon
        file = daemon.world.file_of(daemon.node_id)
        if self._wanted_version > daemon.config.version and file.version >= self._wanted_version:
            times = _PAIRS_ONCE_MENDED if self._is_older else 1
            self._take(file, recalculates=True, times=times)

    def _lag(self, version: int) -> None:
        daemon = self._daemon
        if daemon.config.version >= version:
            return
        daemon.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=daemon.config.version))
        daemon.after(
            daemon.timings.config_retry_ms * 1000, lambda: self._lag(version), "re-reads its file"
        )

    def _take(self, file: Configuration, *, recalculates: bool, times: int = 1) -> None:
        daemon = self._daemon
        daemon.take_config(file)
        for _ in range(times):
            if recalculates:
                daemon.recalculate()
            daemon.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=file.version))
