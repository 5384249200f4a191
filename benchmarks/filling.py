"""`first-fill` and `join`: the agent against a bare loop on the same kind of mount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import bare
from benchmarks.lab import BARE, CLUSTER, OURS, BenchmarkLab, run_until, settle
from benchmarks.pairs import Compared, interleave, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One comparison, and where ours spent its time."""

    members: int
    nodes: int
    """How many nodes are written by either."""
    compared: Compared
    target: float | None
    """The ratio that is aimed at; None: none was set for this size."""
    parts_ms: Mapping[str, float]
    """Medians: milliseconds a part; `rest` is the agent itself."""


class _Parts:
    """Collects where the time of each round went."""

    def __init__(self) -> None:
        self._rounds: list[dict[str, float]] = []

    def add(self, spent_s: Mapping[str, float], whole_s: float) -> None:
        self._rounds.append({**spent_s, "rest": whole_s - sum(spent_s.values())})

    def medians_ms(self) -> dict[str, float]:
        names = sorted({name for each in self._rounds for name in each})
        return {
            name: 1000 * median([each.get(name, 0.0) for each in self._rounds]) for name in names
        }


FILL_TARGETS = {3: 2.0, 255: 1.5}
JOIN_TARGETS = {255: 3.0}


def first_fill(members: int, rounds: int) -> Measured:
    """Measure the first fill of an empty configfs at a state change.

    The agent is connected; its first reading of the members has failed, so that its table is
    empty and its first pass is that of the state change.
    """
    with BenchmarkLab(members) as lab:
        nodes = lab.bare_nodes(BARE)
        names = frozenset(node.name for node in nodes)
        parts = _Parts()

        def ours() -> float:
            lab.empty(OURS)
            lab.let_last_leave()
            lab.fail_next_reading()
            agent = lab.agent()
            try:
                agent.step()
                if agent.complete_names:
                    raise AssertionError("the table is not empty")
                agent.watch.take()
                lab.let_last_join()
                whole_s = run_until(agent, names)
                parts.add(agent.watch.take(), whole_s)
                _check(bare.names_in(f"{lab.configfs(OURS)}/cluster/{CLUSTER}/node"), names)
            finally:
                agent.close()
            return whole_s

        def floor() -> float:
            lab.empty(BARE)
            table = bare.make_cluster(lab.configfs(BARE), CLUSTER)
            # The same before it, so that neither finds the machine's caches warmer.
            lab.let_last_leave()
            lab.let_last_join()
            return bare.fill(table, nodes)

        compared = interleave(rounds, ours, floor)
    return Measured(
        members=members,
        nodes=len(nodes),
        compared=compared,
        target=FILL_TARGETS.get(members),
        parts_ms=parts.medians_ms(),
    )


def one_more_join(members: int, rounds: int) -> Measured:
    """Measure one more member beside a full table, against the least that it takes."""
    with BenchmarkLab(members) as lab:
        nodes = lab.bare_nodes(BARE)
        own, newcomer = nodes[0], nodes[-1]
        everybody = frozenset(node.name for node in nodes)
        others = everybody - {newcomer.name}
        parts = _Parts()
        table = bare.make_cluster(lab.configfs(BARE), CLUSTER)
        bare.fill(table, nodes[:-1])
        agent = lab.agent()
        agent.step()

        def let_it_join_again() -> None:
            settle(agent, everybody)
            lab.let_last_leave()
            settle(agent, others)
            agent.watch.take()
            lab.let_last_join()

        def ours() -> float:
            let_it_join_again()
            whole_s = run_until(agent, everybody)
            parts.add(agent.watch.take(), whole_s)
            return whole_s

        def floor() -> float:
            # The same before it, so that neither finds the machine's caches warmer.
            let_it_join_again()
            taken_s = bare.join(table, own.name, newcomer)
            bare.remove(table, newcomer)
            return taken_s

        try:
            compared = interleave(rounds, ours, floor)
        finally:
            agent.close()
    return Measured(
        members=members,
        nodes=1,
        compared=compared,
        target=JOIN_TARGETS.get(members),
        parts_ms=parts.medians_ms(),
    )


def _check(found: set[str], wanted: frozenset[str]) -> None:
    if found != wanted:
        raise AssertionError(f"the mount shows {sorted(found)}")
