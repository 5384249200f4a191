"""`python -m integration`: real kernels in QEMU, alone and as clusters, and a bare Debian."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol

from integration.cache import CACHE_VARIABLE, SUITE_VARIABLE, cache_directory, chosen_suite
from integration.errors import EXIT_CANNOT_RUN, CannotRunError, GuestError, missing_library_text

COMMANDS = {
    "deb": ("integration.deb", "build the Debian packages and print their paths"),
    "fresh": ("integration.fresh.command", "the README's two lines on a bare Debian (root)"),
    "image": ("integration.image_command", "build the guest images, or find them in the cache"),
    "smoke": ("integration.smoke", "hold a real kernel against the fake, and follow it"),
    "conformance": ("integration.conformance", "measure how true the fake is"),
    "lab": ("integration.lab.command", "a cluster of guests, and a prompt to it"),
}
"""By name: the module with `add_arguments` and `run`, and what it does. Only the module of the
command that is given is imported: those that start no guest need no library from PyPI."""

EXIT_GOOD = 0
EXIT_DIFFERENCE = 1


class CommandVerdict(Protocol):
    """The result of a run that is judged; the command has an option `--json` then."""

    @property
    def good(self) -> bool:
        """True when all ran and agreed."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        ...


def parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The command line, with the arguments of the command that it begins with.

    Raises:
        CannotRunError: the command needs a library that is missing.
    """
    top = argparse.ArgumentParser(
        prog="python -m integration",
        description=__doc__,
        epilog=f"Images are kept in ${CACHE_VARIABLE}, else in the user's cache directory. "
        "Exit: 0 all ran and agreed, 1 a difference, 77 this machine lacks something.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    for name, (module, about) in COMMANDS.items():
        below = commands.add_parser(name, help=about)
        if name not in words[:1]:
            continue
        try:
            command = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise CannotRunError(missing_library_text(error)) from error
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
    try:
        arguments = parser(words).parse_args(words)
        signal.signal(signal.SIGTERM, _terminated)
        verdict: CommandVerdict | None = arguments.run(arguments, cache_directory(os.environ), say)
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
