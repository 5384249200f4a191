"""The cluster managers of an arm's hosts: one a host, and the network between them.

The arms of real processes differ in nothing else. Kernels, semaphores, power and daemons are those
of `fakecluster serve` on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fakecluster import verbs
from fakecluster.overriding import override
from fakecluster.server.ask import Asked
from fakecluster.server.child import AskedShutdown, ctl
from fakecluster.verb_codec import request_of
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb


class Managers(Protocol):
    """What an arm of real processes asks of its managers; hosts go by their node ids."""

    arm: str
    serve_options: Sequence[str]
    """More options of `fakecluster serve`."""
    settings: str
    """TOML for every daemon's settings file; its sections are nobody else's."""
    counts_anew: bool
    """A manager that starts counts incarnations from its own start."""

    def inside(self, host: int, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command on a host, as the same process."""
        ...

    def open(self, down: Sequence[int]) -> None:
        """Begin, once the hosts are served: all managers but these run and are of one mind."""
        ...

    def close(self) -> None:
        """End everything."""
        ...

    # --- looking

    def running(self, host: int) -> bool:
        """Return whether a host's manager runs."""
        ...

    def stopped(self, host: int) -> bool:
        """Return whether it hangs."""
        ...

    def view(self, host: int) -> Mapping[str, Any] | None:
        """Return what it holds for true, as `fakecluster ctl view`; None: it is in no cluster."""
        ...

    def question(self, host: int) -> Question:
        """Return the last shutdown that was asked for on a host."""
        ...

    # --- verbs

    def booted(self, host: int) -> None:
        """Start the manager of a host that has just been powered on, or had none."""
        ...

    def powered_off(self, host: int) -> None:
        """End what runs on a host."""
        ...

    def apply(self, verb: Verb) -> None:
        """Do a verb of the managers, their network or their configuration.

        The hosts' kernels know of another address and of a node that is added already.

        Raises:
            UnsupportedVerbError: these managers have no handler for it.
        """
        ...


class SimulatedManagers(Managers):
    """The cmans of `fakecluster serve`; what a verb does to hosts, it does to them with it."""

    arm: str = "process"
    serve_options: Sequence[str] = ()
    settings: str = ""
    counts_anew: bool = False

    def __init__(self, directory: Path) -> None:
        """Tie them.

        Args:
            directory: the server's.
        """
        self._directory = directory
        self._asked: list[AskedShutdown] = []
        self._questions: dict[int, AskedShutdown] = {}

    @override
    def inside(self, host: int, command: Sequence[str]) -> list[str]:  # noqa: ARG002 - all share this one
        """Run it here: hosts share everything of this one."""
        return list(command)

    @override
    def open(self, down: Sequence[int]) -> None:
        """Do nothing: the server has them formed when it says that all is up."""

    @override
    def close(self) -> None:
        """Wait for no decision any more."""
        for question in self._asked:
            question.close()

    def _ask(self, word: str, host: int) -> Mapping[str, Any]:
        return ctl(self._directory, word, node=host)

    def _state(self, host: int) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._ask("state", host)["nodes"][0]
        return state

    # --- looking

    @override
    def running(self, host: int) -> bool:
        return bool(self._state(host)["running"])

    @override
    def stopped(self, host: int) -> bool:
        return bool(self._state(host)["stopped"])

    @override
    def view(self, host: int) -> Mapping[str, Any] | None:
        view: Mapping[str, Any] | None = self._ask("view", host)["view"]
        return view

    @override
    def question(self, host: int) -> Question:
        return self._questions[host]

    # --- verbs

    @override
    def booted(self, host: int) -> None:
        """Do nothing: it has started with its host."""

    @override
    def powered_off(self, host: int) -> None:
        """Do nothing: it has ended with its host."""

    @override
    def apply(self, verb: Verb) -> None:
        """Do it as `fakecluster ctl` does."""
        if isinstance(verb, verbs.ChangeAddress | verbs.AddNode):
            return  # they know it with the hosts
        if not verb.commands():
            raise verb.refused_by(self.arm)
        word, fields = request_of(verb)
        if not isinstance(verb, verbs.Shutdown):
            ctl(self._directory, word, **fields)
            return
        self._questions[verb.node] = AskedShutdown(Asked(self._directory, word, fields))
        self._asked.append(self._questions[verb.node])
        # Whoever is answered twice after it knows that the server has dealt with it by then.
        for _ in range(2):
            self._state(verb.node)
