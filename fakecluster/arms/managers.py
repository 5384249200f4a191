"""The cluster managers of an arm's hosts: one a host, and the network between them.

The arms of real processes differ in nothing else. Kernels, semaphores, power and daemons are those
of `fakecluster serve` on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fakecluster.arms.cluster import Question
from fakecluster.arms.values import Capability
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from fakecluster.serve.ask import Asked
from fakecluster.serve.child import ctl
from o2cbd.core.reports import symbol


class UnsupportedVerbError(AssertionError):
    """A scenario asks for what its arm cannot do, and does not say that it needs it."""

    def __init__(self, arm: str, capability: Capability) -> None:
        super().__init__(f"{arm} cannot do it: {capability.value}")


class Managers(Protocol):
    """What an arm of real processes asks of its managers; hosts go by their node ids.

    A verb that these managers do not know raises `UnsupportedVerbError`.
    """

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

    # --- the managers

    def booted(self, host: int) -> None:
        """Start the manager of a host that has just been powered on, or had none."""
        ...

    def powered_off(self, host: int) -> None:
        """End what runs on a host."""
        ...

    def start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        ...

    def crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        ...

    def stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        ...

    def cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        ...

    def leave(self, host: int, *, removed: bool) -> None:
        """See `Cluster.leave`."""
        ...

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        ...

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Cluster.qdisk`."""
        ...

    def expected(self, host: int, votes: int) -> None:
        """See `Cluster.expected`."""
        ...

    def shutdown(self, host: int, *, force: bool, remove: bool) -> Question:
        """See `Cluster.shutdown`."""
        ...

    # --- the network

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """See `Cluster.partition`."""
        ...

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        ...

    def heal(self) -> None:
        """See `Cluster.heal`."""
        ...

    # --- the configuration; the hosts' kernels know of it already

    def address(self, node: int, addresses: Sequence[str]) -> None:
        """See `Cluster.address`."""
        ...

    def add_node(self, node: NodeConfig) -> None:
        """See `Cluster.add_node`."""
        ...

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        ...

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        ...

    def rename_cluster(self, name: str) -> None:
        """See `Cluster.rename_cluster`."""
        ...

    # --- faults

    def notice(self, host: int, fault: NoticeFault, *, count: int) -> None:
        """See `Cluster.notice`."""
        ...

    def fail_read(self, host: int, errno: int, *, count: int) -> None:
        """See `Cluster.fail_read`."""
        ...


class SimulatedManagers:
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
        self._questions: list[Asked] = []

    def inside(self, host: int, command: Sequence[str]) -> list[str]:  # noqa: ARG002 - all share this one
        """See `Managers.inside`: hosts share everything of this one."""
        return list(command)

    def open(self, down: Sequence[int]) -> None:
        """See `Managers.open`: the server has them formed when it says that all is up."""

    def close(self) -> None:
        """See `Managers.close`: no decision is waited for any more."""
        for question in self._questions:
            question.close()

    def _do(self, verb: str, host: int, **arguments: Any) -> Mapping[str, Any]:
        return ctl(self._directory, verb, node=host, **arguments)

    def _state(self, host: int) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._do("state", host)["nodes"][0]
        return state

    # --- looking

    def running(self, host: int) -> bool:
        """See `Managers.running`."""
        return bool(self._state(host)["running"])

    def stopped(self, host: int) -> bool:
        """See `Managers.stopped`."""
        return bool(self._state(host)["stopped"])

    def view(self, host: int) -> Mapping[str, Any] | None:
        """See `Managers.view`."""
        view: Mapping[str, Any] | None = self._do("view", host)["view"]
        return view

    # --- the managers

    def booted(self, host: int) -> None:
        """See `Managers.booted`: it has started with its host."""

    def powered_off(self, host: int) -> None:
        """See `Managers.powered_off`: it has ended with its host."""

    def start(self, host: int) -> None:
        """See `Managers.start`."""
        self._do("cman-start", host)

    def crash(self, host: int) -> None:
        """See `Managers.crash`."""
        self._do("cman-crash", host)

    def stop(self, host: int) -> None:
        """See `Managers.stop`."""
        self._do("cman-stop", host)

    def cont(self, host: int) -> None:
        """See `Managers.cont`."""
        self._do("cman-cont", host)

    def leave(self, host: int, *, removed: bool) -> None:
        """See `Managers.leave`."""
        self._do("leave", host, remove=removed)

    def fence(self, host: int, *, by: int) -> None:
        """See `Managers.fence`."""
        self._do("fence", host, by=str(by))

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Managers.qdisk`."""
        self._do("qdisk", host, lost=not available)

    def expected(self, host: int, votes: int) -> None:
        """See `Managers.expected`."""
        self._do("expected", host, votes=votes)

    def shutdown(self, host: int, *, force: bool, remove: bool) -> Question:
        """See `Managers.shutdown`."""
        arguments = {"node": str(host), "force": force, "remove": remove}
        asked = Asked(self._directory, "shutdown", arguments)
        self._questions.append(asked)
        # Whoever is answered twice after it knows that the server has dealt with it by then.
        for _ in range(2):
            self._state(host)
        return _ServedQuestion(asked)

    # --- the network

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """See `Managers.partition`."""
        ctl(self._directory, "partition", groups=groups_text(groups))

    def cut(self, speaker: int, listener: int) -> None:
        """See `Managers.cut`."""
        ctl(self._directory, "cut", speaker=str(speaker), listener=str(listener))

    def heal(self) -> None:
        """See `Managers.heal`."""
        ctl(self._directory, "heal")

    # --- the configuration

    def address(self, node: int, addresses: Sequence[str]) -> None:
        """See `Managers.address`: they know it with the hosts."""

    def add_node(self, node: NodeConfig) -> None:
        """See `Managers.add_node`: they know it with the hosts."""

    def remove_node(self, node: int) -> None:
        """See `Managers.remove_node`."""
        self._do("remove-node", node)

    def rename_node(self, node: int, name: str) -> None:
        """See `Managers.rename_node`."""
        self._do("rename-node", node, name=name)

    def rename_cluster(self, name: str) -> None:
        """See `Managers.rename_cluster`."""
        ctl(self._directory, "rename-cluster", name=name)

    # --- faults

    def notice(self, host: int, fault: NoticeFault, *, count: int) -> None:
        """See `Managers.notice`."""
        self._do("notice", host, fault=fault.value, count=count)

    def fail_read(self, host: int, errno: int, *, count: int) -> None:
        """See `Managers.fail_read`."""
        self._do("fail-read", host, errno=symbol(errno), count=count)


class _ServedQuestion:
    """A shutdown that was asked of a served cluster."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._outcome: str | None = None

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
        if self._outcome is None and self._asked.answered():
            answer = self._asked.wait()
            if not answer["ok"]:
                raise AssertionError(f"shutdown: {answer['error']}")
            self._outcome = "allowed" if answer["allowed"] else answer["errno"]
        return self._outcome


def groups_text(groups: Sequence[Sequence[int]]) -> str:
    """Write the groups of a partition as `fakecluster ctl` takes them: `1,2/3` is two groups."""
    return "/".join(",".join(map(str, group)) for group in groups)
