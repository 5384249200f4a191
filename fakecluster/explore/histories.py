"""Histories for daemons that are not o2cbd: what managers, hosts and networks go through."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.explore.draw import Draw
from fakecluster.explore.episode_builder import EpisodeBuilder
from fakecluster.explore.episodes import KINDS
from fakecluster.explore.swarm import draw_beginning, draw_kinds
from fakecluster.scenario.model import Scenario
from o2cbd.core.rules import SECOND_US, Rules

USUAL_KINDS: Final = (
    *("power", "two-deaths", "leave", "cman-crash", "cman-stop", "daemon", "partition", "scatter"),
    *("isolate", "one-way", "slow", "expected", "votes", "cman-port"),
)
"""Kinds of episodes that any daemon should live through."""

TIMINGS: Final = Timings(token_ms=1000, consensus_ms=1200)
"""A manager that notices a death in 2.4 s."""

CALM_US: Final = 20 * SECOND_US
"""How long a history is left alone that is to be right: a death is noticed, daemons act on it."""

_SIZES: Final = ((1, 1), (3, 2), (6, 3), (3, 4), (2, 5))
_COUNTS: Final = ((2, 1), (4, 3), (3, 6), (1, 12))
_PAUSE_US: Final = 16 * SECOND_US


def draw_history(
    seed: int,
    topology: Topology | None = None,
    *,
    kinds: Collection[str] = USUAL_KINDS,
    calm_us: int = CALM_US,
) -> Scenario:
    """Return the history of a seed: always the same one.

    Some episodes come on each other's heels; after others all is left alone until it must be right.

    Args:
        seed: whatever is drawn comes from it.
        topology: the cluster; None: drawn, of one to five nodes.
        kinds: what may happen, names of `fakecluster.explore.episodes.KINDS`.
        calm_us: how long that is.
    """
    if topology is None:
        topology = Topology.of(Draw(seed, "nodes").weighted(_SIZES))
    rules = Rules()
    actions = draw_beginning(Draw(seed, "beginning"), topology, rules)
    draw, used = Draw(seed, "episodes"), draw_kinds(seed, kinds)
    at_us = 0
    for _ in range(draw.weighted(_COUNTS)):
        if draw.chance(2):
            at_us = max(action.at_us for action in actions) + calm_us
        at_us += draw.span_us(_PAUSE_US)
        KINDS[draw.pick(used)](EpisodeBuilder(draw, topology, rules, at_us, actions))
    actions.sort(key=lambda action: action.at_us)
    return Scenario(
        title=f"seed {seed}",
        seed=seed,
        topology=topology,
        timings=TIMINGS,
        actions=tuple(actions),
        end_us=actions[-1].at_us + draw.pick((0, calm_us)),
        revive=topology.ids,
    )
