"""Cutting a failing scenario down."""

from __future__ import annotations

from fakecluster.cman.topology import Topology
from fakecluster.explore.shrink import RUNS_MAX, shrunk
from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.file import parse_scenario, scenario_text
from fakecluster.scenario.model import Action, Scenario
from fakecluster.scenario.run import Outcome
from fakecluster.verbs import (
    AddNode,
    Cut,
    Fence,
    Heal,
    Kill,
    Partition,
    Pin,
    PlaceNode,
    Start,
    Verb,
)


def kills(scenario: Scenario) -> int:
    return sum(isinstance(one.verb, Kill) for one in scenario.actions)


def many_deeds() -> Scenario:
    """Draw a long scenario on several nodes with several kills."""
    drawn = map(draw_scenario, range(1000))
    return next(
        one
        for one in drawn
        if kills(one) > 1 and len(one.actions) > 15 and len(one.topology.nodes) > 2
    )


def action(at_us: int, verb: Verb) -> Action:
    return Action(at_us=at_us, verb=verb)


def test_only_what_the_failure_needs_is_left() -> None:
    scenario = many_deeds()

    def judge(candidate: Scenario) -> Outcome:
        return Outcome.SAFETY if kills(candidate) else Outcome.GOOD

    small = shrunk(scenario, Outcome.SAFETY, judge)

    assert [one.verb.word for one in small.actions] == ["kill"]
    assert len(small.topology.nodes) == 1
    assert (small.actions[0].at_us, small.end_us) == (0, 0)
    assert small.revive == ()
    assert (small.seed, small.dead_threshold) == (0, 5)
    assert small.title == f"{scenario.title}, cut down"


def test_another_outcome_is_no_cut() -> None:
    """Without its second kill it fails otherwise: both stay."""
    topology = Topology.of(2)
    pair = (action(1_500_000, Kill(node=1)), action(2_600_000, Kill(node=2)))
    scenario = Scenario(topology=topology, actions=pair, end_us=9_000_000, revive=(1, 2))

    def judge(candidate: Scenario) -> Outcome:
        return (Outcome.GOOD, Outcome.CRASH, Outcome.LIVENESS)[kills(candidate)]

    small = shrunk(scenario, Outcome.LIVENESS, judge)

    assert [one.verb.word for one in small.actions] == ["kill", "kill"]
    assert small.end_us == 0


def test_times_that_matter_stay_and_get_round() -> None:
    scenario = Scenario(
        topology=Topology.of(1), actions=(action(7_345_678, Heal()),), end_us=20_000_000
    )

    def judge(candidate: Scenario) -> Outcome:
        late = any(one.at_us >= 5_000_000 for one in candidate.actions)
        return Outcome.CRASH if late else Outcome.GOOD

    small = shrunk(scenario, Outcome.CRASH, judge)

    assert (small.actions[0].at_us, small.end_us) == (7_000_000, 7_000_000)


def test_a_node_goes_with_all_that_is_done_to_it() -> None:
    scenario = Scenario(
        topology=Topology.of(3),
        actions=(
            action(0, Start(node=1)),
            action(0, Cut(speaker=2, listener=3)),
            action(0, Partition(groups=((1,), (3,)))),
            action(0, Fence(node=1, by=2)),
        ),
        end_us=0,
    )
    seen: list[Scenario] = []

    def judge(candidate: Scenario) -> Outcome:
        seen.append(candidate)
        return Outcome.GOOD

    assert shrunk(scenario, Outcome.CRASH, judge).actions == scenario.actions
    without_three = next(one for one in seen if one.topology.ids == (1, 2))
    assert [one.verb.word for one in without_three.actions] == ["start", "fence"]


def test_what_is_left_can_be_read_again() -> None:
    """What makes a node stays while something is done to it, however little that is."""
    actions = (
        action(0, AddNode(id=9, name="new")),
        action(0, PlaceNode(node=1, name="stale")),
        action(0, Pin(node=1, name="stale")),
        action(0, Kill(node=9)),
    )
    scenario = Scenario(topology=Topology.of(2), actions=actions, end_us=0)

    def judge(candidate: Scenario) -> Outcome:
        verbs = {one.verb.word for one in candidate.actions}
        return Outcome.SAFETY if {"pin", "kill"} <= verbs else Outcome.GOOD

    small = shrunk(scenario, Outcome.SAFETY, judge)

    assert small.actions == actions
    assert parse_scenario(scenario_text(small)) == small


def test_it_ends_after_so_many_runs() -> None:
    runs = 0

    def judge(_candidate: Scenario) -> Outcome:
        nonlocal runs
        runs += 1
        # Whether a cut holds changes all the time, so that there would always be one more to try.
        return Outcome.CRASH if runs % 2 else Outcome.GOOD

    shrunk(many_deeds(), Outcome.CRASH, judge)
    assert 0 < runs <= RUNS_MAX
