"""The judge of rest: configfs equals policy on every host, and what waits has a true reason.

Before the daemon is blamed it is asked whether it could have done better: a step that quorum, a
pin, a holder or a fault keeps back is no fault of the daemon's, as long as it says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fakecluster.cman.engine import Engine, Sockets
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.kernel import ClusterState
from fakecluster.oracles.expected import ExpectedNode, ManagerView, num_of, usable_cluster_name
from fakecluster.sim.blockers import add_blockers, local_blockers, removal_blockers
from fakecluster.sim.host import SimHost
from o2cbd.core.model import SetAttribute, State, Status, Step, Why, node_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """Something that is not as it should be, and what truly keeps it so."""

    node: str
    what: str
    blockers: frozenset[Why]


class LivenessOracle:
    """Looks at every host of a world; may be asked again and again."""

    def __init__(
        self,
        engine: Engine,
        hosts: Mapping[int, SimHost],
        open_shutdowns: Callable[[], Collection[int]],
    ) -> None:
        """Tie it.

        Args:
            engine: the world's manager.
            hosts: the world's hosts, by node id.
            open_shutdowns: gives the hosts on which a shutdown could be decided, and was not.
        """
        self._engine = engine
        self._hosts = hosts
        self._open_shutdowns = open_shutdowns

    def ok(self) -> bool:
        """True when there is nothing to find fault with."""
        return next(self._all(), None) is None

    def findings(self) -> list[str]:
        """Return everything that is not as it should be."""
        return list(self._all())

    def _all(self) -> Iterator[str]:
        for node_id in self._open_shutdowns():
            yield f"node {node_id}: a shutdown was asked and never decided"
        for host in self._hosts.values():
            for text in _of_host(host, self._engine):
                yield f"node {host.id}: {text}"


def _of_host(host: SimHost, engine: Engine) -> Iterator[str]:
    status = host.status
    if status is None or status.state is State.STOPPING:
        return  # whoever ended it is answerable
    manager = engine.state(host.id)
    view = host.truth.view
    if manager.stopped and manager.sockets is Sockets.LISTENING:
        yield from _in_state(status, "the manager is stopped", State.STUCK, State.LOST)
    elif manager.stopped:  # before anybody could connect
        yield from _in_state(status, "no manager listens", State.LOST, State.WAITING)
    elif not manager.running:
        yield from _in_state(status, "there is no manager", State.LOST, State.WAITING)
    elif host.faulted:
        return  # nothing is to be expected before faults end
    elif view is None or view.own_name is None:
        yield from _in_state(status, "this is no member", State.WAITING, State.LOST)
    elif _no_such_cluster(host, view):
        yield from _in_state(status, "the cluster's name forbids it", State.WAITING, State.LOST)
    elif host.model.presence is not Presence.O2CB:
        yield from _in_state(status, "there is no configfs", State.WAITING)
    else:
        yield from _of_member(host, view, status)


def _no_such_cluster(host: SimHost, view: ManagerView) -> bool:
    """True where OCFS2 takes no such name, or the daemon began with another cluster."""
    other = host.oracle.followed not in {None, view.cluster}
    return other or not usable_cluster_name(host.truth.cluster)


def _in_state(status: Status, why: str, *states: State) -> Iterator[str]:
    if status.state not in states:
        expected = " or ".join(state.value for state in states)
        yield f"{why}: it should be {expected} and is {status.state.value}"


def _of_member(host: SimHost, view: ManagerView, status: Status) -> Iterator[str]:
    if status.state is State.WAITING and host.truth.semaphore.unusable_errno is not None:
        return  # nothing is changed without it
    if status.state in {State.LOST, State.WAITING, State.STUCK}:
        yield f"it is {status.state.value} without need: {status.reason}"
        return
    yield from _of_knowledge(host, view, status)
    cluster = host.model.kernel.cluster
    if cluster is not None and cluster.name != host.truth.cluster:
        if all(one.why is not Why.FOREIGN_CLUSTER for one in status.pending):
            yield f"the cluster {cluster.name} is in the way, and it does not say so"
        return
    rows = host.truth.rows
    excluded = not any(row.local for row in rows.values())
    if excluded:
        yield from _of_excluded(status)
    if cluster is None:
        if not excluded:  # else nobody could mount with it
            yield from _kept_by_holder(host, status, "there is no cluster")
        return
    differences = [*_differences(host, cluster, rows, view)]
    if differences and host.truth.held_by_others and not _blocked_anyway(differences, status):
        yield from _kept_by_holder(host, status, differences[0].what)
        return
    for one in differences:
        yield from _of_difference(one, status)
    yield from _of_attributes(host, cluster, status)
    rested = State.PENDING if excluded else State.SYNCED
    yield from _of_state(status, cluster, {one.node for one in differences}, rested)


def _is_in_doubt(step: Step, cluster: ClusterState) -> bool:
    """True for a num 0 that is there, and that another entry without a num might have instead."""
    if not isinstance(step, SetAttribute) or (step.attribute, step.value) != ("num", "0"):
        return False
    node = cluster.nodes.get(step.node or "")
    others = [one for one in cluster.nodes.values() if one is not node]
    return node is not None and node.num == 0 and any(one.num is None for one in others)


def _of_excluded(status: Status) -> Iterator[str]:
    """Without our own node in the table nothing can be mounted here: that is never in sync."""
    if status.state is State.SYNCED:
        yield "it says that all is in sync, and its own node is excluded"
    elif status.state is State.PENDING and not status.reason:
        yield "its own node is excluded, and it does not say why"


def _of_knowledge(host: SimHost, view: ManagerView, status: Status) -> Iterator[str]:
    """What the daemon knows of the manager must be what the manager says."""
    members = sorted((each.id, each.name) for each in view.listed if each.member)
    known = [(each.id, each.name) for each in status.members]
    if members != known:
        yield f"its manager has the members {members}, it knows {known}"
    if status.quorum is not view.quorum:
        yield f"its manager is {view.quorum.value}, and it does not know"
    rows, table = host.truth.rows, host.daemon.rules.table
    explained = {left.id for left in status.left_out if left.reason}
    there = {(row.name, row.num) for row in rows.values()}
    silent = [
        each.id
        for each in view.listed
        if each.member
        and each.id not in explained
        and (each.called, num_of(each, table)) not in there
    ]
    if silent:
        yield f"the members {silent} are excluded, and it does not say why"
    called = {each.called for each in view.listed}
    remarks = "".join(remark.text for remark in status.remarks)
    nobody = [name for name in table.nodes if name not in called and name not in remarks]
    if nobody:
        yield f"the settings of {nobody} are nobody's, and it does not say so"


def _blocked_anyway(differences: Sequence[_Difference], status: Status) -> bool:
    """True where all waits for something else, too: then nobody even asks for the hold."""
    told = any(one.why is Why.HELD for one in status.pending)
    return not told and all(one.blockers for one in differences)


def _kept_by_holder(host: SimHost, status: Status, what: str) -> Iterator[str]:
    if not host.truth.held_by_others:
        yield f"{what}, and nothing keeps that so"
    elif all(one.why is not Why.HELD for one in status.pending):
        yield f"{what}, somebody holds, and it does not say so"


def _differences(
    host: SimHost, cluster: ClusterState, rows: Mapping[str, ExpectedNode], view: ManagerView
) -> Iterator[_Difference]:
    for name, node in cluster.nodes.items():
        row = rows.get(name)
        right = row is not None and row.fits(node)
        if row is not None and right and row.local and not node.local:
            blockers = local_blockers(host, row)
            yield _Difference(node=name, what=f"{name} is not local", blockers=blockers)
        elif row is None or not right or (node.local and not row.local):
            what = f"{name} should not be there" if row is None else f"{name} is not right"
            blockers = removal_blockers(host, node, row, view, host.oracle.forgotten)
            yield _Difference(node=name, what=what, blockers=blockers)
    for name, row in rows.items():
        if name not in cluster.nodes:
            blockers = add_blockers(row, cluster)
            yield _Difference(node=name, what=f"{name} is missing", blockers=blockers)


def _of_difference(one: _Difference, status: Status) -> Iterator[str]:
    if not one.blockers:
        yield f"{one.what}, and nothing keeps that so"
        return
    said = {each.why for each in status.pending if node_of(each.step) == one.node}
    if said.isdisjoint(one.blockers):
        true = ", ".join(sorted(why.value for why in one.blockers))
        given = ", ".join(sorted(why.value for why in said)) or "nothing"
        yield f"{one.what}: what keeps it so is {true}, and it says {given}"


def _of_attributes(host: SimHost, cluster: ClusterState, status: Status) -> Iterator[str]:
    is_now = {
        "idle_timeout_ms": str(cluster.idle_timeout_ms),
        "keepalive_delay_ms": str(cluster.keepalive_delay_ms),
        "reconnect_delay_ms": str(cluster.reconnect_delay_ms),
        "fence_method": cluster.fence_method,
        "heartbeat/dead_threshold": str(host.model.kernel.dead_threshold),
    }
    waiting = {getattr(each.step, "attribute", None) for each in status.pending}
    for name, value in host.daemon.rules.attributes.items():
        if name not in is_now or is_now[name] == value:
            continue
        if name not in waiting:
            yield f"{name} is {is_now[name]}, should be {value}"
        elif not cluster.regions and not host.truth.held_by_others and _takes(cluster, name, value):
            # Kernels ignore attributes where a region is.
            yield f"{name} is {is_now[name]}, should be {value}, and nothing keeps that so"


def _takes(cluster: ClusterState, name: str, value: str) -> bool:
    """True where the kernel takes a value beside the others: idle_timeout above keepalive_delay."""
    match name:
        case "idle_timeout_ms":
            return int(value) > cluster.keepalive_delay_ms
        case "keepalive_delay_ms":
            return int(value) < cluster.idle_timeout_ms
        case _:
            return True


def _of_state(
    status: Status, cluster: ClusterState, different: set[str], rested: State
) -> Iterator[str]:
    """The daemon says that it waits where it does, and only there; its fingerprint is true."""
    idle = [each for each in status.pending if (node_of(each.step) or "") not in {*different, ""}]
    for each in idle:
        if _is_in_doubt(each.step, cluster):
            continue
        yield f"it waits to {type(each.step).__name__} {each.node}, and nothing is to be done there"
    if not different and not status.pending and status.state is not rested:
        yield f"all is as it should be, and it is {status.state.value}"
    if different and status.state is State.SYNCED:
        yield "it says that all is in sync"
    lines = sorted(
        (node.num or 0, f"{node.num} {node.address} {node.port}\n")
        for node in cluster.nodes.values()
        if node.num is not None
    )
    text = "".join(line for _, line in lines)
    if not different and status.fingerprint != hashlib.sha256(text.encode()).hexdigest()[:16]:
        yield "its fingerprint is not that of the kernel's table"
