"""The first instructions of the process: what must be so before anything else is imported."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from o2cbd.service.signals import CAUGHT

STANDARD_MODES = ("r", "w", "w")
"""Of stdin, stdout and stderr, by their descriptors."""


def main() -> None:
    """Run the command line and exit."""
    prepare(sys.argv[1:])
    speak_utf8()
    if sys.argv[1:] == ["run"]:
        run_as_installed()
    # Only now, since it takes a third of a second in which a signal may come.
    from o2cbd.cli import main as run  # noqa: PLC0415

    run()


def run_as_installed() -> NoReturn:
    """Run the daemon as its unit does: without options, there is nothing to load a parser for."""
    from o2cbd.errors import printable  # noqa: PLC0415 - see main
    from o2cbd.given_settings import (  # noqa: PLC0415
        UnusableSettingsError,
        overridden,
        read_settings,
    )
    from o2cbd.service.wiring import run_and_exit  # noqa: PLC0415

    try:
        settings = overridden(read_settings())
    except UnusableSettingsError as error:
        for line in str(error).splitlines():
            print(f"o2cbd: {printable(line)}", file=sys.stderr)
        sys.exit(error.code)
    run_and_exit(settings)


def prepare(words: Sequence[str]) -> None:
    """Make the process safe to go on in.

    Args:
        words: the command line, without the program's name.
    """
    open_standard_descriptors()
    if words[:1] == ["run"]:
        # Kept for the daemon, which takes them when it can end as it should.
        signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)


def open_standard_descriptors() -> None:
    """Put /dev/null where a standard descriptor is closed.

    Else the next file that is opened would get its number, and what is said on stderr would be
    written into it: the original daemon's error texts went into cman's socket.
    """
    for fd, mode in enumerate(STANDARD_MODES):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)  # gets the lowest number: this one
        name = ("stdin", "stdout", "stderr")[fd]
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115 - for the process's life


def speak_utf8() -> None:
    """Start anew where names of files are not UTF-8.

    In such a locale a node's name would reach configfs as other bytes than the cluster manager has,
    or not at all.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
