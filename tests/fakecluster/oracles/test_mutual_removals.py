"""Two hosts that have forgotten each other: what counts as that, and what does not."""

from __future__ import annotations

import pytest

from fakecluster.configfs.kernel import NodeState
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import ListedNode, ManagerView
from fakecluster.oracles.mutual_removals import MutualRemovals
from o2cbd.core.model import Quorum


class Split:
    """Three hosts whose kernels have a cluster, and who removed whom."""

    def __init__(self) -> None:
        self.models = {host: ConfigfsModel(addresses=()) for host in (1, 2, 3)}
        for model in self.models.values():
            model.mkdir("/cluster/c")
        self.removals = MutualRemovals(self.models.__getitem__)
        self.votes: dict[int, int] = {}
        """As they are counted from now on, where they are not 1."""

    def view(self, *members: int) -> ManagerView:
        listed = (
            ListedNode(
                id=i,
                name=f"node{i}",
                member=i in members,
                addresses=(),
                votes=self.votes.get(i, 1),
            )
            for i in (1, 2, 3)
        )
        return ManagerView(
            cluster="c", local_id=1, quorum=Quorum.QUORATE, two_node=False, listed=tuple(listed)
        )

    def remove(self, host: int, lost: int, *members: int) -> None:
        view, node = self.view(*members), NodeState(name=f"node{lost}", num=lost)
        [listed] = (each for each in view.listed if each.id == lost)
        self.removals.removing(host, listed, node, view)

    def found(self, host: int, *members: int) -> list[str]:
        return list(self.removals.found(host, self.view(*members)))


@pytest.fixture
def split() -> Split:
    split = Split()
    split.remove(1, 2, 1)
    return split


def test_two_halves_that_forget_each_other_are_found(split: Split) -> None:
    assert split.found(1, 1) == []
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == ["this host and host 1 have forgotten each other"]
    assert split.found(1, 1) == ["this host and host 2 have forgotten each other"]
    assert split.found(3, 2, 3) == []


def test_two_majorities_one_after_the_other_are_none(split: Split) -> None:
    """Somebody was in both: the second half knew of the first."""
    split.remove(1, 2, 1, 3)
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == []


def test_halves_that_count_by_different_votes_may_both_be_majorities(split: Split) -> None:
    """An operator said so in one of them."""
    split.votes[2] = 3
    split.remove(2, 1, 2)

    assert split.found(2, 2) == []


def test_who_met_again_has_forgotten_nobody(split: Split) -> None:
    assert split.found(1, 1, 2) == []
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == []


def test_a_host_that_booted_has_forgotten_nobody(split: Split) -> None:
    split.removals.rebooted(1)
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == []


def test_an_operators_change_of_the_list_begins_anew(split: Split) -> None:
    split.removals.reconfigured()
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == []


@pytest.mark.parametrize(("host", "entry"), [(1, "node2"), (2, "node1")])
def test_an_entry_that_stayed_is_not_forgotten(split: Split, host: int, entry: str) -> None:
    """Such as one that the kernel pins."""
    split.models[host].mkdir(f"/cluster/c/node/{entry}")
    split.remove(2, 1, 2, 3)

    assert split.found(2, 2, 3) == []
