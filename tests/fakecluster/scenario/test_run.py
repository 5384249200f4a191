"""Running a scenario: actions at their times, faults end, the verdict."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from fakecluster import verbs
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import Topology
from fakecluster.scenario.model import Action, Scenario
from fakecluster.scenario.run import Outcome, Runner, run, world_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from o2cbd.core.rules import SECOND_US, QuorumRule, RemovalRules, Rules


def action(at_us: int, verb: verbs.Verb) -> Action:
    return Action(at_us=at_us, verb=verb)


def scenario(*more: Action, nodes: int = 3, end_us: int = 20 * SECOND_US) -> Scenario:
    topology = Topology.of(nodes)
    starts = (action(0, verbs.Start(node=node_id)) for node_id in topology.ids)
    return Scenario(topology=topology, actions=(*starts, *more), end_us=end_us)


def test_a_cluster_that_only_starts_is_good() -> None:
    result = run(scenario())

    assert (result.outcome, result.findings) == (Outcome.GOOD, ())
    assert (result.actions, result.refused) == (3, 0)
    assert result.probes["node-added"] == 9


def test_the_same_scenario_gives_the_same_again() -> None:
    one = scenario(action(9 * SECOND_US, verbs.Kill(node=2)))
    assert run(one) == run(one)


def test_deeds_are_done_at_their_times() -> None:
    heard: list[Line] = []
    run(scenario(action(9_000_001, verbs.Kill(node=2))), listen=lambda _world: [heard.append])

    killed = [line.t_us for line in heard if (line.kind, line.what) == ("verb", "kill")]
    assert killed == [9_000_001]


def test_what_makes_no_sense_is_counted_and_let_pass() -> None:
    again = action(1, verbs.CmanStart(node=1))
    nobody = action(2, verbs.Start(node=9))
    ill = action(3, verbs.ChangeAddress(node=1, addresses=("no address",)))
    unmounted = action(0, verbs.Mount(node=1))  # the kernel has no cluster yet

    result = run(scenario(unmounted, again, nobody, ill))

    assert (result.outcome, result.actions, result.refused) == (Outcome.GOOD, 7, 4)


def test_faults_end_before_the_world_is_judged() -> None:
    stopped = scenario(
        action(9 * SECOND_US, verbs.Partition(groups=((1,), (2, 3)))),
        action(9 * SECOND_US, verbs.CmanStop(node=2)),
        action(9 * SECOND_US, verbs.Fault(node=3, call="mkdir", errno=errno.EIO)),
        action(10 * SECOND_US, verbs.Hold(node=3)),
    )
    runner = Runner(world_of(stopped), stopped)
    world = runner._world

    assert runner.run().outcome is Outcome.GOOD
    assert [world.table(node_id) for node_id in (1, 2, 3)] == [("node1", "node2", "node3")] * 3


def test_the_dead_are_revived_only_where_that_is_asked_for() -> None:
    dead = scenario(
        action(9 * SECOND_US, verbs.Kill(node=2)), action(9 * SECOND_US, verbs.DaemonKill(node=3))
    )
    runner = Runner(world_of(dead), dead)
    assert runner.run().outcome is Outcome.GOOD
    assert runner._world.table(1) == ("node1", "node3")
    assert runner._world.hosts[3].daemon.runs

    dead = replace(dead, revive=(2,))
    runner = Runner(world_of(dead), dead)
    assert runner.run().outcome is Outcome.GOOD
    assert runner._world.table(1) == ("node1", "node2", "node3")


def test_a_crash_that_is_still_armed_may_come_after_the_end() -> None:
    late = scenario(
        action(9 * SECOND_US, verbs.DaemonKill(node=1)),
        action(9 * SECOND_US, verbs.Kill(node=3)),
        action(10 * SECOND_US, verbs.CrashDaemonAt(node=1, call="rmdir")),
        end_us=10 * SECOND_US,
    )
    runner = Runner(world_of(late), late)

    assert runner.run().outcome is Outcome.GOOD
    assert (runner._world.hosts[1].daemon.starts, runner._world.table(1)) == (
        3,
        ("node1", "node2"),
    )


def test_a_violation_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = World.apply

    def apply_wrongly(world: World, verb: verbs.Verb) -> None:
        apply(world, verb)
        if isinstance(verb, verbs.Heal):
            world._violation(2, "seen")

    monkeypatch.setattr(World, "apply", apply_wrongly)
    result = run(scenario(action(1, verbs.Heal()), action(2, verbs.Heal())))

    assert (result.outcome, result.findings) == (Outcome.SAFETY, ("node 2: seen",))
    assert result.actions == 4


def test_an_exception_is_a_crash_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def heal(_engine: Engine) -> None:
        raise KeyError("a link")

    monkeypatch.setattr(Engine, "heal", heal)
    result = run(scenario(action(1, verbs.Heal())))

    assert result.outcome is Outcome.CRASH
    assert result.findings[0] == "KeyError: 'a link' in scenario/test_run.py, heal"


def test_a_world_that_stays_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fakecluster.sim.world.World.settle", lambda _world, _bound: ["node 1: is wrong"]
    )
    result = run(scenario())

    assert (result.outcome, result.findings) == (Outcome.LIVENESS, ("node 1: is wrong",))


@pytest.mark.parametrize(
    ("calm_s", "found"), [(3, ()), (60, ("before the faults' end: node 1: is wrong",))]
)
def test_a_story_that_was_calm_for_long_is_judged_before_its_faults_end(
    calm_s: int, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakecluster.sim.world.World.judge", lambda _world: _Wrong())
    result = run(
        scenario(action(9 * SECOND_US, verbs.Kill(node=3)), end_us=(9 + calm_s) * SECOND_US)
    )

    assert result.findings == found


class _Wrong:
    """A judge to whom everything is wrong, and then all is well."""

    def ok(self) -> bool:
        return True

    def findings(self) -> list[str]:
        return ["node 1: is wrong"]


def test_a_manager_without_a_quorum_provider() -> None:
    """A lost node stays where nothing proves that it is down, unless the settings say otherwise."""
    down = replace(
        scenario(action(9 * SECOND_US, verbs.Kill(node=3))),
        topology=replace(Topology.of(3), quorum_provider=False),
    )
    for rule, table in ((QuorumRule.REQUIRE, 3), (QuorumRule.IGNORE, 2)):
        runner = Runner(world_of(down), down)
        world = runner._world
        for host in world.hosts.values():
            host.daemon.next_rules = Rules(removals=RemovalRules(quorum=rule))
        assert runner.run().outcome is Outcome.GOOD
        assert len(world.table(1)) == table


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.GOOD, 0),
        (Outcome.CRASH, 127),
        (Outcome.LIVENESS, 128),
        (Outcome.SAFETY, 129),
    ],
)
def test_each_class_has_its_exit_code(outcome: Outcome, code: int) -> None:
    assert outcome.code == code
