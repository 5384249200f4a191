"""How long a world may take to come to rest, by what was done to it."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import Topology
from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.model import Action, Scenario
from fakecluster.scenario.patience import can_be_calm, patience_us
from fakecluster.verbs import (
    CmanCrash,
    CmanStop,
    DropNode,
    Kill,
    Notice,
    SemaphoreUnusable,
    SetRules,
    SlowNetwork,
    Start,
    Verb,
)
from o2cbd.core.rules import SECOND_US, RemovalRules, Rules, Timing

TIMING = Timing()


START = Start(node=1)


def scenario(*verbs: Verb) -> Scenario:
    actions = tuple(Action(at_us=0, verb=verb) for verb in verbs)
    return Scenario(topology=Topology.of(2), actions=actions, end_us=0)


def test_what_was_announced_is_right_as_soon_as_a_death_is_detected() -> None:
    announced = scenario(START, Kill(node=1))
    bound_us = patience_us(announced)
    assert 2 * announced.timings.detection_us < bound_us
    assert bound_us < 2 * announced.timings.detection_us + TIMING.retry_max_us


@pytest.mark.parametrize(
    ("verb", "more_us"),
    [
        (CmanCrash(node=1), TIMING.retry_max_us),
        (CmanStop(node=1), TIMING.retry_max_us + TIMING.resync_us),
        (SemaphoreUnusable(node=1, errno=errno.EACCES), TIMING.retry_max_us),
        (Notice(node=1, fault=NoticeFault.DROP), TIMING.retry_max_us + TIMING.resync_us),
        (DropNode(node=1, name="node2"), TIMING.retry_max_us + TIMING.resync_us),
    ],
)
def test_what_is_tried_again_or_found_by_itself_takes_longer(verb: Verb, more_us: int) -> None:
    assert patience_us(scenario(START, verb)) == patience_us(scenario(START)) + more_us


def test_the_longest_settling_counts() -> None:
    slow = Rules(removals=RemovalRules(settle_us=9 * SECOND_US))
    usual_us = patience_us(scenario(START))
    whole = replace(scenario(START), rules=slow)
    assert patience_us(whole) == usual_us + 8 * SECOND_US
    one = replace(scenario(), actions=(Action(at_us=0, verb=SetRules(node=1, rules=slow)),))
    assert patience_us(one) == usual_us + 8 * SECOND_US + TIMING.retry_max_us


def test_a_ring_that_forms_again_and_again_is_never_calm() -> None:
    assert can_be_calm(scenario(START, Kill(node=1)))
    assert not can_be_calm(scenario(START, SlowNetwork()))


def test_some_seeds_are_calm_before_their_faults_end() -> None:
    drawn = [draw_scenario(seed) for seed in range(60)]
    calm = [one.end_us - one.actions[-1].at_us >= patience_us(one) for one in drawn]
    assert 10 < sum(calm) < 50
