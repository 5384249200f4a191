"""The project's own Debian packages, built from the working tree without leaving anything in it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from integration.build import fetch_packages
from integration.cache import Progress, digest_of, make_place
from integration.errors import CannotRunError
from integration.packages import CHECKOUT, Tool, find_program, lacking_text
from integration.sources import Source

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
_BUILD_TIMEOUT_S = 900
_SHOWN_LINES = 25
_LEFT_OUT = "__pycache__"


def build(
    output: Path, say: Progress, *, revision: str = "", others: Sequence[Source] = ()
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
        _require_tools()
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
            _run_build(work / "source")
            for file in (*work.glob("*.deb"), *work.glob("*.buildinfo"), *work.glob("*.changes")):
                file.rename(result / file.name)
        made = _packages_in(result)
        if sorted(made) != sorted(NAMES):
            raise CannotRunError(
                f"the build ended well and left {_listed(made) or 'no package'},"
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


def _require_tools() -> None:
    missing = [tool for tool in TOOLS if find_program(tool.program) is None]
    if missing:
        raise CannotRunError(lacking_text(missing))


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


def _environment(home: str) -> Iterator[tuple[str, str]]:
    """All that a build gets of its surroundings."""
    yield "PATH", SYSTEM_PATH
    yield "HOME", home
    yield "LC_ALL", "C.UTF-8"
    yield "DEB_BUILD_OPTIONS", _OPTIONS


def _build_in_root(work: Path, result: Path, others: Sequence[Source]) -> None:
    """Build in a root of another release that lives no longer than the build."""
    environment = f"env -i {shlex.join(f'{name}={text}' for name, text in _environment('/build'))}"
    script = f"cd /build/source && {environment} {shlex.join(_BUILD)}"
    hooks = (
        'mkdir "$1/build" "$1/build/result"',
        f"copy-in {shlex.quote(str(work / 'source'))} /build",
        'chroot "$1" apt-get build-dep --yes /build/source',
        f'chroot "$1" sh -c {shlex.quote(script)}',
        'cd "$1/build" && mv -- *.deb *.buildinfo *.changes result',
        f"sync-out /build/result {shlex.quote(str(result))}",
    )
    options = ("--variant=buildd", "--dpkgopt=force-unsafe-io")
    customize = [f"--customize-hook={hook}" for hook in hooks]
    fetch_packages(Path(os.devnull), work, others, [], [*options, *customize])


def _run_build(source: Path) -> None:
    environment = dict(_environment(str(source.parent)))
    try:
        done = subprocess.run(
            _BUILD,
            check=False,
            cwd=source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_TIMEOUT_S,
            text=True,
            errors="backslashreplace",
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"dpkg-buildpackage did not end within {_BUILD_TIMEOUT_S} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
        raise CannotRunError(
            f"dpkg-buildpackage ended with {done.returncode}"
            f" (what it needs is under `package` in debian-packages.txt):\n{tail}"
        )
