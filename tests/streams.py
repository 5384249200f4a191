"""Running a command with its two streams apart, on every click that the project supports."""

from __future__ import annotations

import inspect
from typing import Any

from click.testing import CliRunner


def separate_runner() -> CliRunner:
    """Return a runner whose results have `stdout` and `stderr`; click before 8.2 mixes them."""
    mixes = "mix_stderr" in inspect.signature(CliRunner).parameters
    options: dict[str, Any] = {"mix_stderr": False} if mixes else {}
    return CliRunner(**options)
