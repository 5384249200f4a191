"""What can be seen of a served cluster and its daemons."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakecluster.arms.managers import Managers
from fakecluster.arms.process import ProcessCluster
from fakecluster.arms.status_looks import StatusLooks
from fakecluster.arms.values import Call, Row
from o2cbd.core.model import UNSET_ADDRESS
from o2cbd.service.client import ControlClient, NoDaemonError


class ProcessLooks(StatusLooks):
    """The looking half of the `process` arm."""

    processes: ProcessCluster
    managers: Managers

    # --- what the arm itself needs --------------------------------------------------------------

    def process_of(self, host: int) -> subprocess.Popen[bytes] | None:
        """Return a host's last daemon."""
        daemon = self.processes.daemons.get(host)
        return None if daemon is None else daemon.process

    def runs(self, host: int) -> bool:
        """Return whether a host's daemon runs."""
        process = self.process_of(host)
        return process is not None and process.poll() is None

    def by_hand(self, host: int, cluster: str | None = None) -> Path:
        """Return where an administrator finds a cluster; None: ours."""
        name = self.spec.topology.cluster if cluster is None else cluster
        return Path(self.processes.served.node(host)["configfs"], "cluster", name)

    def view(self, host: int) -> Mapping[str, Any] | None:
        """Return what a host's manager holds for true; None: there is none."""
        return self.managers.view(host)

    def judged(self, host: int) -> Mapping[str, Any]:
        """Return what the judge asks of a host: its state, and its manager's."""
        manager = {
            "running": self.managers.running(host),
            "stopped": self.managers.stopped(host),
        }
        return {**self.host_state(host), **manager}

    def dump(self, host: int) -> list[str]:
        """Return the lines of a daemon's flight recorder; none where no daemon answers."""
        if not self.runs(host):
            return []
        try:
            with ControlClient(self.processes.served.node(host)["runtime_dir"]) as client:
                lines: list[str] = client.ask({"request": "dump"})["lines"]
        except NoDaemonError:
            return []
        return lines

    # --- looking --------------------------------------------------------------------------------

    def daemon_exit(self, host: int) -> int | None:
        """See `Cluster.daemon_exit`."""
        process = self.process_of(host)
        return None if process is None else process.poll()

    def host_state(self, host: int) -> Mapping[str, Any]:
        """Return what the server knows of a host; no call on its mount, so no fault sees it."""
        found: Mapping[str, Any] = self.processes.ctl("state", node=host)["nodes"][0]
        return found

    def _entries(self, host: int) -> list[Mapping[str, Any]]:
        seen = self.host_state(host)
        ours = seen["cluster"] == self.spec.topology.cluster
        entries: list[Mapping[str, Any]] = seen["table"] if ours else []
        return entries

    def table(self, host: int) -> dict[str, Row]:
        """See `Cluster.table`."""
        return {
            each["name"]: Row(
                num=each["num"] or 0,
                address=each["address"] or UNSET_ADDRESS,
                port=each["port"] or 0,
                local=each["local"],
            )
            for each in self._entries(host)
        }

    def inodes(self, host: int) -> dict[str, int]:
        """See `Cluster.inodes`."""
        return {each["name"]: each["inode"] for each in self._entries(host)}

    def clusters(self, host: int) -> tuple[str, ...]:
        """See `Cluster.clusters`."""
        name = self.host_state(host)["cluster"]
        return () if name is None else (name,)

    def attribute(self, host: int, name: str) -> str:
        """See `Cluster.attribute`."""
        return (self.by_hand(host) / name).read_text().strip()

    def calls(self, host: int) -> tuple[Call, ...]:
        """See `Cluster.calls`."""
        return tuple(
            Call(name=done["name"], path=done["path"], value=done["data"], errno=done["error"])
            for done in self.processes.ctl("journal", node=host)["calls"]
        )

    def status(self, host: int) -> Mapping[str, Any]:
        """See `StatusLooks.status`."""
        status = self.processes.status(host) if self.runs(host) else None
        return {} if status is None else status
