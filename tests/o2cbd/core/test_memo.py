"""Memory for pure functions: the same objects in, the same object out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from o2cbd.core.memo import for_each, last_call


class Thing:
    """Equal to every other one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing)

    __hash__ = None  # type: ignore[assignment]


def test_a_repeated_call_gives_the_very_same_result() -> None:
    one, other = Thing(), Thing()
    remembering = last_call(lambda first, second: [first, second])
    result = remembering(one, other)
    assert remembering(one, other) is result
    assert remembering(one, Thing()) is not result


def test_only_the_last_call_is_remembered() -> None:
    calls: list[object] = []
    remembering = last_call(calls.append)
    one, other = Thing(), Thing()
    for argument in (one, one, other, other, one):
        remembering(argument)
    assert calls == [one, other, one]


@given(st.lists(st.lists(st.integers(0, 5)), max_size=6))
def test_each_row_has_its_result_whatever_came_before(history: list[list[int]]) -> None:
    things = [Thing() for _ in range(6)]
    mapped = for_each(lambda thing: next(k for k, one in enumerate(things) if one is thing))
    for places in history:
        assert mapped([things[place] for place in places]) == tuple(places)


def test_only_rows_of_a_change_are_asked_about() -> None:
    asked: list[int] = []
    mapped = for_each(asked.append)
    things = list(range(1000, 1005))
    mapped(things)
    asked.clear()
    mapped([*things[:2], 7, *things[3:]])
    mapped([*things[:2], *things[3:]])
    assert asked == [7]


def test_pairs_are_remembered_by_both() -> None:
    asked: list[tuple[str, str]] = []

    def ask(one: str, other: str) -> None:
        asked.append((one, other))

    mapped = for_each(ask)
    mapped("ab", "xy")
    mapped("ab", "xz")
    mapped("cb", "xz")
    assert asked == [("a", "x"), ("b", "y"), ("b", "z"), ("c", "x")]


def test_a_failure_leaves_nothing_behind() -> None:
    def inverse(number: int) -> float:
        return 1 / number

    mapped = for_each(inverse)
    for _ in range(2):
        try:
            mapped([2, 0])
        except ZeroDivisionError:
            continue
        raise AssertionError("0 has no inverse")
    assert mapped([2]) == (0.5,)
