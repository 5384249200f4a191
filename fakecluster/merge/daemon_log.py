"""Read a daemon's log: a JSON line is a report, which has its records of a trace itself.

After a SIGKILL the flight recorder is gone and the log is all there is. It has less: no notices,
no durations, milliseconds instead of microseconds, and a failed step only by what is pending for
it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, get_args, get_type_hints

import cattrs

from fakecluster.merge.utc import utc_us_of
from o2cbd.core import reports
from o2cbd.core.model import CreateCluster, Quorum, Step
from o2cbd.core.records import Record, TraceItem, ranges
from o2cbd.core.reports import Report
from o2cbd.service import reports as service_reports

Row = Mapping[str, Any]

BURST_US: Final = 100_000
"""Changes of the membership that are reported within this time are one view."""

SYSTEMD: Final = "systemd"
"""`what` of a report that the daemon's service manager made."""

_SEVERITIES: Final = {str(one.value): one.name.lower() for one in reports.Severity}
_UNIT_PROCESS_EXIT: Final = "98e322203f7a4ed290d09fe03c09fe15"
"""systemd's MESSAGE_ID of "Main process exited"."""
_CONSOLE: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z) (error|warning|notice|info|debug) +(.*)"
)
"""A line of the daemon's at a terminal."""
_OF_A_VIEW: Final = (
    reports.QuorumChanged,
    reports.MemberJoined,
    reports.MemberLeft,
    reports.MemberRejoined,
)


def _reports_of(module: ModuleType) -> dict[str, type[Report]]:
    kinds = [one for one in vars(module).values() if isinstance(one, type)]
    return {one.code: one for one in kinds if issubclass(one, Report) and one is not Report}


_REPORTS: Final = {
    code: kind
    for code, kind in (_reports_of(reports) | _reports_of(service_reports)).items()
    if kind in _OF_A_VIEW
    or (kind.records, kind.event, kind.exit_code) != (Report.records, (), None)
}
"""By code, what has more records than its line."""

_STEPS: Final = {step.__name__: step for step in get_args(Step)}
_converter = cattrs.Converter(detailed_validation=False)


def _by_names(kind: type[Any]) -> Callable[[Row, object], object]:
    """Return what makes a dataclass of a row; Debian 12's cattrs knows no `kw_only`."""
    hints = get_type_hints(kind)

    def structure(row: Row, _kind: object) -> object:
        given = {one.name for one in dataclasses.fields(kind)} & row.keys()
        return kind(**{name: _converter.structure(row[name], hints[name]) for name in given})

    return structure


_converter.register_structure_hook_factory(dataclasses.is_dataclass, _by_names)
_converter.register_structure_hook(
    Step, lambda row, _: _converter.structure(row, _STEPS[row["kind"]])
)


class NotALogLineError(ValueError):
    """The object is not a line of a log; the text says why."""


