"""The parts of a command of `python -m integration`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from integration.cache import Progress


class Verdict(Protocol):
    """The result of a run that is judged."""

    @property
    def good(self) -> bool:
        """True when all ran and agreed."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word of the command line."""

    name: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Path, Progress], Verdict | None]
    """Takes what was typed, the cache and who is told; None: there is nothing to judge."""


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option of a command that returns a verdict."""
    parser.add_argument("--json", action="store_true", help="end with a summary as one JSON line")
