"""The steps of one pass: what is left of the round, what was tried, what must not follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from o2cbd.core.model import AddNode, Pending, RemoveNode, Step, node_of
from o2cbd.core.planner import Plan
from o2cbd.core.refusal import Refusal

ROUNDS_MAX = 8
"""So often a pass reads back and goes on; what is left then is done in the next pass."""


class Work:
    """Keeps one pass from trying a step twice without need."""

    def __init__(self) -> None:
        self._plan = Plan(steps=(), pending=())
        self._todo: deque[Step] = deque()
        self._current: Step | None = None
        self._tried: dict[Step, Refusal] = {}
        self._orphans: set[str] = set()
        """Nodes whose old entry this pass has removed, and whose add has not failed since."""
        self._broken: set[str] = set()
        self._rounds = 0

    @property
    def tried(self) -> Mapping[Step, Refusal]:
        """Everything that this pass must not try again."""
        return self._tried

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the round, done or not."""
        return self._plan.steps

    @property
    def left(self) -> tuple[Step, ...]:
        """The steps that are not done yet, the one under way first."""
        now = () if self._current is None else (self._current,)
        if not self._broken:  # nearly always; and it is asked for at every event
            return (*now, *self._todo)
        return (*now, *(one for one in self._todo if node_of(one) not in self._broken))

    @property
    def waiting(self) -> tuple[Pending, ...]:
        """What the round's plan could not do."""
        return self._plan.pending

    def begin_round(self, plan: Plan) -> bool:
        """Take a new plan; False when the pass has had its rounds, or nothing is to do."""
        self._todo = deque(plan.steps)
        if not plan.steps or self._rounds >= ROUNDS_MAX:
            return False
        self._rounds += 1
        self._plan = plan
        self._broken.clear()
        return True

    def next(self) -> Step | None:
        """Return the next step; None at the end of the round."""
        while self._todo:
            step = self._todo.popleft()
            if node_of(step) not in self._broken:
                self._current = step
                return step
        return None

    def succeeded(self, step: Step) -> None:
        """Note a success; what failed before a removal may have waited for that, and is free."""
        self._current = None
        if isinstance(step, RemoveNode):
            self._tried = {
                one: refusal
                for one, refusal in self._tried.items()
                if refusal.errno is None or isinstance(one, RemoveNode)
            }
            replacing = self._plan.replacing.get(step.node)
            if replacing is not None:
                self._orphans.add(replacing.node)
        self._tried[step] = Refusal(errno=None)

    def failed(self, step: Step, number: int, detail: str) -> str | None:
        """Note a failure; what needed the step is dropped from the round.

        Returns:
            The name of the node when the step is the add for which this pass has removed an entry:
            it gets one second chance in the next round. Else None.
        """
        self._current = None
        node = node_of(step)
        if node is not None:
            self._broken.add(node)
        if isinstance(step, RemoveNode):
            self._drop_replacements(step.node)
        elif isinstance(step, AddNode) and step.node.name in self._orphans:
            self._orphans.discard(step.node.name)
            return step.node.name
        self._tried[step] = Refusal(errno=number, detail=detail)
        return None

    def _drop_replacements(self, stays: str) -> None:
        """Leave alone what could not be followed by its add, now that this entry stays."""
        staying = {stays}
        while True:
            more = {
                name
                for name, replacing in self._plan.replacing.items()
                if name not in staying and not replacing.after.isdisjoint(staying)
            }
            if not more:
                break
            staying |= more
        if staying != {stays}:
            kept = (one for one in self._todo if _removed_by(one) not in staying)
            self._todo = deque(kept)


def _removed_by(step: Step) -> str | None:
    return step.node if isinstance(step, RemoveNode) else None
