"""One version of the cluster's configuration, as it lies in a node's file."""

from __future__ import annotations

from dataclasses import dataclass

from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a daemon reads at its start and when it is told of a new version."""

    version: int
    nodes: tuple[NodeConfig, ...]
    two_node: bool
    fixed_expected_votes: int | None
    qdisk: QuorumDisk | None

    @staticmethod
    def first(topology: Topology) -> Configuration:
        """Return what a topology starts with."""
        return Configuration(
            version=topology.config_version,
            nodes=topology.nodes,
            two_node=topology.two_node,
            fixed_expected_votes=topology.expected_votes,
            qdisk=topology.qdisk,
        )

    @property
    def expected_votes(self) -> int:
        """What is configured, else the sum of all votes."""
        if self.fixed_expected_votes is not None:
            return self.fixed_expected_votes
        disk_votes = 0 if self.qdisk is None else self.qdisk.votes
        return sum(node.votes for node in self.nodes) + disk_votes

    def votes_of(self, node_id: int) -> int:
        """Return a node's votes; one that is not configured has 1."""
        return next((node.votes for node in self.nodes if node.id == node_id), 1)
