"""The journal: reports become lines on stderr, and a reader that stops reading stops nobody.

Written by hand rather than with a logging library: those that render records as wanted here cost
more memory and start time than the whole daemon may have.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import select
from collections import deque
from collections.abc import Callable, Mapping

from o2cbd.clock import Clock, WallClock
from o2cbd.core.reports import Report
from o2cbd.service.reports import ReportsLost
from o2cbd.settings import LogFormat, LogSettings

MAX_WAITING = 1000
"""Lines kept for a reader that does not read."""

MAX_LINE_CHARS = 2000
"""A text is cut here."""

MAX_LINE_BYTES = select.PIPE_BUF
"""And a line here, its end included: poll promises that so much can be written without blocking."""

LAST_FLUSH_MS = 500
"""How long the end waits, in all, for a reader that does not read or is slow."""

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def render_journal(report: Report, _time: str) -> str:
    """Render as systemd reads it from stderr: syslog's priority in front."""
    return f"<{report.severity.value}>{_one_line(report.text)}"


def render_console(report: Report, time: str) -> str:
    """Render for a person at a terminal."""
    return f"{time} {report.severity.name.lower():<7} {_one_line(report.text)}"


def render_json(report: Report, time: str) -> str:
    """Render as one JSON object: the report's fields, and what it says."""
    data = {name: plain(value) for name, value in report.data().items()}
    item = {
        "time": time,
        "severity": report.severity.name.lower(),
        "code": report.code,
        "text": report.text[:MAX_LINE_CHARS],
    }
    line = json.dumps({**item, "data": data}, sort_keys=True)
    if len(line) < MAX_LINE_BYTES:
        return line
    while len(line := json.dumps(item, sort_keys=True)) >= MAX_LINE_BYTES:
        item["text"] = item["text"][: len(item["text"]) * 3 // 4]
    return line


def _one_line(text: str) -> str:
    return text.translate(_CONTROL)[:MAX_LINE_CHARS]


def plain(value: object) -> object:
    """Turn a value of the model into what JSON has."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(str(item) for item in value)
    return value


_RENDERERS: Mapping[LogFormat, Callable[[Report, str], str]] = {
    LogFormat.CONSOLE: render_console,
    LogFormat.JOURNAL: render_journal,
    LogFormat.JSON: render_json,
}


def choose_format(wanted: LogFormat, environment: Mapping[str, str]) -> LogFormat:
    """Resolve `auto`: systemd names its journal in the environment."""
    if wanted is not LogFormat.AUTO:
        return wanted
    return LogFormat.JOURNAL if environment.get("JOURNAL_STREAM") else LogFormat.CONSOLE


class Journal:
    """Takes reports from any thread with `tell`; one thread writes them with `flush`."""

    def __init__(self, fd: int, settings: LogSettings, clock: Clock, *, format: LogFormat) -> None:  # noqa: A002 - the setting's name
        self._fd = fd
        self._level = settings.level.value
        self._render = _RENDERERS[format]
        self._clock = clock
        self._wall = WallClock(clock)
        self._told: deque[tuple[int, Report]] = deque()
        self._lines: deque[bytes] = deque()
        self._lost = 0

    def tell(self, report: Report) -> None:
        """Note a report; never blocks."""
        if report.severity.value <= self._level:
            self._told.append((self._clock.now_us(), report))

    @property
    def blocked(self) -> bool:
        """True when lines wait for the reader: wait for POLLOUT, then `flush`."""
        return bool(self._lines)

    def flush(self) -> None:
        """Write what can be written without blocking."""
        self._flush(0)

    def finish(self) -> None:
        """Write what is left, waiting a moment for a slow reader."""
        self._flush(LAST_FLUSH_MS)

    def _flush(self, patience_ms: int) -> None:
        self._render_told()
        end_us = self._clock.now_us() + patience_ms * 1000
        left_ms = patience_ms
        while self._lines and left_ms >= 0 and self._write_one(left_ms):
            if patience_ms:
                left_ms = (end_us - self._clock.now_us()) // 1000
            if self._lost and not self._lines:
                self._append(self._clock.now_us(), ReportsLost(count=self._lost))
                self._lost = 0

    def _render_told(self) -> None:
        while self._told:
            self._append(*self._told.popleft())

    def _append(self, moment_us: int, report: Report) -> None:
        if len(self._lines) >= MAX_WAITING:
            self._lost += 1
            return
        line = self._render(report, self._wall.utc(moment_us)).encode("utf-8", "backslashreplace")
        if len(line) >= MAX_LINE_BYTES:  # never in the middle of a character
            line = line[: MAX_LINE_BYTES - 1].decode("utf-8", "ignore").encode()
        self._lines.append(line + b"\n")

    def _write_one(self, patience_ms: int) -> bool:
        """Write the oldest line; False when the reader does not take it now."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        if not poll.poll(patience_ms):
            return False
        try:
            os.write(self._fd, self._lines[0])
        except BlockingIOError:
            return False
        except OSError:
            # Nobody is there to read, or to be told so.
            self._lines.popleft()
            return True
        self._lines.popleft()
        return True
