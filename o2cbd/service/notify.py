"""What systemd is told, and how often its watchdog wants to hear of us.

The protocol is one datagram of `NAME=value` lines; see sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

MAX_STATUS_CHARS = 250


class Notifier:
    """sd_notify without blocking; without NOTIFY_SOCKET it tells nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)
        self._status = ""
        self._told: set[str] = set()
        self.watchdog_interval_us = _watchdog_interval_us(environment)
        """How often the watchdog is to be fed; None: nobody watches."""

    def status(self, text: str) -> None:
        """Show this line in `systemctl status`; the same line again is not sent."""
        line = " ".join(text.split())[:MAX_STATUS_CHARS]
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def ready(self) -> None:
        """Say, once, that the first pass is complete; again while systemd could not take it."""
        self._send_once("READY=1")

    def stopping(self) -> None:
        """Say, once, that the end has begun."""
        self._send_once("STOPPING=1")

    def feed_watchdog(self) -> None:
        """Say that all is well."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Give the socket back; may be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_once(self, message: str) -> None:
        if message not in self._told and self._send(message):
            self._told.add(message)

    def _send(self, message: str) -> bool:
        """Send; False when it could not be, which changes nothing of what the daemon does."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError:
            return False
        return True


def _watchdog_interval_us(environment: Mapping[str, str]) -> int | None:
    """Half of what systemd allows, as it recommends."""
    text = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        return None
    if pid not in {"", str(os.getpid())}:
        return None
    return max(int(text) // 2, 1)
