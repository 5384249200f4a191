"""Runs drawn histories with mutants of the daemon, each in a process of its own.

First the daemon as it is runs every seed, which shows what each seed reaches. A mutant is then
given those seeds that reach what it changes, the shortest histories first, until one is judged to
be wrong. The other seeds cannot show it: they make its daemon do what they make the daemon do.
"""

from __future__ import annotations

import contextlib
import enum
import importlib
import json
import os
import resource
import selectors
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final

from fakecluster.mutants.install import Mutant, compiled, install
from fakecluster.mutants.meter import HungError, Meter, count_turns, note_reached
from fakecluster.mutants.trees import targets, tree_of

_TURNS_TIMES: Final = 30
_TURNS_MORE: Final = 100_000
"""A mutant may take that many times the turns of the unchanged daemon, and so many more."""
_CPU_MAX_S: Final = 300
"""The last resort, for what turns in no module of the daemon's: processor time for one mutant."""
_MEMORY_MAX_BYTES: Final = 2 << 30


class MutantError(RuntimeError):
    """The mutants cannot be judged; the text says why."""


class Fate(enum.Enum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVED = "survived"
    NOT_REACHED = "not-reached"
    """No seed runs what it changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A mutant and what became of it."""

    mutant: Mutant
    verdict: Fate
    judge: str = ""
    """`safety`, `liveness`, `crash`, `hung`, or `start` for a daemon that cannot be loaded."""
    seed: int | None = None
    finding: str = ""
    seeds: int = 0
    """How many seeds were run with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCost:
    """What the unchanged daemon does with a seed."""

    seed: int
    lines: int
    """Of its trace."""
    turns: int


class Scorer:
    """Judges mutants by the same seeds."""

    def __init__(self, seeds: Iterable[int]) -> None:
        """Run the unchanged daemon with all seeds.

        Raises:
            MutantError: it is judged to be wrong, or its process ended.
        """
        self._codes: dict[str, CodeType] = {}
        """Of the unchanged modules, with turns counted."""
        self._reached: dict[tuple[str, int], set[int]] = {}
        self._costs: list[SeedCost] = []
        for module in targets():
            tree = tree_of(module)
            count_turns(tree)
            self._codes[module] = compiled(module, tree)
        self._measure(list(seeds))

    @property
    def seeds(self) -> int:
        """How many seeds each mutant may have."""
        return len(self._costs)

    def seeds_for(self, mutant: Mutant) -> list[SeedCost]:
        """Return the seeds that can show a mutant, the shortest histories first."""
        reaching: set[int] = set()
        for module, line in mutant.statements:
            if line is None:
                return self._costs
            reaching |= self._reached.get((module, line), set())
        return [one for one in self._costs if one.seed in reaching]

    def judge(self, mutants: Iterable[Mutant], jobs: int = 1) -> Iterator[Judged]:
        """Judge mutants, and hand each out when it is done."""
        with contextlib.closing(_Children(jobs)) as children:
            for mutant in mutants:
                seeds = self.seeds_for(mutant)
                if not seeds:
                    yield Judged(mutant=mutant, verdict=Fate.NOT_REACHED)
                    continue
                while children.full:
                    yield from map(_judged, children.wait())
                children.start(mutant, self._work_on(mutant, seeds))
            while children.busy:
                yield from map(_judged, children.wait())

    def _work_on(self, mutant: Mutant, seeds: Sequence[SeedCost]) -> Callable[[], object]:
        return lambda: _run_mutant(self._with(mutant), seeds)

    def _with(self, mutant: Mutant) -> Mapping[str, CodeType]:
        codes = dict(self._codes)
        for module, tree in mutant.trees().items():
            count_turns(tree)
            codes[module] = compiled(module, tree)
        return codes

    def _measure(self, seeds: list[int]) -> None:
        with contextlib.closing(_Children(1)) as children:
            children.start(None, lambda: _run_unchanged(seeds))
            ((_, answer),) = children.wait()
        if isinstance(answer, str):
            raise MutantError(f"the unchanged daemon: {answer}")
        if answer["wrong"]:
            raise MutantError(f"the unchanged daemon fails already: {answer['wrong']}")
        for one in answer["seeds"]:
            cost = SeedCost(seed=one["seed"], lines=one["lines"], turns=one["turns"])
            self._costs.append(cost)
            for module, line in one["reached"]:
                self._reached.setdefault((module, line), set()).add(cost.seed)
        self._costs.sort(key=lambda cost: (cost.lines, cost.seed))
        for module in answer["modules"]:  # what every child would load is loaded once, here
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


def _judged(ended: tuple[Mutant | None, Any]) -> Judged:
    mutant, answer = ended
    if mutant is None:
        raise MutantError("a process of nobody ended")
    if isinstance(answer, str):
        return Judged(mutant=mutant, verdict=Fate.NOTICED, judge="crash", finding=answer)
    return Judged(mutant=mutant, **{**answer, "verdict": Fate(answer["verdict"])})


# --- in the processes ---------------------------------------------------------------------------


def _run_unchanged(seeds: Sequence[int]) -> object:
    meter = Meter()
    codes = {}
    for module in targets():
        tree = tree_of(module)
        note_reached(module, tree)
        count_turns(tree)
        codes[module] = compiled(module, tree)
    install(codes, meter.names())
    # Not before: the modules that are changed are loaded with it.
    import sys  # noqa: PLC0415

    from fakecluster.explore.many import run_seed  # noqa: PLC0415
    from fakecluster.scenario.run import Outcome  # noqa: PLC0415

    found: list[object] = []
    wrong = ""
    for seed in seeds:
        meter.begin()
        result = run_seed(seed).result
        if result.outcome is not Outcome.GOOD:
            wrong = f"seed {seed}, {result.outcome.value}: {result.findings[0]}"
            break
        reached = sorted(meter.reached)
        cost = {"seed": seed, "lines": result.lines, "turns": meter.turns, "reached": reached}
        found.append(cost)
    house = ("o2cbd", "fakecluster", "__main__")
    modules = [name for name in sys.modules if name.partition(".")[0] not in house]
    return {"seeds": found, "wrong": wrong, "modules": modules}


def _run_mutant(codes: Mapping[str, CodeType], seeds: Sequence[SeedCost]) -> object:
    meter = Meter()
    install(codes, meter.names())
    try:
        from fakecluster.explore.many import run_seed  # noqa: PLC0415
        from fakecluster.scenario.run import Outcome  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001 - whatever it is, it shows the mutant
        finding = f"{type(error).__name__}: {error}"
        return {"verdict": "noticed", "judge": "start", "finding": finding}
    for done, cost in enumerate(seeds, start=1):
        meter.begin(cost.turns * _TURNS_TIMES + _TURNS_MORE)
        at = {"seed": cost.seed, "seeds": done, "verdict": "noticed"}
        try:
            result = run_seed(cost.seed).result
        except HungError:
            return {**at, "judge": "hung", "finding": f"more than {meter.bound} turns"}
        if result.outcome is not Outcome.GOOD:
            finding = result.findings[0]
            return {**at, "judge": result.outcome.value, "finding": finding}
    return {"verdict": "survived", "seeds": len(seeds)}


class _Children:
    """Forked processes, each of which answers once; this process must have one thread."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._selector = selectors.DefaultSelector()
        self._pids: dict[int, tuple[int, Mutant | None, list[bytes]]] = {}
        """By the descriptor that the child answers on."""

    @property
    def busy(self) -> bool:
        return bool(self._pids)

    @property
    def full(self) -> bool:
        return len(self._pids) >= self._jobs

    def start(self, mutant: Mutant | None, work: Callable[[], object]) -> None:
        answers, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _be_child(answer, work)
        os.close(answer)
        self._selector.register(answers, selectors.EVENT_READ)
        self._pids[answers] = (pid, mutant, [])

    def wait(self) -> list[tuple[Mutant | None, Any]]:
        """Wait until one child at least has answered; return the answers, a text for none."""
        ended: list[tuple[Mutant | None, Any]] = []
        while not ended:
            for key, _ in self._selector.select():
                pid, mutant, parts = self._pids[key.fd]
                data = os.read(key.fd, 1 << 16)
                if data:
                    parts.append(data)
                    continue
                self._forget(key.fd)
                _, status = os.waitpid(pid, 0)
                text = b"".join(parts)
                ended.append((mutant, json.loads(text) if text else _how_it_ended(status)))
        return ended

    def _forget(self, fd: int) -> None:
        self._selector.unregister(fd)
        os.close(fd)
        del self._pids[fd]

    def close(self) -> None:
        """End what runs still."""
        for fd, (pid, _, _) in list(self._pids.items()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._forget(fd)
        self._selector.close()


def _be_child(answer: int, work: Callable[[], object]) -> None:
    """Work, answer, and end, whatever happens."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to decide
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_MAX_S, _CPU_MAX_S))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))
        text = json.dumps(work()).encode()
        with open(answer, "wb", closefd=False) as pipe:
            pipe.write(text)
    except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _how_it_ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"its process ended with signal {-code}" if code < 0 else f"its process ended: {code}"
