"""Where two sequences differ, by identity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from o2cbd.core.memo import Gap, gap


class Thing:
    """Equal to every other one, and the same as none."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing)

    def __hash__(self) -> int:
        return 0


POOL = [Thing() for _ in range(4)]
sequences = st.lists(st.sampled_from(POOL), max_size=8)


@given(sequences, sequences)
def test_all_but_the_gap_is_the_very_same(before: list[Thing], now: list[Thing]) -> None:
    start, before_end, now_end = gap(before, now)
    assert 0 <= start <= before_end <= len(before)
    assert start <= now_end <= len(now)
    head = zip(before[:start], now[:start], strict=True)
    tail = zip(before[before_end:], now[now_end:], strict=True)
    assert all(one is other for one, other in [*head, *tail])


@given(sequences, sequences)
def test_the_gap_is_no_wider_than_it_must_be(before: list[Thing], now: list[Thing]) -> None:
    start, before_end, now_end = gap(before, now)
    if start < before_end and start < now_end:
        assert before[start] is not now[start]
        assert before[before_end - 1] is not now[now_end - 1]


@given(sequences)
def test_there_is_none_between_a_sequence_and_itself(one: list[Thing]) -> None:
    assert gap(one, tuple(one)) == Gap(len(one), len(one), len(one))


def test_one_that_came_and_one_that_went() -> None:
    a, b, c, _ = POOL
    assert gap((a, c), (a, b, c)) == Gap(1, 1, 2)
    assert gap((a, b, c), (a, c)) == Gap(1, 2, 1)
    assert gap((a, a), (a, a, a)) == Gap(2, 2, 3)
