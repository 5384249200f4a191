"""`instructions`: what the daemon executes, in a guest whose clocks count its instructions.

A guest under QEMU's icount executes one instruction a nanosecond of its own clocks, so a busy
machine changes nothing: the same work is the same count, within a percent.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from integration import guest as guests
from integration.cache import cache_directory
from integration.packages import CHECKOUT
from integration.payload import DIRECTORY
from integration.smoke import STANDIN, standin
from integration.smoke_guest import prepare, smoke_machine

_MEMORY_MIB: Final = 768
_TIMEOUT_S: Final = 3600
_SETTINGS: Final = "o2cbd.toml"
_PROGRAM: Final = ("python3", "-m", "integration.inside.cost")

AIMS: Final[Mapping[tuple[str, int], float]] = {
    ("start", 3): 350,
    ("state change", 254): 150,
    ("join", 254): 9,
    ("notice of nothing new", 254): 4,
    ("resync", 254): 36,
}
"""Million instructions, by what is done and the members."""

_FLOORS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("python3 -c pass",),
    "state change": ("write", "read back"),
    "join": ("list",),
    "leave": ("list",),
    "notice of nothing new": ("list",),
    "resync": ("read back",),
}
"""What bare Python does for the same, in the same guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that the daemon does, counted some times."""

    what: str
    rounds: tuple[int, ...]
    aim: float | None = None
    """Million instructions at most."""
    floor: tuple[str, float] | None = None
    """What bare Python does for it, and what that costs."""

    @property
    def median(self) -> float:
        """Half of the rounds took less."""
        return statistics.median(self.rounds)

    @property
    def spread_percent(self) -> float:
        """Between the least and the most, of the median."""
        return 100 * (max(self.rounds) - min(self.rounds)) / self.median


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the daemon costs in a cluster of one size."""

    members: int
    kernel: str
    figures: tuple[Figure, ...]
    memory_kib: Mapping[str, int]


def cost(members: int, rounds: int) -> Cost:
    """Measure one size, in a guest of its own.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: the guest did not do its part.
    """
    extra = {STANDIN: standin(), _SETTINGS: CHECKOUT / "packaging" / _SETTINGS}
    cache = cache_directory(os.environ)
    with smoke_machine(cache, _say, suite="", extra=extra) as (machine, payload_fd):
        counting = replace(machine, acceleration="icount", memory_mib=_MEMORY_MIB)
        with guests.started(counting, payload_fd) as guest:
            prepare(guest, _say, f"{members} members")
            asked = {
                "members": members,
                "rounds": rounds,
                "libcman": f"{DIRECTORY}/{STANDIN}",
                "settings": f"{DIRECTORY}/{_SETTINGS}",
            }
            argv = [*_PROGRAM, json.dumps(asked)]
            found = json.loads(guest.check(argv, timeout_s=_TIMEOUT_S))
    figures = (*_figures(members, found["counts"], found["bare"]), *_bare(found["bare"]))
    return Cost(
        members=members, kernel=guest.kernel, figures=figures, memory_kib=found["memory_kib"]
    )


def _figures(
    members: int, counts: Mapping[str, Sequence[int]], bare: Mapping[str, Sequence[int]]
) -> Iterator[Figure]:
    for what, rounds in counts.items():
        parts = _FLOORS[what]
        floor = sum(statistics.median(bare[part]) for part in parts)
        yield Figure(
            what=what,
            rounds=tuple(rounds),
            aim=AIMS.get((what, members)),
            floor=(" + ".join(parts), floor),
        )


def _bare(bare: Mapping[str, Sequence[int]]) -> Iterator[Figure]:
    for what, rounds in bare.items():
        yield Figure(what=f"bare: {what}", rounds=tuple(rounds))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
