"""What can be seen of guests: kernels' tables, daemons' status, managers' views, and the trace."""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fakecluster.arms.status_looks import StatusLooks
from fakecluster.arms.values import Call, Row
from fakecluster.merge.account import Account
from fakecluster.merge.merging import merge_sources
from fakecluster.merge.source import Source, one_after_another, read_source
from fakecluster.report.words import event_text
from fakecluster.trace_file import TraceFile
from integration.arm.managers import Manager
from integration.lab.lab import Lab

_EVENTS_KEPT: Final = 40
_EYE = "integration.arm.guest_eye"
_KILLED = "2"
"""systemd's ExecMainCode of a process that a signal ended (CLD_KILLED)."""
_NO_LOOK: Mapping[str, Any] = {"clusters": {}, "status": None, "runs": False}
_NO_MANAGER: Mapping[str, Any] = {
    "running": False,
    "stopped": False,
    "view": None,
    "beneath": None,
}


class VmLooks(StatusLooks):
    """The looking half of the arms on virtual machines."""

    _manager: Manager
    _boots: dict[int, list[tuple[Source, int]]]
    """What a host told in each boot whose power went, and by how much its clock was ahead; its
    journal does not have the last of it."""
    _seen: dict[tuple[int, str], Mapping[str, Any]] | None
    """While a condition is looked at, one answer of each guest serves all of it."""

    @property
    @abstractmethod
    def lab(self) -> Lab:
        """The guests."""

    @property
    @abstractmethod
    def account(self) -> Account:
        """What the scenario did."""

    @abstractmethod
    def lanes(self) -> Mapping[int, str]:
        """The name of every node that there is now, by id."""

    @contextlib.contextmanager
    def one_look(self) -> Iterator[None]:
        """Ask each guest at most once inside."""
        self._seen = {}
        try:
            yield
        finally:
            self._seen = None

    def eye(self, host: int, function: str, **arguments: object) -> Any:
        """Ask a guest's eye."""
        return self.lab.guests[host].call(f"{_EYE}:{function}", arguments)

    def look(self, host: int) -> Mapping[str, Any]:
        """The tables and the daemon's status, of one moment; of a host without power nothing."""
        return self._see(host, "look", _NO_LOOK)

    def _see(self, host: int, function: str, nothing: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._seen is not None and (host, function) in self._seen:
            return self._seen[host, function]
        seen: Mapping[str, Any] = self.eye(host, function) if self.lab.alive(host) else nothing
        if self._seen is not None:
            self._seen[host, function] = seen
        return seen

    # --- what the arm itself needs --------------------------------------------------------------

    def runs(self, host: int) -> bool:
        """Return whether a host's daemon runs."""
        return bool(self.look(host)["runs"])

    def manager(self, host: int) -> Mapping[str, Any]:
        """Return whether a host's manager runs, hangs, and its view."""
        return self._see(host, self._manager.look, _NO_MANAGER)

    def view(self, host: int) -> Mapping[str, Any] | None:
        """Return what a host's manager holds for true; None: there is none."""
        view: Mapping[str, Any] | None = self.manager(host)["view"]
        return view

    def host_state(self, host: int) -> Mapping[str, Any]:
        """Return what the judge of `fakecluster.arms.outside` asks of a host."""
        manager = self.manager(host)
        return {
            "running": manager["running"],
            "stopped": manager["stopped"],
            "poison": [],  # a kernel that is not well says so on its console
            "table": self._entries(host),
        }

    def _ours(self, host: int) -> Mapping[str, Any] | None:
        ours: Mapping[str, Any] | None = self.look(host)["clusters"].get(self.spec.topology.cluster)
        return ours

    def _entries(self, host: int) -> list[Mapping[str, Any]]:
        ours = self._ours(host)
        return [] if ours is None else list(ours["entries"])

    # --- looking --------------------------------------------------------------------------------

    def table(self, host: int) -> dict[str, Row]:
        """See `Cluster.table`."""
        keys = ("num", "address", "port", "local")
        return {
            each["name"]: Row(**{key: each[key] for key in keys}) for each in self._entries(host)
        }

    def inodes(self, host: int) -> dict[str, int]:
        """See `Cluster.inodes`."""
        return {each["name"]: each["inode"] for each in self._entries(host)}

    def clusters(self, host: int) -> tuple[str, ...]:
        """See `Cluster.clusters`."""
        return tuple(self.look(host)["clusters"])

    def attribute(self, host: int, name: str) -> str:
        """See `Cluster.attribute`."""
        ours = self._ours(host)
        return "" if ours is None else str(ours["attributes"][name])

    def calls(self, host: int) -> tuple[Call, ...]:
        """See `Cluster.calls`: what inotify tells of; nothing that failed, and no values."""
        noted = self.eye(host, "changes") if self.lab.alive(host) else ()
        return tuple(Call(name=each["name"], path=each["path"]) for each in noted)

    def daemon_exit(self, host: int) -> int | None:
        """See `Cluster.daemon_exit`."""
        if self.runs(host) or not self.lab.alive(host):
            return None
        facts = self.eye(host, "unit")
        never = facts["ExecMainStartTimestampMonotonic"] == "0"
        if never or facts["ActiveState"] not in {"inactive", "failed"}:
            return None
        status = int(facts["ExecMainStatus"])
        return -status if facts["ExecMainCode"] == _KILLED else status

    def status(self, host: int) -> Mapping[str, Any]:
        """See `StatusLooks.status`."""
        status: Mapping[str, Any] | None = self.look(host)["status"]
        return {} if status is None else status

    # --- telling --------------------------------------------------------------------------------

    def last_events(self) -> tuple[str, ...]:
        """See `Cluster.last_events`: the verbs, and what the daemons tell."""
        return tuple(event_text(line) for line in self.trace().lines[-_EVENTS_KEPT:])

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as one trace: the verbs, and what the daemons tell.

        Args:
            outcome: how the run ended; None: it has not.
        """
        told = {
            host: one_after_another([*self._boots.get(host, ()), *self._this_boot(host)])
            for host in self.spec.hosts
        }
        return merge_sources(told, self.account_trace(), outcome=outcome).trace

    def account_trace(self) -> TraceFile:
        """Return the verbs alone as a trace."""
        return self.account.trace(
            arm=self.arm,
            cluster=self.spec.topology.cluster,
            nodes=self.lanes(),
        )

    def last_words(self, host: int) -> None:
        """Fetch what a host has to tell before its power goes."""
        self._boots.setdefault(host, []).extend(self._this_boot(host))

    def _this_boot(self, host: int) -> Iterator[tuple[Source, int]]:
        """A host's records: the journal of this boot, and what its daemon has in memory."""
        if self.lab.alive(host):
            before_us = time.time_ns() // 1000
            theirs_us = self.eye(host, "utc_us")
            ahead_us = theirs_us - (before_us + time.time_ns() // 1000) // 2
            yield read_source(self.eye(host, "records")), ahead_us
