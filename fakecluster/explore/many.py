"""Many seeds, over as many processes as there are cores; what all of them came to."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from fakecluster.explore.swarm import draw_scenario
from fakecluster.oracles.probes import PROBES, RARE
from fakecluster.scenario.run import Outcome, Result, run
from fakecluster.trace.hash import TraceHash

CHUNK = 10
"""So many seeds are given to a process at a time."""
_IN_PROCESS_MAX = 2 * CHUNK
"""For so few it is not worth starting processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """What came of one seed."""

    seed: int
    result: Result
    digest: str = ""
    """Of its whole trace; empty where it was not asked for."""


def run_seed(seed: int, *, hashed: bool = False) -> SeedResult:
    """Draw and run one seed."""
    scenario = draw_scenario(seed)
    if not hashed:
        return SeedResult(seed=seed, result=run(scenario))
    digest = TraceHash()
    result = run(scenario, listen=lambda _world: [digest])
    return SeedResult(seed=seed, result=result, digest=digest.hexdigest())


def run_chunk(seeds: Sequence[int], hashed: bool) -> list[SeedResult]:  # noqa: FBT001 - crosses processes
    """Run some seeds, one after the other."""
    return [run_seed(seed, hashed=hashed) for seed in seeds]


def run_seeds(
    seeds: Sequence[int],
    *,
    jobs: int = 0,
    hashed: bool = False,
    prepare: tuple[Callable[[str], None], str] | None = None,
) -> Iterator[SeedResult]:
    """Run seeds and hand out their results in their order.

    Args:
        seeds: which.
        jobs: how many processes; 0: one a core, 1: none but this one.
        hashed: take the digests of the traces.
        prepare: called in each new process with its argument before anything of o2cbd is there.
    """
    jobs = jobs or os.cpu_count() or 1
    if prepare is None and (jobs == 1 or len(seeds) <= _IN_PROCESS_MAX):
        for seed in seeds:
            yield run_seed(seed, hashed=hashed)
        return
    # Spawned: a fork of a process that has threads may find their locks taken.
    begin = None if prepare is None else partial(prepare[0], prepare[1])
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=begin)
    try:
        yield from _in_order(pool, seeds, jobs, hashed=hashed)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: Executor, seeds: Sequence[int], jobs: int, *, hashed: bool
) -> Iterator[SeedResult]:
    """Keep every process busy, but no more than that: whoever has seen enough can stop."""
    chunks = iter([seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)])
    waiting: list[Future[list[SeedResult]]] = []
    while True:
        while len(waiting) < 2 * jobs and (chunk := next(chunks, None)) is not None:
            waiting.append(pool.submit(run_chunk, chunk, hashed))
        if not waiting:
            return
        wait(waiting[:1], return_when=FIRST_COMPLETED)
        yield from waiting.pop(0).result()


class Summary:
    """What many seeds came to."""

    def __init__(self) -> None:
        self.seeds = 0
        self.lines = 0
        self.actions = 0
        self.refused = 0
        self.virtual_us = 0
        self.outcomes: Counter[str] = Counter()
        self.probes: Counter[str] = Counter()
        self.failed: list[SeedResult] = []
        """Those that did not end well, in their order."""
        self._digest = hashlib.sha256()

    def add(self, one: SeedResult) -> None:
        """Count one in."""
        result = one.result
        self.seeds += 1
        self.lines += result.lines
        self.actions += result.actions
        self.refused += result.refused
        self.virtual_us += result.virtual_us
        self.outcomes[result.outcome.value] += 1
        self.probes.update(result.probes)
        if result.outcome is not Outcome.GOOD:
            self.failed.append(one)
        self._digest.update(f"{one.seed} {one.digest}\n".encode("ascii"))

    @property
    def digest(self) -> str:
        """One number for all traces, in the order of the seeds."""
        return self._digest.hexdigest()

    @property
    def outcome(self) -> Outcome:
        """The worst of all: a crash, else a violation, else no rest, else good."""
        found = {one.result.outcome for one in self.failed}
        order = (Outcome.CRASH, Outcome.SAFETY, Outcome.LIVENESS)
        return next((one for one in order if one in found), Outcome.GOOD)

    @property
    def never_hit(self) -> tuple[str, ...]:
        """The probes that were not hit and are not rare, sorted."""
        return tuple(sorted(set(PROBES) - set(self.probes) - RARE))
