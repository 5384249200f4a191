"""The connection to the manager: attempts, back-off, and what is told of them."""

from __future__ import annotations

import errno

import pytest

from o2cbd.core import reports
from o2cbd.core.connection import Connection
from o2cbd.core.rules import Timing


def test_the_first_attempt_is_due_at_once_and_nothing_is_lost_yet() -> None:
    connection = Connection(Timing())
    assert connection.due_us == 0
    assert not connection.lost


@pytest.mark.row("start-wait")
def test_attempts_wait_longer_and_longer_and_are_told_once() -> None:
    connection = Connection(Timing())
    awaited = reports.ManagerAwaited(errno=errno.ENOENT, detail="no socket")
    assert connection.failed(errno.ENOENT, "no socket", 0) == [awaited]
    assert connection.due_us == 250_000
    assert connection.failed(errno.ENOENT, "no socket", 250_000) == []
    assert connection.due_us == 750_000


def test_another_errno_is_told_again() -> None:
    connection = Connection(Timing())
    connection.failed(errno.ENOENT, "no socket", 0)
    told = connection.failed(errno.EACCES, "not root", 0)
    assert told == [reports.ManagerAwaited(errno=errno.EACCES, detail="not root")]


def test_a_death_is_lost_until_there_is_a_connection_again() -> None:
    connection = Connection(Timing())
    assert connection.reached() == reports.ManagerReached(again=False)
    assert connection.died(errno.EHOSTDOWN, 0) == reports.ManagerGone(errno=errno.EHOSTDOWN)
    assert connection.lost
    assert connection.reached() == reports.ManagerReached(again=True)
    assert not connection.lost


def test_a_manager_that_takes_connections_and_dies_each_time_is_not_hammered() -> None:
    """A dying manager's socket still takes connections for a moment."""
    connection = Connection(Timing())
    pauses_us = []
    for _ in range(4):
        connection.reached()
        connection.died(errno.EHOSTDOWN, 0)
        pauses_us.append(connection.due_us)
    assert pauses_us == [250_000, 500_000, 1_000_000, 2_000_000]
    connection.reached()
    connection.proved()
    connection.died(errno.EHOSTDOWN, 0)
    assert connection.due_us == 250_000


def test_after_a_connection_the_same_errno_is_news() -> None:
    connection = Connection(Timing())
    connection.failed(errno.ENOENT, "no socket", 0)
    connection.reached()
    connection.died(errno.EHOSTDOWN, 0)
    assert connection.failed(errno.ENOENT, "no socket", 0) != []
