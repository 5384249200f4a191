"""What the tests need and a machine's owner can install: where it is not there, this fails once."""

from __future__ import annotations

from collections.abc import Mapping


def test_nothing_is_missing_that_can_be_installed(missing: Mapping[str, str]) -> None:
    """Without it the tests that need it are skipped, and a green run would say little."""
    assert list(missing.values()) == []
