"""Histories drawn from seeds: the same for a seed, lived through by a good daemon, and cut down."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakecluster import Cluster, DrawnHistory
from fakecluster.clusters.history import HistoryFailedError
from fakecluster.cman.topology import Topology
from fakecluster.explore.episodes import KINDS
from fakecluster.explore.histories import USUAL_KINDS, draw_history
from fakecluster.scenario.file import parse_scenario, scenario_text


class Drawn:
    """Makes histories, and keeps what they want kept."""

    def __init__(self, stack: contextlib.ExitStack, one_leader: Any) -> None:
        self.kept: list[Any] = []
        self._stack = stack
        self._one_leader = one_leader

    def history(self, seed: int, leader: Any, *, recorded: bool = False) -> DrawnHistory:
        return DrawnHistory(
            seed,
            daemon=lambda host: leader(host.libcman, host.directory, host.log),
            serve=lambda *_args, **_more: pytest.fail("nothing is served"),
            invariant=self._one_leader,
            stack=self._stack,
            kept=self.kept.append,
            recorded=recorded,
        )


@pytest.fixture
def drawn(one_leader: Callable[[Cluster], None]) -> Iterator[Drawn]:
    with contextlib.ExitStack() as stack:
        yield Drawn(stack, one_leader)


def test_a_seed_is_one_history() -> None:
    assert draw_history(7) == draw_history(7)
    assert len({draw_history(seed).actions for seed in range(20)}) == 20


def test_a_history_can_stand_in_a_scenario_file() -> None:
    for seed in range(20):
        drawn = draw_history(seed)
        assert parse_scenario(scenario_text(drawn)) == drawn


def test_the_cluster_can_be_given() -> None:
    topology = Topology.of(6)
    assert all(draw_history(seed, topology).topology == topology for seed in range(5))


def test_only_kinds_that_were_asked_for_are_drawn() -> None:
    words = {
        action.verb.word
        for seed in range(30)
        for action in draw_history(seed, kinds=("leave",)).actions
    }
    assert words == {"boot", "start", "daemon-start", "cman-start", "leave"}


def test_usual_kinds_are_kinds() -> None:
    assert set(USUAL_KINDS) < set(KINDS)


def test_a_good_daemon_lives_through_all(drawn: Drawn, leader_of: Callable[..., Any]) -> None:
    leader = leader_of(mistaken=False)
    for seed in range(20):
        drawn.history(seed, leader).run()
    assert drawn.kept == []


def test_a_good_history_is_kept_where_it_is_wanted(
    drawn: Drawn, leader_of: Callable[..., Any]
) -> None:
    drawn.history(0, leader_of(mistaken=False), recorded=True).run()
    (cluster,) = drawn.kept
    assert cluster.trace().lines


def test_a_mistake_is_found_and_cut_down(drawn: Drawn, leader_of: Callable[..., Any]) -> None:
    leader, failures = leader_of(mistaken=True), []
    for seed in range(100):
        try:
            drawn.history(seed, leader).run(kinds=("expected", "votes"))
        except HistoryFailedError as error:
            failures.append(str(error))
            break
    (told,) = failures
    first, *rest = told.splitlines()
    assert first.endswith("wrong, and nothing is going on")
    assert rest[0].startswith("  node ")
    what = next(at for at, line in enumerate(rest) if line.startswith("what it takes, of "))
    # A start, perhaps a second one, and what changes quorum alone.
    words = [line.split(" s  ")[1].split()[0] for line in rest[what + 1 :]]
    assert 2 <= len(words) <= 4
    assert words[-1] in {"expected", "votes"}
    (cluster,) = drawn.kept
    assert cluster.broken()
    assert [line.what for line in cluster.trace().lines if line.kind == "verb"][: len(words)]


def test_a_crash_is_found(drawn: Drawn) -> None:
    class Fragile:
        def __init__(self, _libcman: Any, directory: Any, _log: Any) -> None:
            (directory / "leader").write_text("")

        def step(self) -> tuple[int | None, float | None]:
            raise ZeroDivisionError("no members")

        def stop(self) -> None:
            pass

    with pytest.raises(HistoryFailedError) as raised:
        drawn.history(0, Fragile).run(1)
    told = str(raised.value).splitlines()
    assert told[0] == "seed 0: a crash"
    assert re.fullmatch(
        r"  ZeroDivisionError: no members, at test_history\.py:\d+ in step", told[1]
    )
    assert told[2].startswith("it takes none of the ")
