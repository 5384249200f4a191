"""The package's files, read as what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting of a unit."""

    section: str
    key: str
    value: str
    reason: str
    """The comment that ends right above it; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit file."""

    lines: tuple[Line, ...]

    def values(self, key: str) -> list[str]:
        """Every word that is given to a key."""
        return [word for line in self.lines if line.key == key for word in line.value.split()]

    def one(self, key: str) -> str:
        """The value of a key that is given once."""
        (value,) = (line.value for line in self.lines if line.key == key)
        return value

    @property
    def keys(self) -> set[str]:
        """Every key that is given."""
        return {line.key for line in self.lines}


def parse(text: str) -> Unit:
    """Read a unit; a line that is no section, setting, comment or empty is a mistake."""
    lines: list[Line] = []
    section, comment = "", []
    for raw in text.splitlines():
        if raw.startswith("#"):
            comment.append(raw[1:].strip())
            continue
        if raw.startswith("["):
            section = raw.strip("[]")
        elif raw:
            key, equals, value = raw.partition("=")
            assert equals, raw
            assert not value.endswith("\\"), raw
            lines.append(Line(section=section, key=key, value=value, reason=" ".join(comment)))
        comment = []
    return Unit(lines=tuple(lines))


@pytest.fixture(scope="session")
def daemon_unit() -> Unit:
    """`o2cbd.service`."""
    return parse((UNITS / "o2cbd.service").read_text("utf-8"))


@pytest.fixture(scope="session")
def wait_unit() -> Unit:
    """`o2cbd-wait-sync.service`."""
    return parse((UNITS / "o2cbd-wait-sync.service").read_text("utf-8"))


@pytest.fixture(scope="session")
def gate_unit() -> Unit:
    """`cman-gate.service`."""
    return parse((UNITS / "cman-gate.service").read_text("utf-8"))
