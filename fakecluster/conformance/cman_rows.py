"""Everything that was seen of a real cman, as one table; and in what the engines differ from it.

A row is acted on an engine under test behind `CmanDriver`, over cman's sockets or through a
`libcman.so.3`, and must show what a real cman of that version showed. Whoever adds an engine names
it in `ENGINES`, runs every row with `CmanRow.watch`, and lists what remains in `DIFFERENCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fakecluster.cman.timings import Profile
from fakecluster.conformance.cman_row import CmanRow
from fakecluster.conformance.cman_rows_data import CONFIG, DATA, WIRE
from fakecluster.conformance.cman_rows_later import LATER, SMALLER
from fakecluster.conformance.cman_rows_library import LIBRARY
from fakecluster.conformance.cman_rows_membership import CONNECTING, MEMBERSHIP
from fakecluster.conformance.cman_rows_shutdown import DYING, SHUTDOWN

ROWS: Final[tuple[CmanRow, ...]] = tuple(
    row
    for part in (
        CONNECTING, MEMBERSHIP, DATA, SHUTDOWN, DYING, LIBRARY, CONFIG, WIRE, LATER, SMALLER,
    )
    for row in part.rows
)  # fmt: skip
"""In the order of the observations."""

ENGINES: Final[Mapping[str, Profile]] = MappingProxyType(
    {"simulator as 3.0.12": Profile.A, "simulator as 3.1.8": Profile.B}
)
"""Each engine by its name, and by which version's column it is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an engine shows where a real cman shows something else."""

    row: str
    engine: str
    shows: str
    reason: str


DIFFERENCES: Final[tuple[Difference, ...]] = ()
"""Those that remain. One that is listed and no longer there fails its test."""


def difference(row: CmanRow, engine: str) -> Difference | None:
    """Return the listed difference of an engine in a row."""
    return next((one for one in DIFFERENCES if (one.row, one.engine) == (row.name, engine)), None)


def complaint(row: CmanRow, engine: str, shown: str | None) -> str:
    """Return what is wrong with what an engine showed in a row; empty: nothing.

    Args:
        row: which.
        engine: its name.
        shown: what `CmanRow.watch` gave.
    """
    wanted, listed = row.seen[ENGINES[engine]], difference(row, engine)
    right = shown is None or not wanted or shown in wanted
    if listed is not None and right:
        return f"{row.name}: the listed difference is gone; take it from DIFFERENCES"
    if listed is not None:
        return "" if shown == listed.shows else f"{row.name}: {shown!r}, listed: {listed.shows!r}"
    return "" if right else f"{row.name}: {shown!r}, a real one shows {' or '.join(wanted)!r}"
