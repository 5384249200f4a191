"""Historic cmans in namespaces of this host: a whole cluster without a guest; needs root."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fakecluster.cman.constants import LeaveFlag
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import FenceStruct, NodeStruct, Opcode, VersionStruct, encode_ints
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.corosync.namespaces import Hosts, ManagersLab
from fakecluster.historic.cluster_conf import cluster_conf, hosts_file
from fakecluster.historic.disk import DiskDaemon
from fakecluster.historic.files import PrivateFiles
from fakecluster.historic.host import (
    EMPTY_DIRECTORIES,
    MULTICAST_ROUTE,
    corosync_script,
    join_words,
    places,
)
from fakecluster.historic.root import CmanRoot
from fakecluster.transport.looking import look_until

PATIENCE_S: Final = 90
"""A death is noticed in token and consensus, 8 s; a leave can wait as long; machines are shared."""
_ANSWER_S: Final = 5.0
"""For one answer of a cman of which nobody says that it hangs."""
_OWN: Final = ("/run", "/dev/shm")  # noqa: S108 - mounted over, never used
_PEER: Final = struct.Struct("=3i")
_LOG_TAIL_BYTES: Final = 2000


class CmanLabError(Exception):
    """A cman did not do what it was waited for; the text has what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunningCman:
    pid: int
    end: int
    """A pidfd."""


