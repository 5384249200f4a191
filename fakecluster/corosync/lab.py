"""Real corosyncs in namespaces of this host: a whole cluster in a second."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.corosync.configuration import CorosyncConf, block_of
from fakecluster.corosync.namespaces import Hosts, ManagersLab
from fakecluster.corosync.observer import Observer, RingView
from fakecluster.corosync.settled import settled
from o2cbd.membership.libcorosync_table import CorosyncTable

PATIENCE_S: Final = 30
"""No corosync takes so long for anything; who waits longer waits in vain."""

SHUTDOWN_TIMEOUT_MS: Final = 4000
"""How long a question is open: whoever means to answer does so in this time on any machine."""


class LabError(Exception):
    """The cluster did not do what it was waited for."""


@dataclass(slots=True, kw_only=True)
class _RunningCorosync:
    process: subprocess.Popen[bytes]
    observer: Observer


class CorosyncLab(ManagersLab):
    """Corosyncs by their node ids; nothing runs at first."""

    def __init__(
        self, table: CorosyncTable, topology: Topology, directory: Path, *, written: str = ""
    ) -> None:
        """Make the hosts.

        Args:
            table: the libraries, for those who observe.
            topology: a cluster; each node has as many addresses as the first one.
            directory: an empty one.
            written: a corosync.conf in place of the one that the topology would give; ids and
                addresses are those with which corosync runs then.
        """
        self._table = table
        self._directory = directory
        self.configuration = CorosyncConf.of(topology)
        self.configuration.written = written
        self._running: dict[int, _RunningCorosync] = {}
        self._groups: tuple[frozenset[int], ...] = (frozenset(topology.ids),)
        super().__init__(Hosts(topology.nodes))
        self.write()

    def process(self, node_id: int) -> subprocess.Popen[bytes]:
        """Return the corosync that runs on a node."""
        return self._running[node_id].process

    def runs(self, node_id: int) -> bool:
        """Return whether a node's corosync runs; one that has ended by itself is forgotten."""
        running = self._running.get(node_id)
        if running is None:
            return False
        if running.process.poll() is None:
            return True
        self.ended(node_id)
        return False

    def add(self, node: NodeConfig) -> None:
        """Make one more host, and its block in front of all others; nothing is written."""
        self._hosts.add(node)
        self.configuration.blocks.insert(0, block_of(node))

    # --- the verbs

    def write(self, *node_ids: int) -> None:
        """Write the configuration, for whoever starts or reloads after this.

        Args:
            node_ids: whose file, where they are not to have the same one; none: everybody's.
        """
        text = self.configuration.text().encode("utf-8", "surrogateescape")
        for node_id in node_ids or self.ids:
            self._file(node_id).write_bytes(text)

    def _file(self, node_id: int) -> Path:
        return self._directory / f"corosync{node_id}.conf"

    def reload(self, by: int | None = None) -> None:
        """Write the configuration and have every node read it.

        Args:
            by: by way of this node, whose corosync runs; None: of the first that runs.
        """
        self.write()
        self.host(min(self._running) if by is None else by).run("corosync-cfgtool", "-R")

    def start(self, node_id: int) -> None:
        """Start a node's corosync, and wait until it serves."""
        host = self.host(node_id)
        ready = self._directory / f"ready{node_id}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notified:
            ready.unlink(missing_ok=True)
            notified.bind(os.fspath(ready))
            with (self._directory / f"corosync{node_id}.log").open("ab") as log:
                process = subprocess.Popen(
                    host.command("corosync", "-f", "-c", os.fspath(self._file(node_id))),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "NOTIFY_SOCKET": os.fspath(ready)},
                )
            if not _served(process, notified):
                process.kill()
                process.wait()
                raise LabError(f"corosync does not start: {self.log(node_id)}")
        self._running[node_id] = _RunningCorosync(
            process=process, observer=host.call(self._observe)
        )
        host.run("corosync-cmapctl", "-s", "cfg.shutdown_timeout", "u32", str(SHUTDOWN_TIMEOUT_MS))

    def kill(self, node_id: int) -> None:
        """Kill a node's corosync, which says nothing to anybody."""
        self._running[node_id].process.kill()
        self.ended(node_id)

    def stop(self, node_id: int) -> None:
        """SIGSTOP a node's corosync; it stands still on return."""
        process = self.process(node_id)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._stopped.add(node_id)

    def go_on(self, node_id: int) -> None:
        """Undo `stop`."""
        self.process(node_id).send_signal(signal.SIGCONT)
        self._stopped.discard(node_id)

    def leave(self, node_id: int) -> None:
        """Shut a node's corosync down in good order; nobody is asked."""
        self._running[node_id].process.send_signal(signal.SIGTERM)
        self.ended(node_id)

    def ended(self, node_id: int) -> None:
        """Wait for the end of a node's corosync."""
        gone = self._running.pop(node_id)
        self._stopped.discard(node_id)
        gone.process.wait(PATIENCE_S)
        gone.observer.close()

    def connect(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of nodes."""
        self._groups = tuple(map(frozenset, groups))
        super().connect(groups)

    def heal(self) -> None:
        """Restore all links."""
        super().heal()
        self._groups = (frozenset(self.ids),)

    def log(self, node_id: int) -> str:
        """Return what a node's corosyncs have written."""
        return (self._directory / f"corosync{node_id}.log").read_text(errors="replace")

    def close(self) -> None:
        """End everything."""
        for node_id in list(self._running):
            self.kill(node_id)
        self._hosts.close()

    # --- waiting

    def settle(self) -> None:
        """Wait until all that can hear each other are in one ring, and the others are not in it.

        Raises:
            LabError: that did not come.
        """
        self.wait(self._settled)

    def wait(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so that corosync's notices lead to.

        Raises:
            LabError: it did not come to be.
        """
        poller = select.poll()
        for one in self._running.values():
            poller.register(one.observer, select.POLLIN)
        while True:
            for one in self._running.values():
                one.observer.look()
            if reached():
                return
            if not poller.poll(PATIENCE_S * 1000):
                raise LabError(f"corosync came to nothing: {self._seen()}")

    def _settled(self) -> bool:
        return settled(self.configuration, self._groups, self._seen())

    def _seen(self) -> dict[int, RingView]:
        return {node_id: one.observer.ring for node_id, one in self._running.items()}

    def _observe(self) -> Observer:
        return Observer(self._table, provider=self.configuration.provider)


def _served(process: subprocess.Popen[bytes], notified: socket.socket) -> bool:
    """Wait until a corosync says that it serves; False when it ends, or says nothing."""
    end = os.pidfd_open(process.pid)
    poller = select.poll()
    poller.register(end, select.POLLIN)
    poller.register(notified, select.POLLIN)
    try:
        while fds := {fd for fd, _events in poller.poll(PATIENCE_S * 1000)}:
            if notified.fileno() in fds:
                if b"READY=1" in notified.recv(4096):
                    return True
            else:
                return False
        return False
    finally:
        os.close(end)
