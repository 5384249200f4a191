"""The commands of `python -m integration` that start guests: arguments, and what each runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from integration import conformance, smoke
from integration.cache import Progress
from integration.command import Command, Verdict, add_json_argument
from integration.image import image
from integration.lab import command as lab
from integration.recipes import CLUSTER_IMAGE, SMOKE_IMAGE

IMAGES = {recipe.name: recipe for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE)}


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


def _smoke_arguments(parser: argparse.ArgumentParser) -> None:
    usual = smoke.Options()
    add_json_argument(parser)
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
    add_json_argument(parser)
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


GUEST_COMMANDS = (
    Command(
        name="image",
        about="build the guest images, or find them in the cache",
        add_arguments=_image_arguments,
        run=_image,
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
