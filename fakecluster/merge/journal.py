"""A daemon's JSON journal, read back as the records that its flight recorder would have kept.

After a SIGKILL the ring is gone and the journal is all there is. It tells less: no notices, no
durations, milliseconds instead of microseconds, and a failed step only by what is pending for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from fakecluster.merge.told import Told, utc_us_of
from o2cbd.core.model import Quorum, Step
from o2cbd.core.records import Value, ranges
from o2cbd.core.reports import symbol

Row = Mapping[str, Any]

BURST_US: Final = 100_000
"""What is told of the membership within this time is one view."""

SYSTEMD: Final = "systemd"
"""What a report is called that the daemon's service manager made."""

_STEP_WORDS: Final = {step.__name__: step.word for step in get_args(Step)}
_SEVERITIES: Final = {"3": "error", "4": "warning", "5": "notice", "6": "info", "7": "debug"}
_UNIT_PROCESS_EXIT: Final = "98e322203f7a4ed290d09fe03c09fe15"
"""systemd's MESSAGE_ID of "Main process exited"."""
_EXITS: Final = {"stopping": 0, "stopped-while-stuck": 0, "crashed": 70, "wrong-cluster": 78}
"""After these reports the daemon ends with that code."""
_CONSOLE: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z) (error|warning|notice|info|debug) +(.*)"
)
"""A line of the daemon's at a terminal."""
_OF_A_VIEW: Final = frozenset({"quorum", "member-joined", "member-left", "member-rejoined"})
_WITH_A_KIND: Final = frozenset({"step", "pending", "pending-ended", "hold", "hold-gone", "vote"})
"""Reports of what has records of its own."""


class NoJournalLineError(ValueError):
    """The object is no line of a journal; the text says why."""


class JournalReader:
    """Follows one host's journal, line by line, over all lives of its daemon."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """The names of all members that were told of, by id."""
        self.clusters: list[str] = []
        """The cluster's names, as steps had them."""
        self.only_texts = 0
        """So many lines of the daemon's were not in JSON."""
        self._members: set[int] = set()
        self._joined: list[int] = []
        self._left: list[int] = []
        self._incarnations: dict[int, int] = {}
        self._quorate: bool | None = None
        self._burst: list[Told] = []
        self._alive = False

    def read(self, row: Row) -> list[Told]:
        """Take one line in, parsed, and return what can be told by now.

        Raises:
            NoJournalLineError: it is neither a report of the daemon nor an entry of journalctl.
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

    def console(self, text: str) -> list[Told]:
        """Take a line that is meant for people; nothing where it is none."""
        found = _CONSOLE.fullmatch(text)
        if found is None:
            return []
        self.only_texts += 1
        told = _told(utc_us_of(found[1]), "report", "journal", severity=found[2], text=found[3])
        return [*self.finish(), told]

    def finish(self) -> list[Told]:
        """Return what was kept back for what could have followed."""
        burst, self._burst = self._burst, []
        if not burst:
            return []
        connected = [one for one in burst if one.kind == "cman"]
        rest = [one for one in burst if one.kind != "cman"]
        if not self._members:
            return burst
        joined, left = self._joined, self._left
        self._joined, self._left = [], []
        view = Told(
            utc_us=(rest or connected)[0].utc_us,
            kind="cman",
            what="view",
            detail={
                "members": ranges(self._members),
                "quorate": self._quorate,
                "two_node": False,
                "joined": list[int](joined),
                "incarnations": [self._incarnations.get(node_id, 0) for node_id in joined],
                "left": list[int](left),
            },
        )
        return [*connected, view, *rest]

    # --- entries that are no reports ------------------------------------------------------------

    def _entry(self, row: Row, utc_us: int, message: str) -> list[Told]:
        if row.get("MESSAGE_ID") == _UNIT_PROCESS_EXIT:
            return self._ended(row, utc_us)
        what = SYSTEMD if row.get("_PID") == "1" else "journal"
        self.only_texts += what == "journal"
        severity = _SEVERITIES.get(str(row.get("PRIORITY")), "info")
        return [_told(utc_us, "report", what, severity=severity, text=message)]

    def _ended(self, row: Row, utc_us: int) -> list[Told]:
        """Take systemd's word for how the daemon ended, unless it has said so itself."""
        if not self._alive:
            return []
        self._alive = False
        status = str(row.get("EXIT_STATUS", ""))
        if row.get("EXIT_CODE") == "exited" and status.isdecimal():
            return [_told(utc_us, "daemon", "exit", code=int(status))]
        return [_told(utc_us, "daemon", "killed")]

    # --- reports --------------------------------------------------------------------------------

    def _report(self, row: Row) -> list[Told]:
        code, text, severity = row.get("code"), row.get("text"), row.get("severity")
        if not (isinstance(code, str) and isinstance(text, str) and isinstance(severity, str)):
            raise NoJournalLineError("it has neither a MESSAGE nor code, severity and text")
        try:
            utc_us = utc_us_of(str(row.get("time")))
        except ValueError:
            raise NoJournalLineError(f"its time {row.get('time')!r} is none") from None
        ready: list[Told] = []
        if self._burst and utc_us - self._burst[0].utc_us > BURST_US:
            ready = self.finish()
        data = row.get("data")
        told: list[Told] = []
        if isinstance(data, dict):
            try:
                told = self._known(code, data, utc_us)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise NoJournalLineError(f"the data of {code!r} are not as it has them") from None
        if code not in _WITH_A_KIND or not told:
            told.append(_told(utc_us, "report", code, severity=severity, text=text))
        if code in _EXITS and self._alive:
            self._alive = False
            told.append(_told(utc_us, "daemon", "exit", code=_EXITS[code]))
        if code in _OF_A_VIEW or code == "manager-reached":
            self._burst += told
            return ready
        return [*ready, *self.finish(), *told]

    def _known(self, code: str, data: Row, utc_us: int) -> list[Told]:
        if code in _OF_A_VIEW:
            self._membership(code, data)
            return []
        make = _MAKERS.get(code)
        if make is None:
            return []
        if code == "started":
            self._alive = True
        if code == "step" and data["step"]["kind"] == "CreateCluster":
            self.clusters.append(str(data["step"]["cluster"]))
        return make(utc_us, data)

    def _membership(self, code: str, data: Row) -> None:
        if code == "quorum":
            self._quorate = Quorum(data["quorum"]).quorate
            return
        node_id = int(data["id"])
        self.names[node_id] = str(data["name"])
        if code == "member-left":
            self._members.discard(node_id)
            self._left.append(node_id)
            return
        self._members.add(node_id)
        self._joined.append(node_id)
        if code == "member-rejoined":
            self._incarnations[node_id] = int(data["incarnation"])


