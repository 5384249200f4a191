"""The project speaks of itself: no file names the machine on which it was written, or a mirror."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = ("benchmarks", "docs", "fakecluster", "integration", "o2cbd", "packaging", "tests", ".ci")
ENDINGS = {"", ".c", ".cfg", ".h", ".ini", ".map", ".md", ".py", ".service", ".toml", ".txt"}
HOSTS = {"www.apache.org", "www.debian.org", "keepachangelog.com", "semver.org"}
"""Whom we quote: the licence, and the formats of the package's copyright and of the change log."""
_URL = re.compile(r"https?://([\w.-]+)")


def pages() -> list[Path]:
    """Return every text of the project."""
    found = [one for tree in TREES for one in (ROOT / tree).rglob("*")] + list(ROOT.iterdir())
    return sorted(
        one
        for one in found
        if one.is_file() and one.suffix in ENDINGS and "__pycache__" not in one.parts
    )


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {
        str(one.relative_to(ROOT)): one.read_text(encoding="utf-8")
        for one in pages()
        if not one.name.startswith(".coverage")
    }


def test_the_pages_are_found(texts: dict[str, str]) -> None:
    assert {"README.md", "o2cbd/agent.py", "fakecluster/cman/standin/libcman.h"} <= set(texts)


def test_no_page_knows_where_its_checkout_lies(texts: dict[str, str]) -> None:
    assert len(ROOT.parts) > 1
    needle = re.compile(rf"(?<![\w./-]){re.escape(str(ROOT))}(?![\w-])")
    assert [name for name, text in texts.items() if needle.search(text)] == []


def test_no_page_names_a_host_but_those_that_we_quote(texts: dict[str, str]) -> None:
    named = {
        f"{name}: {host}"
        for name, text in texts.items()
        for host in _URL.findall(text)
        if host not in HOSTS and not host.endswith(".invalid")
    }
    assert named == set()
