"""What the commands share: exit codes, failures, options, settings."""

from __future__ import annotations

import errno
import math
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from o2cbd.core.exit_codes import EXIT_NO_PERMISSION, EXIT_UNAVAILABLE
from o2cbd.errors import printable, said
from o2cbd.given_settings import UnusableSettingsError, read_settings
from o2cbd.settings import (
    DEFAULT_FILE,
    DaemonSettings,
    ValueProblem,
    check_cluster_name,
)

MAX_SECONDS = 1e9
"""Longer than any machine runs, and short enough for every clock."""

_F = TypeVar("_F", bound=Callable[..., object])


class Failure(click.ClickException):
    """Ends the command with an exit code and words on stderr."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    def show(self, file: Any = None) -> None:
        """Write the words."""
        for line in self.message.splitlines():
            click.echo(f"o2cbd: {printable(line)}", file=file or sys.stderr)


def os_failure(error: OSError, what: str, code: int = EXIT_UNAVAILABLE) -> Failure:
    """Return the failure of a system call; EACCES ends with a code of its own."""
    denied = error.errno == errno.EACCES
    return Failure(EXIT_NO_PERMISSION if denied else code, f"{what}: {said(error)}")


class Seconds(click.FloatRange):
    """A length of time; `nan` and `inf` are none."""

    def __init__(self) -> None:
        super().__init__(0, MAX_SECONDS)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or refuse what is written as wrong usage."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


def say(text: str, *, newline: bool = True) -> None:
    """Write to stdout; the command line ends the command where that fails."""
    click.echo(text, nl=newline)


def absolute(_context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    """Make a path that was given absolute."""
    return None if path is None else os.path.abspath(path)  # noqa: PTH100 - text stays text


def cluster_name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Check a cluster's name that was given."""
    if name is None:
        return None
    try:
        return check_cluster_name(name)
    except ValueProblem as problem:
        raise click.BadParameter(str(problem)) from None


def config_option(command: _F) -> _F:
    """Add `--config`."""
    return click.option(
        "--config",
        metavar="F",
        callback=absolute,
        help=f"Settings file; {DEFAULT_FILE} is read if it is there.",
    )(command)


def runtime_dir_option(command: _F) -> _F:
    """Add `--runtime-dir`."""
    return click.option(
        "--runtime-dir",
        metavar="DIR",
        callback=absolute,
        help="Where the control socket is (default: /run/o2cbd).",
    )(command)


def load_settings(config: str | None) -> DaemonSettings:
    """Read the settings file that was named, or the default one if it is there.

    Raises:
        Failure: it cannot be read or is wrong.
    """
    try:
        return read_settings(config)
    except UnusableSettingsError as error:
        raise Failure(error.code, str(error)) from None


def runtime_dir_of(runtime_dir: str | None, config: str | None) -> str:
    """Return the runtime directory: the option's, else the settings'."""
    return runtime_dir if runtime_dir is not None else load_settings(config).paths.runtime_dir
