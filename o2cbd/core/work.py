"""The steps of one pass: what is left of the round, what was tried, what must not follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from o2cbd.core.model import AddNode, Pending, RemoveNode, Step, node_of
from o2cbd.core.planner import Plan, Refusal

ROUNDS_MAX = 8
"""So often a pass reads back and goes on; what is left then is done in the next pass."""


class Work:
    """Keeps one pass from trying a step twice, except an add that must follow its removal."""

    def __init__(self) -> None:
        self._plan = Plan(steps=(), pending=(), replacing=frozenset())
        self._todo: deque[Step] = deque()
        self._tried: dict[Step, Refusal] = {}
        self._done: set[Step] = set()
        self._replaced_nums: set[int] = set()
        self._second_chances: set[Step] = set()
        self._broken: set[str | None] = set()
        self._rounds = 0

    @property
    def tried(self) -> Mapping[Step, Refusal]:
        """Everything that this pass must not try again."""
        return self._tried

    @property
    def done(self) -> frozenset[Step]:
        """Everything that this pass has done."""
        return frozenset(self._done)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the round, done or not."""
        return self._plan.steps

    @property
    def waiting(self) -> tuple[Pending, ...]:
        """What the round's plan could not do."""
        return self._plan.pending

    def begin_round(self, plan: Plan) -> bool:
        """Take a new plan; False when the pass has had its rounds, or nothing is to do."""
        if not plan.steps or self._rounds >= ROUNDS_MAX:
            return False
        self._rounds += 1
        self._plan = plan
        self._todo = deque(plan.steps)
        self._broken.clear()
        return True

    def next(self) -> Step | None:
        """Return the next step; None at the end of the round."""
        while self._todo:
            step = self._todo.popleft()
            if node_of(step) is None or node_of(step) not in self._broken:
                return step
        return None

    def succeeded(self, step: Step, num: int | None) -> None:
        """Note a success. `num` is the num of the entry, for a removal."""
        self._tried[step] = Refusal(errno=None)
        self._done.add(step)
        if isinstance(step, RemoveNode) and step.node in self._plan.replacing and num is not None:
            self._replaced_nums.add(num)

    def failed(self, step: Step, number: int, detail: str) -> bool:
        """Note a failure; what needed the step is dropped from the round.

        Returns:
            True when the step is the add of a node that this pass has removed for it: it gets one
            second chance in the next round.
        """
        self._broken.add(node_of(step))
        if isinstance(step, RemoveNode):
            kept = (one for one in self._todo if not self._replaces(one))
            self._todo = deque(kept)  # another's replacement may have counted on it
        orphaned = isinstance(step, AddNode) and step.node.num in self._replaced_nums
        if orphaned and step not in self._second_chances:
            self._second_chances.add(step)
            return True
        self._tried[step] = Refusal(errno=number, detail=detail)
        return False

    def _replaces(self, step: Step) -> bool:
        return isinstance(step, RemoveNode) and step.node in self._plan.replacing
