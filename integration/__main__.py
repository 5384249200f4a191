"""`python -m integration`: build guest images and the Debian package, run the smoke and labs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from integration.deb import build as build_package
from integration.deb import checked_revision
from integration.errors import CannotRunError, GuestError
from integration.image import image
from integration.lab import command as lab
from integration.lab.cluster_image import CLUSTER_IMAGE
from integration.recipe import CACHE_VARIABLE, cache_directory
from integration.smoke import Options, json_line, smoke
from integration.smoke_image import SMOKE_IMAGE

EXIT_GOOD = 0
EXIT_DIFFERENCE = 1
EXIT_CANNOT_RUN = 77

IMAGES = {recipe.name: recipe for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE)}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m integration",
        description=__doc__,
        epilog=f"Images are kept in ${CACHE_VARIABLE}, else in the user's cache directory. "
        "Exit: 0 all ran and agreed, 1 a difference, 77 this machine lacks something.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    build = commands.add_parser("image", help="build the guest images, or find them in the cache")
    build.add_argument(
        "kinds",
        nargs="*",
        choices=[[], *IMAGES],
        help="smoke: one kernel and its tables; cluster: systemd, corosync, apt (default: both)",
    )
    build.add_argument("--anew", action="store_true", help="build even if there is one")
    lab.add_arguments(commands.add_parser("lab", help="a cluster of guests, and a prompt to it"))
    deb = commands.add_parser("deb", help="build the Debian package and print its path")
    deb.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="in a directory below this one (the cache); it stays while nothing changes",
    )
    deb.add_argument(
        "--revision",
        type=checked_revision,
        default="",
        metavar="TEXT",
        help="appended to the version, as +b1",
    )
    run = commands.add_parser("smoke", help="hold a real kernel against the fake, and follow it")
    run.add_argument("--json", action="store_true", help="end with a summary as one JSON line")
    run.add_argument("--seed", default=Options().seed, help="of the random sequences of calls")
    run.add_argument(
        "--sequences",
        type=int,
        default=Options().sequences,
        metavar="N",
        help="how many random sequences of calls are compared (%(default)s)",
    )
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
        return _done(arguments, cache_directory(os.environ))
    except CannotRunError as error:
        say(f"could not run: {error}")
        return EXIT_CANNOT_RUN
    except GuestError as error:
        say("\n".join([f"the guest failed: {error}", *getattr(error, "__notes__", [])]))
        return EXIT_DIFFERENCE
    except KeyboardInterrupt:
        say("stopped")
        return 128 + signal.SIGINT


def _done(arguments: argparse.Namespace, cache: Path) -> int:
    """Do what was asked for; the exit code."""
    if arguments.command == "image":
        for kind in arguments.kinds or IMAGES:
            print(image(cache, IMAGES[kind], say, anew=arguments.anew).directory)
        return EXIT_GOOD
    if arguments.command == "lab":
        lab.run(arguments, cache, say)
        return EXIT_GOOD
    if arguments.command == "deb":
        print(build_package(arguments.output or cache, say, revision=arguments.revision))
        return EXIT_GOOD
    verdict = smoke(cache, Options(seed=arguments.seed, sequences=arguments.sequences), say)
    if arguments.json:
        print(json_line(verdict))
    return EXIT_GOOD if verdict.good else EXIT_DIFFERENCE


if __name__ == "__main__":
    sys.exit(main())
