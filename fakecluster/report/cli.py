"""Showing a trace file: as a grid in the terminal, as a timeline in a page."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

import click

from fakecluster.report.grid import grid
from fakecluster.report.page import write_page
from fakecluster.trace.file import TraceFile, TraceFileError, read_trace
from o2cbd.output import open_output


class ShowError(click.ClickException):
    """Ends the command with words, and sysexits' EX_DATAERR: the file is no trace."""

    exit_code = 65


class UnreadableError(ShowError):
    """EX_NOINPUT: the file cannot be read."""

    exit_code = 66


def load(path: str) -> TraceFile:
    """Read a trace file.

    Raises:
        ShowError: it cannot be read, or is none.
    """
    try:
        return read_trace(path)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from None
    except TraceFileError as error:
        raise ShowError(f"{path} is no trace:\n{error}") from None


def show_trace(
    path: str, *, html: str | None, kinds: Iterable[str] = (), out: TextIO | None = None
) -> None:
    """Print a trace file as a grid, or draw it.

    Args:
        path: the trace file.
        html: where the page goes; None: print the grid.
        kinds: print only these; none: everything but messages, calls and notices.
        out: where the grid goes; None: stdout.

    Raises:
        ShowError: the trace cannot be read.
        OutputError: it cannot be printed, or the page not be written.
    """
    trace = load(path)
    if html is not None:
        with open_output(html) as file:
            write_page(file, trace.header, trace.lines)
        return
    wanted = frozenset(kinds)
    for line in grid(trace.header, trace.lines, wanted or None):
        print(line, file=out or sys.stdout)
    if trace.cut:
        click.echo(f"{path}: the last line is cut and was left out", err=True)
