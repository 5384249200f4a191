"""What of quorum truly forbids a removal, whatever the daemon says."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fakecluster.configfs.kernel import NodeState
from fakecluster.truth import ManagerView
from o2cbd.core.model import Why
from o2cbd.core.rules import RemovalRules, TwoNodeRule


def quorum_blockers(
    node: NodeState, view: ManagerView, rules: RemovalRules, forgotten: AbstractSet[str]
) -> set[Why]:
    """Return what of quorum forbids the removal of a complete node."""
    found: set[Why] = set()
    if not view.quorate:
        found.add(Why.INQUORATE)
    if not view.two_node or rules.two_node is TwoNodeRule.ALLOW:
        return found
    if node.local or node.name == view.own_name or node.name in forgotten:
        return found
    for each in view.listed:
        if each.member and (node.num == each.id or node.name == each.name):
            return found
        if each.fenced and node.num == each.id:
            return found
    found.add(Why.TWO_NODE)
    return found
