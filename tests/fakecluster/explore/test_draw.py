"""What is drawn from a seed: always the same, of every kind, and never nonsense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.explore.draw import Draw
from fakecluster.explore.episode_builder import EpisodeBuilder
from fakecluster.explore.episodes import KINDS, RARE_KINDS
from fakecluster.explore.swarm import draw_kinds, draw_scenario
from fakecluster.explore.topologies import ODDITIES, draw_topology
from fakecluster.scenario.file import scenario_text
from fakecluster.scenario.model import Action
from fakecluster.verbs import VERBS
from o2cbd.core.rules import Rules

SEEDS = range(400)


def test_a_seed_always_draws_the_same() -> None:
    assert [draw_scenario(seed) for seed in range(30)] == [
        draw_scenario(seed) for seed in range(30)
    ]


def test_seeds_differ() -> None:
    assert len({scenario_text(draw_scenario(seed)) for seed in SEEDS}) == len(SEEDS)


def test_a_concern_more_shifts_no_other() -> None:
    first = [Draw(5, "first").below(1000) for _ in range(3)]
    Draw(5, "second").below(1000)
    assert [Draw(5, "first").below(1000) for _ in range(3)] == first


def test_clusters_are_mostly_small_and_some_are_odd() -> None:
    sizes = Counter(len(draw_topology(seed).nodes) for seed in range(1000))
    assert set(range(1, 9)) < set(sizes)
    assert 0 < sum(count for size, count in sizes.items() if size > 8) < 30
    topologies = [draw_topology(seed) for seed in range(1000)]
    assert any(topology.two_node for topology in topologies)
    assert any(topology.qdisk for topology in topologies)
    assert any(node.id > 254 for topology in topologies for node in topology.nodes)
    assert any(":" in "".join(n.addresses) for topology in topologies for n in topology.nodes)


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.__name__.strip("_"))
def test_an_odd_node_is_one_that_can_be(oddity: Callable[..., NodeConfig]) -> None:
    nodes = list(Topology.of(3).nodes)
    changed = []
    for seed in range(5):
        odd = oddity(Draw(seed, "test"), nodes, 1)
        Topology(cluster="o2", nodes=(nodes[0], odd, nodes[2])).checked()
        changed.append(odd != nodes[1])
    assert any(changed)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_episode_does_something_known_in_time(kind: str) -> None:
    actions: list[Action] = []
    topology = Topology.of(3)
    for seed in range(20):
        KINDS[kind](EpisodeBuilder(Draw(seed, kind), topology, Rules(), 1000, actions))
    assert actions
    for action in actions:
        assert action.verb.word in VERBS
        assert action.at_us >= 1000


def test_every_kind_comes_and_the_rare_ones_seldom() -> None:
    drawn = Counter(kind for seed in range(2000) for kind in draw_kinds(seed))
    assert set(drawn) == set(KINDS)
    assert max(drawn[kind] for kind in RARE_KINDS) < min(
        count for kind, count in drawn.items() if kind not in RARE_KINDS
    )


NOT_DRAWN = {"stall-disk"}
"""A kind of episode more would draw other histories from every seed."""


def test_every_verb_is_drawn() -> None:
    drawn = {action.verb.word for seed in range(1500) for action in draw_scenario(seed).actions}
    assert set(VERBS) - drawn == NOT_DRAWN


def test_deeds_are_in_order_and_before_the_end() -> None:
    for seed in SEEDS:
        scenario = draw_scenario(seed)
        times = [action.at_us for action in scenario.actions]
        assert times == sorted(times)
        assert scenario.end_us >= times[-1]


def test_a_span_is_of_any_order_of_magnitude() -> None:
    draw = Draw(1, "test")
    spans = [draw.span_us(10_000_000) for _ in range(2000)]
    assert max(spans) <= 10_000_000
    for least_us, below_us in ((0, 10), (10, 1000), (1000, 100_000), (100_000, 10_000_001)):
        assert sum(least_us <= span < below_us for span in spans) > 100


def test_some_are_at_least_so_many_and_none_twice() -> None:
    draw = Draw(2, "test")
    for _ in range(200):
        taken = draw.some([1, 2, 3], least=2)
        assert 2 <= len(taken) == len(set(taken))


def test_weights_weigh() -> None:
    draw = Draw(3, "test")
    drawn = Counter(draw.weighted(((9, "often"), (1, "seldom"))) for _ in range(1000))
    assert drawn["often"] > 5 * drawn["seldom"] > 0
