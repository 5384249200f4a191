"""Measures two things in turn and compares them pair by pair."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round: ours, and what it is held against, right beside it."""

    ours_s: float
    bare_s: float

    @property
    def ratio(self) -> float:
        """How many times as long ours took."""
        return self.ours_s / self.bare_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All rounds of one comparison."""

    pairs: tuple[Round, ...]

    @property
    def ours_ms(self) -> float:
        """Median."""
        return 1000 * statistics.median(pair.ours_s for pair in self.pairs)

    @property
    def bare_ms(self) -> float:
        """Median."""
        return 1000 * statistics.median(pair.bare_s for pair in self.pairs)

    @property
    def ratio(self) -> float:
        """Median of the ratios pair by pair, which a machine's slow minutes leave alone."""
        return statistics.median(self.ratios)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Sorted."""
        return tuple(sorted(pair.ratio for pair in self.pairs))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Of the ratios: a quarter of the rounds is below the first, a quarter above the second."""
        if len(self.pairs) == 1:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def interleave(
    rounds: int, ours: Callable[[], float], bare: Callable[[], float], *, warm_ups: int = 1
) -> Compared:
    """Measure A B, B A, A B ...: neither always comes first.

    Args:
        rounds: how many pairs count.
        ours: does it once; the seconds that it took.
        bare: the same for the other.
        warm_ups: how many pairs go before and do not count.
    """
    return Compared(pairs=tuple(_pairs(rounds, ours, bare, warm_ups))[warm_ups:])


def _pairs(
    rounds: int, ours: Callable[[], float], bare: Callable[[], float], warm_ups: int
) -> Iterator[Round]:
    for turn in range(rounds + warm_ups):
        if turn % 2:
            bare_s = bare()
            yield Round(ours_s=ours(), bare_s=bare_s)
        else:
            ours_s = ours()
            yield Round(ours_s=ours_s, bare_s=bare())


def median(values: Sequence[float]) -> float:
    """Return the median, 0 of nothing."""
    return statistics.median(values) if values else 0.0
