"""Who hears whom."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

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
        """Cut all links between groups; the nodes that are not named are a group too.

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
        """Cut the link from one node to another, one way."""
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
        """Return whether what `speaker_id` sends gets to `listener_id`."""
        if listener_id == speaker_id:
            return True
        return (
            self._group.get(listener_id, 0) == self._group.get(speaker_id, 0)
            and (speaker_id, listener_id) not in self._cuts
        )

    def linked(self, one_id: int, other_id: int) -> bool:
        """Return whether both hear each other, which a ring needs."""
        return self.hears(one_id, other_id) and self.hears(other_id, one_id)

    def groups(self, ids: Iterable[int]) -> list[tuple[int, ...]]:
        """Split ids into those that no partition parts, in the order in which they come."""
        groups: dict[int, list[int]] = {}
        for node_id in ids:
            groups.setdefault(self._group.get(node_id, 0), []).append(node_id)
        return [tuple(group) for group in groups.values()]

    def goes_round(self, ids: Sequence[int]) -> bool:
        """Return whether a token goes round: each of the sorted ids is heard by the next one."""
        return self.whole or all(
            self.hears(listener_id, ids[place - 1]) for place, listener_id in enumerate(ids)
        )

    def cliques(self, ids: Sequence[int]) -> list[tuple[int, ...]]:
        """Split the sorted ids of one group into sets that can agree on a ring.

        All in a set hear all others. Whoever is not heard loses: the one who misses it names it as
        failed, and the others believe that. It goes on for itself only if it hears none of them;
        who does is told again and again that it failed, never agrees with anybody, and is in no
        set. Where two do not hear each other and a third hears both, real totem flaps from ring to
        ring; here the lower id wins, for good.
        """
        if not self._cuts:
            return [tuple(ids)] if ids else []
        cliques: list[list[int]] = []
        for node_id in sorted(ids, key=partial(self._loss, ids)):
            for clique in cliques:
                if all(self.linked(node_id, other) for other in clique):
                    clique.append(node_id)
                    break
            else:
                cliques.append([node_id])
        agreed: list[tuple[int, ...]] = []
        for clique in cliques:
            if not any(self._is_failed(one, other) for one in clique for other in sum(agreed, ())):
                agreed.append(tuple(sorted(clique)))
        return agreed

    def _loss(self, ids: Sequence[int], node_id: int) -> tuple[int, int, int]:
        """Order nodes: who is heard by most goes first, then who is linked with most."""
        unheard = sum(not self.hears(other, node_id) for other in ids)
        unlinked = sum(not self.linked(other, node_id) for other in ids)
        return unheard, unlinked, node_id

    def _is_failed(self, node_id: int, other_id: int) -> bool:
        """Return whether a node hears from another one that does not hear it."""
        return self.hears(node_id, other_id) and not self.hears(other_id, node_id)
