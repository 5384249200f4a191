"""What systemd is told."""

from __future__ import annotations

import os
import socket

import pytest

from o2cbd.service.notify import MAX_STATUS_CHARS, Notifier
from tests.o2cbd.service.conftest import Systemd


def test_without_a_socket_nobody_is_told() -> None:
    """A daemon in a terminal runs the same."""
    notifier = Notifier({})
    notifier.ready()
    notifier.close()
    assert notifier.watchdog_interval_us is None


def test_each_milestone_is_told_once(systemd: Systemd) -> None:
    """READY and STOPPING are said once, the same status line once."""
    notifier = Notifier({"NOTIFY_SOCKET": str(systemd.path)})
    for _ in range(2):
        notifier.status("all\n is  well")
        notifier.ready()
        notifier.stopping()
    notifier.status("other")
    notifier.close()
    notifier.close()

    assert systemd.rest() == ["STATUS=all is well", "READY=1", "STOPPING=1", "STATUS=other"]


def test_status_is_short_and_any_text_is_sent(systemd: Systemd) -> None:
    """A node's name of odd bytes does not keep the line from systemd."""
    notifier = Notifier({"NOTIFY_SOCKET": str(systemd.path)})
    notifier.status("ö\udcff" + "x" * 1000)
    notifier.close()

    (message,) = systemd.rest()
    assert message.startswith("STATUS=ö\\udcffxxx")
    assert len(message) == len("STATUS=") + MAX_STATUS_CHARS + len("\\udcff") - 1


def test_abstract_socket_is_found() -> None:
    """An address that begins with @ is in the abstract name space."""
    name = f"o2cbd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        receiver.settimeout(10)
        notifier = Notifier({"NOTIFY_SOCKET": f"@{name}"})
        notifier.feed_watchdog()
        notifier.close()
        assert receiver.recv(100) == b"WATCHDOG=1"


def test_listener_that_does_not_listen_stops_nobody(systemd: Systemd) -> None:
    """A full socket drops the message, and never blocks the daemon."""
    notifier = Notifier({"NOTIFY_SOCKET": str(systemd.path)})
    for _ in range(10_000):
        notifier.feed_watchdog()
    notifier.close()
    assert systemd.rest()[0] == "WATCHDOG=1"


@pytest.mark.parametrize(
    ("usec", "pid", "interval_us"),
    [
        ("30000000", "", 15_000_000),
        ("30000000", "ours", 15_000_000),
        ("30000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("x", "", None),
        ("1", "", 1),
    ],
)
def test_watchdog_is_fed_at_half_of_its_time(usec: str, pid: str, interval_us: int | None) -> None:
    """As systemd recommends, and only where it means this process."""
    environment = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid.replace("ours", str(os.getpid()))}
    assert Notifier(environment).watchdog_interval_us == interval_us


def test_what_systemd_could_not_take_is_told_again(systemd: Systemd) -> None:
    """A READY that is lost would have the daemon killed at the end of its start time."""
    notifier = Notifier({"NOTIFY_SOCKET": str(systemd.path)})
    sent = 0
    while notifier._send("noise"):
        sent += 1
    notifier.ready()
    notifier.status("all is well")
    assert systemd.rest() == ["noise"] * sent
    notifier.ready()
    notifier.status("all is well")
    notifier.ready()
    notifier.close()
    assert systemd.rest() == ["READY=1", "STATUS=all is well"]
