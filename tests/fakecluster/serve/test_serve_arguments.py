"""What a control request may say, and how it is refused."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

from fakecluster.serve.arguments import (
    Arguments,
    BadRequestError,
    errno_of,
    groups_of,
    nth_call,
)


@pytest.mark.parametrize(
    ("text", "expected"), [("EBUSY", errno.EBUSY), ("ebusy", errno.EBUSY), ("5", errno.EIO)]
)
def test_an_errno_by_symbol_or_number(text: str, expected: int) -> None:
    assert errno_of(text) == expected


@pytest.mark.parametrize("text", ["EFOO", "0", "99999", "-5", ""])
def test_no_errno(text: str) -> None:
    with pytest.raises(BadRequestError, match="no errno"):
        errno_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1,2/3", [[1, 2], [3]]), ("1", [[1]]), ("1,/2", [[1], [2]]), ("/1", [[], [1]])],
)
def test_groups_of_a_partition(text: str, expected: list[list[int]]) -> None:
    assert groups_of(text) == expected


def test_no_groups() -> None:
    with pytest.raises(BadRequestError, match="1,2/3"):
        groups_of("a/b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mkdir", ("mkdir", 1)),
        ("mkdir:3", ("mkdir", 3)),
        ("write:num", ("write:num", 1)),
        ("write:num:2", ("write:num", 2)),
    ],
)
def test_the_nth_call(text: str, expected: tuple[str, int]) -> None:
    assert nth_call(text) == expected


@pytest.mark.parametrize("text", ["", "mkdir:0"])
def test_no_call(text: str) -> None:
    with pytest.raises(BadRequestError, match="names no call"):
        nth_call(text)


def test_good_arguments() -> None:
    given = Arguments({"n": 3, "t": "x", "l": ["a"], "i": [1, 2], "f": True, "e": "EIO"})
    assert (given.number("n"), given.number("other", 7)) == (3, 7)
    assert (given.text("t"), given.text("other", "y")) == ("x", "y")
    assert (given.texts("l"), given.texts("other")) == (("a",), ())
    assert (given.numbers("i"), given.numbers("other")) == ((1, 2), ())
    assert (given.flag("f"), given.flag("other")) == (True, False)
    assert (given.error("e"), given.error("other", "EBUSY")) == (errno.EIO, errno.EBUSY)


@pytest.mark.parametrize(
    ("value", "ask"),
    [
        (None, lambda given: given.number("k")),
        ("3", lambda given: given.number("k")),
        (True, lambda given: given.number("k")),
        (0, lambda given: given.number("k", least=1)),
        (None, lambda given: given.text("k")),
        ("", lambda given: given.text("k")),
        (3, lambda given: given.text("k")),
        ("abc", lambda given: given.texts("k")),
        ([1], lambda given: given.texts("k")),
        (["1"], lambda given: given.numbers("k")),
        ([True], lambda given: given.numbers("k")),
        (3, lambda given: given.numbers("k")),
        (1, lambda given: given.flag("k")),
        ("EFOO", lambda given: given.error("k")),
    ],
)
def test_bad_arguments_are_named(value: object, ask: Callable[[Arguments], Any]) -> None:
    with pytest.raises(BadRequestError):
        ask(Arguments({"k": value}))
