"""Finds two hosts that have forgotten each other: each one's daemon removed the other's node.

That is how both halves of a split come to mount one disk. Two majorities have a node in common, so
two hosts whose members at the two removals have nobody in common did not both have one; unless an
operator gave nodes other votes in one half, so that the halves count by different votes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fakecluster.configfs.kernel import NodeState
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import ListedNode, ManagerView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removal:
    node: NodeState
    members: frozenset[int]
    """Whom the remover's manager counted in."""
    votes: Mapping[int, int]
    """By which it counted, by node id."""


class MutualRemovals:
    """The removals of lost nodes for which no operator and no fencing answers."""

    def __init__(self, model_of: Callable[[int], ConfigfsModel]) -> None:
        self._model_of = model_of
        self._removals: dict[tuple[int, int], _Removal] = {}
        """By the id of the host that removed and the id of the node that it removed."""

    def removing(self, host_id: int, lost: ListedNode, node: NodeState, view: ManagerView) -> None:
        """Note that a host's daemon is about to remove a lost node's entry."""
        members = frozenset(each.id for each in view.listed if each.member and each.id)
        votes = {each.id: each.votes for each in view.listed if each.id}
        self._removals[host_id, lost.id] = _Removal(node=node, members=members, votes=votes)

    def found(self, host_id: int, view: ManagerView | None) -> Iterator[str]:
        """Yield what is wrong with a host's removals; those that it counts in again are over."""
        if not self._removals:
            return
        for each in () if view is None else view.listed:
            if each.member:
                self._removals.pop((host_id, each.id), None)
        for (remover, lost), mine in self._removals.items():
            theirs = self._removals.get((lost, host_id))
            if remover != host_id or theirs is None or mine.members & theirs.members:
                continue
            if mine.votes != theirs.votes:
                continue
            if self._lacks(host_id, mine.node) and self._lacks(lost, theirs.node):
                yield f"this host and host {lost} have forgotten each other"

    def rebooted(self, host_id: int) -> None:
        """Note that a host's kernel begins anew: it has forgotten nobody."""
        for pair in [pair for pair in self._removals if pair[0] == host_id]:
            del self._removals[pair]

    def reconfigured(self) -> None:
        """Note that an operator changed who belongs to the cluster: majorities are others now."""
        self._removals.clear()

    def _lacks(self, host_id: int, node: NodeState) -> bool:
        cluster = self._model_of(host_id).kernel.cluster
        nodes = () if cluster is None else cluster.nodes.values()
        return all(one.name != node.name and one.num != node.num for one in nodes)
