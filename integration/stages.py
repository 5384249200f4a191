"""The story that the kernel's tables have to follow: three nodes, told stage by stage."""

from __future__ import annotations

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
    """What happens in the cluster, and the table that the kernel must come to."""

    name: str
    verbs: tuple[tuple[str, ...], ...]
    """For `fakecluster ctl`, in order."""
    table: tuple[Row, ...]
    renewed: frozenset[str] = frozenset()
    """Nodes whose directory must be a new one though its values are as before."""


def _row(number: int, address: str | None = None) -> Row:
    return Row(
        name=f"n{number}",
        num=number,
        address=address or ADDRESSES[number],
        port=PORT,
        local=int(number == OWN),
    )


STAGES = (
    Stage(name="two members", verbs=(("leave", "3"),), table=(_row(1), _row(2))),
    Stage(name="n3 joins", verbs=(("start", "3"),), table=(_row(1), _row(2), _row(3))),
    Stage(name="n2 dies", verbs=(("kill", "2"),), table=(_row(1), _row(3))),
    Stage(name="n2 is back", verbs=(("start", "2"),), table=(_row(1), _row(2), _row(3))),
    Stage(
        name="n3 changes its address",
        verbs=(("address", "3", MOVED),),
        table=(_row(1), _row(2), _row(3, MOVED)),
    ),
)
