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

GATE: Final = "gate"
"""`fakecluster gate` over a real corosync 3."""

ENGINES: Final[Mapping[str, Profile]] = MappingProxyType(
    {"simulator as 3.0.12": Profile.A, "simulator as 3.1.8": Profile.B, GATE: Profile.B}
)
"""Each engine by its name, and by which version's column it is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDifference:
    """What an engine shows where a real cman shows something else."""

    row: str
    engine: str
    shows: tuple[str, ...]
    """All that it may show; what a real one shows is among them where that is a race."""
    reason: str


def _gate(row: str, *shows: str, reason: str) -> EngineDifference:
    return EngineDifference(row=row, engine=GATE, shows=shows, reason=reason)


_WHOLE_RING: Final = (
    "A ring comes whole, with corosync's judgement of it, so every notice of it says the same."
)
_LIVES_ON: Final = (
    "That the time-out of a shutdown outlives whoever asked for it, ends the next one's question "
    "and then crashes cman, is a fault that the gate does not have."
)

_OWN_FILE: Final = (
    "Each corosync reads its own file at a reload, and runs with what it has: whoever lags has the "
    "old version, is quorate, and no error is shown. It reads a mended file at the next reload."
)

DIFFERENCES: Final[tuple[EngineDifference, ...]] = (
    _gate(
        "connect-after-crash",
        "ENOENT",
        reason="The gate outlives its corosync, and takes its sockets away.",
    ),
    _gate("two-deaths", "0 0", reason=_WHOLE_RING),
    _gate("isolated-view", "0 0, members 3", reason=_WHOLE_RING),
    _gate(
        "leave-reasons",
        "0 0 1 0 0",
        reason="A corosync that leaves does not say why, so nobody learns of a remove.",
    ),
    _gate("shutdown-requester-gone", "0, 0", reason=_LIVES_ON),
    _gate("shutdown-timer-left-over", "none, 0", reason=_LIVES_ON),
    _gate(
        "D2-leave-after-a-crash",
        "1 2 3, none, 1 0",
        "1 2 3, none, 0 0",
        reason="Corosync agrees to a leave at once, and the gate ends with its yes; corosync "
        "itself stays until the ring is without the dead node, which its clients miss. Whether it "
        "is gone in that ring or in the next one is a race.",
    ),
    _gate(
        "D5-added-node",
        "3 4",
        reason="Votequorum expects the votes of the whole node list, and counts them again at "
        "each reload.",
    ),
    _gate(
        "answer-before-the-end",
        "with it: 0 gone",
        "before",
        reason="Corosync answers and ends, and the gate with it; so the answer comes first, but by "
        "less than anybody is sure to see.",
    ),
    _gate(
        "version-without-a-file",
        "ENOENT, S1 C1",
        reason="Which version a file has is known when every corosync has read it, and that is a "
        "reload, which clients are told of.",
    ),
    _gate("config-lagging", "S1 C1; none", reason=_OWN_FILE),
    _gate("D6-lagging-file", "0 1, 1, 0 1", reason=_OWN_FILE),
    _gate(
        "D17-newer-joiner",
        "1 2 3, 1 2 3; 1 2 3, 1 2 3",
        reason="Corosync counts a joiner whose file is newer, and each node runs with its own.",
    ),
    _gate(
        "D18-older-joiner",
        "none, ENOENT",
        reason="A corosync whose file is older than the others' ends by itself before it is in a "
        "ring with them.",
    ),
)
"""Those that remain. One that is listed and no longer there fails its test."""


def difference(row: CmanRow, engine: str) -> EngineDifference | None:
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
    if listed is not None and shown in listed.shows:
        return ""
    if listed is not None and right:
        return f"{row.name}: the listed difference is gone; take it from DIFFERENCES"
    if listed is not None:
        return f"{row.name}: {shown!r}, listed: {' or '.join(listed.shows)!r}"
    return "" if right else f"{row.name}: {shown!r}, a real one shows {' or '.join(wanted)!r}"
