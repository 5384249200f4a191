"""What one host told, by its wall clock: the common form of dumps, journals and accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from o2cbd.core.records import Value

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that happened on one host."""

    utc_us: int
    """Microseconds since 1970 by the wall clock of whoever tells it."""
    kind: str
    what: str
    detail: Mapping[str, Value] = field(default_factory=dict)


def utc_us_of(text: str) -> int:
    """Return the moment that an RFC 3339 text names, in microseconds since 1970.

    Raises:
        ValueError: it names none, or no time zone.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def utc_text(utc_us: int) -> str:
    """Name a moment as a trace's header does."""
    moment = _EPOCH + dt.timedelta(microseconds=utc_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
