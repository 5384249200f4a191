"""`python -m integration`: real kernels in QEMU, alone and as clusters, and a bare Debian."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import types
from collections.abc import Sequence
from typing import NoReturn

from integration.cache import CACHE_VARIABLE, SUITE_VARIABLE, cache_directory, chosen_suite
from integration.command import Command
from integration.errors import EXIT_CANNOT_RUN, CannotRunError, GuestError, missing_library_text
from integration.host_commands import HOST_COMMANDS

GUEST_COMMANDS: tuple[Command, ...] = ()
MISSING_LIBRARY = ""
"""What to do before a command that starts guests can run; empty: nothing."""
try:
    from integration.commands import GUEST_COMMANDS
except ModuleNotFoundError as lacking:
    MISSING_LIBRARY = missing_library_text(lacking)

EXIT_GOOD = 0
EXIT_DIFFERENCE = 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m integration",
        description=__doc__,
        epilog=f"Images are kept in ${CACHE_VARIABLE}, else in the user's cache directory. "
        "Exit: 0 all ran and agreed, 1 a difference, 77 this machine lacks something.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    for command in (*HOST_COMMANDS, *GUEST_COMMANDS):
        below = commands.add_parser(command.name, help=command.about)
        command.add_arguments(below)
        below.add_argument(
            "--suite",
            default=chosen_suite(os.environ),
            metavar="NAME",
            help="of which Debian release, by its codename (default: "
            f"${SUITE_VARIABLE}, else the one that this machine's apt is set up for)",
        )
        below.set_defaults(run=command.run)
    return top


def say(line: str) -> None:
    """One line of progress, on stderr: stdout is for the summary."""
    print(line, file=sys.stderr, flush=True)


def _terminated(_number: int, _frame: types.FrameType | None) -> NoReturn:
    """Turn SIGTERM to an exit that runs every `with` on its way."""
    raise SystemExit(128 + signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if argv is None else argv
    of_host = {command.name for command in HOST_COMMANDS}
    if MISSING_LIBRARY and words and words[0] not in of_host and not words[0].startswith("-"):
        say(f"could not run: {MISSING_LIBRARY}")
        return EXIT_CANNOT_RUN
    arguments = parser().parse_args(words)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        verdict = arguments.run(arguments, cache_directory(os.environ), say)
    except CannotRunError as error:
        say(f"could not run: {error}")
        return EXIT_CANNOT_RUN
    except GuestError as error:
        say("\n".join([f"the guest failed: {error}", *getattr(error, "__notes__", [])]))
        return EXIT_DIFFERENCE
    except KeyboardInterrupt:
        say("stopped")
        return 128 + signal.SIGINT
    if verdict is None:
        return EXIT_GOOD
    if arguments.json:
        print(json.dumps(verdict.as_json(), sort_keys=True))
    return EXIT_GOOD if verdict.good else EXIT_DIFFERENCE


if __name__ == "__main__":
    sys.exit(main())
