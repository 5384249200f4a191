"""Real managers as the managers of an arm: a host's in namespaces of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import singledispatchmethod
from typing import Generic, TypeVar

from fakecluster import verbs
from fakecluster.arms.managers import Managers
from fakecluster.cman.topology import Topology
from fakecluster.corosync.namespaces import ManagersLab
from fakecluster.overriding import override
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb

_LabT = TypeVar("_LabT", bound=ManagersLab)
_QuestionT = TypeVar("_QuestionT", bound=Question)


class LabManagers(Managers, Generic[_LabT, _QuestionT]):
    """One real manager a host; the hosts hear each other over a switch of namespaces."""

    arm: str
    serve_options: Sequence[str] = ("--no-manager",)

    def __init__(self, topology: Topology) -> None:
        """Prepare them; no host is there yet.

        Args:
            topology: the cluster that is configured.
        """
        self._topology = topology
        self._opened = ExitStack()
        self._lab: _LabT | None = None
        self._questions: dict[int, _QuestionT] = {}

    @property
    def lab(self) -> _LabT:
        """The hosts and their managers, from `open` to `close`."""
        assert self._lab is not None, "there are no hosts before `open`"  # noqa: S101 - for type checkers
        return self._lab

    @override
    def close(self) -> None:
        self._opened.close()

    @override
    def running(self, host: int) -> bool:
        return self.lab.runs(host)

    @override
    def stopped(self, host: int) -> bool:
        return self.lab.stopped(host)

    @override
    def question(self, host: int) -> _QuestionT:
        return self._questions[host]

    def _answering(self) -> list[int]:
        """The hosts whose managers run and do not stand still."""
        return [host for host in self.lab.ids if self.running(host) and not self.stopped(host)]

    @override
    def apply(self, verb: Verb) -> None:
        self._do(verb)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        """Do what is done to every manager in the same way."""
        raise verb.refused_by(self.arm)

    @_do.register
    def _start(self, verb: verbs.CmanStart) -> None:
        self.lab.start(verb.node)

    @_do.register
    def _crash(self, verb: verbs.CmanCrash) -> None:
        self.lab.kill(verb.node)

    @_do.register
    def _stop(self, verb: verbs.CmanStop) -> None:
        self.lab.stop(verb.node)

    @_do.register
    def _cont(self, verb: verbs.CmanCont) -> None:
        self.lab.go_on(verb.node)

    @_do.register
    def _partition(self, verb: verbs.Partition) -> None:
        named = {node for group in verb.groups for node in group}
        others = [node for node in self.lab.ids if node not in named]
        self.lab.connect([*verb.groups, others])

    @_do.register
    def _cut(self, verb: verbs.Cut) -> None:
        self.lab.cut(verb.speaker, verb.listener)

    @_do.register
    def _heal(self, _verb: verbs.Heal) -> None:
        self.lab.heal()
