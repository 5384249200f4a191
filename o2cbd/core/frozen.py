"""Frozen dataclasses that are generated when they are needed first.

The standard library compiles six functions for each, about a millisecond for a class; a daemon has
a hundred and uses half of them. Here a class has its name, its slots and its own methods at once,
and what `dataclasses` generates with its first object. For a type checker it is a dataclass.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")

_GENERATED = (
    *("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__match_args__"),
    *("__dataclass_params__", "__dataclass_fields__"),
    "__init__",  # the last one: another thread that finds it finds all
)


class _Fields:
    """Stands for `__dataclass_fields__` of a class that is not generated yet."""

    def __get__(self, _instance: object, owner: type) -> Any:
        _generate(next(one for one in owner.__mro__ if "__dataclass_fields__" in vars(one)))
        return owner.__dataclass_fields__  # type: ignore[attr-defined]


def _generate(made: type) -> None:
    """Have a twin of the class generated, and take over what it got: the same in each thread."""
    kind: Any = type(made)
    plain: type = kind(made.__name__, made.__bases__, dict(vars(made)["_parts"]))
    twin: type = dataclasses.dataclass(frozen=True, kw_only=True)(plain)
    for name in _GENERATED:
        setattr(made, name, vars(twin)[name])


def _init(self: object, **values: object) -> None:
    made = next(one for one in type(self).__mro__ if "_parts" in vars(one))
    _generate(made)
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
    kinds = parts.get("__annotations__", {})
    slots = tuple(name for name, kind in kinds.items() if not kind.startswith("ClassVar"))
    own = {name: value for name, value in parts.items() if name not in slots}
    kind: Any = type(cls)
    made: type[_T] = kind(
        cls.__name__,
        cls.__bases__,
        {
            **own,
            "__slots__": slots,
            "__init__": _init,
            "__getstate__": _getstate,
            "__setstate__": _setstate,
            "__dataclass_fields__": _Fields(),
            "_parts": parts,
        },
    )
    made.__qualname__ = cls.__qualname__
    return made
