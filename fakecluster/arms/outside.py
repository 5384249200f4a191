"""Judges a cluster from outside: what can be seen without a hook in a kernel or an agent.

No kernel was brought near a crash; every table is what the manager and the settings say; what
differs is told as pending. The expectation is the simulator's own (`fakecluster.oracles.expected`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fakecluster.arms.cluster import ArmCluster
from fakecluster.arms.rules import rules_of
from fakecluster.arms.values import Span
from fakecluster.configfs.kernel import NodeState
from fakecluster.oracles.expected import ExpectedNode, ExpectedTable, ListedNode, ManagerView
from o2cbd.core.model import UNSET_ADDRESS, Quorum, State

_RESTING = frozenset({State.LOST, State.STUCK, State.WAITING, State.STOPPING})
"""In these nothing is to be done, so nothing is expected of the table."""

Look = Callable[[int], Mapping[str, Any]]


class Outside:
    """The judge; may be asked again and again."""

    def __init__(
        self, cluster: ArmCluster, host_state: Look, view: Callable[[int], Mapping[str, Any] | None]
    ) -> None:
        """Tie it.

        Args:
            cluster: which.
            host_state: `fakecluster ctl state` of a host.
            view: `fakecluster ctl view` of a host.
        """
        self._cluster = cluster
        self._host_state = host_state
        self._view = view

    def findings(self) -> tuple[str, ...]:
        """Return everything that is not as it should be."""
        return tuple(self._all())

    def found_at_last(
        self,
        wait: Callable[[Callable[[], bool], Span], bool],
        also: Callable[[], Iterable[str]] = tuple,
    ) -> tuple[str, ...]:
        """Wait until there is nothing to find fault with; what there was at the last look.

        Args:
            wait: `ArmCluster.wait`.
            also: what else is found at the same look.
        """
        found: tuple[str, ...] = ()

        def content() -> bool:
            # Of one look: by the next one something new may have happened.
            nonlocal found
            found = (*self._all(), *also())
            return not found

        wait(content, Span.LATER)
        return found

    def _all(self) -> Iterator[str]:
        for host in self._cluster.spec.hosts:
            seen = self._host_state(host)
            for each in seen["poison"]:
                yield f"host {host}: the kernel could crash: {each['what']} at {each['path']}"
            for call in self._cluster.calls(host):
                written = (call.path.rsplit("/", 1)[-1], call.value.strip())
                if written in {("local", "0"), ("ipv4_address", UNSET_ADDRESS)}:
                    yield f"host {host}: {written[1]} was written to {call.path}"
            yield from self._of_table(host, seen)

    def _of_table(self, host: int, seen: Mapping[str, Any]) -> Iterator[str]:
        state = self._cluster.state(host)
        if state is None:
            return  # whoever ended it is answerable
        if not seen["running"] or seen["stopped"]:
            if state not in _RESTING:
                yield f"host {host}: its manager is away, and it says {state.value}"
            return
        if state in _RESTING:
            if state is not State.WAITING or not self._cluster.reason(host):
                yield f"host {host}: its manager runs, and it is {state.value}"
            return
        view = self._view(host)
        if view is not None:
            yield from self._of_member(host, seen, _view_of(view), state)

    def _of_member(
        self, host: int, seen: Mapping[str, Any], view: ManagerView, state: State
    ) -> Iterator[str]:
        actual = {each["name"]: _node_of(each) for each in seen["table"]}
        rules = rules_of(self._cluster.spec, host)
        rows = ExpectedTable(rules).rows(view, actual.values())
        if not any(row.local for row in rows.values()):
            if state is State.SYNCED:
                yield f"host {host}: its own node is excluded, and it says synced"
            if not self._cluster.clusters(host):
                return  # and none is made: nothing could be mounted with it
        different = _differences(rows, actual)
        pending = {waiting.node for waiting in self._cluster.pending(host)}
        if None not in pending:  # else the cluster itself waits, and all nodes with it
            for name in sorted(different - pending):
                yield f"host {host}: {name} is not as it should be, and nothing is pending"
        if different and state is State.SYNCED:
            yield f"host {host}: {', '.join(sorted(different))} differ, and it says synced"


def _differences(rows: Mapping[str, ExpectedNode], actual: Mapping[str, NodeState]) -> set[str]:
    """Return the names of all nodes that should be there, or not, or be otherwise."""
    different = set(rows) ^ set(actual)
    for name in set(rows) & set(actual):
        row, node = rows[name], actual[name]
        if not row.fits(node) or row.local != node.local:
            different.add(name)
    return different


def _view_of(view: Mapping[str, Any]) -> ManagerView:
    """Make a view of what `fakecluster ctl view` answers."""
    listed = (
        ListedNode(**{**each, "addresses": tuple(each["addresses"])}) for each in view["listed"]
    )
    return ManagerView(
        cluster=view["cluster"],
        local_id=view["local_id"],
        quorum=Quorum.QUORATE if view["quorate"] else Quorum.INQUORATE,
        two_node=view["two_node"],
        listed=tuple(listed),
    )


def _node_of(entry: Mapping[str, Any]) -> NodeState:
    keys = ("name", "num", "address", "port", "local")
    return NodeState(**{key: entry[key] for key in keys})
