"""Output of a command, to standard output or a file; where it fails, the command ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

from o2cbd.core.exit_codes import EXIT_CANNOT_CREATE, EXIT_READER_GONE
from o2cbd.errors import said

_R = TypeVar("_R")


class OutputError(SystemExit):
    """Output cannot be written. Not an `Exception`: what is run must not take it for its own."""

    def __init__(self, what: str, error: OSError) -> None:
        gone = isinstance(error, BrokenPipeError)
        super().__init__(EXIT_READER_GONE if gone else EXIT_CANNOT_CREATE)
        why = said(OSError(error.errno, error.strerror))
        self.text = "" if gone else f"cannot write {what}: {why}"
        """For standard error; empty when the reader has left, who knows."""


class _Output:
    """A text stream that raises OutputError in place of OSError."""

    def __init__(self, stream: TextIO, what: str) -> None:
        self._stream = stream
        self._what = what

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._checked(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._checked(self._stream.flush)

    def _checked(self, call: Callable[[], _R]) -> _R:
        try:
            return call()
        except OSError as error:
            # What is left in its buffer must not fail once more when it is closed.
            nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
            raise OutputError(self._what, error) from None


@contextlib.contextmanager
def checked_stdout() -> Iterator[None]:
    """Let standard output raise OutputError; what is buffered at the end is written.

    Raises:
        OutputError: it cannot be written.
    """
    before = sys.stdout
    sys.stdout = cast("TextIO", _Output(before, "the output"))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = before


@contextlib.contextmanager
def open_output(path: str | Path) -> Iterator[TextIO]:
    """Open a text file to be written anew, as UTF-8.

    Raises:
        OutputError: it cannot be made, or not be written.
    """
    try:
        stream = open(path, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - closed below; text stays text
    except OSError as error:
        raise OutputError(os.fspath(path), error) from None
    output = _Output(stream, os.fspath(path))
    with stream:
        try:
            yield cast("TextIO", output)
        finally:
            output.flush()
