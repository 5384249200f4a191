"""The host's end of the command channel: any number of commands at once, each with a handle."""

from __future__ import annotations

import itertools
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integration.channel import ChannelError, Lines, encode
from integration.errors import GuestError

_GRACE_S = 15
"""How much later than the guest's agent we lose patience with a command."""
_SEND_TIMEOUT_S = 60
_PIECE = 1 << 16
_READY = 0
"""Stands for the agent's first word among the numbers of commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command in the guest ended."""

    rc: int
    """124 when its time was up, 127 when it could not be started."""
    out: str
    err: str
    timed_out: bool = False


class GuestCall:
    """A command that was sent; only one thread may wait for it."""

    def __init__(self, what: str, deadline: float) -> None:
        self._what = what
        self._deadline = deadline
        self._messages: queue.SimpleQueue[dict[str, Any] | GuestError] = queue.SimpleQueue()
        self._out: list[str] = []
        self._result: CommandResult | None = None

    def deliver(self, message: dict[str, Any] | GuestError) -> None:
        """Take what came for this command; for the one who reads the channel."""
        self._messages.put(message)

    def next_message(self, wait_s: float | None = None) -> dict[str, Any]:
        """The next message, waited for until the deadline or for as long as is said.

        Raises:
            GuestError: the guest ended or spoke nonsense, or the deadline passed.
            queue.Empty: nothing came within `wait_s`.
        """
        left = max(0.0, self._deadline - time.monotonic())
        try:
            message = self._messages.get(timeout=left if wait_s is None else min(left, wait_s))
        except queue.Empty:
            if time.monotonic() < self._deadline:
                raise
            raise GuestError(f"timed out waiting for {self._what}") from None
        if isinstance(message, GuestError):
            raise GuestError(f"{message} while waiting for {self._what}")
        return message

    def result(self, on_line: Callable[[str], None] | None = None) -> CommandResult:
        """Wait for the command's end.

        Args:
            on_line: takes each line of its output as it comes; it is in the result as well.

        Raises:
            GuestError: the guest ended, or did not answer even after the command's time was up.
        """
        while self._result is None:
            self._take(self.next_message(), on_line)
        return self._result

    def poll(self) -> CommandResult | None:
        """The result if the command has ended; does not wait.

        Raises:
            GuestError: as `result`.
        """
        try:
            while self._result is None:
                self._take(self.next_message(0), None)
        except queue.Empty:
            return None
        return self._result

    def wait_line(self, text: str) -> None:
        """Wait until the command has printed this line; nothing is lost of what comes after it.

        Raises:
            GuestError: as `result`; or it ended without that line.
        """
        while text not in self._out:
            if self._result is not None:
                said = self._result.err.strip() or self._result.out.strip()
                raise GuestError(f"the command ended without printing {text!r}: {said}")
            self._take(self.next_message(), None)

    def lines(self) -> list[str]:
        """The output so far, of what `poll` or `result` has taken."""
        return list(self._out)

    def _take(self, message: dict[str, Any], on_line: Callable[[str], None] | None) -> None:
        if "line" not in message:
            self._result = CommandResult(
                rc=message["rc"],
                out="\n".join(self._out),
                err=message["err"],
                timed_out=message["timed_out"],
            )
            return
        self._out.append(message["line"])
        if on_line is not None:
            on_line(message["line"])


class Conversation:
    """Speaks with one guest's agent; a thread of its own reads until the channel ends."""

    def __init__(self, channel: socket.socket) -> None:
        """Speak over a connected socket, whose end ends the conversation."""
        self._channel = channel
        self._numbers = itertools.count(_READY + 1)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._calls: dict[int, GuestCall] = {}
        self._end: GuestError | None = None
        self._channel.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0)
        )
        self._early: dict[str, Any] | None = None
        threading.Thread(target=self._read, name="guest channel", daemon=True).start()

    def ready(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the agent's first word; what it says of the guest.

        Raises:
            GuestError: the guest ended or nothing came in time.
        """
        call = GuestCall("its agent to be ready", time.monotonic() + timeout_s)
        with self._lock:
            if self._early is not None:
                call.deliver(self._early)
            self._enter(_READY, call)
        facts: dict[str, Any] = call.next_message()["ready"]
        return facts

    def send(self, what: str, timeout_s: float, request: Mapping[str, object]) -> GuestCall:
        """Send a request, and do not wait for its end.

        Args:
            what: what is waited for, for messages.
            timeout_s: after this time, and some more, we lose patience.
            request: as `integration.channel` describes it, without a number.

        Raises:
            GuestError: the guest takes no command.
        """
        call = GuestCall(what, time.monotonic() + timeout_s + _GRACE_S)
        with self._lock:
            number = next(self._numbers)
            self._enter(number, call)
        try:
            with self._sending:
                self._channel.sendall(encode({"id": number, **request}))
        except OSError as error:
            raise GuestError(f"the guest takes no command: {error}") from None
        return call

    def _enter(self, number: int, call: GuestCall) -> None:
        self._calls[number] = call
        if self._end is not None:
            call.deliver(self._end)

    def _read(self) -> None:
        end = self._read_to_the_end()
        with self._lock:
            self._end = end
            for call in self._calls.values():
                call.deliver(end)

    def _read_to_the_end(self) -> GuestError:
        """Hand out what comes; why there is no more."""
        lines = Lines()
        try:
            while data := self._channel.recv(_PIECE):
                for message in lines.feed(data):
                    if not self._hand_out(message):
                        return GuestError(f"an answer to no request: {message}")
        except OSError as error:
            return GuestError(f"the channel broke ({error})")
        except ChannelError as error:
            return GuestError(f"invalid data on the channel ({error})")
        return GuestError("the guest ended")

    def _hand_out(self, message: dict[str, Any]) -> bool:
        with self._lock:
            if "ready" in message:
                self._early = message
                if call := self._calls.pop(_READY, None):
                    call.deliver(message)
                return True
            call = self._calls.get(message.get("id", _READY))
            if call is None:
                return False
            call.deliver(message)
            if "rc" in message:
                del self._calls[message["id"]]
            return True
