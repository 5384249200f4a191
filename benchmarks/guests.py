"""`guests`: how long emulated machines, and the daemon on real kernels in them, take."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fakecluster.arms.suite import spec_of
from fakecluster.arms.values import ClusterSpec, Span
from fakecluster.trace.events import Line
from integration.arm.managers import COROSYNC_MANAGER, TOKEN_MS
from integration.arm.suite import packaged_base, say, vm_cluster
from integration.arm.vm import VmCluster
from integration.cache import cache_directory
from integration.guest import BOOT_TIMEOUT_S
from integration.lab.base import alone, settle
from integration.lab.host import nameless_overlay, shared_disk
from integration.lab.lab import Lab

_CONSENSUS: Final = 1.2
"""corosync's consensus timeout, in tokens, where nothing else is configured."""
_BEAT_S: Final = 2.0
"""Between two writes of the disk heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What others need of a span by their settings, whatever the daemon does."""

    seconds: float
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One span, measured some times."""

    what: str
    seconds: tuple[float, ...]
    floor: Floor | None = None

    @property
    def median_s(self) -> float:
        """The median."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guests:
    """All of it, for a cluster of so many."""

    members: int
    acceleration: str
    """`tcg`: the processors are emulated; `kvm`."""
    figures: tuple[Figure, ...]


Spans = dict[str, float]


def guests(members: int, rounds: int) -> Guests:
    """Boot, clone and save machines, and let one join and one die.

    Raises:
        GuestError: a guest did not do its part.
        CannotRunError: this machine lacks something.
    """
    spec = spec_of(members)
    parts: tuple[Callable[[ClusterSpec, Path], Spans], ...] = (_boot, _clones, _join, _death)
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as consoles,
        vm_cluster(COROSYNC_MANAGER, spec, Path(consoles)) as cluster,
    ):
        cluster.up()  # what is made once is there from now on
    for _ in range(rounds):
        for part in parts:
            with tempfile.TemporaryDirectory() as consoles:
                for what, span_s in part(spec, Path(consoles)).items():
                    found.setdefault(what, []).append(span_s)
    floors = _floors(spec)
    return Guests(
        members=members,
        acceleration=packaged_base(COROSYNC_MANAGER).machine.acceleration,
        figures=tuple(
            Figure(what=what, seconds=tuple(spans), floor=floors.get(what))
            for what, spans in found.items()
        ),
    )


BOOT: Final = "one guest boots: its agent answers"
BOOTED: Final = "one guest boots: all units are started"
CLONED: Final = "clones of a saved guest answer"
UP: Final = "a saved cluster goes on, and is looked at: in sync"
JOIN_OWN: Final = "a node joins: from its daemon's start to its being in sync"
JOIN_OTHERS: Final = "a node joins: from the notice to the others being in sync"
DEATH_WORD: Final = "power cut under a volume: to corosync's notice"
DEATH_GONE: Final = "power cut under a volume: to the entry being gone"


def _floors(spec: ClusterSpec) -> dict[str, Floor]:
    token_s = TOKEN_MS / 1000
    dead_s = (spec.dead_threshold - 1) * _BEAT_S
    return {
        DEATH_WORD: Floor(seconds=token_s * (1 + _CONSENSUS), whose="token and consensus"),
        DEATH_GONE: Floor(seconds=dead_s - _BEAT_S, whose="the disk heartbeat's threshold"),
    }


def _boot(_spec: ClusterSpec, _consoles: Path) -> Spans:
    base = packaged_base(COROSYNC_MANAGER)
    with (
        nameless_overlay(base.disk, base.disk_format) as root,
        shared_disk() as shared,
    ):
        began_s = time.monotonic()
        with alone(base.machine, root, shared) as host:
            host.guest.wait_ready(BOOT_TIMEOUT_S)
            answers_s = time.monotonic() - began_s
            settle(host.guest)
            return {BOOT: answers_s, BOOTED: time.monotonic() - began_s}


def _clones(spec: ClusterSpec, consoles: Path) -> Spans:
    began_s = time.monotonic()
    with Lab.started(
        packaged_base(COROSYNC_MANAGER),
        cache=cache_directory(os.environ),
        directory=consoles,
        say=say,
        hosts=spec.topology.ids,
    ):
        return {CLONED: time.monotonic() - began_s}


def _join(spec: ClusterSpec, consoles: Path) -> Spans:
    last = spec.topology.ids[-1]
    others = spec.topology.ids[:-1]
    with vm_cluster(
        COROSYNC_MANAGER, ClusterSpec(topology=spec.topology, down=(last,)), consoles
    ) as cluster:
        cluster.up()
        cluster.start(last)
        cluster.in_sync(*spec.topology.ids, nodes=spec.topology.ids)
        return joined(cluster.trace().lines, last, others)


def joined(lines: Sequence[Line], who: int, others: Sequence[int]) -> Spans:
    """The spans of a join, out of a trace.

    Args:
        lines: the trace's.
        who: who has joined, by the verb `daemon-start`.
        others: who was there; each has heard of it by a notice.

    Raises:
        StopIteration: it is not in there.
    """
    began_us = next(_when(lines, who, "verb", "daemon-start", 0))
    spans = []
    for host in others:
        view_us = next(
            line.t_us
            for line in lines
            if (line.host, line.what) == (host, "view") and line.detail["joined"] == [who]
        )
        notice_us = max(at for at in _when(lines, host, "notice", None, 0) if at <= view_us)
        spans.append(next(_when(lines, host, "report", "synced", view_us)) - notice_us)
    own_us = next(_when(lines, who, "report", "synced", began_us)) - began_us
    return {JOIN_OWN: own_us / 1e6, JOIN_OTHERS: max(spans) / 1e6}


def _death(spec: ClusterSpec, consoles: Path) -> Spans:
    last = spec.topology.ids[-1]
    others = spec.topology.ids[:-1]
    with ExitStack() as stack:
        began_s = time.monotonic()
        cluster: VmCluster = stack.enter_context(vm_cluster(COROSYNC_MANAGER, spec, consoles))
        cluster.up()
        up_s = time.monotonic() - began_s
        for host in spec.topology.ids:
            cluster.mount(host)
        cluster.kill(last)
        cluster.in_sync(*others, nodes=others, within=Span.LATER)
        return {UP: up_s} | died(cluster.trace().lines, last, others)


def died(lines: Sequence[Line], who: int, others: Sequence[int]) -> Spans:
    """The spans of a death, out of a trace.

    Args:
        lines: the trace's.
        who: whose power was cut, by the verb `kill`.
        others: who has outlived it.

    Raises:
        StopIteration: it is not in there.
    """
    began_us = next(_when(lines, who, "verb", "kill", 0))
    word_us = max(next(_when(lines, host, "notice", None, began_us)) for host in others)
    gone_us = max(next(_when(lines, host, "step", "remove-node", word_us)) for host in others)
    return {DEATH_WORD: (word_us - began_us) / 1e6, DEATH_GONE: (gone_us - began_us) / 1e6}


def _when(
    lines: Sequence[Line], host: int, kind: str, what: str | None, after_us: int
) -> Iterator[int]:
    """The times of what went well on a host from some moment on."""
    return (
        line.t_us
        for line in lines
        if line.host == host
        and line.kind == kind
        and what in {None, line.what}
        and line.t_us >= after_us
        and not line.detail.get("errno")
    )
