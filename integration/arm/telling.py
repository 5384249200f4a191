"""What is told of guests: the trace of the verbs and of what every daemon has told."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Final

from fakecluster.merge.account import Account
from fakecluster.merge.merging import merge_sources
from fakecluster.merge.source import Source, one_after_another, read_source
from fakecluster.report.words import event_text
from fakecluster.trace_file import TraceFile
from integration.arm.looks import VmLooks

_EVENTS_KEPT: Final = 40


class VmTelling(VmLooks):
    """The telling half of the arms on virtual machines."""

    _boots: dict[int, list[tuple[Source, int]]]
    """What a host told in each boot whose power went, and by how much its clock was ahead; its
    journal does not have the last of it."""

    @property
    @abstractmethod
    def account(self) -> Account:
        """What the scenario did."""

    @abstractmethod
    def lanes(self) -> Mapping[int, str]:
        """The name of every node that there is now, by id."""

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
