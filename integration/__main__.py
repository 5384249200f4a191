"""`python -m integration`: build the guest image, run the smoke, measure the fake."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from integration import conformance, smoke
from integration.errors import CannotRunError, GuestError
from integration.image import image
from integration.recipe import CACHE_VARIABLE, cache_directory

EXIT_GOOD = 0
EXIT_DIFFERENCE = 1
EXIT_CANNOT_RUN = 77


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m integration",
        description=__doc__,
        epilog=f"Images are kept in ${CACHE_VARIABLE}, else in the user's cache directory. "
        "Exit: 0 all ran and agreed, 1 a difference, 77 this machine lacks something.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    build = commands.add_parser("image", help="build the guest image, or find it in the cache")
    build.add_argument("--anew", action="store_true", help="build even if there is one")
    run = commands.add_parser("smoke", help="hold a real kernel against the fake, and follow it")
    run.add_argument("--json", action="store_true", help="end with a summary as one JSON line")
    run.add_argument(
        "--seed", default=smoke.Options().seed, help="of the random sequences of calls"
    )
    run.add_argument(
        "--sequences",
        type=int,
        default=smoke.Options().sequences,
        metavar="N",
        help="how many random sequences of calls are compared (%(default)s)",
    )
    _add_conformance(commands.add_parser("conformance", help="measure how true the fake is"))
    return top


def _add_conformance(measure: argparse.ArgumentParser) -> None:
    usual = conformance.Options()
    measure.add_argument("what", choices=["configfs"], help="the fake that is measured")
    measure.add_argument("--json", action="store_true", help="end with a summary as one JSON line")
    measure.add_argument("--seed", default=usual.seed, help="of the random operations")
    measure.add_argument(
        "--operations",
        type=int,
        default=usual.operations,
        metavar="N",
        help="how many random operations are compared at least (%(default)s)",
    )
    measure.add_argument(
        "--replay", type=Path, metavar="FILE", help="play this episode and nothing else"
    )
    measure.add_argument(
        "--failures",
        type=Path,
        default=usual.failures,
        metavar="DIR",
        help="where episodes that differ are left, to be replayed (here)",
    )


def say(line: str) -> None:
    """One line of progress, on stderr: stdout is for the summary."""
    print(line, file=sys.stderr, flush=True)


def _terminated(_number: int, _frame: types.FrameType | None) -> NoReturn:
    """Turn SIGTERM to an exit that runs every `with` on its way."""
    raise SystemExit(128 + signal.SIGTERM)


def _judged(arguments: argparse.Namespace, cache: Path) -> smoke.Verdict | conformance.Verdict:
    """Run what gives a verdict."""
    if arguments.command == "smoke":
        options = smoke.Options(seed=arguments.seed, sequences=arguments.sequences)
        return smoke.smoke(cache, options, say)
    return conformance.conformance(
        cache,
        conformance.Options(
            seed=arguments.seed,
            operations=arguments.operations,
            replay=arguments.replay,
            failures=arguments.failures,
        ),
        say,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminated)
    cache = cache_directory(os.environ)
    try:
        if arguments.command == "image":
            print(image(cache, say, anew=arguments.anew).directory)
            return EXIT_GOOD
        verdict = _judged(arguments, cache)
    except CannotRunError as error:
        say(f"could not run: {error}")
        return EXIT_CANNOT_RUN
    except GuestError as error:
        say("\n".join([f"the guest failed: {error}", *getattr(error, "__notes__", [])]))
        return EXIT_DIFFERENCE
    except KeyboardInterrupt:
        say("stopped")
        return 128 + signal.SIGINT
    if arguments.json:
        print(json.dumps(verdict.as_json(), sort_keys=True))
    return EXIT_GOOD if verdict.good else EXIT_DIFFERENCE


if __name__ == "__main__":
    sys.exit(main())
