"""Cuts a failing scenario down to what the failure needs.

The cuts are tried from coarse to fine: actions (delta debugging), nodes, what is revived, settings,
clocks, and times. A cut counts when the outcome's class stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, TopologyError
from fakecluster.scenario.file import parse_scenario, scenario_text
from fakecluster.scenario.model import Action, Scenario, ScenarioError
from fakecluster.scenario.run import Outcome, run
from fakecluster.verbs import Kind, arguments_of
from o2cbd.core.rules import SECOND_US, Rules

RUNS_MAX = 600
"""So many runs a shrinking takes at most."""

Judge = Callable[[Scenario], Outcome]


def shrunk(scenario: Scenario, outcome: Outcome, judge: Judge | None = None) -> Scenario:
    """Return the smallest scenario that was found to end the same way.

    Args:
        scenario: what failed.
        outcome: how.
        judge: runs a scenario; None: here and now.
    """
    return _Shrinker(scenario, outcome, judge or (lambda one: run(one).outcome)).shrink()


class _Shrinker:
    def __init__(self, scenario: Scenario, outcome: Outcome, judge: Judge) -> None:
        self._best = scenario
        self._outcome = outcome
        self._judge = judge
        self._runs = 0

    def shrink(self) -> Scenario:
        before = None
        while before != self._best and self._runs < RUNS_MAX:
            before = self._best
            self._fewer_actions()
            for cuts in (_fewer_nodes, _fewer_revived, _plainer, _sooner):
                self._take_each(cuts)
        return replace(self._best, title=f"{self._best.title}, cut down".lstrip(", "))

    def _holds(self, candidate: Scenario) -> bool:
        """Take a candidate over when it fails in the same way."""
        if self._runs >= RUNS_MAX or candidate == self._best or not _can_be_read(candidate):
            return False
        self._runs += 1
        if self._judge(candidate) is not self._outcome:
            return False
        self._best = candidate
        return True

    def _take_each(self, cuts: Callable[[Scenario], Iterator[Scenario]]) -> None:
        """Try the cuts one after the other, beginning anew after each that holds."""
        while any(self._holds(candidate) for candidate in cuts(self._best)):
            pass

    def _fewer_actions(self) -> None:
        """Leave out ever smaller runs of actions, the last ones first."""
        size = max(1, len(self._best.actions) // 2)
        while True:
            at = len(self._best.actions) - size
            while at > -size:
                actions = self._best.actions
                left = (*actions[: max(0, at)], *actions[at + size :])
                self._holds(replace(self._best, actions=left))
                at -= size
            if size == 1:
                return
            size //= 2


def _can_be_read(scenario: Scenario) -> bool:
    """Return whether its file would be taken: what an action names may have gone with another."""
    try:
        parse_scenario(scenario_text(scenario))
    except ScenarioError:
        return False
    return True


def _fewer_nodes(scenario: Scenario) -> Iterator[Scenario]:
    """Leave out one node with all that is done to it."""
    for gone in reversed(scenario.topology.nodes):
        nodes = tuple(node for node in scenario.topology.nodes if node is not gone)
        actions = tuple(action for action in scenario.actions if not _touches(action, gone))
        try:
            topology = replace(scenario.topology, nodes=nodes).checked()
        except TopologyError:
            continue
        revive = tuple(one for one in scenario.revive if one != gone.id)
        yield replace(scenario, topology=topology, actions=actions, revive=revive)


def _touches(action: Action, node: NodeConfig) -> bool:
    for one in arguments_of(type(action.verb)):
        value = getattr(action.verb, one.name)
        if (one.kind, value) in {(Kind.NODE, node.id), (Kind.NAME, node.name)}:
            return True
        if one.kind is Kind.GROUPS and node.id in chain(*value):
            return True
    return False


def _fewer_revived(scenario: Scenario) -> Iterator[Scenario]:
    for gone in scenario.revive:
        yield replace(scenario, revive=tuple(one for one in scenario.revive if one != gone))


def _plainer(scenario: Scenario) -> Iterator[Scenario]:
    """The usual settings, clocks and thresholds."""
    rules, usual = scenario.rules, Rules()
    yield replace(scenario, rules=usual)
    yield replace(scenario, rules=replace(rules, attributes=usual.attributes))
    yield replace(scenario, rules=replace(rules, cluster=None))
    yield replace(scenario, rules=replace(rules, o2cb_name=None))
    yield replace(scenario, rules=replace(rules, removals=usual.removals))
    yield replace(scenario, rules=replace(rules, table=usual.table))
    quick = Timings(token_ms=1000, consensus_ms=1200)
    yield replace(scenario, timings=quick)
    yield replace(scenario, dead_threshold=5)
    yield replace(scenario, seed=0)
    if not scenario.topology.quorum_provider:
        yield replace(scenario, topology=replace(scenario.topology, quorum_provider=True))
    if scenario.topology.qdisk is not None:
        yield replace(scenario, topology=replace(scenario.topology, qdisk=None))


def _sooner(scenario: Scenario) -> Iterator[Scenario]:
    """Shorter pauses: none, else round ones, else half of what they are."""
    last_us = scenario.actions[-1].at_us if scenario.actions else 0
    for end_us in (last_us, last_us + SECOND_US, (last_us + scenario.end_us) // 2):
        if end_us < scenario.end_us:
            yield replace(scenario, end_us=end_us)
    before_us = 0
    for index, action in enumerate(scenario.actions):
        gap_us, before_us = action.at_us - before_us, action.at_us
        for shorter_us in _shorter(gap_us):
            yield _pulled(scenario, index, gap_us - shorter_us)


def _shorter(gap_us: int) -> Iterator[int]:
    if gap_us:
        yield 0
    for unit_us in (10 * SECOND_US, SECOND_US, SECOND_US // 10, SECOND_US // 1000):
        rounded = gap_us // unit_us * unit_us
        if 0 < rounded < gap_us:
            yield rounded
            return


def _pulled(scenario: Scenario, index: int, by_us: int) -> Scenario:
    """Do an action, and all after it, so much sooner."""
    actions = tuple(
        action if place < index else replace(action, at_us=action.at_us - by_us)
        for place, action in enumerate(scenario.actions)
    )
    return replace(scenario, actions=actions, end_us=scenario.end_us - by_us)
