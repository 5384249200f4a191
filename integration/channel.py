"""The command channel's language, spoken by both ends: one JSON object a line.

Host to guest: `{"id", "argv", "env", "cwd", "stdin", "timeout_s"}`. Guest to host:
`{"ready": ...}` once, then for each command any number of `{"id", "line"}` (a line of its output,
as it comes) and one `{"id", "rc", "err", "timed_out"}`. Commands run side by side. In place of a
command, `{"id", "call", "arguments"}` calls a function of the agent's own process, whose value is
its one line, as JSON.
Standard library only: the guest's agent imports it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LINE_LIMIT_BYTES = 4 << 20
"""Longer lines are taken for a channel gone wrong."""

PORT_NAME = "o2cbd.integration"
"""The name of the virtio-serial port."""

TIMED_OUT_RC = 124
"""The return code of a command that was ended because its time was up, as timeout(1) has it."""


class ChannelError(Exception):
    """What came over the channel is not its language."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One line of the channel."""
    return json.dumps(message, separators=(",", ":"), sort_keys=True).encode() + b"\n"


class Lines:
    """Puts what arrives in pieces together to messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are complete with this piece, in order.

        Raises:
            ChannelError: a line is too long, or not a JSON object.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT_BYTES:
            raise ChannelError(f"a line of over {LINE_LIMIT_BYTES} bytes")
        return [_decode(line) for line in lines]


def _decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        raise ChannelError(f"not JSON: {line[:200]!r}") from None
    if not isinstance(message, dict):
        raise ChannelError(f"not a JSON object: {line[:200]!r}")
    return message
