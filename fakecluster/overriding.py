"""`typing.override`, which Python 3.11 lacks: the base class says what a method does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import override
else:
    _MethodT = TypeVar("_MethodT", bound=Callable[..., Any])

    def override(method: _MethodT) -> _MethodT:
        """Return the method as it is; type checkers see that it overrides another one."""
        return method


__all__ = ["override"]
