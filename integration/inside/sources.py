"""Sources of the installed package, each by its number, in the agent's process.

An answer is as `answered` makes it where the source may refuse.
"""

from __future__ import annotations

import functools
import inspect
import select
from collections.abc import Callable
from typing import Any

from cattrs import unstructure

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock, pause
from o2cbd.core.events import Notice
from o2cbd.membership.corosync import connect_corosync
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcorosync import load
from o2cbd.membership.libcorosync_table import CorosyncTable

_sources: list[MembershipSource] = []


@functools.cache
def libraries() -> CorosyncTable:
    """Those of this guest, loaded once."""
    return load()


def answered(call: Callable[[], object]) -> dict[str, Any]:
    """Call what may be refused; its value, which JSON can spell, or the refusal."""
    try:
        return {"value": call()}
    except OSError as error:
        gone = isinstance(error, ManagerGoneError)
        return {"errno": error.errno, "text": error.strerror, "gone": gone}


def origin() -> str:
    """The file that the source comes from."""
    return inspect.getfile(connect_corosync)


def connect() -> dict[str, Any]:
    """Connect to this guest's corosync; the source's number, or why there is none."""
    return answered(_connect)


def _connect() -> int:
    _sources.append(connect_corosync(libraries(), CallBoard(MonotonicClock()), pause))
    return len(_sources) - 1


def fileno(number: int) -> dict[str, Any]:
    """The descriptor of this moment."""
    return answered(_sources[number].fileno)


def readable(descriptor: int, wait_s: float) -> bool:
    """Whether whoever waits on a descriptor is woken, within some time."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(wait_s * 1000))


def dispatch(number: int) -> list[dict[str, Any]]:
    """The notices that are there."""
    return [spelled(each) for each in _sources[number].dispatch()]


def spelled(notice: Notice) -> dict[str, Any]:
    """A notice with its kind."""
    return {"kind": type(notice).__name__, "is": unstructure(notice)}


def snapshot(number: int) -> dict[str, Any]:
    """A reading."""
    return answered(lambda: unstructure(_sources[number].snapshot()))


def reply_shutdown(number: int, *, yes: bool) -> dict[str, Any]:
    """Answer the open question."""
    return answered(lambda: _sources[number].reply_shutdown(yes))


def close(number: int) -> None:
    """Give the connection back."""
    _sources[number].close()


def close_all() -> None:
    """Give back what is still open; numbers begin anew."""
    for source in _sources:
        source.close()
    _sources.clear()
