"""The life of `fakecluster serve`: up, one JSON line, verbs and clients, SIGTERM, clean."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from fakecluster.clock import Timeline
from fakecluster.poller import READ, Poller
from fakecluster.serve.cluster import ServedCluster, ServeOptions
from fakecluster.serve.control import SOCKET_NAME, ControlServer
from fakecluster.serve.layout import ServeDirectory
from fakecluster.serve.verbs import Verbs
from o2cbd.clock import Clock, MonotonicClock

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(options: ServeOptions, directory: Path, announce: Callable[[str], None]) -> None:
    """Serve until a stop signal; afterwards nothing of it is left.

    Args:
        options: what to serve.
        directory: where.
        announce: takes the one JSON line, when every node is up and sees every other.

    Raises:
        InUseError: another server has the directory.
        PathTooLongError: a socket's path would be cut.
        OSError: something cannot be made or mounted.
    """
    raise_descriptor_limit()
    poller = Poller()
    pump = Pump(poller, MonotonicClock())
    with stop_requests(poller) as stopped, contextlib.ExitStack() as cleanup:
        home = ServeDirectory(directory)
        cleanup.callback(home.remove)
        cluster = ServedCluster(options, home, poller, pump.timeline)
        cleanup.callback(cluster.close)
        control = ControlServer(home.path / SOCKET_NAME, poller, Verbs(cluster).handle)
        cleanup.callback(control.close)
        while not stopped() and not cluster.formed:
            pump.turn()
        if not stopped():
            announce(json.dumps(cluster.announcement()))
        while not stopped():
            pump.turn()


class Pump:
    """Drives a timeline by a real clock, and serves descriptors in between."""

    def __init__(self, poller: Poller, clock: Clock) -> None:
        self.timeline = Timeline()
        self._poller = poller
        self._clock = clock
        self._start_us = clock.now_us()

    def turn(self) -> None:
        """Wait for the next event or descriptor, and do what is due."""
        due_us = self.timeline.next_due_us()
        wait_us = None if due_us is None else max(0, due_us - self._elapsed_us())
        self._poller.wait(wait_us, before=self._catch_up)

    def _catch_up(self) -> None:
        self.timeline.run_until(self._elapsed_us())

    def _elapsed_us(self) -> int:
        return self._clock.now_us() - self._start_us


@contextlib.contextmanager
def stop_requests(poller: Poller) -> Iterator[Callable[[], bool]]:
    """Give what says whether a stop signal has come; it also wakes the poller."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(0)
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    def drain(_events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            ours.recv(64)

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    poller.watch(ours.fileno(), READ, drain)
    try:
        yield lambda: bool(asked)
    finally:
        poller.forget(ours.fileno())
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        theirs.close()


def raise_descriptor_limit() -> None:
    """Allow as many open descriptors as this process may have: 255 nodes with clients need many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
