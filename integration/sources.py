"""Where Debian packages come from: this machine's own apt configuration, never a name of ours."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from integration.errors import CannotRunError

_FORMAT = "$(CODENAME) $(REPO_URI) $(RELEASE) $(COMPONENT)"
KEPT_SETTINGS = ("http", "https", "proxy", "check-", "retries", "allow")
"""Beginnings of `Acquire::` settings that say how an archive is reached and believed."""

_PRIVATE = (
    "APT::Sandbox::User=root",
    "Debug::NoLocking=1",
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
)
"""Lets apt work on lists of our own, as any user."""

_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One component of one release of a Debian archive."""

    codename: str
    uri: str
    release: str
    component: str

    @property
    def line(self) -> str:
        """As it stands in a sources.list."""
        return f"deb {self.uri} {self.release} {self.component}"


def parse_sources(text: str) -> list[AptSource]:
    """Read `apt-get indextargets` in our format, doublings dropped, sorted by apt's own order."""
    found: dict[str, AptSource] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4:
            codename, uri, release, component = words
            source = AptSource(codename=codename, uri=uri, release=release, component=component)
            found.setdefault(source.line, source)
    return list(found.values())


def _apt(*argv: str) -> str:
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except FileNotFoundError:
        raise CannotRunError(
            f"{argv[0]} not found: guests are made from Debian packages, on a Debian machine"
        ) from None
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{argv[0]} did not end within {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise CannotRunError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
    return done.stdout


def _index_targets(*options: str) -> list[AptSource]:
    return parse_sources(
        _apt(
            "apt-get",
            *options,
            "indextargets",
            "--format",
            _FORMAT,
            "Created-By: Packages",
            "Origin: Debian",
        )
    )


def debian_sources(cache: Path, suite: str = "") -> list[AptSource]:
    """The Debian archives that this machine's apt is set up for, other vendors' left out.

    Args:
        cache: takes lists of packages where the machine has none.
        suite: the codename of another Debian release, found at the same places as this machine's.

    Raises:
        CannotRunError: there is no apt, or it knows no Debian archive.
    """
    return of_suite(_own_sources(cache), suite)


def other_sources(cache: Path, suite: str) -> list[AptSource]:
    """The archives of a release that is not this machine's own; none where it is, or for "".

    Raises:
        CannotRunError: there is no apt, or it knows no Debian archive.
    """
    own = _own_sources(cache) if suite else []
    return of_suite(own, suite) if own and own[0].codename != suite else []


def of_suite(own: Sequence[AptSource], suite: str) -> list[AptSource]:
    """The same archives of another release: its updates for our updates, and so on; "": ours."""
    name = own[0].codename
    if suite in {"", name}:
        return list(own)
    moved = [
        replace(source, codename=other, release=other)
        for source in own
        for other in (suite + source.codename.removeprefix(name),)
    ]
    return list(dict.fromkeys(moved))  # an archive may stand there as stable, too


def _own_sources(cache: Path) -> list[AptSource]:
    """What apt is set up for.

    apt knows who an archive belongs to once it has the archive's lists. Where the machine's own
    are not there (they are often deleted to save space), they are fetched into the cache.
    """
    sources = _index_targets()
    if sources:
        return sources
    lists = cache / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = [
        word for setting in (*_PRIVATE, f"Dir::State::Lists={lists}") for word in ("-o", setting)
    ]
    sources = _index_targets(*options)
    if not sources:
        _apt("apt-get", *options, "update")
        sources = _index_targets(*options)
    if not sources:
        raise CannotRunError(
            "apt knows no Debian archive on this machine (see /etc/apt/sources.list): "
            "the guest is made from Debian packages"
        )
    return sources


def reaching_settings(dump: str) -> str:
    """Of `apt-config dump`, the lines that say how archives are reached and believed."""
    wanted = tuple(f"acquire::{beginning}" for beginning in KEPT_SETTINGS)
    lines = dump.splitlines(keepends=True)
    return "".join(line for line in lines if line.lower().startswith(wanted))


def apt_settings() -> str:
    """How this machine's apt reaches archives (proxies, certificates), as an apt.conf text."""
    return reaching_settings(_apt("apt-config", "dump", "Acquire"))
