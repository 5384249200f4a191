"""What is made of the rounds."""

import itertools

import pytest

from benchmarks.pairs import Compared, Round, interleave


def test_each_goes_first_in_turn_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    clock = itertools.count(1)

    def measure(name: str) -> float:
        order.append(name)
        return float(next(clock))

    compared = interleave(2, lambda: measure("a"), lambda: measure("b"), warm_ups=1)
    assert "".join(order) == "abbaab"
    assert compared.pairs == (Round(ours_s=4.0, bare_s=3.0), Round(ours_s=5.0, bare_s=6.0))


def test_the_ratio_is_that_of_the_pairs_and_not_of_the_medians() -> None:
    """A machine that is slow for one whole pair changes neither ratio nor quartiles."""
    pairs = tuple(
        Round(ours_s=2.0 * slow, bare_s=1.0 * slow) for slow in (0.001, 0.001, 0.5, 0.001, 0.001)
    )
    compared = Compared(pairs=pairs)
    assert (compared.ratio, compared.quartiles) == (2.0, (2.0, 2.0))
    assert (compared.ours_ms, compared.bare_ms) == pytest.approx((2.0, 1.0))


def test_one_round_is_its_own_quartiles() -> None:
    compared = Compared(pairs=(Round(ours_s=3.0, bare_s=2.0),))
    assert compared.quartiles == (1.5, 1.5)
