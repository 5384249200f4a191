"""Where two long sequences of the same values differ: nearly all of one is what the other has."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, count
from operator import is_not
from typing import NamedTuple


class Gap(NamedTuple):
    """What lies between the common head and the common tail of two sequences.

    `before[start:before_end]` became `now[start:now_end]`; all else is the very same objects.
    """

    start: int
    before_end: int
    now_end: int


def gap(before: Sequence[object], now: Sequence[object]) -> Gap:
    """Find it, by identity: values that are only equal count as other ones."""
    shorter = min(len(before), len(now))
    start = next(compress(count(), map(is_not, before, now)), shorter)
    room = shorter - start
    tail = next(compress(count(), map(is_not, reversed(before), reversed(now))), room)
    tail = min(tail, room)
    return Gap(start, len(before) - tail, len(now) - tail)
