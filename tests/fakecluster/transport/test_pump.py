"""The loop of a server: time, descriptors, stop signals."""

import os
import signal
import socket
from functools import partial

import pytest

from fakecluster.clock import VirtualClock
from fakecluster.transport.poller import READ, Poller
from fakecluster.transport.pump import STOP_SIGNALS, Pump, stop_requests


def test_a_pump_runs_what_is_due_before_what_is_ready() -> None:
    """An operation takes effect at a time that has caught up."""
    clock = VirtualClock(5_000_000)
    poller = Poller()
    pump = Pump(poller, clock)
    happened: list[str] = []
    pump.timeline.schedule(lambda: happened.append("due"), at_us=1000)
    pump.timeline.schedule(lambda: happened.append("later"), at_us=3000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        poller.watch(ours.fileno(), READ, lambda _: happened.append("ready"))
        theirs.send(b"x")
        clock.advance_to(5_002_000)
        pump.turn()
        poller.forget(ours.fileno())
    assert happened == ["due", "ready"]
    assert pump.timeline.now_us() == 2000


def test_what_is_forgotten_meanwhile_is_not_called() -> None:
    """The first of two that are ready takes the other away."""
    poller = Poller()
    pairs = [socket.socketpair() for _ in range(2)]
    called: list[int] = []

    def ready(mine: int, other: int) -> None:
        called.append(mine)
        poller.forget(other)

    fds = [ours.fileno() for ours, _ in pairs]
    for (_, theirs), mine, other in zip(pairs, fds, reversed(fds), strict=True):
        poller.watch(mine, READ, partial(lambda mine, other, _: ready(mine, other), mine, other))
        theirs.send(b"x")
    poller.wait(0)
    poller.forget(99999)
    for each in pairs:
        each[0].close()
        each[1].close()
    assert len(called) == 1


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_stop_signal_wakes_the_poller(number: signal.Signals) -> None:
    """And the handlers of before are back afterwards."""
    before = signal.getsignal(number)
    poller = Poller()
    with stop_requests(poller) as stopped:
        assert stopped() is False
        os.kill(os.getpid(), number)
        poller.wait(20_000_000)
        assert stopped() is True
        poller.wait(0)
    assert signal.getsignal(number) == before
