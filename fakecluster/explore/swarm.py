"""A scenario from a seed: the cluster, the settings, a subset of all that can go wrong, times."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fakecluster import verbs
from fakecluster.cman.topology import Topology
from fakecluster.explore.draw import Draw
from fakecluster.explore.episode_builder import EpisodeBuilder
from fakecluster.explore.episodes import KINDS, RARE_KINDS
from fakecluster.explore.settings import draw_address_rule, draw_quorum_rule, draw_rules
from fakecluster.explore.topologies import (
    draw_dead_threshold,
    draw_timings,
    draw_topology,
    on_two_rings,
)
from fakecluster.scenario.model import Action, Scenario
from fakecluster.scenario.patience import can_be_calm, patience_us
from o2cbd.core.model import DEFAULT_PORT
from o2cbd.core.rules import SECOND_US, Rules

_RARE_ONE_IN = 8
_LEGACY_ONE_IN = 20
_FOREIGN_ONE_IN = 30
_FEW_NODES = 8
_CALM_ONE_IN = 2
"""So often a story is left alone before its faults end, until all must be right."""
_CHOOSING_ONE_IN = 10
"""So often the settings say which address counts."""
_NO_PROVIDER_ONE_IN = 12
"""So often a manager knows of no quorum."""


def draw_scenario(seed: int) -> Scenario:
    """Return the scenario of a seed: always the same one."""
    topology = draw_topology(seed)
    addresses, provider = Draw(seed, "addresses"), Draw(seed, "provider")
    choose = addresses.chance(_CHOOSING_ONE_IN)
    if choose:
        topology = on_two_rings(topology)
    if provider.chance(_NO_PROVIDER_ONE_IN) and not topology.two_node:
        topology = replace(topology, quorum_provider=False)
    rules = draw_rules(Draw(seed, "rules"), topology)
    if choose:
        rules = draw_address_rule(addresses, rules)
    if not topology.quorum_provider:
        rules = draw_quorum_rule(provider, rules)
    actions = [
        *_legacy(Draw(seed, "legacy"), topology, rules),
        *_foreign(Draw(seed, "foreign"), topology, rules),
        *draw_beginning(Draw(seed, "beginning"), topology, rules),
        *_middle(seed, topology, rules),
    ]
    # Sorted by time alone: what is done at one moment keeps its order.
    actions.sort(key=lambda action: action.at_us)
    ending = Draw(seed, "ending")
    everybody = ending.chance(4, times=3)
    revived = topology.ids if everybody else ending.some(topology.ids, least=0)
    scenario = Scenario(
        title=f"seed {seed}",
        seed=seed,
        topology=topology,
        timings=draw_timings(seed),
        rules=rules,
        dead_threshold=draw_dead_threshold(seed),
        actions=tuple(actions),
        end_us=actions[-1].at_us + ending.span_us(20 * SECOND_US),
        revive=tuple(sorted(revived)),
    )
    if can_be_calm(scenario) and Draw(seed, "calm").chance(_CALM_ONE_IN):
        return replace(scenario, end_us=actions[-1].at_us + patience_us(scenario))
    return scenario


def draw_kinds(seed: int, among: Collection[str] = KINDS) -> tuple[str, ...]:
    """Return the kinds of episodes that a seed uses, sorted; at least one."""
    draw = Draw(seed, "kinds")
    out_of = draw.pick((2, 4, 8))
    kinds = sorted(among)
    found = [
        kind
        for kind in kinds
        if draw.chance(out_of) and (kind not in RARE_KINDS or draw.chance(_RARE_ONE_IN))
    ]
    return tuple(found) or (draw.pick(kinds),)


def _legacy(draw: Draw, topology: Topology, rules: Rules) -> list[Action]:
    """Let kernels have tables already: those of ocfs2-tools, which counts nodes from 0."""
    actions: list[Action] = []
    if not draw.chance(_LEGACY_ONE_IN):
        return actions
    episode = EpisodeBuilder(draw, topology, rules, 0, actions)
    for host in topology.ids:
        episode.do(verbs.Boot(node=host))
        for num, (node, name) in enumerate(zip(topology.nodes, topology.called, strict=True)):
            fits = node.addresses and ":" not in node.addresses[0]
            episode.do(
                verbs.PlaceNode(
                    node=host,
                    name=name,
                    num=num,
                    address=node.addresses[0] if fits else f"10.0.0.{num + 1}",
                    port=DEFAULT_PORT,
                    local=node.id == host,
                )
            )
        if draw.chance(3):
            episode.do(verbs.Mount(node=host))
    return actions


def _foreign(draw: Draw, topology: Topology, rules: Rules) -> list[Action]:
    """Let a kernel have another cluster already."""
    actions: list[Action] = []
    if draw.chance(_FOREIGN_ONE_IN):
        episode = EpisodeBuilder(draw, topology, rules, 0, actions)
        node = episode.node()
        episode.do(verbs.PlaceCluster(node=node, name="other"))
        if draw.chance(2):
            episode.later().do(verbs.DropCluster(node=node, name="other"))
    return actions


def draw_beginning(draw: Draw, topology: Topology, rules: Rules) -> list[Action]:
    """Start the hosts: all at once, one after the other, daemons before managers, some never."""
    actions: list[Action] = []
    at_us = 0
    gap_us = draw.weighted(((3, 0), (2, 1_000_000), (1, 10_000_000)))
    for node_id in draw.some(topology.ids, least=max(1, len(topology.ids) - 1)):
        episode = EpisodeBuilder(draw, topology, rules, at_us, actions)
        if draw.chance(6):
            episode.do(verbs.Boot(node=node_id))
            episode.do(verbs.DaemonStart(node=node_id))
            episode.later(5 * SECOND_US).do(verbs.CmanStart(node=node_id))
        else:
            episode.do(verbs.Start(node=node_id))
        at_us += draw.span_us(gap_us) if gap_us else 0
    return actions


def _middle(seed: int, topology: Topology, rules: Rules) -> list[Action]:
    draw = Draw(seed, "episodes")
    kinds = draw_kinds(seed)
    few = len(topology.ids) <= _FEW_NODES
    count = draw.weighted(((2, 1), (4, 3), (3, 6), (1, 12))) if few else draw.between(1, 3)
    actions: list[Action] = []
    # Mostly after the start has settled, else into it.
    at_us = 8 * SECOND_US if draw.chance(4, times=3) else 0
    for _ in range(count):
        at_us += draw.span_us(16 * SECOND_US)
        KINDS[draw.pick(kinds)](EpisodeBuilder(draw, topology, rules, at_us, actions))
    return actions
