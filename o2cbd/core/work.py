"""The steps of one pass: what is left of the round, what was tried, what must not follow."""

from __future__ import annotations

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
        self._left: tuple[Step, ...] = ()
        self._tried: dict[Step, Refusal] = {}
        self._orphans: set[str] = set()
        """Nodes whose old entry this pass has removed, and whose add has not failed since."""
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
        return self._left

    @property
    def waiting(self) -> tuple[Pending, ...]:
        """What the round's plan could not do."""
        return self._plan.pending

    def begin_round(self, plan: Plan) -> bool:
        """Take a new plan; False when the pass has had its rounds, or nothing is to do."""
        self._left = plan.steps
        if not plan.steps or self._rounds >= ROUNDS_MAX:
            return False
        self._rounds += 1
        self._plan = plan
        return True

    def next(self) -> Step | None:
        """Return the step that is next, until its end is noted; None at the end of the round."""
        return self._left[0] if self._left else None

    def succeeded(self, step: Step) -> None:
        """Note a success; what failed before a removal may have waited for that, and is free."""
        self._left = self._left[1:]
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
        node, left = node_of(step), self._left[1:]
        self._left = tuple(one for one in left if node is None or node_of(one) != node)
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
        self._left = tuple(one for one in self._left if _removed_by(one) not in staying)


def _removed_by(step: Step) -> str | None:
    return step.node if isinstance(step, RemoveNode) else None
