"""Historic cmans, a host's in namespaces of its own, as the managers of an arm."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatchmethod
from pathlib import Path
from typing import Any, Final

from fakecluster import verbs
from fakecluster.arms.lab_managers import LabManagers
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.constants import FENCED, CmanState, ExtraFlag, ShutdownFlag
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.codec import (
    AddressesStruct,
    ClusterStruct,
    ExtraInfoStruct,
    FenceStruct,
    NodeStruct,
    Opcode,
    Reply,
    decode_nodes,
    encode_ints,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.historic.lab import CmanLab
from fakecluster.historic.root import CmanRoot
from fakecluster.overriding import override
from fakecluster.transport.sockaddrs import sockaddr_text
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.core.reports import symbol

_GONE: Final = "EHOSTDOWN"
"""How a question ends whose cman goes without a word."""


class CmanManagers(LabManagers[CmanLab, "CmanQuestion"]):
    """One historic cman a host."""

    arm = "process-cman"
    counts_anew: bool = False

    def __init__(self, root: CmanRoot, topology: Topology, directory: Path) -> None:
        """Prepare them; no host is there yet.

        Args:
            root: the programs.
            topology: the cluster that is configured.
            directory: made, for logs and the configuration.
        """
        super().__init__(topology)
        self._root = root
        self._directory = directory
        self.settings = f'[membership]\nsource = "cman"\nlibcman = "{root.libcman}"\n'
        self._nodes = {node.id: node for node in topology.nodes}

    @override
    def inside(self, host: int, command: Sequence[str]) -> list[str]:
        """Run it with the semaphores of the served hosts, which are this machine's."""
        libraries = f"LD_LIBRARY_PATH={self._root.environment['LD_LIBRARY_PATH']}"
        return self.lab.host(host).command_for_all("env", libraries, *command)

    @override
    def open(self, down: Sequence[int]) -> None:
        """Make the hosts now, since they have copies of our mounts."""
        self._lab = CmanLab(self._root, self._topology, self._directory)
        self._opened.callback(self._lab.close)
        for host in self._topology.ids:
            if host in down:
                self._lab.power(host, on=False)
            else:
                self._lab.start(host)
        self._lab.settle()

    # --- looking

    @override
    def view(self, host: int) -> Mapping[str, Any] | None:
        """Ask over the wire, not by the library that the daemon uses."""
        if not self.running(host) or self.stopped(host):
            return None
        try:
            with self.lab.client(host) as client:
                return _view(client)
        except (OSError, HungUpError):  # it ends in this moment
            return None

    # --- the managers

    @override
    def booted(self, host: int) -> None:
        self.lab.power(host, on=True)
        self.lab.start(host)

    @override
    def powered_off(self, host: int) -> None:
        self.lab.power(host, on=False)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        super()._do(verb)

    @_do.register
    def _leave(self, verb: verbs.Leave) -> None:
        self.lab.leave(verb.node, removed=verb.removed)

    @_do.register
    def _fence(self, verb: verbs.Fence) -> None:
        self.lab.fenced(verb.node, by=verb.by)

    @_do.register
    def _qdisk(self, verb: verbs.Qdisk) -> None:
        # Its daemon is played over cman's admin socket.
        self.lab.poll_disk(verb.node, available=verb.available)

    @_do.register
    def _expected(self, verb: verbs.Expected) -> None:
        self.lab.expect(verb.node, verb.votes)

    @_do.register
    def _shutdown(self, verb: verbs.Shutdown) -> None:
        flags = ShutdownFlag.ANYWAY if verb.forced else ShutdownFlag(0)
        flags |= ShutdownFlag.REMOVED if verb.removed else ShutdownFlag(0)
        client = self._opened.enter_context(self.lab.client(verb.node, admin=True))
        self._questions[verb.node] = CmanQuestion(client, flags)

    # --- the configuration

    @_do.register
    def _address(self, verb: verbs.ChangeAddress) -> None:
        if self.running(verb.node):  # it reports its ring's, for its life
            raise UnsupportedVerbError(self.arm, Capability.FREE_ADDRESSES)
        self._nodes[verb.node] = replace(self._nodes[verb.node], addresses=verb.addresses)
        self.lab.move(self._nodes[verb.node])
        self._announce()

    @_do.register
    def _add_node(self, verb: verbs.AddNode) -> None:
        self._nodes[verb.id] = verb.config
        self.lab.add(verb.config)
        self.lab.power(verb.id, on=False)
        self._announce()

    @_do.register
    def _remove_node(self, verb: verbs.RemoveNode) -> None:
        del self._nodes[verb.node]
        self._announce()

    @_do.register
    def _rename_node(self, verb: verbs.RenameNode) -> None:
        self._nodes[verb.node] = replace(self._nodes[verb.node], name=verb.name)
        self._announce()

    def _announce(self) -> None:
        self.lab.configure(list(self._nodes.values()))
        if able := self._answering():
            self.lab.announce(able[0])


class CmanQuestion(Question):
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
    @override
    def outcome(self) -> str | None:
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
    """The fields of a `fakecluster.oracles.expected.ManagerView`; None: it is in no ring yet.

    Raises:
        OSError: cman refuses what it never refuses.
        HungUpError: it ends in this moment.
    """
    nodes = client.ask(Opcode.GETALLMEMBERS)
    if nodes.status == -errno.ENOENT:
        return None
    records = decode_nodes(nodes)
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
    """One node, with the fields of a `fakecluster.oracles.expected.Listed`."""
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
