"""Real corosyncs, a host's in namespaces of its own, as the managers of an arm."""

from __future__ import annotations

import ipaddress
import select
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import fakecluster
from fakecluster.arms.managers import UnsupportedVerbError
from fakecluster.arms.values import Capability
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.corosync.cmap import CmapError, CorosyncMap
from fakecluster.corosync.configuration import Block
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from fakecluster.corosync.view import manager_fields
from o2cbd.membership.libcorosync_table import CorosyncTable

_RING_NETWORK: Final = "10.0.255."
"""Rings of nodes whose own address cannot carry one; in the network of the usual ones."""
_ROOT: Final = Path(fakecluster.__file__).parents[1]


class CorosyncManagers:
    """One corosync a host; the hosts hear each other over a switch of namespaces."""

    arm: str = "process-corosync"
    serve_options: Sequence[str] = ("--no-manager",)
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
        self._table = table
        self._topology = topology
        self._directory = directory
        self._opened = ExitStack()
        self._stopped: set[int] = set()
        self._questions: list[subprocess.Popen[bytes]] = []
        self._maps: dict[int, tuple[subprocess.Popen[bytes], CorosyncMap]] = {}
        self._lab: CorosyncLab | None = None

    @property
    def lab(self) -> CorosyncLab:
        """The hosts and their corosyncs, from `open` to `close`."""
        assert self._lab is not None, "there are no hosts before `open`"  # noqa: S101 - for type checkers
        return self._lab

    def inside(self, host: int, command: Sequence[str]) -> list[str]:
        """See `Managers.inside`; the semaphores are those of the served hosts, on this machine."""
        return self.lab.host(host).command_for_all(*command)

    def open(self, down: Sequence[int]) -> None:
        """See `Managers.open`; the hosts have copies of our mounts, so they are made now."""
        nodes, taken = [], set[str]()
        for place, node in enumerate(self._topology.nodes):
            ring = _ring_address(node, taken, place + 1)
            taken.add(ring)
            nodes.append(replace(node, addresses=(ring,)))
        topology = replace(self._topology, nodes=tuple(nodes))
        self._lab = CorosyncLab(self._table, topology, self._directory)
        self._opened.callback(self._lab.close)
        for node in self._topology.nodes:
            self._set_address(node.id, node.addresses)
        self._lab.write()
        for node in nodes:
            if node.id not in down:
                self._lab.start(node.id)
        self._lab.settle()

    def close(self) -> None:
        """See `Managers.close`."""
        for question in self._questions:
            question.kill()
            question.communicate()
        for host in list(self._maps):
            self._forget_map(host)
        self._opened.close()

    # --- looking

    def running(self, host: int) -> bool:
        """See `Managers.running`."""
        return self.lab.runs(host)

    def stopped(self, host: int) -> bool:
        """See `Managers.stopped`."""
        return host in self._stopped

    def view(self, host: int) -> Mapping[str, Any] | None:
        """See `Managers.view`."""
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

    def booted(self, host: int) -> None:
        """See `Managers.booted`."""
        self.start(host)

    def powered_off(self, host: int) -> None:
        """See `Managers.powered_off`."""
        if self.running(host):
            self.crash(host)

    def start(self, host: int) -> None:
        """See `Managers.start`; it serves on return, and finds its ring later."""
        self.lab.start(host)

    def crash(self, host: int) -> None:
        """See `Managers.crash`."""
        self._stopped.discard(host)
        self.lab.kill(host)

    def stop(self, host: int) -> None:
        """See `Managers.stop`."""
        self.lab.stop(host)
        self._stopped.add(host)

    def cont(self, host: int) -> None:
        """See `Managers.cont`."""
        self._stopped.discard(host)
        self.lab.go_on(host)

    def leave(self, host: int, *, removed: bool) -> None:
        """See `Managers.leave`: SIGTERM, at which corosync asks nobody."""
        if removed:
            self._lacks(Capability.LEAVING_FOR_GOOD)
        self.lab.leave(host)

    def fence(self, host: int, *, by: int) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.fence`; corosync knows of no fencing."""
        self._lacks(Capability.FENCING_NOTICE)

    def qdisk(self, host: int, *, available: bool) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.qdisk`."""
        self._lacks(Capability.QUORUM_DISK)

    def expected(self, host: int, votes: int) -> None:
        """See `Managers.expected`; votequorum refuses what members cannot reach, as cman does."""
        self.lab.host(host).run("corosync-quorumtool", "-e", str(votes))

    def shutdown(self, host: int, *, force: bool, remove: bool) -> CorosyncQuestion:
        """See `Managers.shutdown`."""
        if remove:
            self._lacks(Capability.LEAVING_FOR_GOOD)
        words = ["-m", "fakecluster.corosync.question", *(["--force"] if force else [])]
        process = subprocess.Popen(
            self.lab.host(host).command("env", f"PYTHONPATH={_ROOT}", sys.executable, *words),
            stdout=subprocess.PIPE,
        )
        self._questions.append(process)
        return CorosyncQuestion(process)

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
        """See `Managers.address`: `o2cb_address` in corosync.conf, and a reload; rings stay."""
        self._set_address(node, addresses)
        self._reload()

    def add_node(self, node: NodeConfig) -> None:
        """See `Managers.add_node`; in front, so that every position shifts."""
        taken = {ring for block in self.lab.configuration.blocks for ring in block.rings}
        ring = _ring_address(node, taken, len(self.lab.ids) + 1)
        self.lab.add(replace(node, addresses=(ring,)))
        self._set_address(node.id, node.addresses)
        self._reload()

    def remove_node(self, node: int) -> None:
        """See `Managers.remove_node`."""
        blocks = self.lab.configuration.blocks
        blocks[:] = [block for block in blocks if block.id != node]
        self._reload()

    def rename_node(self, node: int, name: str) -> None:
        """See `Managers.rename_node`."""
        self._replace(node, lambda block: replace(block, name=name))
        self._reload()

    def rename_cluster(self, name: str) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.rename_cluster`."""
        self._lacks(Capability.RENAMED_CLUSTER)

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
        able = [host for host in self.lab.ids if self.running(host) and not self.stopped(host)]
        if able:
            self.lab.reload(able[0])
        else:
            self.lab.write()

    # --- faults

    def notice(self, host: int, fault: NoticeFault, *, count: int) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.notice`."""
        self._lacks(Capability.NOTICE_FAULTS)

    def fail_read(self, host: int, errno: int, *, count: int) -> None:  # noqa: ARG002 - refused whatever is given
        """See `Managers.fail_read`."""
        self._lacks(Capability.FAILING_READS)

    def _lacks(self, capability: Capability) -> NoReturn:
        raise UnsupportedVerbError(self.arm, capability)


class CorosyncQuestion:
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
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
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
