"""How often something in a fake kernel may have changed, and where the last changes were."""

from __future__ import annotations

from collections import deque
from typing import Final

_REMEMBERED: Final = 64


class Changes:
    """Counts; the places of the last few changes are known, too."""

    def __init__(self) -> None:
        self.count = 0
        """Another number after everything that can change what a reading shows."""
        self._places: deque[str] = deque(maxlen=_REMEMBERED)

    def note(self, path: str = "") -> None:
        """Count one, at a path; none: it may be anywhere."""
        self.count += 1
        self._places.append(path)

    def since(self, count: int) -> tuple[str, ...] | None:
        """Return the places of all changes since that count; None where they are not known."""
        missed = self.count - count
        if missed > len(self._places):
            return None
        places = tuple(self._places)[len(self._places) - missed :]
        return None if "" in places else places
