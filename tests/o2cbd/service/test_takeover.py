"""What a daemon that starts changes of entries that it finds is told before it is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from o2cbd.core import events
from o2cbd.core.model import Entry, Member, Membership, Quorum, Tables
from o2cbd.core.reports import Report
from o2cbd.core.rules import TableRules
from o2cbd.service.takeover import Takeover
from o2cbd.service.view import NOT_BEGUN

A = Member(id=1, name="a", incarnation=1, addresses=("10.0.0.1",))
B = Member(id=2, name="b", incarnation=1, addresses=("10.0.0.2",))
MEMBERSHIP = Membership(
    cluster="o2", local_id=1, quorum=Quorum.QUORATE, two_node=False, members=(A, B)
)
ENTRY_A = Entry(name="a", inode=1, num=1, address="10.0.0.1", port=7777, local=True)
ENTRY_B = Entry(name="b", inode=2, num=2, address="10.0.0.2", port=7777, local=False)


def told(*entries: Entry, times: int = 1) -> list[str]:
    heard: list[Report] = []
    takeover = Takeover(TableRules(), heard.append)
    for _ in range(times):
        for event in (
            events.MembershipRead(membership=MEMBERSHIP),
            events.TablesRead(tables=Tables(clusters=("o2",), entries=entries)),
        ):
            takeover.note(event, NOT_BEGUN, 0)
    return [report.text for report in heard]


def test_right_entries_are_no_news() -> None:
    assert told(ENTRY_A, ENTRY_B) == []


@pytest.mark.row("takeover")
def test_every_value_is_told_and_once() -> None:
    """As ocfs2-tools numbered them: from 0."""
    found = replace(ENTRY_A, num=0), replace(ENTRY_B, name="b.lan", address="10.9.0.2", port=17777)
    assert told(*found, times=2) == [
        (
            "node a is in the kernel and will be replaced: num 0 becomes 1; unmount OCFS2 on all"
            " nodes first: hosts mounted under old and under new numbers mistake each other for"
            " other nodes, and can destroy the volume"
        ),
        (
            "node b.lan is in the kernel and will be replaced: name b.lan becomes b, address"
            " 10.9.0.2 becomes 10.0.0.2, port 17777 becomes 7777"
        ),
    ]


def test_half_made_entries_and_those_of_nobody_are_not_told_of() -> None:
    half = replace(ENTRY_B, num=0, address="0.0.0.0", port=0)
    stale = Entry(name="z", inode=9, num=9, address="10.0.0.9", port=7777, local=False)
    assert told(ENTRY_A, half, stale) == []


def test_tables_before_any_membership_are_passed_over() -> None:
    takeover = Takeover(TableRules(), lambda report: None)
    takeover.note(events.TablesRead(tables=Tables(clusters=())), NOT_BEGUN, 0)
    takeover.note(events.Woken(), NOT_BEGUN, 0)
