"""How a scenario gets its cluster, and says what it needs of the arm."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from fakecluster.arms.values import ClusterSpec
from fakecluster.arms.words import ClusterWords
from fakecluster.capabilities import Capability
from fakecluster.cman.topology import Topology


class MakeCluster(Protocol):
    """The fixture `make`: gives a scenario its cluster, judged at the scenario's end."""

    def __call__(self, nodes: int | Topology = 3, **spec: Any) -> ClusterWords:
        """Boot a cluster.

        Args:
            nodes: how many, named node1 and so on with the addresses 10.0.0.1 and so on; or all of
                the configuration.
            spec: the rest of a `ClusterSpec`.
        """
        ...


def spec_of(nodes: int | Topology, **spec: Any) -> ClusterSpec:
    """Return the spec of what `MakeCluster` was called with."""
    topology = Topology.of(nodes) if isinstance(nodes, int) else nodes
    return ClusterSpec(topology=topology, **spec)


def needs(*capabilities: Capability) -> pytest.MarkDecorator:
    """Mark a scenario that only an arm with these capabilities can run."""
    return pytest.mark.needs(*capabilities)
