"""Frozen dataclasses that are generated with their first object are dataclasses like any other."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from o2cbd.core.frozen import frozen
from o2cbd.core.reports import Report


@frozen
class Point:
    """With a default, a factory and something of the class."""

    word: ClassVar[str] = "point"
    x: int
    y: int = 2
    tags: tuple[str, ...] = dataclasses.field(default_factory=tuple)

    @property
    def sum(self) -> int:
        return self.x + self.y


@frozen
class Point3(Point):
    z: int = 3


@frozen
class Other:
    x: int
    y: int = 2
    tags: tuple[str, ...] = ()


def new_class() -> type[Point]:
    """One of which there is no object yet."""

    @frozen
    class New(Point):
        z: int = 3

    return New


def test_it_has_its_fields_defaults_and_methods() -> None:
    one = Point(x=1)
    assert (one.x, one.y, one.tags, one.sum, one.word) == (1, 2, (), 3, "point")
    assert repr(Point3(x=1)) == "Point3(x=1, y=2, tags=(), z=3)"


def test_what_a_base_of_another_module_has_for_its_class_is_no_field() -> None:
    """Whether or not that name means anything in the module of the class itself."""

    @frozen
    class Reached(Report):
        what: ClassVar[str] = "reached"
        errno: int

    assert [one.name for one in dataclasses.fields(Reached)] == ["errno"]
    assert Reached(errno=5).errno == 5


def test_it_is_equal_by_its_values_and_its_class() -> None:
    assert Point(x=1) == Point(x=1)
    assert len({Point(x=1), Point(x=1), Point(x=2)}) == 2
    other: object = Other(x=1)
    assert Point(x=1) != other
    assert Point(x=1) != Point3(x=1)


@pytest.mark.parametrize("name", ["x", "y"])
def test_it_cannot_be_changed(name: str) -> None:
    one = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, name, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(one, name)


def test_it_has_slots_only() -> None:
    assert not hasattr(Point3(x=1), "__dict__")


@pytest.mark.parametrize("values", [{}, {"x": 1, "w": 2}], ids=["missing", "unknown"])
def test_a_wrong_field_is_a_mistake(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        new_class()(**values)


@pytest.mark.parametrize(
    "look",
    [
        lambda kind: [one.name for one in dataclasses.fields(kind)],
        lambda kind: [one.name for one in dataclasses.fields(kind(x=1))],
        lambda kind: [*dataclasses.asdict(dataclasses.replace(kind(x=1), z=5))],
    ],
    ids=["fields before an object", "fields", "replace"],
)
def test_dataclasses_functions_know_it(look: Callable[[type[Point]], list[str]]) -> None:
    assert look(new_class()) == ["x", "y", "tags", "z"]


def pickled(one: Point) -> Point:
    back: Point = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own
    return back


@pytest.mark.parametrize("again", [copy.copy, pickled])
def test_it_is_copied_and_pickled(again: Callable[[Point], Point]) -> None:
    assert again(Point3(x=1, tags=("a",))) == Point3(x=1, tags=("a",))


def test_a_plain_dataclass_may_be_made_of_it() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Plain(new_class()):  # type: ignore[misc]
        w: int = 4

    assert dataclasses.asdict(Plain(x=1)) == {"x": 1, "y": 2, "tags": (), "z": 3, "w": 4}


def test_threads_may_make_the_first_object_together() -> None:
    for _ in range(50):
        kind, made = new_class(), []
        start = threading.Barrier(4)

        def make(kind: type[Point] = kind, start: threading.Barrier = start) -> None:
            start.wait()
            made.append(kind(x=1))  # noqa: B023 - joined below

        threads = [threading.Thread(target=make) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert made == [kind(x=1)] * 4


def test_another_thread_that_finds_its_fields_finds_all_but_the_first_init() -> None:
    """Who unpickles looks at the fields alone."""
    order: list[str] = []

    class Noting(type):
        def __setattr__(cls, name: str, value: object) -> None:
            order.append(name)
            super().__setattr__(name, value)

    @frozen
    class Noted(metaclass=Noting):
        x: int

    order.clear()
    assert Noted(x=1).x == 1
    assert order[-2:] == ["__dataclass_fields__", "__init__"]
    assert {"__eq__", "__hash__", "__repr__"} <= set(order)


def option(**options: Any) -> type:
    @frozen
    class Options:
        x: int = dataclasses.field(default=1, **options)  # type: ignore[misc]

    return Options


@pytest.mark.parametrize("name", ["init", "repr", "compare", "hash"])
def test_options_of_fields_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="no options"):
        option(**{name: False})()


def test_a_base_that_is_another_dataclass_is_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class Base:
        y: int = 1

    @frozen
    class Below(Base):
        x: int

    with pytest.raises(TypeError, match=r"its base .*Base is not frozen here"):
        Below(x=1)


@pytest.mark.parametrize("name", ["__post_init__", "__eq__", "__hash__"])
def test_methods_that_would_not_do_what_they_do_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="equal by their fields"):
        frozen(type("Own", (), {"__annotations__": {"x": "int"}, name: lambda *_: 0}))
