"""Collecting the checks of a module, so that none can be forgotten."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any


def checks_in(module: str) -> tuple[Callable[[Any], None], ...]:
    """Return the checks of a module: its public functions of one argument that return nothing.

    Args:
        module: its `__name__`; called at its end, when all of it is defined.
    """
    return tuple(
        each
        for name, each in vars(sys.modules[module]).items()
        if inspect.isfunction(each)
        and each.__module__ == module
        and not name.startswith("_")
        and len(inspect.signature(each).parameters) == 1
        and each.__annotations__["return"] == "None"  # written, not evaluated
    )
