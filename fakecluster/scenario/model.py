"""A scenario: a cluster, the operator's settings, and what is done when. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.verbs import Verb
from o2cbd.core.rules import Rules


class ScenarioError(ValueError):
    """A scenario that cannot be; `problems` has all of it, each with its key path."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that is done to the cluster at one moment."""

    at_us: int
    """Virtual time; actions of one moment are done in their order."""
    verb: Verb
    given: frozenset[str] = field(default=frozenset(), compare=False)
    """The arguments that its file gives, written again though they may be as usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that a run needs.

    The actions are done first. Then all faults end and the nodes of `revive` are started where they
    are not up; then the world has to come to rest, and is judged.
    """

    topology: Topology
    actions: tuple[Action, ...]
    """Sorted by time."""
    end_us: int
    """When the faults end; not before the last action."""
    revive: tuple[int, ...] = ()
    """Ids of the nodes that are started then; the others stay as they are, except that a daemon
    is started wherever there is power."""
    title: str = ""
    seed: int = 0
    """Of the manager's draws."""
    timings: Timings = field(default_factory=Timings)
    rules: Rules = field(default_factory=Rules)
    dead_threshold: int = 5
    """The disk heartbeat's, in intervals of two seconds."""
