"""The commands of `python -m integration` that start no guest, and need no library from PyPI."""

from __future__ import annotations

import argparse
from pathlib import Path

from integration import deb
from integration.cache import Progress
from integration.command import Command
from integration.fresh import command as fresh
from integration.sources import other_sources


def _deb_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="in a directory below this one (the cache); it stays while nothing changes",
    )
    parser.add_argument(
        "--revision",
        type=deb.checked_revision,
        default="",
        metavar="TEXT",
        help="appended to the version, as +1",
    )


def _deb(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    others = other_sources(cache, arguments.suite)
    built = deb.build(arguments.output or cache, say, revision=arguments.revision, others=others)
    for path in built.values():
        print(path)


HOST_COMMANDS = (
    Command(
        name="deb",
        about="build the Debian packages and print their paths",
        add_arguments=_deb_arguments,
        run=_deb,
    ),
    Command(
        name="fresh",
        about="the README's two lines on a bare Debian (root)",
        add_arguments=fresh.add_arguments,
        run=fresh.run,
    ),
)
