"""Who hears whom."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_REPEAT_US = 50_000
"""When totem sends again what was lost."""
_REPEATS_MAX = 20
"""What is lost so often is not lost again: the token would be, and that is a partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowness:
    """What a network adds to the way of everything."""

    delay_us: int
    jitter_us: int
    """At most so much more, drawn evenly."""
    loss_percent: int
    """How many of a hundred are lost and sent again."""
    rng: random.Random

    def draw_us(self) -> int:
        """Draw one way's addition."""
        added_us = self.delay_us + self.rng.randrange(self.jitter_us + 1)
        for _ in range(_REPEATS_MAX):
            if self.rng.randrange(100) >= self.loss_percent:
                break
            added_us += _REPEAT_US
        return added_us


class Network:
    """Links between nodes: whole and fast until told otherwise."""

    def __init__(self) -> None:
        self.slowness: Slowness | None = None
        self._group: dict[int, int] = {}
        self._partitioned = False
        self._cuts: set[tuple[int, int]] = set()

    @property
    def whole(self) -> bool:
        """True while everybody hears everybody."""
        return not self._partitioned and not self._cuts

    def latency_us(self) -> int:
        """Draw what the way of one message or one ring's news takes more."""
        return 0 if self.slowness is None else self.slowness.draw_us()

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Let only the nodes within a group hear each other; those not named are a group too.

        Raises:
            ValueError: a node is in two groups.
        """
        group: dict[int, int] = {}
        for number, ids in enumerate(groups, start=1):
            for node_id in ids:
                if group.setdefault(node_id, number) != number:
                    raise ValueError(f"node {node_id} is in two groups")
        self._group = group
        self._partitioned = True

    def cut(self, from_id: int, to_id: int) -> None:
        """Let `to_id` hear nothing from `from_id`."""
        self._cuts.add((from_id, to_id))

    def mend(self, from_id: int, to_id: int) -> None:
        """Undo one `cut`."""
        self._cuts.discard((from_id, to_id))

    def heal(self) -> None:
        """Undo all."""
        self._group = {}
        self._partitioned = False
        self._cuts.clear()

    def hears(self, listener_id: int, speaker_id: int) -> bool:
        """Tell whether what `speaker_id` sends gets to `listener_id`."""
        if listener_id == speaker_id:
            return True
        return (
            self._group.get(listener_id, 0) == self._group.get(speaker_id, 0)
            and (speaker_id, listener_id) not in self._cuts
        )

    def linked(self, one_id: int, other_id: int) -> bool:
        """Tell whether both hear each other, which a ring needs."""
        return self.hears(one_id, other_id) and self.hears(other_id, one_id)

    def cliques(self, ids: Iterable[int]) -> list[tuple[int, ...]]:
        """Split sorted ids into sets in which all are linked with all.

        Where links are not transitive (a cut between two that a third hears) real totem flaps from
        ring to ring; here the lowest ids win, for good.
        """
        if self.whole:
            everybody = tuple(ids)
            return [everybody] if everybody else []
        cliques: list[list[int]] = []
        for node_id in ids:
            for clique in cliques:
                if self._fits(node_id, clique):
                    clique.append(node_id)
                    break
            else:
                cliques.append([node_id])
        return [tuple(clique) for clique in cliques]

    def _fits(self, node_id: int, clique: list[int]) -> bool:
        if self._group.get(node_id, 0) != self._group.get(clique[0], 0):
            return False
        return not self._cuts or all(self.linked(node_id, other) for other in clique)
