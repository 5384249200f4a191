"""Frozen dataclasses for which no code is generated.

The standard library compiles six functions for each class, some two million instructions; a daemon
uses sixty classes when it starts. Here a class gets closures over its fields, with its first
object. For a type checker, for `dataclasses` and for `replace` it is a dataclass; options of
fields, `__post_init__` and bases that are other dataclasses are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


class _Fields:
    """Stands for `__dataclass_fields__` of a class that has no objects yet."""

    def __get__(self, _instance: object, owner: type) -> Any:
        _complete(next(one for one in owner.__mro__ if "__dataclass_fields__" in vars(one)))
        return owner.__dataclass_fields__  # type: ignore[attr-defined]


def _complete(made: type) -> None:
    """Give a class what a dataclass has: the same in each thread."""
    parts: dict[str, Any] = vars(made)["_parts"]
    twin = _twin(made)
    fields = dataclasses.fields(twin)
    methods = _methods(made, fields)
    init = methods.pop("__init__")
    own: dict[str, Any] = {
        **{name: method for name, method in methods.items() if name not in parts},
        "__dataclass_params__": twin.__dataclass_params__,
        "__dataclass_fields__": twin.__dataclass_fields__,
        "__init__": init,  # the last one: another thread that finds it finds all
    }
    for name, value in own.items():
        setattr(made, name, value)


def _twin(made: type) -> Any:
    """Return a dataclass with the same fields, inherited ones too, and nothing generated for it."""
    kinds: dict[str, str] = {}
    values: dict[str, Any] = {}
    for each in reversed(made.__mro__):
        if "__dataclass_fields__" in vars(each) and "_parts" not in vars(each):
            raise TypeError(f"{made.__qualname__}: its base {each.__qualname__} is not frozen here")
        parts = vars(each).get("_parts", {})
        own = {name: parts["__annotations__"][name] for name in _field_names(parts)}
        kinds |= own
        values |= {name: parts[name] for name in own if name in parts}
    rest = {"__annotations__": kinds, "__module__": made.__module__, "__doc__": made.__doc__ or " "}
    plain: Any = type(made.__name__, (), {**values, **rest})
    twin = dataclasses.dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True)(
        plain
    )
    twin.__dataclass_params__.frozen = True
    for one in dataclasses.fields(twin):
        if not (one.init and one.repr and one.compare) or one.hash is not None:
            raise TypeError(f"{made.__qualname__}.{one.name}: a field has a default and no options")
    return twin


def _field_names(parts: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = parts.get("__annotations__", {})
    return tuple(name for name, kind in kinds.items() if not kind.startswith("ClassVar"))


def _methods(
    made: type, fields: tuple[dataclasses.Field[Any], ...]
) -> dict[str, Callable[..., Any]]:
    names = [one.name for one in fields]
    known = frozenset(names)
    setters = [(name, getattr(made, name).__set__) for name in names]
    defaults = {one.name: one.default for one in fields if one.default is not dataclasses.MISSING}
    factories: dict[str, Any] = {
        one.name: one.default_factory
        for one in fields
        if one.default_factory is not dataclasses.MISSING
    }
    values_of = _values_of(names)

    def completed(given: dict[str, Any]) -> dict[str, Any]:
        made_now = {name: make() for name, make in factories.items() if name not in given}
        values = {**defaults, **made_now, **given}
        if values.keys() != known:
            wrong = ", ".join(sorted(values.keys() ^ known))
            raise TypeError(f"{made.__qualname__}: missing or unknown: {wrong}")
        return values

    def init(self: object, **values: Any) -> None:
        if values.keys() != known:
            values = completed(values)
        for name, put in setters:
            put(self, values[name])

    def equal(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values_of(self) == values_of(other)

    def hashed(self: object) -> int:
        return hash(values_of(self))

    def shown(self: object) -> str:
        pairs = zip(names, values_of(self), strict=True)
        text = ", ".join(f"{name}={value!r}" for name, value in pairs)
        return f"{self.__class__.__qualname__}({text})"

    return {"__init__": init, "__eq__": equal, "__hash__": hashed, "__repr__": shown}


def _values_of(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """Return what gives an object's values as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _refuse(self: object, name: str, *_value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"{name} of a {type(self).__qualname__} is frozen")


def _first_init(self: object, **values: object) -> None:
    made = next(one for one in type(self).__mro__ if "_parts" in vars(one))
    _complete(made)
    made.__init__(self, **values)  # type: ignore[misc]


def _getstate(self: object) -> list[object]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]  # type: ignore[arg-type]


def _setstate(self: object, state: list[object]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):  # type: ignore[arg-type]
        object.__setattr__(self, one.name, value)


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field,)
)
def frozen(cls: type[_T]) -> type[_T]:
    """Make it a frozen dataclass with slots, whose fields are given by name."""
    parts = {
        name: value for name, value in vars(cls).items() if name not in {"__dict__", "__weakref__"}
    }
    slots = _field_names(parts)
    if {"__post_init__", "__eq__", "__hash__"} & parts.keys():
        raise TypeError(
            f"{cls.__qualname__}: nothing is called after __init__,"
            " and values are equal by their fields"
        )
    own = {name: value for name, value in parts.items() if name not in slots}
    kind: Any = type(cls)
    made: type[_T] = kind(
        cls.__name__,
        cls.__bases__,
        {
            **own,
            "__slots__": slots,
            "__init__": _first_init,
            "__setattr__": _refuse,
            "__delattr__": _refuse,
            "__getstate__": _getstate,
            "__setstate__": _setstate,
            "__match_args__": (),
            "__dataclass_fields__": _Fields(),
            "_parts": parts,
        },
    )
    made.__qualname__ = cls.__qualname__
    return made
