"""`o2cbd wait`: what it waits for, how long, and what it says was missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakecluster.clock import VirtualClock
from o2cbd.commands.common import Failure
from o2cbd.commands.wait import Waiter, Wanted
from tests.o2cbd.commands.conftest import FakeDaemon, Reply, Run


def waiter(directory: Path, clock: VirtualClock, timeout_us: int, **wanted: Any) -> Waiter:
    asked = Wanted(**{"in_sync": False, "quorate": False, "nodes": None, "settle_us": 0, **wanted})

    def pause(seconds: float) -> None:
        clock.advance_by(round(seconds * 1_000_000))

    return Waiter(str(directory), asked, clock, timeout_us, pause)


def test_what_is_so_already_is_not_waited_for(o2cbd: Run, daemon: FakeDaemon) -> None:
    """One look is enough."""
    shown = o2cbd("wait", "--in-sync", "--quorate", "--nodes", "3", "--timeout", "0")
    assert (shown.exit_code, shown.output) == (0, "")
    assert len(daemon.asked) == 1


@pytest.mark.parametrize(
    ("words", "changes", "missing"),
    [
        (["--in-sync"], {"state": "waiting", "reason": "why"}, "state is waiting (why)"),
        (
            ["--in-sync"],
            {
                "state": "pending",
                "pending": [
                    {"text": "remove node x", "reason": "a pin"},
                    {"text": "add node y", "reason": "waiting for the removal of x"},
                ],
            },
            "state is pending (remove node x: a pin; add node y: waiting for the removal of x)",
        ),
        (["--in-sync"], {"state": "held"}, "state is held"),
        (["--quorate"], {"quorate": False}, "not quorate"),
        (["--quorate"], {"quorate": None}, "not quorate"),
        (["--nodes", "4"], {}, "3 of 4 nodes in the table"),
        (
            ["--nodes", "4", "--quorate"],
            {"quorate": False},
            "not quorate, 3 of 4 nodes in the table",
        ),
    ],
)
def test_what_is_missing_at_the_timeout_is_told(
    o2cbd: Run,
    daemon: FakeDaemon,
    status: Reply,
    *,
    words: list[str],
    changes: Any,
    missing: str,
) -> None:
    """75, and each thing that is not so."""
    daemon.answer = lambda _request: {**status, **changes}
    shown = o2cbd("wait", *words, "--timeout", "0")
    assert (shown.exit_code, shown.output) == (75, f"o2cbd: timed out: {missing}\n")


def test_change_is_waited_for_at_the_daemon(
    tmp_path: Path, daemon: FakeDaemon, status: Reply
) -> None:
    """Each further look names the newest that is known, so the daemon can keep it back."""
    replies = iter(
        [
            {**status, "state": "pending", "serial": 5},
            {**status, "state": "pending", "serial": 6},
            {**status, "serial": 7},
        ]
    )
    daemon.answer = lambda _request: next(replies)

    waiter(tmp_path, VirtualClock(), 60_000_000, in_sync=True).run()

    assert [(asked["after"], asked["within_s"]) for asked in daemon.asked] == [
        (None, 1.0),
        (5, 1.0),
        (6, 1.0),
    ]


def test_settling_begins_anew_with_each_change(
    tmp_path: Path, daemon: FakeDaemon, status: Reply
) -> None:
    """All must have been so, unchanged, for the whole time."""
    clock = VirtualClock()
    moments = [(0, 1, "synced"), (500_000, 2, "synced"), (900_000, 2, "synced"),
               (1_000_000, 3, "pending"), (1_100_000, 4, "synced"), (2_099_999, 4, "synced"),
               (2_100_000, 4, "synced")]  # fmt: skip
    replies = iter(moments)

    def answer(_request: Any) -> Any:
        moment_us, serial, state = next(replies)
        clock.advance_to(moment_us)
        return {**status, "serial": serial, "state": state}

    daemon.answer = answer
    waiter(tmp_path, clock, 60_000_000, in_sync=True, settle_us=1_000_000).run()

    assert len(daemon.asked) == len(moments)


def test_time_may_end_while_it_settles(tmp_path: Path, daemon: FakeDaemon, status: Reply) -> None:
    """What was so too shortly is no success."""
    clock = VirtualClock()

    def answer(_request: Any) -> Any:
        clock.advance_by(400_000)
        return status

    daemon.answer = answer
    with pytest.raises(Failure, match="timed out: not settled yet") as caught:
        waiter(tmp_path, clock, 1_000_000, in_sync=True, settle_us=2_000_000).run()
    assert caught.value.code == 75


def test_daemon_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """A look every 100 ms until the time is over; then 69."""
    clock = VirtualClock()
    with pytest.raises(Failure, match="no o2cbd answers at") as caught:
        waiter(tmp_path, clock, 1_000_000, in_sync=True).run()
    assert (caught.value.code, clock.now_us()) == (69, 1_000_000)


def test_daemon_that_is_restarted_is_followed(
    tmp_path: Path, daemon: FakeDaemon, status: Reply
) -> None:
    """A connection that ends is made anew, and nothing that was known before counts."""
    replies = iter([{**status, "state": "pending"}, None, status])
    daemon.answer = lambda _request: next(replies)

    waiter(tmp_path, VirtualClock(), 60_000_000, in_sync=True).run()

    assert [asked["after"] for asked in daemon.asked] == [None, 1, None]
