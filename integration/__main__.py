"""`python -m integration`: real kernels in QEMU, alone and as clusters."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import types
from collections.abc import Sequence
from typing import NoReturn

from integration.errors import EXIT_CANNOT_RUN, NEEDS_QMP, CannotRunError, GuestError
from integration.recipe import CACHE_VARIABLE, SUITE_VARIABLE, cache_directory, chosen_suite

try:
    from integration.commands import COMMANDS
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("qemu"):
        raise
    print(f"could not run: {NEEDS_QMP}", file=sys.stderr)
    sys.exit(EXIT_CANNOT_RUN)

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
    for command in COMMANDS:
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
    arguments = parser().parse_args(argv)
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
