"""The disk heartbeat across hosts: who writes its slot on the shared disk, and who sees it live.

A host that has the volume mounted writes the slot of its num every two seconds and reads the slots
of all others. A network partition does not stop it. A host that dies leaves a slot that the others
believe in until their own dead threshold has passed; a clean umount says goodbye at once.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from fakecluster.clock import Timeline

INTERVAL_US = 2_000_000
"""The kernel's o2hb writes and reads every two seconds."""

DEFAULT_DEAD_THRESHOLD = 31


LiveChanged = Callable[[int, frozenset[int]], None]
"""Called with a host and the nums that it sees live from now on (empty: it does not look)."""


def death_seen_after_us(dead_threshold: int, interval_us: int = INTERVAL_US) -> int:
    """How long a dead host's slot is believed in, in microseconds.

    Seen on 6.1 from kill to drop: threshold 5, 10 s; 11, 21.5 s; 31, 64 s, which is
    (threshold - 1) intervals and 1 to 4 s; one interval is taken for that rest.
    """
    return fences_after_us(dead_threshold, interval_us) + interval_us


def fences_after_us(dead_threshold: int, interval_us: int = INTERVAL_US) -> int:
    """How long a host goes on without a write of its own, in microseconds: o2hb's write time-out.

    It is one interval less than the threshold, so that a host has ended before others use what it
    has locked.
    """
    return (dead_threshold - 1) * interval_us


@dataclass(slots=True, kw_only=True)
class _Mounted:
    num: int
    dead_threshold: int
    stalled: bool = False
    live: set[int] = field(default_factory=set)


class SharedDisk:
    """One shared volume and the heartbeat on it. Hosts are numbered by their caller."""

    def __init__(
        self,
        timeline: Timeline,
        changed: LiveChanged,
        fenced: Callable[[int], object],
        *,
        interval_us: int = INTERVAL_US,
    ) -> None:
        """Make a volume that nobody has mounted.

        Args:
            timeline: whose time it is.
            changed: called at every change of what a host sees.
            fenced: called with a host that fences itself; it ends that host with `die`.
            interval_us: how often slots are written and read; the kernel's two seconds, unless
                somebody who waits in real time wants it shorter.
        """
        self._timeline = timeline
        self._changed = changed
        self._fenced = fenced
        self._interval_us = interval_us
        self._hosts: dict[int, _Mounted] = {}
        self._deaths: dict[int, int] = {}
        """By num: how often a host with it died. A later death makes earlier timers void."""

    def mounted(self, host: int) -> bool:
        """True while `host` heartbeats."""
        return host in self._hosts

    def live_nums(self, host: int) -> frozenset[int]:
        """The nums that `host` sees, its own among them; empty while it does not heartbeat."""
        mine = self._hosts.get(host)
        return frozenset() if mine is None else frozenset(mine.live)

    def mount(self, host: int, *, num: int, dead_threshold: int = DEFAULT_DEAD_THRESHOLD) -> None:
        """Start the heartbeat of `host` in the slot `num`; nothing happens when it runs.

        Args:
            host: who.
            num: its o2cb number.
            dead_threshold: its kernel's, in intervals: when *it* gives up the others.
        """
        if host in self._hosts:
            return
        mine = _Mounted(num=num, dead_threshold=dead_threshold)
        self._hosts[host] = mine
        mine.live.update(each.num for each in self._hosts.values() if not each.stalled)
        for other, theirs in sorted(self._hosts.items()):
            theirs.live.add(num)
            self._tell(other)

    def umount(self, host: int) -> None:
        """Stop cleanly: the others see it at once. Nothing happens when it does not heartbeat.

        Raises:
            OSError: EIO: its disk is stalled.
        """
        gone = self._hosts.get(host)
        if gone is None:
            return
        if gone.stalled:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        del self._hosts[host]
        self._changed(host, frozenset())
        if not self._written(gone.num):
            for other in sorted(self._hosts):
                self._drop(other, gone.num)

    def die(self, host: int) -> None:
        """Power off: its slot is written no more and nobody is told.

        The host's own kernel is gone with it, so the host hears nothing either.
        """
        gone = self._hosts.pop(host, None)
        if gone is not None and not gone.stalled:  # else its last write was earlier
            self._fades(gone)

    def stall(self, host: int) -> None:
        """Let no write of `host` reach the disk: it fences itself when its time-out has passed.

        Raises:
            OSError: EINVAL: it does not heartbeat.
        """
        mine = self._hosts.get(host)
        if mine is None:
            raise OSError(errno.EINVAL, "the volume is not mounted here")
        if mine.stalled:
            return
        mine.stalled = True
        self._timeline.schedule(
            functools.partial(self._fence, host, mine),
            after_us=fences_after_us(mine.dead_threshold, self._interval_us),
            label=f"host {host} fences itself",
        )
        self._fades(mine)

    def _fence(self, host: int, mine: _Mounted) -> None:
        if self._hosts.get(host) is mine:
            self._fenced(host)

    def _fades(self, gone: _Mounted) -> None:
        """Let every other host give a slot up that is written no more."""
        deaths = self._deaths[gone.num] = self._deaths.get(gone.num, 0) + 1
        for other, theirs in sorted(self._hosts.items()):
            if theirs is gone:
                continue
            self._timeline.schedule(
                functools.partial(self._judge, other, gone.num, deaths),
                after_us=death_seen_after_us(theirs.dead_threshold, self._interval_us),
                label=f"host {other} gives up num {gone.num}",
            )

    def _judge(self, observer: int, num: int, deaths: int) -> None:
        # Nothing is given up that is written again, or that has died once more since.
        if self._deaths.get(num) == deaths and not self._written(num):
            self._drop(observer, num)

    def _written(self, num: int) -> bool:
        return any(each.num == num and not each.stalled for each in self._hosts.values())

    def _drop(self, observer: int, num: int) -> None:
        mine = self._hosts.get(observer)
        if mine is not None and num in mine.live:
            mine.live.discard(num)
            self._tell(observer)

    def _tell(self, host: int) -> None:
        self._changed(host, self.live_nums(host))
