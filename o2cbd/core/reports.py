"""What the daemon tells: one typed item gives the log line, the JSON and the metric."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import ClassVar


class Severity(enum.Enum):
    """How loud a report is; the values are syslog's priorities."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing that happened, for the person who must act."""

    code: ClassVar[str]
    """Stable name of the kind, for filters and counters."""
    severity: ClassVar[Severity] = Severity.INFO

    @property
    def text(self) -> str:
        """The sentence for the log: what, which node, which errno, what happens next."""
        raise NotImplementedError

    def data(self) -> dict[str, object]:
        """Return the fields as they stand, for structured logs."""
        return {item.name: getattr(self, item.name) for item in fields(self)}
