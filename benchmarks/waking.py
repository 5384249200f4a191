"""`wakeups`: what an idle daemon wakes for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.running import RunningDaemon, wake_ups
from fakecluster.server.child import ServedChild
from o2cbd.core.rules import SECOND_US, Timing

RESYNC_S = Timing().resync_us / SECOND_US
LOOK_EVERY_S = 0.5
SETTLE_S = 2.0
"""What a start still has to do is over by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """One idle span."""

    members: int
    span_s: float
    bursts_s: tuple[float, ...]
    """When something woke, counted from the start of the span; what is nearer together than two
    looks is one burst."""
    switches: int
    """How often all threads together went back to sleep: a burst has many, since each question to
    the manager and each FUSE call waits for an answer."""
    resyncs: int
    """How many resyncs fell due in the span, at least."""

    @property
    def silent(self) -> bool:
        """True when nothing but the resync woke it: bursts lie a resync apart."""
        gaps = [b - a for a, b in zip(self.bursts_s, self.bursts_s[1:], strict=False)]
        most = self.resyncs + 1
        return len(self.bursts_s) <= most and all(gap > 0.9 * RESYNC_S for gap in gaps)


def wakeups(members: int, span_s: float) -> Idle:
    """Let a daemon be idle and look, from outside, at how often its threads wake."""
    with TemporaryDirectory(prefix="bench-", dir="/tmp") as scratch:
        top = Path(scratch)
        with ServedChild(top / "c", "--nodes", str(members)) as served:
            node = served.node(1)
            with RunningDaemon(node["command"], node["env"], top) as daemon:
                time.sleep(SETTLE_S)
                bursts, switches = _watch(daemon.pid, span_s)
                daemon.stop()
    return Idle(
        members=members,
        span_s=span_s,
        bursts_s=bursts,
        switches=switches,
        resyncs=int(span_s // RESYNC_S),
    )


def _watch(pid: int, span_s: float) -> tuple[tuple[float, ...], int]:
    begin = time.monotonic()
    first = before = wake_ups(pid)
    moments: list[float] = []
    while (passed_s := time.monotonic() - begin) < span_s:
        time.sleep(min(LOOK_EVERY_S, span_s - passed_s))
        now = wake_ups(pid)
        if now != before:
            moments.append(time.monotonic() - begin)
            before = now
    bursts = [
        moment
        for index, moment in enumerate(moments)
        if index == 0 or moment - moments[index - 1] > 2 * LOOK_EVERY_S
    ]
    return tuple(bursts), sum(before.values()) - sum(first.values())
