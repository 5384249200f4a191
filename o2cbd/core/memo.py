"""Memory for pure functions of frozen values: the same objects in, the same object out.

It stands outside of the functions, which know nothing of it. Only identity counts: the readers of
the manager and of configfs give the very same objects for what reads as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress, count
from operator import is_, is_not
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, overload

_A = TypeVar("_A")
_B = TypeVar("_B")
_R = TypeVar("_R")
_Args = TypeVarTuple("_Args")


def last_call(function: Callable[[*_Args], _R]) -> Callable[[*_Args], _R]:
    """Return the function with a memory of its last call: a repetition gives the same result."""
    last: tuple[tuple[object, ...], _R] | None = None

    def remembering(*args: *_Args) -> _R:
        nonlocal last
        if last is not None and all(map(is_, args, last[0])):
            return last[1]
        result = function(*args)
        last = (args, result)
        return result

    return remembering


def same_if_equal(_kind: type[_R]) -> Callable[[_R], _R]:
    """Return what gives the value of the call before in place of one that is equal to it."""
    last: list[_R] = []

    def same(value: _R) -> _R:
        if value not in last:
            last[:] = [value]
        return last[0]

    return same


class Gap(NamedTuple):
    """What lies between the common head and the common tail of two sequences.

    `before[start:before_end]` became `now[start:now_end]`; all else is the very same objects.
    """

    start: int
    before_end: int
    now_end: int


def gap(before: Sequence[object], now: Sequence[object]) -> Gap:
    """Find the differing middle of two sequences, by identity: equal values are other ones."""
    shorter = min(len(before), len(now))
    start = next(compress(count(), map(is_not, before, now)), shorter)
    room = shorter - start
    tail = next(compress(count(), map(is_not, reversed(before), reversed(now))), room)
    tail = min(tail, room)
    return Gap(start, len(before) - tail, len(now) - tail)


@overload
def for_each(function: Callable[[_A], _R]) -> Callable[[Sequence[_A]], tuple[_R, ...]]: ...
@overload
def for_each(
    function: Callable[[_A, _B], _R],
) -> Callable[[Sequence[_A], Sequence[_B]], tuple[_R, ...]]: ...
def for_each(function: Callable[..., _R]) -> Callable[..., tuple[_R, ...]]:
    """Return `map` of the function, which keeps the results for the rows around a change.

    A table has hundreds of rows of which one changes. The sequences are of one length, and are not
    changed afterwards.
    """
    before: tuple[Sequence[Any], ...] = ()
    results: tuple[_R, ...] = ()

    def mapped(*sequences: Sequence[Any]) -> tuple[_R, ...]:
        nonlocal before, results
        if before and all(map(is_, before, sequences)):
            return results
        length = len(sequences[0])
        gaps = [Gap(0, len(results), length)]
        if before:
            gaps = [gap(*pair) for pair in zip(before, sequences, strict=True)]
            gaps = [one for one in gaps if one.start < max(one.before_end, one.now_end)]
        if gaps:
            start = min(one.start for one in gaps)
            end = max(one.now_end for one in gaps)
            rows = (one[start:end] for one in sequences)
            rest = results[len(results) - (length - end) :]
            results = (*results[:start], *map(function, *rows), *rest)
        before = sequences
        return results

    return mapped
