"""EINTR is retried at once, for the calls that Python itself does not retry too."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

EINTR_TRIES_MAX = 100
"""A call that is interrupted this often in a row fails with EINTR: a bound against a loop for ever.
The agent thread blocks all signals, so that on a sound host one interruption is already rare."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def uninterrupted(call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Call it until it is not interrupted; never give it `os.close`.

    PEP 475 covers open, read and write. It does not cover mkdir, rmdir and readdir, and configfs
    can answer those with EINTR.

    Raises:
        OSError: what the call raised; EINTR only after `EINTR_TRIES_MAX` tries.
    """
    for _ in range(EINTR_TRIES_MAX - 1):
        try:
            return call(*args, **kwargs)
        except InterruptedError:
            continue
    return call(*args, **kwargs)
