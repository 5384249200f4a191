"""Kernel modules: which others one needs, and in what order they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath


def parse_dependencies(text: str) -> dict[str, list[str]]:
    """Read depmod's modules.dep: path -> the paths that it needs."""
    table: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, _, needs = line.partition(":")
        table[path] = needs.split()
    return table


def module_name(path: str) -> str:
    """A module's one name: the kernel treats `-` and `_` alike."""
    return PurePosixPath(path).name.split(".ko")[0].replace("-", "_")


def load_order(dependencies: Mapping[str, Sequence[str]], wanted: Iterable[str]) -> list[str]:
    """The paths of the wanted modules and all they need, each after what it needs.

    A name that is not there is left out: what one kernel has as a module, another has built in.
    """
    by_name = {module_name(path): path for path in dependencies}
    order: list[str] = []

    def load(path: str) -> None:
        if path in order:
            return
        for need in dependencies[path]:
            load(need)
        if path not in order:
            order.append(path)

    for name in wanted:
        if path := by_name.get(name.replace("-", "_")):
            load(path)
    return order
