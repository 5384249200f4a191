"""Which processes a unit has and how they are, read where a look costs nothing."""

from __future__ import annotations

import enum
import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_GROUPS: Final = Path("/sys/fs/cgroup/system.slice")
_NO_GROUP: Final = frozenset({errno.ENOENT, errno.ENODEV})
"""A unit that has ended has no group; ENODEV: it went while its file was open."""


_ENDED: Final = frozenset("XZ")
_STANDS_STILL: Final = "T"
_RUNNABLE: Final = "R"


class Process(enum.Enum):
    """How a process is."""

    RUNS = "runs"
    STOPPED = "stopped"
    GONE = "gone"


def process_state(pid: int | None) -> Process:
    """How a process is; None: there is none."""
    if pid is None:
        return Process.GONE
    letter = _letter(Path(f"/proc/{pid}/stat"))
    if letter in _ENDED:
        return Process.GONE
    return Process.STOPPED if letter == _STANDS_STILL else Process.RUNS


def unit_pids(unit: str, groups: Path = _GROUPS) -> list[int]:
    """The processes of a service; the first one is the oldest."""
    try:
        return [int(word) for word in (groups / unit / "cgroup.procs").read_text().split()]
    except OSError as error:
        if error.errno not in _NO_GROUP:
            raise
        return []


def unit_pid(unit: str) -> int | None:
    """The oldest process of a service; None: it has none."""
    return next(iter(unit_pids(unit)), None)


def want_a_processor(pids: Iterable[int]) -> bool:
    """Whether any thread of these processes has something to do, and no processor yet."""
    return any(
        _letter(stat) == _RUNNABLE
        for pid in pids
        for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    )


def _letter(stat: Path) -> str:
    """The state of a process or a thread; of one that has ended X."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