class CmanLab(ManagersLab):
    """Cmans by their node ids; nothing runs at first."""

    def __init__(self, root: CmanRoot, topology: Topology, directory: Path) -> None:
        """Make the hosts.

        Args:
            root: the programs.
            topology: the cluster that is configured; each node has an address.
            directory: made, for files and logs.

        Raises:
            OSError: a namespace cannot be made, or a file in it.
        """
        self._root = root
        self._directory = directory
        self._nodes = {node.id: node for node in topology.nodes}
        self._hosts_nodes = dict(self._nodes)
        """As their hosts are, whether they are configured or not."""
        self.topology = topology
        self.version = topology.config_version
        self._running: dict[int, _RunningCman] = {}
        self._disks: dict[int, DiskDaemon] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self._program = self._corosync()
        with ExitStack() as stack:
            super().__init__(Hosts(topology.nodes, directories=_OWN, own_pids=True))
            stack.callback(self._hosts.close)
            self._write()
            for node_id in self.ids:
                self._provision(node_id)
            stack.pop_all()

    def _provision(self, node_id: int) -> None:
        """Provide a host with the programs, files and directories that cman wants."""
        root, host = self._root, self.host(node_id)
        seen = places(
            root,
            plugins=root.plugins,
            corosync=self._program,
            configuration=self._configuration(node_id),
        )
        sources = {**seen, "/etc/hosts": self._directory / "hosts"}
        empty = (*root.socket_directories, *EMPTY_DIRECTORIES)
        host.call(lambda: PrivateFiles().show(sources, empty))
        host.run("hostname", _name(self._hosts_nodes[node_id]))
        self._link(node_id, "up")

    def _corosync(self) -> Path:
        """What is seen as corosync."""
        path = self._directory / "corosync"
        # A copy: the place that is compiled in may be that of the program itself.
        program = shutil.copy(self._root.corosync, self._directory / "corosync1")
        path.write_text(corosync_script(str(program), self._root.library_path))
        path.chmod(0o755)
        return path

    def _link(self, node_id: int, state: str) -> None:
        lines = [f"link set eth0 {state}"]
        if state == "up":
            lines.append(MULTICAST_ROUTE)
        self.host(node_id).run("ip", "-batch", "-", stdin="\n".join([*lines, ""]))

    # --- clients

    def socket_path(self, node_id: int, *, admin: bool = False) -> Path:
        """Return where this machine finds a host's socket."""
        # Links would lead out of the host.
        inside = Path(self._root.socket_directories[0]).resolve()
        name = "cman_admin" if admin else "cman_client"
        return Path(f"/proc/{self.host(node_id).pid}/root{inside}/{name}")

    def client(self, node_id: int, *, admin: bool = False) -> RawClient:
        """Connect to a node's cman.

        Raises:
            OSError: it takes no connection.
        """
        return RawClient(self.socket_path(node_id, admin=admin), timeout_s=_ANSWER_S)

    def admin(self, node_id: int, command: Opcode, body: bytes) -> None:
        """Send an administrator's request to a node's cman.

        Raises:
            OSError: with cman's errno.
        """
        with self.client(node_id, admin=True) as client:
            status = client.ask(command, body).status
        if status < 0:
            raise OSError(-status, f"{command.name} on node {node_id}: {os.strerror(-status)}")

    def tool(self, node_id: int, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `cman_tool` on a host to its end."""
        environment = [f"{name}={value}" for name, value in self._root.environment.items()]
        command = ["env", *environment, str(self._root.cman_tool), *words]
        # A file: what a tool starts may keep a pipe open for its life.
        said = self._directory / f"cman_tool{node_id}.log"
        with said.open("wb") as log:
            done = subprocess.run(
                self.host(node_id).command(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=PATIENCE_S,
                check=False,
            )
        return subprocess.CompletedProcess(words, done.returncode, said.read_text(errors="replace"))

    # --- the managers

    def runs(self, node_id: int) -> bool:
        """Return whether a node's cman runs; one that has ended by itself is forgotten."""
        running = self._running.get(node_id)
        if running is None:
            return False
        if _ended(running, 0):
            self._forget(node_id)
        return node_id in self._running

    def start(self, node_id: int) -> None:
        """Start a node's cman with `cman_tool join`, and wait until it is a member.

        Raises:
            CmanLabError: it does not come up; the text has what it wrote.
        """
        name = _name(self._hosts_nodes[node_id])
        joined = self.tool(node_id, *join_words(self._root), name)
        if joined.returncode != 0:
            said = f"cman_tool join ended with {joined.returncode}: {joined.stdout.strip()}"
            raise CmanLabError(f"node {node_id}: {said}{self._log(node_id)}")
        try:
            self.until(f"node {node_id} is a member", lambda: self._serves(node_id))
        except CmanLabError as error:
            raise CmanLabError(f"{error}{self._log(node_id)}\n{joined.stdout.strip()}") from None
        self._running[node_id] = self._process(node_id)
        disk = self.topology.qdisk
        if disk is not None and disk.polled:
            self.poll_disk(node_id, available=True)

    def poll_disk(self, node_id: int, *, available: bool) -> None:
        """Poll the quorum disk on a host with this result; start its daemon if there is none.

        Raises:
            ValueError: the topology has no quorum disk.
            OSError: with cman's errno.
        """
        if self.topology.qdisk is None:
            raise ValueError("there is no quorum disk in the topology")
        if node_id not in self._disks:
            client = RawClient(self.socket_path(node_id, admin=True), timeout_s=PATIENCE_S)
            self._disks[node_id] = DiskDaemon(client, self.topology.qdisk)
        self._disks[node_id].found(available=available)

    def _serves(self, node_id: int) -> bool:
        return any(record.us for record in self.seen_by(node_id).values())

    def seen_by(self, node_id: int) -> dict[int, NodeStruct]:
        """Return the members in a node's eyes, by id; none before its first ring."""
        try:
            with self.client(node_id) as client:
                members = client.members()
        except OSError:  # not there yet, or not any more
            return {}
        members.pop(0, None)  # the quorum disk
        return members

    def _process(self, node_id: int) -> _RunningCman:
        with self.client(node_id) as client:
            data = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        pid = _PEER.unpack(data)[0]
        return _RunningCman(pid=pid, end=os.pidfd_open(pid))

    def _log(self, node_id: int) -> str:
        """The end of what a host's corosync wrote, for a message."""
        path = Path(f"/proc/{self.host(node_id).pid}/root{EMPTY_DIRECTORIES[0]}/corosync.log")
        with contextlib.suppress(OSError):
            return f"\ncorosync.log:\n{path.read_text(errors='replace')[-_LOG_TAIL_BYTES:]}"
        return ""

    def kill(self, node_id: int) -> None:
        """Kill a node's cman, which says nothing to anybody."""
        signal.pidfd_send_signal(self._running[node_id].end, signal.SIGKILL)
        self.ended(node_id)

    def ended(self, node_id: int) -> None:
        """Wait for the end of a node's cman.

        Raises:
            CmanLabError: it does not end.
        """
        if not _ended(self._running[node_id], PATIENCE_S):
            raise CmanLabError(f"the cman of node {node_id} does not end{self._log(node_id)}")
        self._forget(node_id)

    def _forget(self, node_id: int) -> None:
        os.close(self._running.pop(node_id).end)
        self._stopped.discard(node_id)
        disk = self._disks.pop(node_id, None)
        if disk is not None:
            disk.close()

    def stop(self, node_id: int) -> None:
        """SIGSTOP a node's cman; it stands still on return."""
        running = self._running[node_id]
        signal.pidfd_send_signal(running.end, signal.SIGSTOP)
        self.until(f"the cman of node {node_id} stands still", lambda: _state(running.pid) == "T")
        self._stopped.add(node_id)

    def go_on(self, node_id: int) -> None:
        """Undo `stop`."""
        signal.pidfd_send_signal(self._running[node_id].end, signal.SIGCONT)
        self._stopped.discard(node_id)

    def leave(self, node_id: int, *, removed: bool = False) -> None:
        """Leave in good order on a node; nobody is asked, and its cman has ended on return."""
        flag = int(LeaveFlag.REMOVED if removed else LeaveFlag.DOWN)
        with self.client(node_id, admin=True) as client:
            client.send(Opcode.LEAVE_CLUSTER, encode_ints(flag))
            self.ended(node_id)

    def expect(self, node_id: int, votes: int) -> None:
        """Set a partition's expected votes. Raises OSError with cman's errno."""
        self.admin(node_id, Opcode.SETEXPECTED_VOTES, encode_ints(votes))

    def fenced(self, node_id: int, *, by: int) -> None:
        """Report to `by`'s cman that a node was fenced now. Raises OSError with cman's errno."""
        record = FenceStruct(node_id=node_id, fence_seconds=int(time.time()), agent=b"fence_virt")
        self.admin(by, Opcode.UPDATE_FENCE_INFO, record.encode())

    def power(self, node_id: int, *, on: bool) -> None:
        """Cut a host's power, or switch it on: what runs ends, and its network with it."""
        if not on and self.runs(node_id):
            self.kill(node_id)
        self._link(node_id, "up" if on else "down")

    # --- the configuration

    def configure(self, nodes: Sequence[NodeConfig]) -> None:
        """Write another configuration, one version later, for whoever starts or is told of it."""
        self._nodes = {node.id: node for node in nodes}
        self._hosts_nodes |= self._nodes
        self.version += 1
        self._write()

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        """Write a version of the configuration to one host; nobody is told."""
        topology = replace(self.topology, nodes=tuple(nodes))
        text = cluster_conf(topology, version=version, udpu=self._root.udpu)
        directory = self._configuration(node_id)
        directory.mkdir(exist_ok=True)
        fresh = directory / ".cluster.conf.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(directory / "cluster.conf")

    def _configuration(self, node_id: int) -> Path:
        """What a host sees as the directory of cluster.conf."""
        return self._directory / f"cluster{node_id}"

    def announce(self, by: int) -> None:
        """Reload the configuration of all cmans, by way of one. Raises OSError as cman does."""
        record = VersionStruct(config=self.version)
        self.admin(by, Opcode.SET_VERSION, record.encode())

    def add(self, node: NodeConfig) -> None:
        """Make one more host; nothing is written."""
        self._hosts_nodes[node.id] = node
        self._hosts.add(node)
        self._configuration(node.id).mkdir()
        self._provision(node.id)

    def move(self, node: NodeConfig) -> None:
        """Replace the addresses of a host whose cman does not run by this node's."""
        self._hosts.move(node)
        self._hosts_nodes[node.id] = node
        self._link(node.id, "up")

    def _write(self) -> None:
        nodes = tuple(self._nodes[node_id] for node_id in sorted(self._nodes))
        for node_id in self.ids:
            self.write_config(node_id, self.version, nodes)
        # Bound into every host as it is, so written in place.
        known = self._hosts_nodes | self._nodes
        (self._directory / "hosts").write_text(hosts_file(known.values()), encoding="utf-8")

    # --- waiting

    def settle(self) -> None:
        """Wait until all that run see each other as members.

        Raises:
            CmanLabError: that did not come.
        """
        wanted = {node_id for node_id in self.ids if self.runs(node_id)}
        self.until(
            f"the nodes {sorted(wanted)} see each other",
            lambda: all(self.seen_by(node_id).keys() == wanted for node_id in wanted),
        )

    def until(self, what: str, reached: Callable[[], bool]) -> None:
        """Wait until something is so; looks now and then.

        Raises:
            CmanLabError: it did not come to be.
        """
        if not look_until(reached, PATIENCE_S):
            raise CmanLabError(f"not within {PATIENCE_S} s: {what}")

    def close(self) -> None:
        """End everything: what runs on the hosts ends with them."""
        self._hosts.close()
        for node_id in list(self._running):
            self._forget(node_id)


def _name(node: NodeConfig) -> str:
    return node.name or f"node{node.id}"


def _ended(running: _RunningCman, wait_s: float) -> bool:
    poller = select.poll()
    poller.register(running.end, select.POLLIN)
    return bool(poller.poll(wait_s * 1000))


def _state(pid: int) -> str:
    """The letter for a process's state, as in /proc/PID/stat: T stands still."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
