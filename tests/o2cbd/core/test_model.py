"""What an entry's values prove, and what a step is about."""

from __future__ import annotations

import pytest

from fakecluster.testing.examples import CLUSTER, entry, node
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Pending,
    Quorum,
    RemoveNode,
    SetAttribute,
    Step,
    Why,
)


@pytest.mark.parametrize(
    ("found", "half_made", "doubtful", "complete"),
    [
        (entry(2), False, False, True),
        (entry(2, num=0), False, True, False),
        (entry(2, num=0, local=True), False, False, True),
        (entry(2, num=0, port=0), True, False, False),
        (entry(2, num=0, address="0.0.0.0"), True, False, False),
        (entry(2, num=0, port=0, address="0.0.0.0"), True, False, False),
    ],
    ids=["whole", "num reads 0", "num 0 and local", "no port", "no address", "empty"],
)
def test_an_entry_is_whole_half_made_or_in_doubt(
    found: Entry, half_made: bool, doubtful: bool, complete: bool
) -> None:
    """A num is taken after port and address only, and local after num only."""
    assert (half_made, doubtful, complete) == (found.half_made, found.doubtful, found.complete)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (AddNode(cluster=CLUSTER, node=node(2)), "n2"),
        (RemoveNode(cluster=CLUSTER, node="n3"), "n3"),
        (SetAttribute(cluster=CLUSTER, node="n4", attribute="local", value="1"), "n4"),
        (SetAttribute(cluster=CLUSTER, node=None, attribute="fence_method", value="x"), None),
        (CreateCluster(cluster=CLUSTER), None),
    ],
)
def test_a_step_is_about_a_node_or_about_the_cluster(step: Step, name: str | None) -> None:
    assert Pending(step=step, why=Why.FAILED, reason="").node == name


@pytest.mark.parametrize(
    ("quorum", "quorate", "text"),
    [
        (Quorum.QUORATE, True, "quorate"),
        (Quorum.INQUORATE, False, "not quorate"),
        (Quorum.UNKNOWN, None, "quorum unknown"),
        (Quorum.NONE, None, "static membership, no quorum"),
    ],
)
def test_quorum_is_counted_or_not_and_has_words(
    quorum: Quorum, quorate: bool | None, text: str
) -> None:
    assert (quorum.quorate, quorum.text) == (quorate, text)
