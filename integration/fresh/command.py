"""`python -m integration fresh`: the README's two lines on a bare Debian."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from integration import cache
from integration.build import fetch_packages, run_tool, sources_list
from integration.errors import JSON_HELP, CannotRunError
from integration.fresh.access import access_variables, copy_access
from integration.fresh.machine import require_namespaces, run_in
from integration.packages import CHECKOUT
from integration.sources import AptSource, apt_settings, debian_sources

_CLONE = "root/o2cbd"
_SH_BLOCK = re.compile(r"^```sh\n(.+)\n```$", re.MULTILINE)
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
_PACKAGES = ("git", "python3")
"""What the README assumes of a machine."""
_ROOT = "root.tar"
_ROOT_OPTIONS = (
    "--variant=minbase",
    # Stays in the root: packages unpack faster, and nothing in it must outlive a crash.
    "--dpkgopt=force-unsafe-io",
    # Of how this machine reaches its archives nothing is kept.
    "--customize-hook=rm -f $1/etc/apt/apt.conf.d/99mmdebstrap $1/etc/apt/sources.list.d/*",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One line of the README that has run."""

    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshVerdict:
    """The lines that ran, up to the first that failed."""

    suite: str
    lines: tuple[Ran, ...]

    @property
    def good(self) -> bool:
        """True when no line failed."""
        return all(ran.exit_code == 0 for ran in self.lines)

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        return {"suite": self.suite, "lines": [asdict(ran) for ran in self.lines]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--anew", action="store_true", help="make the bare root even if cached")
    parser.add_argument(
        "--environments", metavar="NAMES", help="tox's environments, as deb,lint (all)"
    )
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="after `--`: more options of the test line"
    )
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def run(arguments: argparse.Namespace, place: Path, say: cache.Progress) -> FreshVerdict:
    """Run the README's lines in a clone on a bare root, which is deleted afterwards.

    Raises:
        CannotRunError: we are not root, or this machine lacks something.
    """
    if os.geteuid() != 0:
        raise CannotRunError("a bare root has mounts and devices of its own: run this as root")
    require_namespaces()
    chosen = ["-e", arguments.environments] if arguments.environments else []
    lines = readme_lines((CHECKOUT / "README.md").read_text("utf-8"), [*chosen, *arguments.words])
    ran: list[Ran] = []
    cache.make_place(place)
    sources = debian_sources(place, arguments.suite)
    suite = sources[0].codename
    with _machine(place, sources, say, anew=arguments.anew) as root:
        for line in lines:
            say(f"fresh: {suite}: {line}")
            began = time.monotonic()
            code = run_in(root, f"/{_CLONE}", line, access_variables(os.environ))
            took = time.monotonic() - began
            say(f"fresh: {suite}: {line}: exit {code} after {took:.0f} s")
            ran.append(Ran(command=line, exit_code=code, seconds=round(took, 1)))
            if code != 0:
                break
    return FreshVerdict(suite=suite, lines=tuple(ran))


def readme_lines(readme: str, arguments: Sequence[str] = ()) -> tuple[str, str]:
    """Return the README's demo and test lines, the latter with arguments at its end.

    Raises:
        CannotRunError: the README does not have two blocks of one line of shell.
    """
    blocks: list[str] = _SH_BLOCK.findall(readme)
    if len(blocks) != 2:
        raise CannotRunError(f"README.md has {len(blocks)} sh blocks of one line; 2 are expected")
    demo, test = blocks
    return demo, " ".join([test, *map(shlex.quote, arguments)])


def bare_root(
    place: Path, sources: Sequence[AptSource], say: cache.Progress, *, anew: bool = False
) -> Path:
    """Return a bare Debian as a tar archive, from the cache or made now: the smallest with apt.

    Args:
        place: the cache.
        sources: of one Debian release.
        say: progress.
        anew: make it even if there is one.

    Raises:
        CannotRunError: mmdebstrap is missing or failed.
    """

    def make(result: Path) -> Mapping[str, Any]:
        fetch_packages(result / _ROOT, result.parent, sources, _PACKAGES, _ROOT_OPTIONS)
        return {}

    suite = sources[0].codename
    layer = cache.Layer(
        kind=f"fresh-root-{suite}", words=_ROOT_OPTIONS, files=[Path(__file__)], make=make
    )
    return layer.kept(place, say, anew=anew).directory / _ROOT


@contextmanager
def _machine(
    place: Path, sources: Sequence[AptSource], say: cache.Progress, *, anew: bool
) -> Iterator[Path]:
    """A bare root with a clone of this checkout, able to fetch what this machine can fetch."""
    suite = sources[0].codename
    archive = bare_root(place, sources, say, anew=anew)
    name = f"fresh-{suite}"
    with cache.lock(place, name, say), cache.scratch(place, name) as work:
        root = work / "root"
        root.mkdir()
        unpack = ["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
        run_tool([*unpack, "--file", archive, "--directory", root], "unpacking the bare root")
        copy_access(root, access_variables(os.environ), Path.home(), apt_settings())
        (root / "etc/apt/sources.list").write_text(sources_list(sources), "utf-8")
        # Nothing has booted: a package's service would run beside this machine's own.
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text(_NO_SERVICES, "utf-8")
        policy.chmod(0o755)
        if run_tool(["git", "-C", CHECKOUT, "status", "--porcelain"], "reading the checkout"):
            say("fresh: changes that are not committed are not in the clone")
        run_tool(
            ["git", "clone", "--quiet", "--no-hardlinks", CHECKOUT, root / _CLONE],
            "cloning the checkout",
        )
        yield root
