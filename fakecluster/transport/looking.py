"""Waiting for what nothing announces."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final

from o2cbd.clock import MonotonicClock

LOOK_EVERY_S: Final = 0.05
"""A look is a few short questions."""


def look_until(
    holds: Callable[[], object], within_s: float, *, every_s: float = LOOK_EVERY_S
) -> bool:
    """Look now and then until something holds; False: it did not in that much real time."""
    clock = MonotonicClock()
    end_us = clock.now_us() + round(within_s * 1_000_000)
    while not holds():
        left_us = end_us - clock.now_us()
        if left_us <= 0:
            return False
        select.select([], [], [], min(left_us / 1_000_000, every_s))
    return True
