"""What is drawn, and from where: a stream a concern, so that one concern shifts no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fakecluster.streams import rng_for

T = TypeVar("T")


class Draw:
    """One stream of draws; the same on every machine and Python version."""

    def __init__(self, seed: int, concern: str) -> None:
        self._rng = rng_for(seed, concern)

    def below(self, count: int) -> int:
        """Return one of 0 .. count - 1, all alike."""
        return self._rng.randrange(count)

    def between(self, first: int, last: int) -> int:
        """Return one of first .. last, all alike."""
        return first + self._rng.randrange(last - first + 1)

    def chance(self, out_of: int, *, times: int = 1) -> bool:
        """Be true `times` times out of `out_of`."""
        return self._rng.randrange(out_of) < times

    def pick(self, among: Sequence[T]) -> T:
        """Return one of them, all alike."""
        return among[self._rng.randrange(len(among))]

    def weighted(self, among: Sequence[tuple[int, T]]) -> T:
        """Return one of them, each as often as its weight says."""
        at = self._rng.randrange(sum(weight for weight, _ in among))
        for weight, value in among:
            at -= weight
            if at < 0:
                return value
        raise AssertionError("the weights do not add up")

    def some(self, among: Sequence[T], *, least: int = 1) -> list[T]:
        """Return at least so many of them, in an order of their own."""
        left = list(among)
        count = self.between(min(least, len(left)), len(left))
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def span_us(self, longest_us: int) -> int:
        """Return a span of any order of magnitude: as often under a millisecond as over one."""
        scale = self._rng.randrange(longest_us.bit_length()) + 1
        return min(self._rng.getrandbits(scale), longest_us)
