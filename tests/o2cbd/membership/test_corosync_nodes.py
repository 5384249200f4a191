"""Corosync's node list, and which of its blocks is about whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from o2cbd.membership.corosync_calls import Keys
from o2cbd.membership.corosync_nodes import (
    LOCAL_POSITION,
    PREFIX,
    Blocks,
    ListedNode,
    NodeList,
    read_nodes,
)


@dataclass(frozen=True, slots=True)
class FakeKeys:
    """cmap, of values that are there."""

    values: dict[str, int | str]

    def names(self, prefix: str) -> tuple[str, ...]:
        return tuple(key for key in self.values if key.startswith(prefix))

    def number(self, key: str, default: int = 0) -> int:
        return int(self.values.get(key, default))

    def text(self, key: str) -> str:
        return str(self.values.get(key, ""))


def read(values: dict[str, int | str]) -> NodeList:
    return read_nodes(cast("Keys", FakeKeys(values)))


def test_our_own_place_is_that_of_its_position_whichever_are_there() -> None:
    keys: dict[str, int | str] = {f"{PREFIX}{position}.nodeid": position for position in (2, 5, 9)}
    assert [node.id for node in read(keys).nodes] == [2, 5, 9]
    assert read(keys).local is None
    assert read({**keys, LOCAL_POSITION: 5}).local == 1
    assert read({**keys, LOCAL_POSITION: 1}).local is None


def test_an_address_that_is_not_known_makes_no_two_nodes_one() -> None:
    listing = NodeList(nodes=(ListedNode(id=20), ListedNode(id=30)), local=None)
    blocks = Blocks(listing=listing, addresses=[("10.0.0.2", ""), ("10.0.0.3", "fd00::3")])
    blocks.find([2], lambda _node_id: ("", "10.0.0.9"))
    assert (blocks.found, blocks.left()) == ({}, [0, 1])
    blocks.find([2], lambda _node_id: ("", "fd00::3"))
    assert (blocks.found, blocks.left()) == ({2: 1}, [0])
