"""The story that the kernel's tables have to follow: three nodes, told stage by stage."""

from __future__ import annotations

import enum
from dataclasses import dataclass

CLUSTER = "smoke"
OWN = 1
"""The node id of the guest."""

PORT = 7777

ADDRESSES = {1: "10.77.0.1", 2: "10.77.0.2", 3: "10.77.0.3"}
"""Node id -> address at the start; the own one is put on the guest's loopback interface."""

MOVED = "10.77.0.33"
"""Node 3's address after its change."""

TOPOLOGY = f'cluster = "{CLUSTER}"\n' + "".join(
    f'\n[[nodes]]\nid = {number}\nname = "n{number}"\naddresses = ["{address}"]\n'
    for number, address in ADDRESSES.items()
)
"""For `fakecluster serve --topology`."""


class Act(enum.Enum):
    """What the guest does to itself in a stage."""

    NOTHING = "nothing"
    KILL_DAEMON = "kill -9 of o2cbd, and a new one"
    MOUNT = "mount of an OCFS2 volume"
    UMOUNT = "umount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A node as the kernel shows it."""

    name: str
    num: int
    address: str
    port: int
    local: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What happens, and the table that the kernel must come to or keep.

    A directory whose values are as before must be the same directory, by its inode.
    """

    name: str
    table: tuple[Row, ...]
    verbs: tuple[tuple[str, ...], ...] = ()
    """For `fakecluster ctl`, in order."""
    act: Act = Act.NOTHING
    allowed: bool | None = None
    """Where the shutdown question is asked at the end: whether it must be allowed."""


def _row(number: int, address: str | None = None) -> Row:
    return Row(
        name=f"n{number}",
        num=number,
        address=address or ADDRESSES[number],
        port=PORT,
        local=int(number == OWN),
    )


_TWO = (_row(1), _row(2))
_THREE = (*_TWO, _row(3))
_AT_LAST = (*_TWO, _row(3, MOVED))

STAGES = (
    Stage(name="two members", verbs=(("leave", "3"),), table=_TWO),
    Stage(name="n3 joins", verbs=(("start", "3"),), table=_THREE),
    Stage(name="n2 dies", verbs=(("kill", "2"),), table=(_row(1), _row(3))),
    Stage(name="n2 is back", verbs=(("start", "2"),), table=_THREE),
    Stage(name="n3 changes address", verbs=(("address", "3", MOVED),), table=_AT_LAST),
    Stage(name="o2cbd killed, started", act=Act.KILL_DAEMON, table=_AT_LAST),
    Stage(name="mounted: shutdown?", act=Act.MOUNT, table=_AT_LAST, allowed=False),
    Stage(name="unmounted: shutdown?", act=Act.UMOUNT, table=_AT_LAST, allowed=True),
)
END = "o2cbd stops"
"""The name of what comes last: SIGTERM ends the daemon with 0, and the tables stay."""
