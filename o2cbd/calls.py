"""Declared calls: before the agent makes an external call it says so, for those who watch it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NamedTuple

from o2cbd.clock import Clock


class Call(NamedTuple):
    """An external call that is under way."""

    name: str
    """As an operator knows it: `cman_get_nodes`, `rmdir`."""
    since_us: int


class CallBoard:
    """Where the agent thread declares its calls and any other thread may look.

    One writer; a reader sees a whole tuple or None (attribute reads are atomic).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._declared: tuple[str, int] | None = None
        self._count = 0
        self._ending = _Ending(self)

    @property
    def current(self) -> Call | None:
        """The call that is under way, None between calls."""
        declared = self._declared
        return None if declared is None else Call(*declared)

    @property
    def count(self) -> int:
        """How many calls have begun: it moves while the agent moves."""
        return self._count

    def declare(self, name: str) -> AbstractContextManager[None]:
        """Declare a call, from now to the end of the with block that this is given to."""
        self._count += 1
        # A plain tuple: a table takes hundreds of calls, and hardly one is looked at.
        self._declared = (name, self._clock.now_us())
        return self._ending

    def clear(self) -> None:
        """No call is under way any more."""
        self._declared = None


class _Ending(AbstractContextManager[None]):
    """Ends whatever is declared; one for all, since a table takes hundreds of calls."""

    __slots__ = ("_board",)

    def __init__(self, board: CallBoard) -> None:
        self._board = board

    def __exit__(self, *_: object) -> None:
        self._board.clear()
