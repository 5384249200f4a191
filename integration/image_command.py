"""`python -m integration image`: build the guest images, or find them in the cache."""

from __future__ import annotations

import argparse
from pathlib import Path

from integration.cache import Progress
from integration.image import image
from integration.recipes import CLUSTER_IMAGE, SMOKE_IMAGE

_RECIPES = {recipe.name: recipe for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "kinds",
        nargs="*",
        choices=[[], *_RECIPES],
        help="smoke: one kernel and its tables; cluster: systemd, corosync, apt (default: both)",
    )
    parser.add_argument("--anew", action="store_true", help="build even if there is one")


def run(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    """Print the directory of each image."""
    for kind in arguments.kinds or _RECIPES:
        found = image(cache, _RECIPES[kind], say, suite=arguments.suite, anew=arguments.anew)
        print(found.directory)
