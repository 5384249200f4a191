"""The addresses of listed nodes, by ring: as written, and of names what corosync can be believed.

`corosync_cfg_get_node_addrs` gives every address of a node the family of its first link: behind an
IPv6 link 10.1.0.1 reads as a01:1::, behind an IPv4 one fd00:1::1 reads as 253.0.0.1. So the answer
for another link counts only where that link is known to have the same family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from o2cbd.membership.corosync_nodes import ListedNode
from o2cbd.membership.sockaddr import numeric

RECORDS: Final = "runtime.members."
"""What corosync knows of every node that it has seen since its start, by node id."""

_RECORD = re.compile(r"runtime\.members\.(?P<id>[0-9]+)\.ip")
_LINK = re.compile(r"r\((?P<ring>[0-9]+)\) ip\((?P<address>[^)]*)\)")


def recorded_links(text: str) -> dict[int, str]:
    """Return the addresses of `runtime.members.N.ip`, `r(0) ip(10.0.0.1) r(1) ...`, by ring.

    They have the right families, and are those with which the node joined first.
    """
    return {int(match["ring"]): numeric(match["address"]) for match in _LINK.finditer(text)}


def recorded_ids(keys: Iterable[str]) -> list[int]:
    """Return the ids of the nodes of which there are records."""
    matches = map(_RECORD.fullmatch, keys)
    return sorted(int(match["id"]) for match in matches if match is not None)


def has_names(node: ListedNode) -> bool:
    """True where corosync must be asked for an address of the node."""
    return any(not numeric(text) for text in node.rings.values())


def addresses_by_ring(
    nodes: Sequence[ListedNode],
    answers: Mapping[int, Sequence[str]],
    local_id: int,
    recorded: Mapping[int, str],
) -> list[tuple[str, ...]]:
    """Return the addresses of each listed node, that of ring k at place k.

    "" stands for a ring whose address is not known.

    Args:
        nodes: the list.
        answers: what corosync says of the nodes that `has_names`, by id, in the order of links.
        local_id: this host's.
        recorded: with which addresses it joined, by ring.
    """
    families = _families(nodes, answers, local_id, recorded)
    return [_addresses(node, _placed(node, answers), families) for node in nodes]


def _families(
    nodes: Sequence[ListedNode],
    answers: Mapping[int, Sequence[str]],
    local_id: int,
    recorded: Mapping[int, str],
) -> dict[int, set[bool]]:
    """Return whether rings are IPv6, as far as that is known: one family each, or corosync refuses.

    A written address shows it; so does this host's own one where record and answer agree (the
    record is never brought up to date).
    """
    own = next((node for node in nodes if node.id == local_id), ListedNode())
    answered = _placed(own, answers)
    found: dict[int, set[bool]] = {}
    for ring, address in recorded.items():
        if answered.get(ring) == address:
            found.setdefault(ring, set()).add(_is_ipv6(address))
    for node in nodes:
        for ring, text in node.rings.items():
            if address := numeric(text):
                found.setdefault(ring, set()).add(_is_ipv6(address))
    return found


def _placed(node: ListedNode, answers: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Put corosync's answer where the rings are: it comes without their numbers.

    Where it has less than the node has rings (up to 3.1.9 corosync leaves some out) it is not
    known which is whose; where it has more, one was given twice.
    """
    given = answers.get(node.id, ())
    if len(given) < len(node.rings):
        return {}
    return dict(zip(sorted(node.rings), given, strict=False))


def _addresses(
    node: ListedNode, answered: Mapping[int, str], families: Mapping[int, set[bool]]
) -> tuple[str, ...]:
    first = min(node.rings, default=0)

    def believed(ring: int) -> str:
        answer = answered.get(ring, "")
        known = ring == first or families.get(ring) == {_is_ipv6(answer)}
        return answer if known else ""

    return tuple(
        numeric(node.rings[ring]) or believed(ring) if ring in node.rings else ""
        for ring in range(max(node.rings, default=-1) + 1)
    )


def _is_ipv6(address: str) -> bool:
    return ":" in address
