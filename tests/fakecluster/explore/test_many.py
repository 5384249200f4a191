"""Many seeds: their order, their sums, and the bounded exploration of the default run."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.explore.many import CHUNK, SeedResult, Summary, run_seed, run_seeds
from fakecluster.oracles.probes import PROBES, RARE
from fakecluster.scenario.run import Outcome, Result

EXPLORED = 60
"""The `explore` environment of tox runs a thousand."""
PARTS = 2
"""Apart, so that two workers share them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_seeds_without_a_violation(part: int) -> None:
    """A piece of what `fakecluster run --count 10000` explores; each failure names its line."""
    share = EXPLORED // PARTS
    failed = [
        f"fakecluster run --seed {one.seed}: {one.result.outcome.value} {one.result.findings}"
        for one in map(run_seed, range(part * share, (part + 1) * share))
        if one.result.outcome is not Outcome.GOOD
    ]
    assert failed == []


def test_results_come_in_the_order_of_the_seeds_over_processes() -> None:
    seeds = range(CHUNK * 2 + 3)
    found = list(run_seeds(seeds, jobs=2, hashed=True))
    assert [one.seed for one in found] == list(seeds)
    assert found[3] == run_seed(3, hashed=True)


def test_whoever_has_seen_enough_can_stop() -> None:
    results = run_seeds(range(10**6), jobs=1)
    assert next(iter(results)).seed == 0
    results.close()  # type: ignore[attr-defined]


def test_processes_are_prepared(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert [one.seed for one in run_seeds([4], jobs=1, prepare=(_touch, str(mark)))] == [4]
    assert mark.exists()


def _touch(path: str) -> None:
    Path(path).touch()


def _summary(*outcomes: Outcome, **probes: int) -> Summary:
    summary = Summary()
    for seed, outcome in enumerate(outcomes):
        result = Result(outcome=outcome, lines=2, virtual_us=3, actions=4, refused=1, probes=probes)
        summary.add(SeedResult(seed=seed, result=result, digest=outcome.value))
    return summary


def test_sums() -> None:
    summary = _summary(Outcome.GOOD, Outcome.LIVENESS, **{"node-added": 2})

    assert (summary.seeds, summary.lines, summary.virtual_us) == (2, 4, 6)
    assert (summary.actions, summary.refused) == (8, 2)
    assert summary.outcomes == {"good": 1, "liveness": 1}
    assert summary.probes == {"node-added": 4}
    assert [one.seed for one in summary.failed] == [1]


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        ((Outcome.GOOD, Outcome.GOOD), Outcome.GOOD),
        ((Outcome.GOOD, Outcome.LIVENESS), Outcome.LIVENESS),
        ((Outcome.SAFETY, Outcome.LIVENESS), Outcome.SAFETY),
        ((Outcome.SAFETY, Outcome.CRASH, Outcome.LIVENESS), Outcome.CRASH),
    ],
)
def test_the_worst_outcome_counts(outcomes: tuple[Outcome, ...], worst: Outcome) -> None:
    assert _summary(*outcomes).outcome is worst


def test_probes_that_were_never_hit_are_known_but_for_the_rare() -> None:
    missing = set(_summary(Outcome.GOOD, **{"node-added": 1}).never_hit)
    assert missing == set(PROBES) - RARE - {"node-added"}


def test_the_digest_depends_on_every_trace_and_their_order() -> None:
    good, bad = Outcome.GOOD, Outcome.CRASH
    digests = {_summary(*each).digest for each in ((good, bad), (bad, good), (good, good))}
    assert len(digests) == 3
    assert _summary(good, bad).digest == _summary(good, bad).digest
