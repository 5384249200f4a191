"""What is read of corosync at one moment, and what a cman daemon makes of it; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import MAX_VOTES
from fakecluster.cman.nodelist import Announcement
from fakecluster.cman.topology import NodeConfig
from fakecluster.gate.table import Device, VoteInfo
from o2cbd.core.model import Absentee, Member, Membership
from o2cbd.membership.sockaddr import numeric


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that a daemon's list of nodes is made of."""

    membership: Membership
    votes: dict[int, VoteInfo]
    """Of the members that votequorum knows; empty where there is no votequorum."""
    version: int
    """totem.config_version; 0 where nobody counts versions."""

    def addresses(self, node_id: int) -> tuple[str, ...]:
        """Return what a member's addresses are; empty for another node."""
        found = (addresses_of(one) for one in self.membership.members if one.id == node_id)
        return next(found, ())

    def joins(self, members: Iterable[int]) -> dict[int, int]:
        """Return how often each of these has joined since corosync's start, 0 if unknown."""
        counts = {one.id: one.incarnation for one in self.membership.members}
        return {node_id: counts.get(node_id, 0) for node_id in members}

    def highest_expected(self) -> int:
        """Return the most votes that any member expects; 0 where there is no votequorum."""
        return max((info.highest_expected for info in self.votes.values()), default=0)

    def device(self, local_id: int) -> Device | None:
        """Return corosync's quorum device, as this node knows it."""
        info = self.votes.get(local_id)
        return None if info is None else info.device

    def configuration(self, *, uncounted: int) -> Configuration:
        """Return the configuration that corosync runs with.

        Args:
            uncounted: its version, where nobody counts versions.
        """
        membership = self.membership
        listed: list[Member | Absentee] = [one for one in membership.members if one.listed]
        nodes = {
            one.id: NodeConfig(
                id=one.id,
                name=one.name or f"Node{one.id}",
                addresses=addresses_of(one),
                votes=1 if one.votes is None else min(one.votes, MAX_VOTES),
            )
            for one in [*membership.absentees, *listed]
            if one.id
        }
        return Configuration(
            version=self.version or uncounted,
            nodes=tuple(nodes[node_id] for node_id in sorted(nodes)),
            two_node=membership.two_node,
            fixed_expected_votes=self.highest_expected() or None,
            qdisk=None,
        )

    def announcement(self, node_id: int, file: Configuration) -> Announcement:
        """Return what a member with this configuration would say of itself as a cman."""
        info = self.votes.get(node_id)
        return Announcement(
            node_id=node_id,
            votes=file.votes_of(node_id) if info is None else info.votes,
            expected_votes=file.expected_votes if info is None else info.expected_votes,
            addresses=self.addresses(node_id),
            config_version=file.version,
        )


def addresses_of(one: Member | Absentee) -> tuple[str, ...]:
    """Return the addresses that a cman would give: o2cb's own, then the known ones by ring.

    Whoever wants one of them takes the first, and `o2cb_address` in corosync.conf says which one
    that is. A text there that is no address is passed over.
    """
    given = (numeric(one.advice.address or ""), *one.addresses)
    return tuple(dict.fromkeys(address for address in given if address))


def cluster_number(name: str) -> int:
    """Return the number that cman makes of a cluster's name."""
    number = 0
    for byte in name.encode("utf-8", "surrogateescape"):
        number = (2 * number + byte) & 0xFFFF
    return number
