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
def test_each_item_is_asked_about_once_while_it_stays(history: list[list[int]]) -> None:
    things = [Thing() for _ in range(6)]
    asked: list[int] = []

    def name(thing: Thing) -> int:
        asked.append(place := next(k for k, one in enumerate(things) if one is thing))
        return place

    mapped = for_each(name)
    before: set[int] = set()
    for places in history:
        asked.clear()
        assert mapped([things[place] for place in places]) == tuple(places)
        assert sorted(asked) == sorted(set(places) - before)
        before = set(places)


def test_pairs_are_remembered_by_both() -> None:
    asked: list[tuple[str, str]] = []
    mapped = for_each(lambda one, other: asked.append((one, other)))
    mapped("ab", "xy")
    mapped("ab", "xz")
    assert sorted(asked) == [("a", "x"), ("b", "y"), ("b", "z")]


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
