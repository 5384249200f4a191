"""What a source says of the shutdown question, and what its answer does."""

from __future__ import annotations

import errno
from collections.abc import Callable

from fakecluster.conformance.membership_support import Make, connected, ids, refusal
from o2cbd.core.events import ManagerLost, ShutdownAsked


def a_yes_ends_the_manager(make: Make) -> None:
    """The requester gets 0, and we hear of the end once."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    assert driver.readable(source)
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    source.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [0]
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)
    assert refusal(driver) == driver.dialect.not_running


def a_no_keeps_the_manager(make: Make) -> None:
    """The requester gets EBUSY, and we hear nothing of that. A new question is asked anew."""
    driver, source = connected(make)
    for _ in range(2):
        outcome = driver.ask_shutdown()
        assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
        source.reply_shutdown(yes=False)
        driver.settle()
        assert outcome == [-errno.EBUSY]
        assert source.dispatch() == ()
    assert ids(source.snapshot().members) == [1, 2, 3]


def silence_is_a_no(make: Make) -> None:
    """After the manager's time-out; a late yes is not heard."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    driver.settle()
    assert outcome == [-errno.EBUSY]
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    source.reply_shutdown(yes=True)
    driver.settle()
    assert source.dispatch() == ()


def the_question_says_force_and_remove(make: Make) -> None:
    """A forced one is not kept by a no."""
    driver, source = connected(make)
    removed = driver.dialect.says_removed
    driver.ask_shutdown(removed=removed)
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=removed),)
    source.reply_shutdown(yes=False)
    driver.settle()
    outcome = driver.ask_shutdown(forced=True, removed=removed)
    assert source.dispatch() == (ShutdownAsked(forced=True, removed=removed),)
    source.reply_shutdown(yes=False)
    driver.settle()
    assert outcome == [0]
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)


def a_newcomer_is_asked_too(make: Make) -> None:
    """One who connects while a question is out has it to answer."""
    driver, first = connected(make)
    outcome = driver.ask_shutdown()
    first.dispatch()
    second = driver.connect()
    assert driver.readable(second)
    assert second.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    first.reply_shutdown(yes=True)
    assert outcome == []
    second.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [0]


def one_no_among_two_is_a_no(make: Make) -> None:
    """Each of two connections is asked."""
    driver, first = connected(make)
    second = driver.connect()
    outcome = driver.ask_shutdown()
    assert first.dispatch() == second.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    first.reply_shutdown(yes=False)
    second.reply_shutdown(yes=True)
    driver.settle()
    assert outcome == [-errno.EBUSY]


def a_connection_that_ends_while_asked_is_a_yes(make: Make) -> None:
    """Which is why a stopping daemon answers first."""
    driver, source = connected(make)
    outcome = driver.ask_shutdown()
    source.dispatch()
    source.close()
    driver.settle()
    assert outcome == [0]


QUESTIONS: tuple[Callable[[Make], None], ...] = (
    a_yes_ends_the_manager,
    a_no_keeps_the_manager,
    silence_is_a_no,
    the_question_says_force_and_remove,
    a_newcomer_is_asked_too,
    one_no_among_two_is_a_no,
    a_connection_that_ends_while_asked_is_a_yes,
)
