"""What wakes the two threads: signals as bytes in a pipe, and eventfds."""

from __future__ import annotations

import os
import select
import signal
import threading

from o2cbd.service.signals import SignalPipe
from o2cbd.service.wakeup import Wakeup


def test_signals_are_told_by_number_and_handlers_restored() -> None:
    """While it is entered a signal ends nothing; afterwards all is as it was."""
    before = signal.getsignal(signal.SIGHUP)
    with SignalPipe([signal.SIGHUP]) as pipe:
        assert pipe.take() == ()
        os.kill(os.getpid(), signal.SIGHUP)
        assert select.select([pipe], [], [], 20)[0] == [pipe]
        assert pipe.take() == (signal.SIGHUP,)
        assert pipe.take() == ()
    assert signal.getsignal(signal.SIGHUP) == before


def readable(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup], [], [], 0)[0])


def test_many_wake_ups_are_one() -> None:
    """Set is kept until it is cleared, however often; clearing nothing is no error."""
    wakeup = Wakeup()
    wakeup.clear()
    assert not readable(wakeup)
    for _ in range(3):
        wakeup.set()
    assert readable(wakeup)
    wakeup.clear()
    assert not readable(wakeup)
    wakeup.close()
    wakeup.close()


def test_full_counter_is_a_wake_up_as_any() -> None:
    """An eventfd that cannot count further blocks nobody."""
    wakeup = Wakeup()
    os.eventfd_write(wakeup.fileno(), 2**64 - 2)
    wakeup.set()
    assert readable(wakeup)
    wakeup.close()


def test_a_signal_that_came_while_it_was_blocked_is_taken_and_the_mask_put_back() -> None:
    """The process may have been started with its signals blocked, or block them for its start."""
    number = signal.SIGHUP
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        signal.pthread_kill(threading.get_ident(), number)
        with SignalPipe([number]) as pipe:
            assert select.select([pipe], [], [], 20)[0] == [pipe]
            assert pipe.take() == (number,)
        assert number in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        handler = signal.signal(number, signal.SIG_IGN)  # drops one that was not taken
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(number, handler)
