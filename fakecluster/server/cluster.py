"""The cluster that is served: one engine, its sockets, a kernel and a directory a node."""

from __future__ import annotations

import hashlib
import os
import site
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import o2cbd
from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.server import WireServer
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import ManagerInspector
from fakecluster.server.holds import HOLD_MODE, make_hold, remove_hold
from fakecluster.server.kernelfiles import KernelFiles
from fakecluster.server.kernels import ServedKernels
from fakecluster.server.layout import Places, ServeDirectory
from fakecluster.server.mounts import Mounts
from fakecluster.server.processes import SOCKET_DIR_VARIABLE, kill_all
from fakecluster.sim.disk import DEFAULT_DEAD_THRESHOLD, INTERVAL_US
from fakecluster.streams import rng_for
from fakecluster.transport.listener import check_path
from fakecluster.transport.poller import Poller


class NotApplicableError(ValueError):
    """The request makes no sense now, or names what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `fakecluster serve` was told."""

    topology: Topology
    timings: Timings
    libcman: str | None
    """The library that daemons load; None: as their loader finds it."""
    manager: bool = True
    """Hosts boot with a cman. False: without, for a real manager that runs elsewhere."""
    configfs: bool = True
    """Mount the nodes' configfs."""
    configfs_of: tuple[int, ...] = ()
    """Only of these nodes; empty: of all."""
    down: tuple[int, ...] = ()
    """These nodes have no power until somebody starts them."""
    dead_threshold: int = DEFAULT_DEAD_THRESHOLD
    """Every kernel's when it boots, in intervals of the disk heartbeat."""
    heartbeat_interval_us: int = INTERVAL_US
    """How often the disk heartbeat writes and reads."""
    seed: int | None = None
    """Of what varies between real cmans (rings that merge in steps); None: nothing does."""


