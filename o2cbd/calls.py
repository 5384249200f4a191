"""Declared calls: before the agent makes an external call it says so, for those who watch it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from o2cbd.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An external call that is under way."""

    name: str
    """As an operator knows it: `cman_get_nodes`, `rmdir`."""
    since_us: int


class CallBoard:
    """Where the agent thread declares its calls and any other thread may look.

    One writer; a reader sees a whole frozen `Call` or None (attribute reads are atomic).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._call: Call | None = None
        self._count = 0

    @property
    def current(self) -> Call | None:
        """The call that is under way, None between calls."""
        return self._call

    @property
    def count(self) -> int:
        """How many calls have begun: it moves while the agent moves."""
        return self._count

    @contextlib.contextmanager
    def declare(self, name: str) -> Iterator[None]:
        """Declare a call for the duration of the with block."""
        self._count += 1
        self._call = Call(name=name, since_us=self._clock.now_us())
        try:
            yield
        finally:
            self._call = None
