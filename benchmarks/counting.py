"""`count`: what a simulated history costs, in counts that are the same on every machine."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from benchmarks.simulating import history_name, prepared
from fakecluster.explore.many import run_seed
from fakecluster.scenario.run import Outcome

SEEDS = range(20)
_INSTRUCTIONS_MEMBERS_MAX = 32
"""Instructions are counted thirty times slower than they run: not for more members than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One history."""

    history: str
    members: int
    """0: as many as each seed draws."""
    calls: int
    """Of functions, in Python and in C."""
    instructions: int | None
    """Of Python's bytecode; None: not counted."""


def count(members: int) -> Counted:
    """Count what a history costs: that of `simulate`; for 0 members `SEEDS` as they are drawn."""

    def make() -> Callable[[], None]:
        return prepared(members)[1] if members else _run_seeds

    if members <= _INSTRUCTIONS_MEMBERS_MAX:
        make()()  # classes are generated and texts remembered with their first use
    return Counted(
        history=history_name(members) if members else f"{len(SEEDS)} seeds as they are drawn",
        members=members,
        calls=count_calls(make()),
        instructions=(count_instructions(make()) if members <= _INSTRUCTIONS_MEMBERS_MAX else None),
    )


def _run_seeds() -> None:
    for seed in SEEDS:
        if run_seed(seed).result.outcome is not Outcome.GOOD:
            raise RuntimeError(f"seed {seed} is not well, so its cost is worth nothing")


def count_calls(run: Callable[[], None]) -> int:
    """Return how many functions are called, in Python and in C."""
    profile = cProfile.Profile()
    profile.runcall(run)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def count_instructions(run: Callable[[], None]) -> int:
    """Return how many instructions of bytecode are run."""
    found = 0

    def each(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal found
        found += event == "opcode"
        return each

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return each

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(before)
    return found
