"""The commands of `python -m integration`: what each takes, and what it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from integration import conformance, deb, smoke
from integration.cache import Progress
from integration.image import image
from integration.lab import command as lab
from integration.lab.cluster_image import CLUSTER_IMAGE
from integration.smoke_image import SMOKE_IMAGE
from integration.sources import other_sources

IMAGES = {recipe.name: recipe for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE)}


class Verdict(Protocol):
    """What a comparison with a real kernel came to."""

    @property
    def good(self) -> bool:
        """True when all ran and agreed."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word of the command line."""

    name: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Path, Progress], Verdict | None]
    """Takes what was typed, the cache and who is told; None: there is nothing to judge."""


def _image_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kinds",
        nargs="*",
        choices=[[], *IMAGES],
        help="smoke: one kernel and its tables; cluster: systemd, corosync, apt (default: both)",
    )
    parser.add_argument("--anew", action="store_true", help="build even if there is one")


def _image(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    for kind in arguments.kinds or IMAGES:
        found = image(cache, IMAGES[kind], say, suite=arguments.suite, anew=arguments.anew)
        print(found.directory)


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
        help="appended to the version, as +b1",
    )


def _deb(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    others = other_sources(cache, arguments.suite)
    built = deb.build(arguments.output or cache, say, revision=arguments.revision, others=others)
    print(built)


def _json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="end with a summary as one JSON line")


def _smoke_arguments(parser: argparse.ArgumentParser) -> None:
    usual = smoke.Options()
    _json_argument(parser)
    parser.add_argument("--seed", default=usual.seed, help="of the random sequences of calls")
    parser.add_argument(
        "--sequences",
        type=int,
        default=usual.sequences,
        metavar="N",
        help="how many random sequences of calls are compared (%(default)s)",
    )


def _smoke(arguments: argparse.Namespace, cache: Path, say: Progress) -> Verdict:
    options = smoke.Options(
        seed=arguments.seed, sequences=arguments.sequences, suite=arguments.suite
    )
    return smoke.smoke(cache, options, say)


def _conformance_arguments(parser: argparse.ArgumentParser) -> None:
    usual = conformance.Options()
    parser.add_argument("what", choices=["configfs"], help="the fake that is measured")
    _json_argument(parser)
    parser.add_argument("--seed", default=usual.seed, help="of the random operations")
    parser.add_argument(
        "--operations",
        type=int,
        default=usual.operations,
        metavar="N",
        help="how many random operations are compared at least (%(default)s)",
    )
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="play this episode and nothing else"
    )
    parser.add_argument(
        "--failures",
        type=Path,
        default=usual.failures,
        metavar="DIR",
        help="where episodes that differ are left, to be replayed (here)",
    )


def _conformance(arguments: argparse.Namespace, cache: Path, say: Progress) -> Verdict:
    options = conformance.Options(
        seed=arguments.seed,
        operations=arguments.operations,
        replay=arguments.replay,
        failures=arguments.failures,
        suite=arguments.suite,
    )
    return conformance.conformance(cache, options, say)


COMMANDS = (
    Command(
        name="image",
        about="build the guest images, or find them in the cache",
        add_arguments=_image_arguments,
        run=_image,
    ),
    Command(
        name="deb",
        about="build the Debian package and print its path",
        add_arguments=_deb_arguments,
        run=_deb,
    ),
    Command(
        name="smoke",
        about="hold a real kernel against the fake, and follow it",
        add_arguments=_smoke_arguments,
        run=_smoke,
    ),
    Command(
        name="conformance",
        about="measure how true the fake is",
        add_arguments=_conformance_arguments,
        run=_conformance,
    ),
    Command(
        name="lab",
        about="a cluster of guests, and a prompt to it",
        add_arguments=lab.add_arguments,
        run=lab.run,
    ),
)
