"""How long a world may take to come to rest, by what was done to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.model import SECOND_US, Deed, Scenario
from fakecluster.scenario.patience import can_be_calm, patience_us
from o2cbd.core.rules import RemovalRules, Rules, Timing

TIMING = Timing()


def scenario(*verbs: str) -> Scenario:
    deeds = tuple(Deed(at_us=0, verb=verb, args={"node": 1}) for verb in verbs)
    return Scenario(topology=Topology.of(2), deeds=deeds, end_us=0)


def test_what_was_announced_is_right_as_soon_as_a_death_is_detected() -> None:
    announced = scenario("start", "kill")
    bound_us = patience_us(announced)
    assert 2 * announced.timings.detection_us < bound_us
    assert bound_us < 2 * announced.timings.detection_us + TIMING.retry_max_us


@pytest.mark.parametrize(
    ("verb", "more_us"),
    [
        ("cman-crash", TIMING.retry_max_us),
        ("semaphore-unusable", TIMING.retry_max_us),
        ("notice", TIMING.retry_max_us + TIMING.resync_us),
        ("drop-node", TIMING.retry_max_us + TIMING.resync_us),
    ],
)
def test_what_is_tried_again_or_found_by_itself_takes_longer(verb: str, more_us: int) -> None:
    assert patience_us(scenario("start", verb)) == patience_us(scenario("start")) + more_us


def test_the_longest_settling_counts() -> None:
    slow = Rules(removals=RemovalRules(settle_us=9 * SECOND_US))
    usual_us = patience_us(scenario("start"))
    whole = replace(scenario("start"), rules=slow)
    assert patience_us(whole) == usual_us + 8 * SECOND_US
    one = replace(scenario(), deeds=(Deed(at_us=0, verb="set-rules", args={"rules": slow}),))
    assert patience_us(one) == usual_us + 8 * SECOND_US + TIMING.retry_max_us


def test_a_ring_that_forms_again_and_again_is_never_calm() -> None:
    assert can_be_calm(scenario("start", "kill"))
    assert not can_be_calm(scenario("start", "slow-network"))


def test_some_seeds_are_calm_before_their_faults_end() -> None:
    drawn = [draw_scenario(seed) for seed in range(60)]
    calm = [one.end_us - one.deeds[-1].at_us >= patience_us(one) for one in drawn]
    assert 10 < sum(calm) < 50
