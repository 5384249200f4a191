"""Wall-clock times: RFC 3339 texts and microseconds since 1970."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def utc_us_of(text: str) -> int:
    """Return the moment that an RFC 3339 text names, in microseconds since 1970.

    Raises:
        ValueError: it is not a moment, or has no time zone.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def utc_text(utc_us: int) -> str:
    """Return a moment in RFC 3339, as a trace's header has it."""
    moment = _EPOCH + dt.timedelta(microseconds=utc_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
