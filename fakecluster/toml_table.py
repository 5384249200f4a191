"""A table of parsed TOML whose problems are collected, not raised: all of them are told at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class TomlTable:
    """Gives values of the wanted type; what is wrong is noted with its key path."""

    def __init__(
        self,
        data: dict[str, Any],
        where: str,
        keys: Collection[str],
        problems: list[str] | None = None,
    ) -> None:
        """Make it.

        Args:
            data: the parsed table.
            where: what stands before each key in a problem: empty, or `nodes[2].`.
            keys: all that are known; others are a problem.
            problems: where to note them; None: a list of its own.
        """
        self._data = data
        self.where = where
        self.problems: list[str] = [] if problems is None else problems
        for key in data:
            if key not in keys:
                self.complain(key, f"unknown; known are {', '.join(keys)}")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def number(self, key: str, default: int | None) -> int | None:
        """Return a whole number."""
        value = self._data.get(key, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            self.complain(key, f"{value!r} is no whole number")
            return default
        return value

    def count(self, key: str, default: int, *, least: int = 0) -> int:
        """Return a whole number that is not below `least`."""
        value = self.number(key, default)
        if value is None or value < least:
            self.complain(key, f"{value} is less than {least}")
            return default
        return value

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self._data.get(key, default)
        if not isinstance(value, str):
            self.complain(key, f"{value!r} is no text")
            return default
        return value

    def word(self, key: str, default: str, words: Collection[str]) -> str:
        """Return one of some words."""
        value = self.text(key, default)
        if value not in words:
            self.complain(key, f"{value!r} is none of {', '.join(words)}")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            self.complain(key, f"{value!r} is neither true nor false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; none where the key is missing."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.complain(key, f"{value!r} is no list of texts")
            return ()
        return tuple(value)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers; none where the key is missing."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(type(each) is int for each in value):
            self.complain(key, f"{value!r} is no list of whole numbers")
            return ()
        return tuple(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a table as it was parsed; empty where the key is missing."""
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            self.complain(key, f"{value!r} is no table")
            return {}
        return value

    def table(self, key: str, keys: Collection[str]) -> TomlTable | None:
        """Return a table within this one; None where the key is missing."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.complain(key, f"{value!r} is no table")
            return None
        return TomlTable(value, f"{self.where}{key}.", keys, self.problems)

    def tables(self, key: str, keys: Collection[str]) -> list[TomlTable]:
        """Return the tables of an array; none where the key is missing."""
        return [
            TomlTable(each, f"{self.where}{key}[{index}].", keys, self.problems)
            for index, each in enumerate(self.rows(key))
        ]

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return an array of tables as it was parsed; empty where the key is missing."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.complain(key, "is no array of tables")
            return []
        return value

    def complain(self, key: str, what: str) -> None:
        """Note a problem of one key."""
        self.problems.append(f"{self.where}{key}: {what}")
