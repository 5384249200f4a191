"""How a daemon takes notice of a new configuration, and what its clients hear of that."""

from __future__ import annotations

from fakecluster.cman.answers import Notice
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import Reason
from fakecluster.cman.process import Process
from fakecluster.cman.timings import Profile

_PAIRS_ONCE_MENDED = 2


class ConfigurationReader:
    """Re-reads the file of one daemon's node.

    3.0.12 tells of the new version, alone where the operator said it and after a recalculation
    elsewhere, and of the old one again and again while its file lags. 3.1.8 always recalculates
    first, and tells nothing before its file is right, without which it is not quorate.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._is_older = process.world.profile is Profile.A
        self._wanted_version = 0

    def told_version(self, version: int, *, asker: bool = False) -> None:
        """Re-read the file, since somebody said that this version is current.

        `asker`: an operator said it on this node.
        """
        process = self._process
        if version <= process.config.version:
            return
        self._wanted_version = version
        file = process.world.file_of(process.node_id)
        if file.version >= version:
            self._take(file, recalculates=not (self._is_older and asker))
        elif self._is_older:
            self._lag(version)
        else:
            process.config_error = True

    def file_mended(self) -> None:
        """Take the file that lagged and is right now."""
        process = self._process
        file = process.world.file_of(process.node_id)
        if self._wanted_version > process.config.version and file.version >= self._wanted_version:
            times = _PAIRS_ONCE_MENDED if self._is_older else 1
            self._take(file, recalculates=True, times=times)

    def _lag(self, version: int) -> None:
        process = self._process
        if process.config.version >= version:
            return
        process.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=process.config.version))
        process.after(
            process.timings.config_retry_ms * 1000, lambda: self._lag(version), "re-reads its file"
        )

    def _take(self, file: Configuration, *, recalculates: bool, times: int = 1) -> None:
        process = self._process
        process.take_config(file)
        process.world.send(
            process.node_id,
            lambda other: other.has_read(process.node_id, file.version),
            after_us=process.timings.hop_us,
            itself=False,
        )
        for _ in range(times):
            if recalculates:
                process.recalculate()
            process.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=file.version))
