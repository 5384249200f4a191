"""Historic cmans, a host's in namespaces of its own, as the managers of an arm."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

from fakecluster.arms.managers import UnsupportedVerbError
from fakecluster.arms.values import Capability
from fakecluster.cman.constants import FENCED, CmanState, ExtraFlag, ShutdownFlag
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import (
    NODE_BYTES,
    AddressesStruct,
    ClusterStruct,
    ExtraInfoStruct,
    FenceStruct,
    NodeStruct,
    Opcode,
    Reply,
    encode_ints,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.historic.lab import CmanLab
from fakecluster.historic.root import CmanRoot
from fakecluster.sockaddrs import sockaddr_text
from o2cbd.core.reports import symbol

_GONE: Final = "EHOSTDOWN"
"""How a question ends whose cman goes without a word."""


class CmanManagers:
    """One historic cman a host; the hosts hear each other over a switch of namespaces."""

    arm: str = "process-cman"
    serve_options: Sequence[str] = ("--no-manager",)
    counts_anew: bool = False

    def __init__(self, root: CmanRoot, topology: Topology, directory: Path) -> None:
        """Prepare them; no host is there yet.

        Args:
            root: the programs.
            topology: the cluster that is configured.
            directory: made, for logs and the configuration.
        """
        self._root = root
        self._topology = topology
        self._directory = directory
        self.settings = f'[membership]\nsource = "cman"\nlibcman = "{root.libcman}"\n'
        self._nodes = {node.id: node for node in topology.nodes}
        self._opened = ExitStack()
        self._lab: CmanLab | None = None

    @property
    def lab(self) -> CmanLab:
        """The hosts and their cmans, from `open` to `close`."""
        assert self._lab is not None, "there are no hosts before `open`"  # noqa: S101 - for type checkers
        return self._lab

    def inside(self, host: int, command: Sequence[str]) -> list[str]:
        """See `Managers.inside`; the semaphores are those of the served hosts, on this machine."""
        libraries = f"LD_LIBRARY_PATH={self._root.environment['LD_LIBRARY_PATH']}"
        return self.lab.host(host).command_for_all("env", libraries, *command)

    def open(self, down: Sequence[int]) -> None:
        """See `Managers.open`; the hosts have copies of our mounts, so they are made now."""
        self._lab = CmanLab(self._root, self._topology, self._directory)
        self._opened.callback(self._lab.close)
        for host in self._topology.ids:
            if host in down:
                self._lab.power(host, on=False)
            else:
                self._lab.start(host)
        self._lab.settle()

    def close(self) -> None:
        """See `Managers.close`."""
        self._opened.close()

    # --- looking

    def running(self, host: int) -> bool:
        """See `Managers.running`."""
        return self.lab.runs(host)

    def stopped(self, host: int) -> bool:
        """See `Managers.stopped`."""
        return self.lab.stopped(host)

    def view(self, host: int) -> Mapping[str, Any] | None:
        """See `Managers.view`; asked over the wire, not by the library that the daemon uses."""
        if not self.running(host) or self.stopped(host):
            return None
        try:
            with self.lab.client(host) as client:
                return _view(client)
        except (OSError, HungUpError):  # it ends in this moment
            return None

    # --- the managers

    def booted(self, host: int) -> None:
        """See `Managers.booted`."""
        self.lab.power(host, on=True)
        self.start(host)

    def powered_off(self, host: int) -> None:
        """See `Managers.powered_off`."""
        self.lab.power(host, on=False)

    def start(self, host: int) -> None:
        """See `Managers.start`; it is a member on return."""
        self.lab.start(host)

    def crash(self, host: int) -> None:
        """See `Managers.crash`."""
        self.lab.kill(host)

    def stop(self, host: int) -> None:
        """See `Managers.stop`."""
        self.lab.stop(host)

    def cont(self, host: int) -> None:
        """See `Managers.cont`."""
        self.lab.go_on(host)

    def leave(self, host: int, *, removed: bool) -> None:
        """See `Managers.leave`."""
        self.lab.leave(host, removed=removed)

    def fence(self, host: int, *, by: int) -> None:
        """See `Managers.fence`."""
        self.lab.fenced(host, by=by)

    def qdisk(self, host: int, *, available: bool) -> None:
        """See `Managers.qdisk`; its daemon is played over cman's admin socket."""
        self.lab.poll_disk(host, available=available)

    def expected(self, host: int, votes: int) -> None:
        """See `Managers.expected`."""
        self.lab.expect(host, votes)

    def shutdown(self, host: int, *, force: bool, remove: bool) -> CmanQuestion:
        """See `Managers.shutdown`."""
        flags = ShutdownFlag.ANYWAY if force else ShutdownFlag(0)
        flags |= ShutdownFlag.REMOVED if remove else ShutdownFlag(0)
        client = self._opened.enter_context(self.lab.client(host, admin=True))
        return CmanQuestion(client, flags)

    # --- the network

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """See `Managers.partition`."""
        named = {node for group in groups for node in group}
        others = [node for node in self.lab.ids if node not in named]
        self.lab.connect([*groups, others])

    def cut(self, speaker: int, listener: int) -> None:
        """See `Managers.cut`."""
        self.lab.cut(speaker, listener)

    def heal(self) -> None:
        """See `Managers.heal`."""
        self.lab.heal()

    # --- the configuration

    def address(self, node: int, addresses: Sequence[str]) -> None:
        """See `Managers.address`: cman's is its ring's, so only while it does not run."""
        if self.running(node):
            self._lacks(Capability.FREE_ADDRESSES)
        self._nodes[node] = replace(self._nodes[node], addresses=tuple(addresses))
        self.lab.move(self._nodes[node])
        self._announce()

    def add_node(self, node: NodeConfig) -> None:
        """See `Managers.add_node`."""
        self._nodes[node.id] = node
        self.lab.add(node)
        self.lab.power(node.id, on=False)
        self._announce()

    def remove_node(self, node: int) -> None:
        """See `Managers.remove_node`."""
        del self._nodes[node]
        self._announce()

    def rename_node(self, node: int, name: str) -> None:
        """See `Managers.rename_node`."""
        self._nodes[node] = replace(self._nodes[node], name=name)
        self._announce()

    def rename_cluster(self, name: str) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.rename_cluster`."""
        self._lacks(Capability.RENAMED_CLUSTER)

    def _announce(self) -> None:
        self.lab.configure(list(self._nodes.values()))
        able = [host for host in self.lab.ids if self.running(host) and not self.stopped(host)]
        if able:
            self.lab.announce(able[0])

    # --- faults

    def notice(self, host: int, fault: NoticeFault, *, count: int) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.notice`."""
        self._lacks(Capability.NOTICE_FAULTS)

    def fail_read(self, host: int, errno: int, *, count: int) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.fail_read`."""
        self._lacks(Capability.FAILING_READS)

    def _lacks(self, capability: Capability) -> NoReturn:
        raise UnsupportedVerbError(self.arm, capability)


