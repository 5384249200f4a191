"""How often Python looks for garbage in the processes of a simulator."""

from __future__ import annotations

import gc
from typing import Final

_NEW: Final = 20_000
_RUNS: Final = 20


def collect_less() -> None:
    """Look for it seldom: a simulated cluster is a million values that live long, and few rings.

    For the first instructions of a process that does nothing else.
    """
    gc.set_threshold(_NEW, _RUNS, _RUNS)
