"""What an episode draws from: the cluster's nodes, their names, and times."""

from __future__ import annotations

from collections.abc import Sequence

from fakecluster.cman.topology import Topology
from fakecluster.explore.draw import Draw
from fakecluster.scenario.model import Action
from fakecluster.verbs import Verb
from o2cbd.core.rules import Rules

LONGEST_US = 30_000_000
"""The longest a fault of an episode lasts."""


class EpisodeBuilder:
    """The cluster as one episode sees it; notes what is done."""

    def __init__(
        self, draw: Draw, topology: Topology, rules: Rules, at_us: int, actions: list[Action]
    ) -> None:
        self.draw = draw
        self.topology = topology
        self.rules = rules
        """Everybody's at first."""
        self._at_us = at_us
        self._actions = actions

    def node(self) -> int:
        """Return the id of some node."""
        return self.draw.pick(self.topology.ids)

    def nodes(self) -> Sequence[int]:
        """Return the ids of some nodes, in some order."""
        return self.draw.some(self.topology.ids)

    def name(self) -> str:
        """Return the name of some node."""
        return self.draw.pick(self.topology.called)

    def victim(self) -> tuple[int, str]:
        """Return the id of some node, and its name."""
        return self.draw.pick(tuple(zip(self.topology.ids, self.topology.called, strict=True)))

    def address(self) -> str:
        """Return an IPv4 address: a free one, or one that some node was configured with."""
        known = [one for node in self.topology.nodes for one in node.addresses if ":" not in one]
        if known and self.draw.chance(3):
            return self.draw.pick(known)
        return f"10.9.0.{self.draw.between(1, 9)}"

    def later(self, longest_us: int = LONGEST_US) -> EpisodeBuilder:
        """Return the same episode some time later."""
        return self.after(self.draw.span_us(longest_us))

    def after(self, span_us: int) -> EpisodeBuilder:
        """Return the same episode so much later."""
        return EpisodeBuilder(
            self.draw, self.topology, self.rules, self._at_us + span_us, self._actions
        )

    def do(self, verb: Verb) -> None:
        """Note an action."""
        self._actions.append(Action(at_us=self._at_us, verb=verb))

    def maybe(self, verb: Verb) -> None:
        """Note an action, or leave it undone until the end, one time in five."""
        if not self.draw.chance(5):
            self.do(verb)