class CmanQuestion:
    """A shutdown that is asked of a cman over its admin socket."""

    def __init__(self, client: RawClient, flags: ShutdownFlag) -> None:
        """Ask; whoever listens is asked on return.

        Args:
            client: an admin's connection, nobody else's.
            flags: of the request.
        """
        self._client = client
        self._outcome: str | None = None
        client.send(Opcode.TRY_SHUTDOWN, encode_ints(int(flags)))
        # Requests of one connection are taken in their order; this one is answered at once.
        client.send(Opcode.ISACTIVE)
        while self._outcome is None and self._next() != Opcode.ISACTIVE:
            pass

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
        while self._outcome is None and self._client.has_news():
            self._next()
        return self._outcome

    def _next(self) -> int | None:
        """Take one message, and return the command that it answers, if any."""
        try:
            message = self._client.next_message()
        except HungUpError:
            self._outcome = _GONE
            return None
        if not isinstance(message, Reply):
            return None
        if message.command == Opcode.TRY_SHUTDOWN:
            self._outcome = "allowed" if message.status == 0 else symbol(-message.status)
        return message.command


def _view(client: RawClient) -> dict[str, Any] | None:
    """The fields of a `fakecluster.truth.ManagerView`; None: it is in no ring yet.

    Raises:
        OSError: cman refuses what it never refuses.
        HungUpError: it ends in this moment.
    """
    nodes = client.ask(Opcode.GETALLMEMBERS)
    if nodes.status == -errno.ENOENT:
        return None
    offsets = range(0, max(nodes.status, 0) * NODE_BYTES, NODE_BYTES)
    records = [NodeStruct.decode(nodes.payload, offset) for offset in offsets]
    cluster = ClusterStruct.decode(_good(client, Opcode.GETCLUSTER))
    extra = ExtraInfoStruct.decode(_good(client, Opcode.GETEXTRAINFO))
    return {
        "cluster": cluster.name.decode(),
        "local_id": next((record.node_id for record in records if record.us), 0),
        "quorate": client.ask(Opcode.ISQUORATE).status == 1,
        "two_node": bool(extra.flags & ExtraFlag.TWO_NODE),
        "listed": [_listed(client, record) for record in records],
    }


def _listed(client: RawClient, record: NodeStruct) -> dict[str, Any]:
    """One node, with the fields of a `fakecluster.truth.Listed`."""
    member = record.state == CmanState.MEMBER
    addresses: tuple[str, ...] = ()
    fenced = False
    if record.node_id:
        asked = encode_ints(record.node_id)
        fence = FenceStruct.decode(_good(client, Opcode.GET_FENCE_INFO, asked))
        fenced = bool(fence.flags & FENCED)
        if member:
            found = AddressesStruct.decode(_good(client, Opcode.GET_NODEADDRS, asked))
            addresses = tuple(sockaddr_text(each) for each in found.addresses)
    return {
        "id": record.node_id,
        "name": record.name.decode(errors="surrogateescape"),
        "member": member,
        "addresses": addresses,
        "fenced": fenced,
        "votes": record.votes,
    }


def _good(client: RawClient, command: Opcode, body: bytes = b"") -> bytes:
    reply = client.ask(command, body)
    if reply.status < 0:
        raise OSError(-reply.status, command.name)
    return reply.payload
