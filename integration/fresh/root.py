"""A bare Debian as a tar archive: the smallest that has apt, with git and Python."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from integration import cache
from integration.build import run_tool
from integration.packages import program
from integration.recipe import text_digest
from integration.sources import Source, apt_settings

PACKAGES = ("git", "python3")
"""What the README assumes of a machine."""

_ARCHIVE = "root.tar"


def bare_root(
    place: Path, suite: str, sources: Sequence[Source], say: cache.Progress, *, anew: bool = False
) -> Path:
    """Return the archive of a suite's root directory, from the cache or made now.

    Args:
        place: the cache.
        suite: codename of a Debian release.
        sources: of that suite.
        say: progress.
        anew: make it even if there is one.

    Raises:
        CannotRunError: mmdebstrap is missing or failed.
    """
    name = f"fresh-root-{suite}-{text_digest([suite], [Path(__file__)])}"
    archive = place / name / _ARCHIVE
    with cache.lock(place, name, say):
        if not anew and cache.load_facts(place / name) is not None:
            return archive
        began = time.monotonic()
        with cache.making(place, name) as result:
            _make(result, suite, sources)
            cache.note_facts(result)
    say(f"fresh: bare root of {suite} made in {time.monotonic() - began:.0f} s")
    return archive


def _make(result: Path, suite: str, sources: Sequence[Source]) -> None:
    lists, settings = result.parent / "sources.list", result.parent / "apt.conf"
    lists.write_text(sources_list(sources), "utf-8")
    settings.write_text(apt_settings(), "utf-8")
    run_tool(
        [
            program("mmdebstrap"),
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            f"--aptopt={settings}",
            # Stays in the root: packages unpack faster, and nothing in it must outlive a crash.
            "--dpkgopt=force-unsafe-io",
            # Of how this machine reaches its archives nothing is kept.
            "--customize-hook=rm -f $1/etc/apt/apt.conf.d/99mmdebstrap $1/etc/apt/sources.list.d/*",
            suite,
            result / _ARCHIVE,
            lists,
        ],
        f"making a bare root of {suite}",
    )


def sources_list(sources: Sequence[Source]) -> str:
    """Return the text of apt's sources.list."""
    return "".join(f"{source.line}\n" for source in sources)
