"""Waiting for what must come to be in guests."""

from __future__ import annotations

import time
from collections.abc import Callable

from integration.errors import GuestError

_LOOK_AGAIN_S = 0.3


def wait_until(holds: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Ask again and again until it holds; how many seconds that took.

    Raises:
        GuestError: it did not come to be in time.
    """
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise GuestError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(_LOOK_AGAIN_S)
    return time.monotonic() - began
