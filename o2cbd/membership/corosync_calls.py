"""How corosync is called: each call declared, a busy corosync waited for, a dead one recognised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from o2cbd.calls import CallBoard
from o2cbd.membership.interface import ManagerGoneError
from o2cbd.membership.libcorosync_table import (
    CS_ERR_BAD_HANDLE,
    CS_ERR_INTERRUPT,
    CS_ERR_LIBRARY,
    CS_ERR_NOT_EXIST,
    CS_ERR_TRY_AGAIN,
    DISPATCH_ALL,
    CmapHandle,
    CmapValue,
    CorosyncError,
    CorosyncHandle,
)

TRY_AGAIN_ATTEMPTS: Final = 20
TRY_AGAIN_PAUSE_US: Final = 50_000
"""A second in all; then it is for the caller to come again with longer pauses."""

_GONE: Final = frozenset({CS_ERR_LIBRARY, CS_ERR_BAD_HANDLE})
_NO_LOSS: Final = frozenset({CS_ERR_TRY_AGAIN, CS_ERR_INTERRUPT})

Pause = Callable[[int], None]
"""Lets the calling thread do nothing for so many microseconds."""

_T = TypeVar("_T")


class Calls:
    """Makes the calls of one connection."""

    def __init__(self, board: CallBoard, pause: Pause) -> None:
        self._board = board
        self._pause = pause

    def ask(self, name: str, function: Callable[[], _T]) -> _T:
        """Make a request.

        Args:
            name: the C function's.
            function: makes one attempt.

        Raises:
            ManagerGoneError: the connection is dead.
            CorosyncError: with what corosync answered; CS_ERR_TRY_AGAIN when it stays busy.
        """
        try:
            return self.try_to(name, function)
        except CorosyncError as error:
            if error.code not in _GONE:
                raise
            raise ManagerGoneError(error.errno, error.strerror) from error

    def try_to(self, name: str, function: Callable[[], _T]) -> _T:
        """Do as `ask` does where no connection can be dead, since there is none yet.

        Raises:
            CorosyncError: with what the library said.
        """
        left = TRY_AGAIN_ATTEMPTS
        with self._board.declare(name):
            while True:
                left -= 1
                try:
                    return function()
                except CorosyncError as error:
                    if error.code != CS_ERR_TRY_AGAIN or not left:
                        raise
                self._pause(TRY_AGAIN_PAUSE_US)

    def drain(self, name: str, handle: CorosyncHandle) -> None:
        """Have all events delivered that are there.

        Raises:
            ManagerGoneError: the connection is dead, or cannot be trusted any more.
        """
        try:
            with self._board.declare(name):
                handle.dispatch(DISPATCH_ALL)
        except CorosyncError as error:
            if error.code not in _NO_LOSS:
                raise ManagerGoneError(error.errno, error.strerror) from error


class Keys:
    """Reads cmap."""

    def __init__(self, calls: Calls, cmap: CmapHandle) -> None:
        self._calls = calls
        self._cmap = cmap

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the keys that begin so; raises what `Calls.ask` does."""
        return self._calls.ask("cmap_iter_next", lambda: self._cmap.keys(prefix))

    def number(self, key: str, default: int = 0) -> int:
        """Return a number, the default where there is no such key or it is no number."""
        value = self._get(key)
        return value if isinstance(value, int) else default

    def text(self, key: str) -> str:
        """Return a string, "" where there is no such key or it is no string."""
        value = self._get(key)
        return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""

    def _get(self, key: str) -> CmapValue | None:
        try:
            return self._calls.ask("cmap_get", lambda: self._cmap.get(key))
        except CorosyncError as error:
            if error.code != CS_ERR_NOT_EXIST:
                raise
            return None
