"""Cuts a differing episode down to what the difference needs: delta debugging, many tries at once.

A try costs little and a start of the guest's program costs much, so all cuts of one size are
judged together, and those that hold are then made together where that holds too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from integration.agreement import Difference, differences
from integration.episode import Episode
from integration.sides import Operations, Side

OPERATIONS_MAX = 400_000
"""So many operations a shrinking may play; then the smallest that was found is taken."""

Judge = Callable[[Sequence[Operations]], list[bool]]
"""Which of these still differ in the same way."""


def shrunk(difference: Difference, kernel: Side, fake: Side) -> Difference:
    """Return the difference in the shortest episode that was found to show it.

    Raises:
        GuestError: a side failed.
    """

    def found(candidate: Operations) -> Difference | None:
        return _same(difference, candidate, kernel, fake)

    def judge(candidates: Sequence[Operations]) -> list[bool]:
        results = differences(candidates, kernel, fake)
        return [
            any(each.kind == difference.kind for each in result.differences) for result in results
        ]

    # What comes after the first difference has no part in it.
    head = difference.episode.operations[: difference.at + 1]
    return found(fewest(head, judge)) or difference


def _same(
    difference: Difference, operations: Operations, kernel: Side, fake: Side
) -> Difference | None:
    (result,) = differences([operations], kernel, fake)
    for each in result.differences:
        if each.kind == difference.kind:
            name = f"{difference.episode.name}, cut down"
            episode = Episode(name=name, operations=operations)
            return Difference(episode=episode, at=each.at, ours=each.ours, theirs=each.theirs)
    return None


def fewest(operations: Operations, judge: Judge) -> Operations:
    """Leave out ever smaller runs of operations for as long as the judge says that it holds."""
    return _Cutter(operations, judge).cut()


class _Cutter:
    def __init__(self, operations: Operations, judge: Judge) -> None:
        self._best = operations
        self._judge = judge
        self._left = OPERATIONS_MAX

    def cut(self) -> Operations:
        size = max(1, len(self._best) // 2)
        while self._left > 0:
            while self._cut_runs(size):
                pass
            if size == 1:
                break
            size //= 2
        return self._best

    def _cut_runs(self, size: int) -> bool:
        """Leave out what runs of this size can be left out; True when there was one."""
        before = self._best
        runs = [range(at, min(at + size, len(before))) for at in range(0, len(before), size)]
        holds = self._holds([_without(before, [run]) for run in runs])
        spare = [run for run, held in zip(runs, holds, strict=True) if held]
        if not spare or self._left <= 0:
            return False
        # One run that holds holds by itself; of ever more together the most that hold are taken.
        beginnings = [spare[:count] for count in _ever_fewer(len(spare))]
        candidates = [_without(before, some) for some in beginnings]
        judged = self._holds(candidates[:-1])
        self._best = next(
            (each for each, held in zip(candidates, judged, strict=False) if held), candidates[-1]
        )
        return True

    def _holds(self, candidates: list[Operations]) -> list[bool]:
        self._left -= sum(map(len, candidates))
        return self._judge(candidates) if candidates else []


def _ever_fewer(count: int) -> list[int]:
    """All, half of them, a quarter, down to one."""
    return [count >> shift for shift in range(count.bit_length())]


def _without(operations: Operations, runs: Sequence[range]) -> Operations:
    gone = {at for run in runs for at in run}
    return tuple(one for at, one in enumerate(operations) if at not in gone)