# --- one code, its records ----------------------------------------------------------------------


def _told(utc_us: int, kind: str, what: str, **detail: Value) -> Told:
    return Told(utc_us=utc_us, kind=kind, what=what, detail=detail)


def _step(utc_us: int, data: Row) -> list[Told]:
    return [_step_told(utc_us, data["step"], "")]


def _step_told(utc_us: int, step: Row, errno: str) -> Told:
    fields: dict[str, Value] = {}
    if step["kind"] == "AddNode":
        node = step["node"]
        fields = {"num": node["num"], "address": node["address"], "port": node["port"]}
    elif step["kind"] == "SetAttribute":
        fields = {"attribute": step["attribute"], "value": step["value"]}
    return _told(
        utc_us,
        "step",
        _STEP_WORDS[step["kind"]],
        node=_node(step),
        errno=errno,
        text=_step_text(step),
        took_us=0,
        **fields,
    )


def _node(step: Row) -> str | None:
    node = step.get("node")
    return node["name"] if isinstance(node, dict) else node


def _step_text(step: Row) -> str:
    """Say a step as the daemon does."""
    match step["kind"]:
        case "CreateCluster":
            return f"create cluster {step['cluster']}"
        case "AddNode":
            node = step["node"]
            return f"add node {node['name']} ({node['num']}, {node['address']}:{node['port']})"
        case "SetAttribute":
            of = "" if step["node"] is None else f" of node {step['node']}"
            return f"set {step['attribute']}{of} to {step['value']}"
        case _:
            return f"remove node {step['node']}"


def _pending(what: str, utc_us: int, data: Row) -> Told:
    pending = data["pending"]
    step = pending["step"]
    more: dict[str, Value] = {"done": data["done"]} if what == "end" else {}
    return _told(
        utc_us,
        "pending",
        what,
        step=_STEP_WORDS[step["kind"]],
        node=_node(step),
        why=pending["why"],
        errno=symbol(pending["errno"]),
        text=_step_text(step),
        reason=pending["reason"],
        **more,
    )


def _pending_began(utc_us: int, data: Row) -> list[Told]:
    """An errno says that the step was tried and failed so."""
    errno = symbol(data["pending"]["errno"])
    tried = [_step_told(utc_us, data["pending"]["step"], errno)] if errno else []
    return [*tried, _pending("begin", utc_us, data)]


def _vote(utc_us: int, data: Row) -> list[Told]:
    what = "yes" if data["yes"] else "no"
    reason, forced = str(data["reason"]), bool(data["forced"])
    return [_told(utc_us, "vote", what, reason=reason, forced=forced)]


def _with_errno(kind: str, what: str) -> Callable[[int, Row], list[Told]]:
    return lambda utc_us, data: [_told(utc_us, kind, what, errno=symbol(data["errno"]))]


_MAKERS: Final[Mapping[str, Callable[[int, Row], list[Told]]]] = {
    "started": lambda utc_us, _: [_told(utc_us, "daemon", "start")],
    "stop-asked": lambda utc_us, _: [_told(utc_us, "daemon", "stop-asked")],
    "forgotten": lambda utc_us, data: [_told(utc_us, "daemon", "forget-asked", node=data["node"])],
    "manager-reached": lambda utc_us, _: [_told(utc_us, "cman", "connected")],
    "manager-gone": _with_errno("cman", "gone"),
    "manager-awaited": _with_errno("cman", "unreachable"),
    "membership-unreadable": _with_errno("cman", "unread"),
    "hold": lambda utc_us, _: [_told(utc_us, "hold", "begin", by="another")],
    "hold-gone": lambda utc_us, _: [_told(utc_us, "hold", "end", by="another")],
    "hold-unusable": _with_errno("hold", "unusable"),
    "step": _step,
    "pending": _pending_began,
    "pending-ended": lambda utc_us, data: [_pending("end", utc_us, data)],
    "vote": _vote,
}


def _realtime_us(row: Row) -> int:
    moment = row.get("__REALTIME_TIMESTAMP")
    if not (isinstance(moment, str) and moment.isdecimal()):
        raise NoJournalLineError("it has no __REALTIME_TIMESTAMP")
    return int(moment)


def _message(row: Row) -> str:
    """Return the text of an entry; journalctl spells what is no UTF-8 as numbers."""
    message = row["MESSAGE"]
    if isinstance(message, list):
        try:
            return bytes(message).decode("utf-8", "backslashreplace")
        except (TypeError, ValueError):
            raise NoJournalLineError("its MESSAGE is neither text nor bytes") from None
    return "" if message is None else str(message)
