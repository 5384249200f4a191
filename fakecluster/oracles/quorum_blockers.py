"""What of quorum truly forbids a removal, whatever the daemon says."""

from __future__ import annotations

from collections.abc import Sequence

from fakecluster.configfs.kernel import NodeState
from fakecluster.oracles.expected import ListedNode, ManagerView, num_of
from o2cbd.core.model import Quorum, Why
from o2cbd.core.rules import MajorityRule, QuorumRule, Rules, TwoNodeRule


def quorum_blockers(node: NodeState, view: ManagerView, rules: Rules, *, vouched: bool) -> set[Why]:
    """Return what of quorum forbids the removal of a complete node.

    Args:
        node: the kernel's.
        view: the manager's.
        rules: the daemon's.
        vouched: it is our own, or an operator said that it is down.
    """
    found: set[Why] = set()
    if view.quorum is Quorum.INQUORATE:
        found.add(Why.INQUORATE)
    elif view.quorum is Quorum.UNKNOWN and rules.removals.quorum is QuorumRule.REQUIRE:
        found.add(Why.QUORUM_UNKNOWN)
    if vouched:
        return found
    about = nodes_of(node, view, rules)
    if about and not lost_of(about):
        return found
    if view.two_node:
        if rules.removals.two_node is TwoNodeRule.WAIT:
            found.add(Why.TWO_NODE)
    elif rules.removals.majority is MajorityRule.REQUIRE and not view.majority:
        found.add(Why.MINORITY)
    return found


def lost_of(nodes: Sequence[ListedNode]) -> list[ListedNode]:
    """Return those of which nobody says that they are here or were fenced."""
    return [each for each in nodes if not each.member and not each.fenced]


def nodes_of(node: NodeState, view: ManagerView, rules: Rules) -> list[ListedNode]:
    """Return the manager's nodes that a kernel's node may be: those with its name or its num."""
    return [
        each
        for each in view.listed
        if node.name == each.called
        or (node.num is not None and node.num == num_of(each, rules.table))
    ]
