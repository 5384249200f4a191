"""Reads from this host whether the cluster's file systems are in use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Protocol

from o2cbd.calls import CallBoard
from o2cbd.core.model import Region, Usage
from o2cbd.eintr import uninterrupted
from o2cbd.usage.mounts import ocfs2_mounts

_CHUNK_BYTES = 65536


class HolderReader(Protocol):
    """What of a hold is asked here: who else has it (0: unknown), None when nobody does."""

    def holder(self) -> int | None:
        """See `Hold.holder`."""
        ...


class HostUsage:
    """The facts behind a vote: heartbeat regions, the mount table, the semaphore."""

    def __init__(
        self,
        *,
        configfs_path: str | os.PathLike[str],
        mounts_path: str | os.PathLike[str],
        make_hold: Callable[[str], HolderReader],
        calls: CallBoard,
    ) -> None:
        """Touch nothing yet.

        Args:
            configfs_path: where configfs is mounted.
            mounts_path: a mountinfo table.
            make_hold: gives the hold of a cluster by the cluster's name; only asked who holds.
            calls: where calls are declared.
        """
        self._top = f"{os.fspath(configfs_path)}/cluster"
        self._mounts = os.fspath(mounts_path)
        self._make_hold = make_hold
        self._calls = calls

    def read(self, cluster: str | None) -> Usage:
        """Read all facts anew, see `UsageReader.read`."""
        unreadable: list[str] = []
        regions: list[Region] = []
        for name in self._clusters(unreadable) if cluster is None else [cluster]:
            regions.extend(self._regions(f"{self._top}/{name}/heartbeat", unreadable))
        mounts = self._read_mounts(unreadable)
        held_by = None if cluster is None else self._holder(cluster, unreadable)
        return Usage(
            regions=tuple(regions),
            mounts=mounts,
            held_by=held_by,
            unreadable=tuple(unreadable),
        )

    def _clusters(self, unreadable: list[str]) -> list[str]:
        return self._directories(self._top, unreadable)

    def _regions(self, heartbeat: str, unreadable: list[str]) -> list[Region]:
        running = []
        for name in self._directories(heartbeat, unreadable):
            file = f"{heartbeat}/{name}/pid"
            try:
                with self._calls.declare("read pid"):
                    text = _read(file).strip()
            except OSError as error:
                # A region that ended while we looked is none; one without this file is a doubt.
                if error.errno != errno.ENOENT or name in self._directories(heartbeat, []):
                    unreadable.append(_named(file, error))
                continue
            if text.isascii() and text.isdigit():
                running.append(Region(name=name, pid=int(text)))
            elif text:
                unreadable.append(f"{file}: {text!r} is not a pid")
        return running

    def _directories(self, path: str, unreadable: list[str]) -> list[str]:
        try:
            with self._calls.declare("scandir heartbeat"):
                return sorted(uninterrupted(_directory_names, path))
        except FileNotFoundError:
            return []  # no such cluster, or no configfs: nothing of ours can be in use
        except OSError as error:
            unreadable.append(_named(path, error))
            return []

    def _read_mounts(self, unreadable: list[str]) -> tuple[str, ...]:
        try:
            with self._calls.declare("read mount table"):
                text = _read(self._mounts)
        except FileNotFoundError:
            return ()
        except OSError as error:
            unreadable.append(_named(self._mounts, error))
            return ()
        try:
            return ocfs2_mounts(text)
        except ValueError as error:
            unreadable.append(f"{self._mounts}: {error}")
            return ()

    def _holder(self, cluster: str, unreadable: list[str]) -> int | None:
        try:
            return self._make_hold(cluster).holder()
        except OSError as error:
            unreadable.append(_named("semaphore", error))
            return None


def _directory_names(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(fd, _CHUNK_BYTES):
            chunks.append(chunk)
    finally:
        os.close(fd)
    return os.fsdecode(b"".join(chunks))


def _named(path: str, error: OSError) -> str:
    return f"{path}: {errno.errorcode.get(error.errno or 0, str(error.errno))}"
