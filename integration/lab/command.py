"""`python -m integration lab`: a cluster of guests at a developer's hands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from integration.cache import Progress
from integration.lab.base import Base, cluster_base, installed
from integration.lab.check import check
from integration.lab.corosync import RingNode, corosync_conf, start_corosync
from integration.lab.lab import Lab
from integration.lab.prompt import Prompt

_PROMPT = "lab> "
_MOST = 254
"""Each has an address in a network of 256."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--hosts", type=_count, default=3, metavar="N", help="how many machines (%(default)s)"
    )
    parser.add_argument(
        "--package",
        type=Path,
        action="append",
        default=[],
        metavar="DEB",
        help="a Debian package that apt installs in them; may be given again",
    )
    parser.add_argument(
        "--directory", type=Path, help="takes the consoles (default: one in the cache)"
    )
    parser.add_argument("--bare", action="store_true", help="do not start corosync")
    parser.add_argument(
        "--check", action="store_true", help="go through all that the lab can do, with times"
    )
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="one verb, after `--`; without: a prompt"
    )


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"machines are 1 to {_MOST}")
    return int(text)


def run(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    """Start machines, and do what is asked of them.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: a guest did not do its part.
    """
    base = cluster_base(cache, say, arguments.suite)
    if arguments.package:
        base = installed(base, arguments.package, cache, say)
    directory = arguments.directory or cache / "consoles"
    if arguments.check:
        check(base, cache, directory, say)
    else:
        _serve(arguments, base, cache, directory, say)


def _serve(
    arguments: argparse.Namespace, base: Base, cache: Path, directory: Path, say: Progress
) -> None:
    hosts = range(1, arguments.hosts + 1)
    with Lab.started(base, cache=cache, directory=directory, say=say, hosts=hosts) as lab:
        if not arguments.bare:
            configuration = corosync_conf(
                [RingNode(machine=lab.machines[number].identity) for number in hosts]
            )
            lab.each(lambda number: start_corosync(lab.guest(number), configuration))
        prompt = Prompt(lab)
        if arguments.words:
            print(prompt.do(arguments.words))
        else:
            prompt.serve(_typed(), print)


def _typed() -> Iterator[str]:
    """What comes on standard input, line by line."""
    while True:
        print(_PROMPT, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        yield line
