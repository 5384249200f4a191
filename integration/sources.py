"""Where Debian packages come from: this machine's own apt configuration, never a name of ours."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from integration.errors import CannotRunError

_FORMAT = "$(CODENAME) $(REPO_URI) $(RELEASE) $(COMPONENT)"
KEPT_SETTINGS = ("http", "https", "proxy", "check-", "retries", "allow")
"""Beginnings of `Acquire::` settings that say how an archive is reached and believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One component of one release of a Debian archive."""

    codename: str
    uri: str
    release: str
    component: str

    @property
    def line(self) -> str:
        """As it stands in a sources.list."""
        return f"deb {self.uri} {self.release} {self.component}"


def parse_sources(text: str) -> list[Source]:
    """Read `apt-get indextargets` in our format, doublings dropped, sorted by apt's own order."""
    found: dict[str, Source] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4:
            codename, uri, release, component = words
            source = Source(codename=codename, uri=uri, release=release, component=component)
            found.setdefault(source.line, source)
    return list(found.values())


def _apt(*argv: str) -> str:
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise CannotRunError(
            f"{argv[0]} is not here: the guest is made from Debian packages, on a Debian machine"
        ) from None
    if done.returncode != 0:
        raise CannotRunError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
    return done.stdout


def debian_sources() -> list[Source]:
    """The Debian archives that this machine's apt is set up for, other vendors' left out.

    Raises:
        CannotRunError: there is no apt, or it knows no Debian archive (or has no lists yet).
    """
    text = _apt(
        "apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages", "Origin: Debian"
    )
    sources = parse_sources(text)
    if not sources:
        raise CannotRunError(
            "apt knows no Debian archive on this machine. As root: apt-get update "
            "(and see /etc/apt/sources.list if that does not help)"
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