class ServedCluster:
    """Everything but the loop: made whole, or not at all; `close` takes it all away."""

    def __init__(
        self, options: ServeOptions, directory: ServeDirectory, poller: Poller, timeline: Timeline
    ) -> None:
        """Make directories, mounts and sockets, and start every node's cman.

        Raises:
            PathTooLongError: a socket's path would be cut.
            OSError: something cannot be made or mounted.
        """
        self._options = options
        self._directory = directory
        self._nodes: dict[int, NodeConfig] = {}
        self._mounts = Mounts()
        topology = options.topology
        places = {node.id: directory.places(node.id) for node in topology.nodes}
        for each in places.values():
            check_path(each.daemon_socket)
        directories = {i: each.directory for i, each in places.items()}
        self.wire = WireServer(poller, directories, remembers_pids=True)
        self.hosts = ServedKernels(
            timeline,
            cluster=topology.cluster,
            changed=self._render,
            fenced=self.power_off,
            dead_threshold=options.dead_threshold,
            interval_us=options.heartbeat_interval_us,
        )
        self._files: dict[int, KernelFiles] = {}
        try:
            for node in topology.nodes:
                self.add_host(node)
            self.engine = Engine(
                topology,
                timeline,
                timings=options.timings,
                rng=None if options.seed is None else rng_for(options.seed, "cman"),
                wall_epoch_us=time.time_ns() // 1000 - timeline.now_us(),
                watcher=self.wire,
            )
            self.wire.attach(self.engine)
            for node_id in options.down:
                self.hosts.power_off(self.node_id(str(node_id)))
            for node_id in self._up:
                self.engine.start(node_id)
        except BaseException:
            self.close()
            raise

    @property
    def formed(self) -> bool:
        """True when every cman that was started serves and sees every other."""
        return all(self.engine.state(node_id).members == self._up for node_id in self._up)

    @property
    def _up(self) -> tuple[int, ...]:
        if not self._options.manager:
            return ()
        return tuple(i for i in self._options.topology.ids if i not in self._options.down)

    def start_manager(self, node_id: int) -> None:
        """Start a node's cman.

        Raises:
            NotApplicableError: this cluster is served without any.
        """
        if not self._options.manager:
            raise NotApplicableError("served with --no-manager: no cman runs on any node")
        self.engine.start(node_id)

    def boot(self, node_id: int) -> None:
        """Power a host on, where it is off, and start its cman, where it has one."""
        if not self.hosts.powered(node_id):
            self.renew_hold(node_id)
            self.hosts.power_on(node_id)
        if self._options.manager:
            self.engine.start(node_id)

    def power_off(self, node_id: int) -> tuple[int, ...]:
        """Cut a host's power; return the pids of its processes that were killed."""
        pids = self.wire.client_pids(node_id)
        killed = kill_all(pids, self.places(node_id).directory)
        if self.engine.state(node_id).running:
            self.engine.kill(node_id)
        self.hosts.power_off(node_id)
        return killed

    def has(self, node_id: int) -> bool:
        """True when there is a host with this id."""
        return node_id in self._nodes

    def node_id(self, text: str) -> int:
        """Return the id of a node that is given by id or by name. Raises NotApplicableError."""
        for node_id, node in self._nodes.items():
            if text in {str(node_id), node.name}:
                return node_id
        known = ", ".join(f"{node_id} ({node.name})" for node_id, node in self._nodes.items())
        raise NotApplicableError(f"no such node: {text}; there are {known}")

    def entry_name(self, node_id: int, name: str) -> str:
        """Return a name that a node has, or an entry of this node's kernel.

        Raises:
            NotApplicableError: there is neither.
        """
        known = {node.name for node in self.engine.configured}
        known |= self.model(node_id).heartbeat.names
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise NotApplicableError(f"no node is named {name!r}; there are {there}")
        return name

    def places(self, node_id: int) -> Places:
        """Return where a node's things are."""
        return self._directory.places(node_id)

    def model(self, node_id: int) -> ConfigfsModel:
        """Return a node's kernel."""
        return self.hosts.model(node_id)

    def add_host(self, node: NodeConfig) -> Mapping[str, Any]:
        """Put a host there whose cman does not run yet; return its description.

        Raises:
            OSError: something cannot be made or mounted.
        """
        places = self.places(node.id)
        check_path(places.daemon_socket)
        if node.id not in self._nodes:
            places.make()
            model = ConfigfsModel(
                addresses=node.addresses, owner_uid=os.getuid(), now_ns=time.time_ns
            )
            self._files[node.id] = KernelFiles(places)
            self.hosts.add(node.id, model)
            self._nodes[node.id] = node
            self._render(node.id)
            places.settings.write_text(self._settings(node.id), encoding="utf-8")
            make_hold(self._hold_name(node.id))
            only = self._options.configfs_of
            if self._options.configfs and (not only or node.id in only):
                self._mounts.add(model, places.configfs)
            self.wire.add(node.id, places.directory)
        return self.describe(node.id)

    def hide_mounts(self, node_id: int, *, hidden: bool) -> None:
        """Let a host's mount table be unreadable, or readable again."""
        files = self._files[node_id]
        if hidden:
            files.hide_mounts()
        else:
            files.show_mounts()
            self._render(node_id)

    def rename_node(self, node_id: int, name: str) -> None:
        """Give a node another name in the manager's configuration, effective at once.

        Raises:
            TopologyError: it cannot have this name.
        """
        nodes = self.engine.configured
        self.engine.reconfigure(
            [replace(node, name=name) if node.id == node_id else node for node in nodes]
        )
        self._nodes[node_id] = replace(self._nodes[node_id], name=name)

    def forget_hold(self, node_id: int) -> None:
        """Take away the semaphore of a host."""
        remove_hold(self._hold_name(node_id))

    def renew_hold(self, node_id: int) -> None:
        """Give a host that lost its memory another semaphore."""
        self.forget_hold(node_id)
        make_hold(self._hold_name(node_id))

    def describe(self, node_id: int) -> dict[str, Any]:
        """Return what a developer needs to run a daemon on this node."""
        places = self.places(node_id)
        return {
            "id": node_id,
            "name": self._nodes[node_id].name,
            "socket_dir": str(places.directory),
            "configfs": str(places.configfs),
            "mounts": str(places.mounts),
            "debugfs": str(places.debugfs),
            "runtime_dir": str(places.runtime),
            "env": self._environment(places),
            "command": self._command(places),
        }

    def announcement(self) -> dict[str, Any]:
        """Return the line that says that all is up."""
        return {
            "schema": 1,
            "libcman": self._options.libcman,
            "cluster": self._options.topology.cluster,
            "nodes": [self.describe(node_id) for node_id in self._nodes],
        }

    def state(self, node_ids: Sequence[int] | None = None) -> dict[str, Any]:
        """Return the whole cluster, or these nodes of it, as the outside sees it."""
        return {
            "cluster": self._options.topology.cluster,
            "nodes": [self._node_state(i) for i in (self._nodes if node_ids is None else node_ids)],
        }

    def view(self, node_id: int) -> dict[str, Any] | None:
        """Return what a node's manager holds for true; None while it is in no cluster."""
        seen = ManagerInspector(self.engine, node_id).view()
        if seen is None:
            return None
        return {
            "cluster": seen.cluster,
            "local_id": seen.local_id,
            "quorate": seen.quorate,
            "two_node": seen.two_node,
            "listed": [asdict(each) for each in seen.listed],
        }

    def close(self) -> None:
        """Unmount and close everything; the directory is the caller's to remove."""
        self.wire.close()
        self._mounts.close()
        for node_id in self._nodes:
            self.forget_hold(node_id)

    def _render(self, node_id: int) -> None:
        model = self.hosts.model(node_id)
        self._files[node_id].write(
            mountinfo=self.hosts.mountinfo(node_id),
            live_nums=model.heartbeat.live_nums,
            connected_nums=model.heartbeat.connected_nums,
        )

    def _node_state(self, node_id: int) -> dict[str, Any]:
        host = self.engine.state(node_id)
        model = self.model(node_id)
        with model.lock:
            cluster = model.kernel.cluster
            table = [] if cluster is None else list(cluster.nodes.values())
            return {
                "id": node_id,
                "name": self._nodes[node_id].name,
                "powered": self.hosts.powered(node_id),
                "running": host.running,
                "stopped": host.stopped,
                "sockets": host.sockets.value,
                "is_member": host.is_member,
                "quorate": host.quorate,
                "members": list(host.members),
                "generation": host.generation,
                "mounted": self.hosts.mounted(node_id),
                "live_nums": sorted(model.heartbeat.live_nums),
                "pins": sorted(model.kernel.pins),
                "cluster": None if cluster is None else cluster.name,
                "table": [
                    {
                        "name": node.name,
                        "num": node.num,
                        "address": node.address,
                        "port": node.port,
                        "local": node.local,
                        "inode": _inode(model, f"/cluster/{cluster.name}/node/{node.name}"),
                    }
                    for node in sorted(table, key=lambda node: node.name)
                    if cluster is not None
                ],
                "poison": [{"path": each.path, "what": each.what} for each in model.poisoned],
            }

    def _hold_name(self, node_id: int) -> str:
        digest = hashlib.sha256(os.fsencode(self._directory.path)).hexdigest()[:16]
        return f"fakecluster.{digest}.{node_id}"

    def _settings(self, node_id: int) -> str:
        return (
            "# Fake hosts share one IPC namespace: each needs a hold of its own.\n"
            f'[hold]\nname = "{self._hold_name(node_id)}"\nmode = "{HOLD_MODE:04o}"\n'
        )

    def _environment(self, places: Places) -> dict[str, str]:
        environment = {SOCKET_DIR_VARIABLE: str(places.directory)} if self._options.manager else {}
        root = Path(o2cbd.__file__).resolve().parents[1]
        if str(root) not in {str(Path(each).resolve()) for each in site.getsitepackages()}:
            environment["PYTHONPATH"] = str(root)
        return environment

    def _command(self, places: Places) -> list[str]:
        libcman = self._options.libcman
        membership = ["--membership", "cman"] if self._options.manager else []
        return [
            "env",
            *(f"{name}={value}" for name, value in self._environment(places).items()),
            sys.executable,
            "-m",
            "o2cbd",
            "run",
            "--config",
            str(places.settings),
            *membership,
            *([] if libcman is None else ["--libcman", libcman]),
            "--configfs",
            str(places.configfs),
            "--mounts",
            str(places.mounts),
            "--debugfs",
            str(places.debugfs),
            "--runtime-dir",
            str(places.runtime),
        ]


def _inode(model: ConfigfsModel, path: str) -> int | None:
    item = model.find(path)
    return None if item is None else item.inode
