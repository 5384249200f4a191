"""Whether corosyncs have come to what must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fakecluster.corosync.configuration import CorosyncConf
from fakecluster.corosync.observer import RingView


def settled(
    configuration: CorosyncConf, groups: Collection[frozenset[int]], seen: Mapping[int, RingView]
) -> bool:
    """Return whether all that can hear each other are in one ring, and the others are not in it.

    Args:
        configuration: what they run with.
        groups: node ids of who can hear each other.
        seen: what each corosync that runs thinks, by its node's id.
    """
    return all(
        _are_one(configuration, {node: seen[node] for node in group & seen.keys()})
        for group in groups
    )


def _are_one(configuration: CorosyncConf, seen: Mapping[int, RingView]) -> bool:
    quorate = configuration.enough(seen)
    return len({ring.number for ring in seen.values()}) <= 1 and all(
        sorted(ring.members) == sorted(seen)
        and (not configuration.provider or ring.quorate == quorate)
        for ring in seen.values()
    )