class LogReader:
    """Follows one host's log, line by line, over all lives of its daemon."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """The names of all members in it, by id."""
        self.clusters: list[str] = []
        """The cluster's names, as steps have them."""
        self.plain_lines = 0
        """The number of the daemon's lines that are not JSON."""
        self._members: set[int] = set()
        self._joined: list[int] = []
        self._left: list[int] = []
        self._incarnations: dict[int, int] = {}
        self._quorate: bool | None = None
        self._burst: list[Record] = []
        self._alive = False

    def read(self, row: Row) -> list[Record]:
        """Take one line in, parsed, and return the records that are complete by now.

        Their time is microseconds since 1970; host and seq are 0.

        Raises:
            NotALogLineError: it is neither a report of the daemon nor an entry of journalctl.
        """
        if "MESSAGE" not in row:
            return self._report(row)
        utc_us = _realtime_us(row)
        message = _message(row)
        try:
            inner = json.loads(message)
        except ValueError:
            inner = None
        if isinstance(inner, dict) and "code" in inner:
            return self._report(inner)
        return [*self.finish(), *self._entry(row, utc_us, message)]

    def console(self, text: str) -> list[Record]:
        """Take a line that is meant for people; nothing where it is none."""
        found = _CONSOLE.fullmatch(text)
        if found is None:
            return []
        self.plain_lines += 1
        return [*self.finish(), log_line(utc_us_of(found[1]), "journal", found[2], found[3])]

    def finish(self) -> list[Record]:
        """Return what was kept back for what could have followed."""
        burst, self._burst = self._burst, []
        if not burst or not self._members:
            return burst
        connected = [one for one in burst if one.kind == "cman"]
        rest = [one for one in burst if one.kind != "cman"]
        joined, left = self._joined, self._left
        self._joined, self._left = [], []
        view: TraceItem = (
            "cman",
            "view",
            {
                "members": ranges(self._members),
                "quorate": self._quorate,
                "two_node": False,
                "joined": joined,
                "incarnations": [self._incarnations.get(node_id, 0) for node_id in joined],
                "left": left,
            },
        )
        return [*connected, _record((rest or connected)[0].t_us, view), *rest]

    # --- entries that are not reports -----------------------------------------------------------

    def _entry(self, row: Row, utc_us: int, message: str) -> list[Record]:
        if row.get("MESSAGE_ID") == _UNIT_PROCESS_EXIT:
            return self._exited(row, utc_us)
        what = SYSTEMD if row.get("_PID") == "1" else "journal"
        self.plain_lines += what == "journal"
        severity = _SEVERITIES.get(str(row.get("PRIORITY")), "info")
        return [log_line(utc_us, what, severity, message)]

    def _exited(self, row: Row, utc_us: int) -> list[Record]:
        """Take systemd's word for how the daemon ended, unless it has reported so itself."""
        if not self._alive:
            return []
        self._alive = False
        status = str(row.get("EXIT_STATUS", ""))
        if row.get("EXIT_CODE") == "exited" and status.isdecimal():
            return [_record(utc_us, ("daemon", "exit", {"code": int(status)}))]
        return [_record(utc_us, ("daemon", "killed", {}))]

    # --- reports --------------------------------------------------------------------------------

    def _report(self, row: Row) -> list[Record]:
        code, text, severity = row.get("code"), row.get("text"), row.get("severity")
        if not (isinstance(code, str) and isinstance(text, str) and isinstance(severity, str)):
            raise NotALogLineError("it has neither a MESSAGE nor code, severity and text")
        try:
            utc_us = utc_us_of(str(row.get("time")))
        except ValueError:
            raise NotALogLineError(f"its time {row.get('time')!r} is none") from None
        ready: list[Record] = []
        if self._burst and utc_us - self._burst[0].t_us > BURST_US:
            ready = self.finish()
        report = _parse(code, row.get("data"))
        line = log_line(utc_us, code, severity, text)
        records = [line]
        if report is not None:
            # The log's own sentence stays: another version may have reported it.
            records = [
                line if item[0] == line.kind else _record(utc_us, item)
                for item in self._items(report)
            ]
        if isinstance(report, (*_OF_A_VIEW, reports.ManagerReached)):
            self._burst += records
            return ready
        return [*ready, *self.finish(), *records]

    def _items(self, report: Report) -> list[TraceItem]:
        items = list(report.records)
        match report:
            case reports.QuorumChanged():
                self._quorate = Quorum(report.quorum).quorate
            case reports.MemberJoined():
                self._join(report.id, report.name)
            case reports.MemberRejoined():
                self._join(report.id, report.name)
                self._incarnations[report.id] = report.incarnation
            case reports.MemberLeft():
                self.names[report.id] = report.name
                self._members.discard(report.id)
                self._left.append(report.id)
            case reports.StepApplied(step=CreateCluster(cluster=cluster)):
                self.clusters.append(cluster)
            case reports.PendingBegan(pending=pending) if pending.errno is not None:
                # An errno says that the step was tried; no report says so itself.
                items.insert(0, reports.step_record(pending.step, pending.errno))
            case service_reports.Started():
                self._alive = True
        if not self._alive:
            return [item for item in items if item[:2] != ("daemon", "exit")]
        self._alive = all(item[:2] != ("daemon", "exit") for item in items)
        return items

    def _join(self, node_id: int, name: str) -> None:
        self.names[node_id] = name
        self._members.add(node_id)
        self._joined.append(node_id)


def log_line(utc_us: int, what: str, severity: str, text: str) -> Record:
    """Return a record of a line that stands in a log."""
    return _record(utc_us, ("report", what, {"severity": severity, "text": text}))


def _record(utc_us: int, item: TraceItem) -> Record:
    kind, what, detail = item
    return Record(t_us=utc_us, seq=0, host=0, kind=kind, what=what, detail=detail)


def _parse(code: str, data: object) -> Report | None:
    """Return the report that a line was made of; None where the line is all that a trace has."""
    kind = _REPORTS.get(code)
    if kind is None or not isinstance(data, dict):
        return None
    try:
        return _converter.structure(data, kind)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotALogLineError(f"the data of {code!r} are not as it has them") from None


def _realtime_us(row: Row) -> int:
    moment = row.get("__REALTIME_TIMESTAMP")
    if not (isinstance(moment, str) and moment.isdecimal()):
        raise NotALogLineError("it has no __REALTIME_TIMESTAMP")
    return int(moment)


def _message(row: Row) -> str:
    """Return the text of an entry; journalctl spells what is no UTF-8 as numbers."""
    message = row["MESSAGE"]
    if isinstance(message, list):
        try:
            return bytes(message).decode("utf-8", "backslashreplace")
        except (TypeError, ValueError):
            raise NotALogLineError("its MESSAGE is neither text nor bytes") from None
    return "" if message is None else str(message)
