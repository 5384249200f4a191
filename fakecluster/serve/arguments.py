"""The arguments of control requests: looked up, checked, complained about in the caller's words."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from fakecluster.configfs.callnames import UnknownCallError, checked


class BadRequestError(ValueError):
    """The request cannot be understood, or makes no sense now."""


class Arguments:
    """The fields of one request."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def has(self, key: str) -> bool:
        """Return whether it was given."""
        return self._fields.get(key) is not None

    def number(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """Return a whole number. Raises BadRequestError when it is missing or none."""
        value = self._fields.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise BadRequestError(f"{key}: {value!r} is no whole number of at least {least}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty. Raises BadRequestError when it is missing or none."""
        value = self._fields.get(key, default)
        if not isinstance(value, str) or not value:
            raise BadRequestError(f"{key}: {value!r} is no text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, () where it is missing. Raises BadRequestError."""
        value = self._fields.get(key, [])
        if not _is_list(value) or not all(isinstance(each, str) for each in value):
            raise BadRequestError(f"{key}: {value!r} is no list of texts")
        return tuple(value)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers, () where it is missing. Raises BadRequestError."""
        value = self._fields.get(key, [])
        if not _is_list(value) or not all(type(each) is int for each in value):
            raise BadRequestError(f"{key}: {value!r} is no list of whole numbers")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """Return a truth value, False where it is missing. Raises BadRequestError."""
        value = self._fields.get(key, False)
        if not isinstance(value, bool):
            raise BadRequestError(f"{key}: {value!r} is neither true nor false")
        return value

    def address(self, key: str) -> str:
        """Return a numeric address. Raises BadRequestError."""
        text = self.text(key)
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise BadRequestError(f"{key}: {text!r} is no numeric address") from None
        return text

    def call(self, key: str) -> str:
        """Return the name of a call on a configfs. Raises BadRequestError."""
        return _known_call(self.text(key))

    def error(self, key: str, default: str | None = None) -> int:
        """Return an errno, given as symbol or number. Raises BadRequestError."""
        return errno_of(self.text(key, default))


def errno_of(text: str) -> int:
    """Return the errno that a symbol (`EBUSY`) or a number means.

    Raises:
        BadRequestError: there is no such errno.
    """
    symbols = {symbol: number for number, symbol in errno.errorcode.items()}
    number = symbols.get(text.upper(), int(text) if text.isascii() and text.isdigit() else 0)
    if number not in errno.errorcode:
        raise BadRequestError(f"{text!r} is no errno")
    return number


def groups_of(text: str) -> list[list[int]]:
    """Return the groups of a partition: `1,2/3` is two groups.

    Raises:
        BadRequestError: it is something else.
    """
    try:
        return [[int(each) for each in group.split(",") if each] for group in text.split("/")]
    except ValueError:
        raise BadRequestError(f"{text!r} are no groups of node ids like 1,2/3") from None


def nth_call(text: str) -> tuple[str, int]:
    """Return the call and the count of `rmdir:3`; without a count it is the next such call.

    Raises:
        BadRequestError: it names no call, or one that nobody ever makes.
    """
    call, _, count = text.rpartition(":")
    if not call or not (count.isascii() and count.isdigit()):
        call, count = text, "1"
    if not call or int(count) < 1:
        raise BadRequestError(f"{text!r} names no call like mkdir or write:num:2")
    return _known_call(call), int(count)


def _known_call(name: str) -> str:
    try:
        return checked(name)
    except UnknownCallError as error:
        raise BadRequestError(str(error)) from None


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
