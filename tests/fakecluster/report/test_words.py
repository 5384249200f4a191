"""Every kind of line in words."""

from __future__ import annotations

from typing import Any

import pytest

from fakecluster.report.words import plain, shown, who, words
from fakecluster.trace.events import Line


def said(kind: str, what: str, **detail: Any) -> str:
    return words(Line(t_us=0, seq=1, host=1, kind=kind, what=what, detail=detail))


def test_failed_connect_is_shown_once() -> None:
    def line(host: int, kind: str, what: str) -> Line:
        return Line(t_us=0, seq=1, host=host, kind=kind, what=what, detail={})

    awaited, report = line(1, "cman", "unreachable"), line(1, "report", "manager-awaited")
    elsewhere, gone = line(2, "report", "manager-awaited"), line(1, "cman", "gone")
    assert shown([awaited, report, gone]) == [report, gone]
    assert shown([gone, report, awaited, elsewhere]) == [gone, report, awaited, elsewhere]
    assert shown([awaited]) == [awaited]


@pytest.mark.parametrize(
    ("kind", "what", "detail", "expected"),
    [
        ("verb", "kill", {}, "== kill"),
        ("verb", "pin", {"node": "n2"}, "== pin n2"),
        ("verb", "shutdown", {"forced": True, "removed": False}, "== shutdown forced"),
        ("cman", "view", {"members": "1-3", "quorate": True}, "members 1-3, quorate"),
        ("cman", "view", {"members": "", "quorate": False}, "members none, inquorate"),
        ("cman", "view", {"members": "1", "quorate": None}, "members 1, no quorum known"),
        ("cman", "gone", {"errno": "EHOSTDOWN"}, "the manager is gone [EHOSTDOWN]"),
        ("cman", "unread", {"errno": "EIO"}, "cannot read the membership [EIO]"),
        ("cman", "unreachable", {"errno": ""}, "the manager cannot be reached"),
        ("cman", "connected", {}, "cman connected"),
        ("cman", "ring", {"detail": "4: +[1]"}, "cman ring 4: +[1]"),
        (
            "call",
            "write:num",
            {"path": "/a/num", "value": "3", "errno": "EEXIST"},
            "write /a/num = 3 [EEXIST]",
        ),
        ("call", "mkdir", {"path": "/a", "value": "", "errno": ""}, "mkdir /a"),
        ("step", "add-node", {"text": "add node n", "errno": ""}, "done: add node n"),
        (
            "step",
            "remove-node",
            {"text": "remove node n", "errno": "EBUSY"},
            "failed: remove node n [EBUSY]",
        ),
        (
            "pending",
            "begin",
            {"text": "remove n", "reason": "held fast", "why": "pinned", "errno": "EBUSY"},
            "pending: remove n: held fast (pinned [EBUSY])",
        ),
        ("pending", "end", {"text": "remove n", "done": True}, "no longer pending: remove n: done"),
        (
            "pending",
            "end",
            {"text": "remove n", "done": False},
            "no longer pending: remove n: no longer wanted",
        ),
        ("hold", "begin", {"by": "another"}, "another process holds the semaphore"),
        ("hold", "end", {"by": "another"}, "the hold is over"),
        ("hold", "unusable", {"errno": "EACCES"}, "the semaphore cannot be used [EACCES]"),
        ("vote", "yes", {"reason": "free", "forced": False}, "votes yes: free"),
        ("vote", "no", {"reason": "mounted", "forced": True}, "votes no, forced: mounted"),
        ("notice", "state-change", {"quorate": True}, "notice state-change, quorate true"),
        (
            "notice",
            "shutdown-asked",
            {"forced": True, "removed": False},
            "asked: may the cluster shut down?, forced",
        ),
        ("message", "goodbye", {"to": "2-3", "arrives_us": 5}, "goodbye to 2-3"),
        ("report", "synced", {"severity": "notice", "text": "in sync"}, "in sync"),
        ("check", "violation", {"text": "no"}, "VIOLATION: no"),
        ("daemon", "exit", {"code": 0}, "daemon exit 0"),
        ("daemon", "forget-asked", {"node": "n3"}, "daemon forget-asked n3"),
        ("table", "unread", {"errno": "EIO"}, "cannot read configfs [EIO]"),
        ("end", "safety", {"violations": 2}, "end: safety, 2 violations"),
        ("dream", "fly", {"how": "high"}, "dream fly how high"),
    ],
)
def test_a_line_in_words(kind: str, what: str, detail: dict[str, Any], expected: str) -> None:
    assert said(kind, what, **detail) == expected


@pytest.mark.parametrize("text", ["plain", "mit \u00e4", "node 3"])
def test_a_printable_text_stays(text: str) -> None:
    assert plain(text) == text


def test_what_is_not_printable_is_spelled_out() -> None:
    assert plain("a\n\x1b\udcff\u202e\u2028") == "a\\n\\x1b\\udcff\\u202e\\u2028"


def test_whose_line_it_is() -> None:
    line = Line(t_us=0, seq=1, host=4, kind="verb", what="x")
    assert who(line, {4: "four"}) == "four"
    assert who(line, {}) == "node 4"
    assert who(Line(t_us=0, seq=1, host=0, kind="verb", what="x"), {}) == "cluster"
