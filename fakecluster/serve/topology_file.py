"""Reads a topology from TOML: what a cluster.conf would say, in its own words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from fakecluster.cman.topology import (
    DEFAULT_NUMBER,
    NodeConfig,
    QuorumDisk,
    Topology,
    TopologyError,
)

_TOP = ("cluster", "number", "two_node", "expected_votes", "config_version", "nodes", "qdisk")
_NODE = ("id", "name", "addresses", "votes")
_QDISK = ("name", "votes", "polled")


def read_topology(path: Path) -> Topology:
    """Read and check a topology file.

    Raises:
        TopologyError: with everything that is wrong, each with its key path.
        OSError: it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError((str(error),)) from error
    return topology_from(data)


def topology_from(data: dict[str, Any]) -> Topology:
    """Make a topology of parsed TOML.

    Raises:
        TopologyError: with everything that is wrong, each with its key path.
    """
    top = _Table(data, "", _TOP)
    nodes = tuple(_node(each) for each in top.tables("nodes", _NODE))
    qdisk_table = top.table("qdisk", _QDISK)
    expected = top.number("expected_votes", None)
    topology = Topology(
        cluster=top.text("cluster", "o2"),
        nodes=nodes,
        number=top.number("number", DEFAULT_NUMBER) or 0,
        qdisk=None if qdisk_table is None else _qdisk(qdisk_table),
        two_node=top.flag("two_node", default=False),
        expected_votes=expected,
        config_version=top.number("config_version", 1) or 0,
    )
    if top.problems:
        raise TopologyError(tuple(top.problems))
    return topology.checked()


def _node(table: _Table) -> NodeConfig:
    node_id = table.number("id", 0)
    return NodeConfig(
        id=node_id or 0,
        name=table.text("name", f"node{node_id}"),
        addresses=table.texts("addresses"),
        votes=_given(table.number("votes", 1)),
    )


def _qdisk(table: _Table) -> QuorumDisk:
    return QuorumDisk(
        name=table.text("name", "/dev/qdisk0"),
        votes=_given(table.number("votes", 1)),
        polled=table.flag("polled", default=True),
    )


def _given(number: int | None) -> int:
    return -1 if number is None else number


class _Table:
    """One TOML table whose problems are collected, not raised."""

    def __init__(
        self,
        data: dict[str, Any],
        where: str,
        keys: tuple[str, ...],
        problems: list[str] | None = None,
    ) -> None:
        self._data = data
        self._where = where
        self.problems: list[str] = [] if problems is None else problems
        for key in data:
            if key not in keys:
                self._complain(key, f"unknown; known are {', '.join(keys)}")

    def number(self, key: str, default: int | None) -> int | None:
        value = self._data.get(key, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            self._complain(key, f"{value!r} is no whole number")
            return default
        return value

    def text(self, key: str, default: str) -> str:
        value = self._data.get(key, default)
        if not isinstance(value, str):
            self._complain(key, f"{value!r} is no text")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            self._complain(key, f"{value!r} is neither true nor false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._complain(key, f"{value!r} is no list of texts")
            return ()
        return tuple(value)

    def table(self, key: str, keys: tuple[str, ...]) -> _Table | None:
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._complain(key, f"{value!r} is no table")
            return None
        return _Table(value, f"{self._where}{key}.", keys, self.problems)

    def tables(self, key: str, keys: tuple[str, ...]) -> list[_Table]:
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self._complain(key, "is no array of tables")
            return []
        return [
            _Table(each, f"{self._where}{key}[{index}].", keys, self.problems)
            for index, each in enumerate(value)
        ]

    def _complain(self, key: str, what: str) -> None:
        self.problems.append(f"{self._where}{key}: {what}")
