"""What a corosync holds for true, as the judges of scenarios ask for it; in guests, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fakecluster.corosync.cmap import CorosyncMap

_WANTED: Final = ("nodelist.", "runtime.members.", "runtime.votequorum.", "totem.cluster_name")
"""The keys that `parsed` reads; each key is a question to corosync."""


def manager_fields(connected: CorosyncMap) -> dict[str, Any] | None:
    """Return the fields of a `ManagerView`; None: it reads a new configuration just now.

    Raises:
        UnreadableError: corosync does not answer.
    """
    keys, quorate = connected.values(_WANTED), connected.quorate()
    try:
        return parsed(keys) | {"quorate": quorate}
    except KeyError:
        return None


def parsed(keys: Mapping[str, str]) -> dict[str, Any]:
    """What is wanted of the keys of the map.

    Raises:
        KeyError: one is not there.
    """
    positions = {key.split(".")[2] for key in keys if key.startswith("nodelist.node.")}
    listed = []
    for position in sorted(positions, key=int):
        block = f"nodelist.node.{position}."
        number = keys[block + "nodeid"]
        address = keys.get(block + "o2cb_address") or keys[block + "ring0_addr"]
        listed.append({
            "id": int(number),
            "name": keys.get(block + "name", ""),
            "member": keys.get(f"runtime.members.{number}.status") == "joined",
            "addresses": [address],
        })  # fmt: skip
    return {
        "cluster": keys["totem.cluster_name"],
        "local_id": int(keys["runtime.votequorum.this_node_id"]),
        "two_node": keys.get("runtime.votequorum.two_node", "0") == "1",
        "listed": sorted(listed, key=lambda each: each["id"]),
    }
