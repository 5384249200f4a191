"""Values for examples: node N has id N, the name nN, the address 10.0.0.N; node 1 is this host."""

from __future__ import annotations

from o2cbd.core.model import (
    Absentee,
    Entry,
    Member,
    Membership,
    Node,
    Quorum,
    Tables,
)

CLUSTER = "alpha"


def name_of(number: int) -> str:
    """Return the name that the node with this id has in examples."""
    return f"n{number}"


def address_of(number: int) -> str:
    """Return the address that the node with this id has in examples."""
    return f"10.0.0.{number}"


def member(number: int, **changes: object) -> Member:
    """Return a member with the values of examples, some changed."""
    values: dict[str, object] = {
        "id": number,
        "name": name_of(number),
        "incarnation": 4,
        "addresses": (address_of(number),),
    }
    return Member(**(values | changes))  # type: ignore[arg-type]


def absentee(number: int, **changes: object) -> Absentee:
    """Return a node that is listed and no member, some values changed."""
    values: dict[str, object] = {"id": number, "name": name_of(number)}
    return Absentee(**(values | changes))  # type: ignore[arg-type]


def membership(*members: int | Member | Absentee, **changes: object) -> Membership:
    """Return a quorate membership in which the node with id 1 is local, some values changed."""
    listed = [member(one) if isinstance(one, int) else one for one in members]
    values: dict[str, object] = {
        "cluster": CLUSTER,
        "local_id": 1,
        "quorum": Quorum.QUORATE,
        "two_node": False,
        "members": tuple(one for one in listed if isinstance(one, Member)),
        "absentees": tuple(one for one in listed if isinstance(one, Absentee)),
    }
    return Membership(**(values | changes))  # type: ignore[arg-type]


def node(number: int, **changes: object) -> Node:
    """Return a wanted node; the one with id 1 is local."""
    values: dict[str, object] = {
        "name": name_of(number),
        "num": number,
        "address": address_of(number),
        "port": 7777,
        "local": number == 1,
    }
    return Node(**(values | changes))  # type: ignore[arg-type]


def entry(number: int, **changes: object) -> Entry:
    """Return the right entry of an example's node, some values changed."""
    values: dict[str, object] = {
        "name": name_of(number),
        "inode": 100 + number,
        "num": number,
        "address": address_of(number),
        "port": 7777,
        "local": number == 1,
    }
    return Entry(**(values | changes))  # type: ignore[arg-type]


def tables(*entries: int | Entry, **changes: object) -> Tables:
    """Return a reading in which our cluster is there."""
    found = [entry(one) if isinstance(one, int) else one for one in entries]
    values: dict[str, object] = {
        "clusters": (CLUSTER,),
        "entries": tuple(sorted(found, key=lambda one: one.name)),
    }
    return Tables(**(values | changes))  # type: ignore[arg-type]
