"""The project's own Debian packages, built from the working tree without leaving anything in it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from integration.build import fetch_packages, run_tool
from integration.cache import Progress, digest_of, make_place
from integration.errors import CannotRunError
from integration.packages import CHECKOUT, Tool, require_tools
from integration.sources import AptSource, other_sources

INPUTS = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "docs/behaviour.md",
    "docs/nodes.c",
    "docs/settings.md",
    "docs/static.md",
    "fakecluster",
    "o2cbd",
    "packaging/debian",
    "packaging/man",
    "packaging/o2cbd.toml",
    "packaging/systemd",
    "pyproject.toml",
)
"""What the packages are made of; the rest of the project may change without new ones."""

DAEMON: Final = "o2cbd"
GATE: Final = "fakecluster-gate"
LIBRARY: Final = "libcman-standin"
NAMES: Final = (DAEMON, GATE, LIBRARY)
"""The packages that one build makes."""

TOOLS = (
    Tool(program="dpkg-buildpackage", package="dpkg-dev"),
    Tool(program="dh", package="debhelper"),
    Tool(program="pybuild", package="dh-python"),
    Tool(program="go-md2man", package="go-md2man"),
)
"""Those by which a machine without the packages is recognised; dpkg checks the rest."""

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Debian's own Python builds a Debian package, whatever is first in the user's PATH."""

_BUILD = ("dpkg-buildpackage", "--build=binary", "--unsigned-changes")

_OPTIONS = "noautodbgsym"
"""Nobody debugs the library from its package."""

_REVISION = re.compile(r"[0-9A-Za-z.+~]*")
_REBUILD: Final = re.compile(r"\+b[0-9]+$")
_TOP_VERSION = re.compile(r"\A(o2cbd \(\S+)\)")
_LEFT_OUT = "__pycache__"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="in a directory below this one (the cache); it stays while nothing changes",
    )
    parser.add_argument(
        "--revision",
        type=checked_revision,
        default="",
        metavar="TEXT",
        help="appended to the version, as +1",
    )


def run(arguments: argparse.Namespace, cache: Path, say: Progress) -> None:
    """Build the packages and print their paths.

    Raises:
        CannotRunError: see `build`.
    """
    others = other_sources(cache, arguments.suite)
    built = build(arguments.output or cache, say, revision=arguments.revision, others=others)
    for path in built.values():
        print(path)


def build(
    output: Path, say: Progress, *, revision: str = "", others: Sequence[AptSource] = ()
) -> Mapping[str, Path]:
    """Each package's file by its name, below `output`; built now where there are none of today's.

    Args:
        output: made where it is not there. What was built there before, from other inputs, stays.
        say: progress.
        revision: appended to the version, `+1`, for tests of upgrades.
        others: the archives of another Debian release: it is built in a root made of that one.

    Raises:
        CannotRunError: a tool is missing, or the build failed; the text has the end of its output.
        ValueError: a revision that no Debian version can have.
    """
    digest = inputs_digest(checked_revision(revision))
    final = output / "-".join(["deb", *(others[0].codename for _ in others[:1]), digest])
    found = _packages_in(final)
    if found:
        say(f"package: {_listed(found)} ({final.name}), built before")
        return found
    if not others:
        require_tools(TOOLS)
    began = time.monotonic()
    make_place(output)
    with tempfile.TemporaryDirectory(prefix="building-deb-", dir=output) as work_name:
        work = Path(work_name)
        _assemble(work / "source", revision)
        result = work / "result"
        result.mkdir()
        if others:
            say(f"package: building in a root made of Debian {others[0].codename}")
            _build_in_root(work, result, others)
        else:
            say("package: building")
            what = "the build (what it needs is under `package` in debian-packages.txt)"
            run_tool(_command(str(work / "source"), work_name), what)
            for file in (*work.glob("*.deb"), *work.glob("*.buildinfo"), *work.glob("*.changes")):
                file.rename(result / file.name)
        made = _packages_in(result)
        if sorted(made) != sorted(NAMES):
            raise CannotRunError(
                f"the build succeeded and left {_listed(made) or 'no package'},"
                f" not {', '.join(NAMES)}"
            )
        if not final.exists():  # another build of the same may have been faster
            result.rename(final)
    built = _packages_in(final)
    say(f"package: {_listed(built)} ({final.name}) built in {time.monotonic() - began:.0f} s")
    return built


def checked_revision(text: str) -> str:
    """The same text.

    Raises:
        ValueError: no Debian version can end with it, or it is that of a binary rebuild, which
            leaves out what the packages require of each other (`${source:Version}`).
    """
    if not _REVISION.fullmatch(text) or _REBUILD.search(text):
        raise ValueError(f"{text!r} cannot be part of a Debian version")
    return text


def inputs_digest(revision: str = "", checkout: Path = CHECKOUT) -> str:
    """The name of the packages that today's inputs make."""
    parts = [revision, Path(__file__).read_text("utf-8")]
    for name, path in input_files(checkout):
        parts += [name, path.read_text("utf-8")]
    return digest_of(parts)


def input_files(checkout: Path = CHECKOUT) -> Iterator[tuple[str, Path]]:
    """Every file that goes into the package's source: (name there, path here), sorted."""
    for name in INPUTS:
        top = checkout / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and _LEFT_OUT not in path.parts:
                yield str(path.relative_to(checkout)), path


def revised(changelog: str, revision: str) -> str:
    """The changelog with a revision at the end of its top version."""
    return _TOP_VERSION.sub(rf"\g<1>{revision})", changelog)


def _packages_in(directory: Path) -> dict[str, Path]:
    return {path.name.partition("_")[0]: path for path in sorted(directory.glob("*.deb"))}


def _listed(packages: Mapping[str, Path]) -> str:
    return ", ".join(path.name for path in packages.values())


def _assemble(source: Path, revision: str) -> None:
    """Make the source tree that Debian's tools want."""
    for name, path in input_files():
        # Debian's own part moves to the top, where its tools look for it.
        target = source / re.sub(r"\Apackaging/debian/", "debian/", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    changelog = source / "debian/changelog"
    changelog.write_text(revised(changelog.read_text("utf-8"), revision), "utf-8")
    (source / "debian/rules").chmod(0o755)


def _command(source: str, home: str) -> list[str]:
    """The build, with all that it gets of its surroundings."""
    words = (
        f"PATH={SYSTEM_PATH}",
        f"HOME={home}",
        "LC_ALL=C.UTF-8",
        f"DEB_BUILD_OPTIONS={_OPTIONS}",
    )
    return ["env", "--ignore-environment", f"--chdir={source}", *words, *_BUILD]


def _build_in_root(work: Path, result: Path, others: Sequence[AptSource]) -> None:
    """Build in a root of another release that lives no longer than the build."""
    script = shlex.join(_command("/build/source", "/build"))
    hooks = (
        'mkdir "$1/build" "$1/build/result"',
        f"copy-in {shlex.quote(str(work / 'source'))} /build",
        'chroot "$1" apt-get build-dep --yes /build/source',
        f'chroot "$1" {script}',
        'cd "$1/build" && mv -- *.deb *.buildinfo *.changes result',
        f"sync-out /build/result {shlex.quote(str(result))}",
    )
    options = ("--variant=buildd", "--dpkgopt=force-unsafe-io")
    customize = [f"--customize-hook={hook}" for hook in hooks]
    fetch_packages(Path(os.devnull), work, others, [], [*options, *customize])
