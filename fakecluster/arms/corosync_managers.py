"""Real corosyncs, a host's in namespaces of its own, as the managers of an arm."""

from __future__ import annotations

import ipaddress
import select
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import singledispatchmethod
from pathlib import Path
from typing import Any, Final, NoReturn

import fakecluster
from fakecluster import verbs
from fakecluster.arms.lab_managers import LabManagers
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.corosync.cmap import CmapError, CorosyncMap
from fakecluster.corosync.configuration import Block
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from fakecluster.corosync.view import manager_fields
from fakecluster.overriding import override
from fakecluster.verb_methods import Question
from fakecluster.verbs import Verb
from o2cbd.membership.libcorosync_table import CorosyncTable

_RING_NETWORK: Final = "10.0.255."
"""Rings of nodes whose own address cannot carry one; in the network of the usual ones."""
_ROOT: Final = Path(fakecluster.__file__).parents[1]


class CorosyncManagers(LabManagers[CorosyncLab, "CorosyncQuestion"]):
    """One corosync a host."""

    arm = "process-corosync"
    # The scenarios' default on every arm; o2cbd's own with corosync is another scope.
    settings: str = '[membership]\nsource = "corosync"\n[table]\nscope = "members"\n'
    counts_anew: bool = True

    def __init__(self, table: CorosyncTable, topology: Topology, directory: Path) -> None:
        """Prepare them; no host is there yet.

        Args:
            table: corosync's libraries, for those who see whether a ring has formed.
            topology: the cluster that is configured.
            directory: an empty one, for logs and the configuration.
        """
        super().__init__(topology)
        self._table = table
        self._directory = directory
        self._maps: dict[int, tuple[subprocess.Popen[bytes], CorosyncMap]] = {}

    @override
    def inside(self, host: int, command: Sequence[str]) -> list[str]:
        """Run it with the semaphores of the served hosts, which are this machine's."""
        return self.lab.host(host).command_for_all(*command)

    @override
    def open(self, down: Sequence[int]) -> None:
        """Make the hosts now, since they have copies of our mounts."""
        nodes, taken = [], set[str]()
        for place, node in enumerate(self._topology.nodes):
            ring = _ring_address(node, taken, place + 1)
            taken.add(ring)
            nodes.append(replace(node, addresses=(ring,)))
        topology = replace(self._topology, nodes=tuple(nodes))
        self._lab = CorosyncLab(self._table, topology, self._directory)
        self._opened.callback(self._lab.close)
        self._opened.callback(self._forget_maps)
        for node in self._topology.nodes:
            self._set_address(node.id, node.addresses)
        self._lab.write()
        for node in nodes:
            if node.id not in down:
                self._lab.start(node.id)
        self._lab.settle()

    def _forget_maps(self) -> None:
        for host in list(self._maps):
            self._forget_map(host)

    # --- looking

    @override
    def view(self, host: int) -> Mapping[str, Any] | None:
        if not self.running(host) or self.stopped(host):
            return None
        try:
            return manager_fields(self._map(host))
        except CmapError:  # it ends in this moment
            self._forget_map(host)
            return None

    def _map(self, host: int) -> CorosyncMap:
        """A connection that is kept for the life of a host's corosync."""
        process = self.lab.process(host)
        known = self._maps.get(host)
        if known is not None and known[0] is process:
            return known[1]
        self._forget_map(host)
        self._maps[host] = process, self.lab.host(host).call(CorosyncMap)
        return self._maps[host][1]

    def _forget_map(self, host: int) -> None:
        known = self._maps.pop(host, None)
        if known is not None:
            known[1].close()

    # --- the managers

    @override
    def booted(self, host: int) -> None:
        self.lab.start(host)

    @override
    def powered_off(self, host: int) -> None:
        if self.running(host):
            self.lab.kill(host)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        super()._do(verb)

    @_do.register
    def _leave(self, verb: verbs.Leave) -> None:
        if verb.removed:
            self._lacks(Capability.LEAVING_FOR_GOOD)
        self.lab.leave(verb.node)  # corosync leaves on SIGTERM without a shutdown question

    @_do.register
    def _expected(self, verb: verbs.Expected) -> None:
        # votequorum refuses what members cannot reach, as cman does.
        self.lab.host(verb.node).run("corosync-quorumtool", "-e", str(verb.votes))

    @_do.register
    def _shutdown(self, verb: verbs.Shutdown) -> None:
        if verb.removed:
            self._lacks(Capability.LEAVING_FOR_GOOD)
        words = ["-m", "fakecluster.corosync.question", *(["--force"] if verb.forced else [])]
        process = subprocess.Popen(
            self.lab.host(verb.node).command("env", f"PYTHONPATH={_ROOT}", sys.executable, *words),
            stdout=subprocess.PIPE,
        )
        self._opened.enter_context(process)  # its end closes the pipe and waits
        self._opened.callback(process.kill)
        self._questions[verb.node] = CorosyncQuestion(process)

    # --- the configuration

    @_do.register
    def _address(self, verb: verbs.ChangeAddress) -> None:
        # `o2cb_address` in corosync.conf, and a reload; rings stay.
        self._set_address(verb.node, verb.addresses)
        self._reload()

    @_do.register
    def _add_node(self, verb: verbs.AddNode) -> None:
        # In front, so that every position shifts.
        taken = {ring for block in self.lab.configuration.blocks for ring in block.rings}
        ring = _ring_address(verb.config, taken, len(self.lab.ids) + 1)
        self.lab.add(replace(verb.config, addresses=(ring,)))
        self._set_address(verb.id, verb.addresses)
        self._reload()

    @_do.register
    def _remove_node(self, verb: verbs.RemoveNode) -> None:
        blocks = self.lab.configuration.blocks
        blocks[:] = [block for block in blocks if block.id != verb.node]
        self._reload()

    @_do.register
    def _rename_node(self, verb: verbs.RenameNode) -> None:
        self._replace(verb.node, lambda block: replace(block, name=verb.name))
        self._reload()

    def _set_address(self, node: int, addresses: Sequence[str]) -> None:
        """Have a node's block say which address is o2cb's, where it is not its ring's."""
        if len(addresses) != 1:
            self._lacks(Capability.SEVERAL_ADDRESSES)

        def changed(block: Block) -> Block:
            more = {key: value for key, value in block.more.items() if key != "o2cb_address"}
            if addresses[0] != block.rings[0]:
                more["o2cb_address"] = addresses[0]
            return replace(block, more=more)

        self._replace(node, changed)

    def _replace(self, node: int, change: Callable[[Block], Block]) -> None:
        blocks = self.lab.configuration.blocks
        blocks[:] = [change(block) if block.id == node else block for block in blocks]

    def _reload(self) -> None:
        if able := self._answering():
            self.lab.reload(able[0])
        else:
            self.lab.write()

    def _lacks(self, capability: Capability) -> NoReturn:
        raise UnsupportedVerbError(self.arm, capability)


class CorosyncQuestion(Question):
    """A shutdown that is asked of a corosync by a program of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until everybody is asked.

        Args:
            process: `fakecluster.corosync.question`, its output a pipe.

        Raises:
            AssertionError: it cannot ask.
        """
        self._process = process
        self._outcome: str | None = None
        if self._line() != "asked":
            raise AssertionError(f"corosync could not be asked for a shutdown ({process.wait()})")

    @property
    @override
    def outcome(self) -> str | None:
        if self._process.poll() is None:
            return None
        if self._outcome is None:
            self._outcome = self._line()
        return self._outcome

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - for type checkers
        poller = select.poll()
        poller.register(self._process.stdout, select.POLLIN)
        if not poller.poll(PATIENCE_S * 1000):
            raise AssertionError("no word about a shutdown question")
        return self._process.stdout.readline().decode().strip()


def _ring_address(node: NodeConfig, taken: Collection[str], place: int) -> str:
    """Return the address of a node's ring: its own, where that can carry one and nobody has it."""
    own = node.addresses[0] if node.addresses else "0.0.0.0"
    address = ipaddress.ip_address(own)
    if address.version == 4 and not address.is_unspecified and own not in taken:
        return own
    return f"{_RING_NETWORK}{place}"
