"""The story that the kernel's tables have to follow: three nodes, stage by stage."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fakecluster.verbs import ChangeAddress, Kill, Leave, Start, Verb

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


class GuestAction(enum.Enum):
    """What the guest does to itself in a stage."""

    NOTHING = "nothing"
    KILL_DAEMON = "kill -9 of o2cbd, and a new one"
    MOUNT = "mount of an OCFS2 volume"
    UMOUNT = "umount"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRow:
    """A node as the kernel shows it."""

    name: str
    num: int
    address: str
    port: int
    local: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryStage:
    """What happens, and the table that the kernel must come to or keep.

    A directory whose values are as before must be the same directory, by its inode.
    """

    name: str
    table: tuple[KernelRow, ...]
    verbs: tuple[Verb, ...] = ()
    """For the fake cluster, in order."""
    act: GuestAction = GuestAction.NOTHING
    allowed: bool | None = None
    """Where the shutdown question is asked at the end: whether it must be allowed."""


def _row(number: int, address: str | None = None) -> KernelRow:
    return KernelRow(
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
    StoryStage(name="two members", verbs=(Leave(node=3),), table=_TWO),
    StoryStage(name="n3 joins", verbs=(Start(node=3),), table=_THREE),
    StoryStage(name="n2 dies", verbs=(Kill(node=2),), table=(_row(1), _row(3))),
    StoryStage(name="n2 is back", verbs=(Start(node=2),), table=_THREE),
    StoryStage(
        name="n3 changes address",
        verbs=(ChangeAddress(node=3, addresses=(MOVED,)),),
        table=_AT_LAST,
    ),
    StoryStage(name="o2cbd killed, started", act=GuestAction.KILL_DAEMON, table=_AT_LAST),
    StoryStage(name="mounted: shutdown?", act=GuestAction.MOUNT, table=_AT_LAST, allowed=False),
    StoryStage(name="unmounted: shutdown?", act=GuestAction.UMOUNT, table=_AT_LAST, allowed=True),
)
END = "o2cbd stops"
"""The name of what comes last: SIGTERM ends the daemon with 0, and the tables stay."""
