"""The flight recorder: a bounded ring that is written and read by two threads."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from fakecluster.testing.examples import membership
from fakecluster.testing.single_host import SingleHost
from o2cbd.clock import WallClock
from o2cbd.core import events
from o2cbd.core.rules import Rules, TableRules
from o2cbd.service.recorder import CAPACITY, FlightRecorder
from o2cbd.service.reports import CallStuck
from o2cbd.service.view import NOT_BEGUN


class Cockpit:
    """An agent on a single host with a recorder."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.host = SingleHost(membership(1, 2), Rules())
        self.recorder = FlightRecorder(capacity)
        self.agent = self.host.start(observer=self.recorder.note)

    def rows(self) -> list[dict[str, Any]]:
        wall = WallClock(self.host.clock)
        lines = self.recorder.dump(self.agent.status, Rules(), wall)
        return [json.loads(line) for line in lines]


def test_a_dump_is_a_header_and_the_records_in_order() -> None:
    cockpit = Cockpit()
    cockpit.agent.step()
    header, *rows = cockpit.rows()

    assert (header["kind"], header["schema"], header["arm"]) == ("header", 1, "daemon")
    assert header["cluster"] == "alpha"
    assert header["nodes"] == [{"id": 1, "name": "n1"}, {"id": 2, "name": "n2"}]
    assert (header["seed"], header["lost"], header["options"]) == (None, 0, {"host": 1})
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["host"] for row in rows} == {1}
    assert [row["what"] for row in rows if row["kind"] == "step"] == [
        "create-cluster",
        "add-node",
        "set-attribute",
        "add-node",
    ]


def test_the_header_names_the_rules_and_the_moment_of_zero() -> None:
    cockpit = Cockpit()
    rules = Rules(table=TableRules(port=7000))
    wall = WallClock(cockpit.host.clock)
    header = json.loads(cockpit.recorder.dump(NOT_BEGUN, rules, wall)[0])

    assert header["rules"] == {
        "scope": "members",
        "port": "7000",
        "quorum": "require",
        "two_node": "wait",
    }
    assert header["utc"] == wall.utc(0, timespec="microseconds")
    assert (header["cluster"], header["nodes"], header["options"]) == ("", [], {"host": 0})


def test_only_the_last_records_are_kept_and_the_loss_is_counted() -> None:
    recorder = FlightRecorder(3)
    for number in range(10):
        recorder.note(events.ConfigChange(version=number), NOT_BEGUN, number)
    wall = WallClock(SingleHost().clock)
    header, *rows = map(json.loads, recorder.dump(NOT_BEGUN, Rules(), wall))

    assert header["lost"] == 7
    assert [(row["seq"], row["version"]) for row in rows] == [(8, 7), (9, 8), (10, 9)]


def test_what_the_main_thread_tells_is_recorded_too() -> None:
    cockpit = Cockpit()
    cockpit.recorder.tell(CallStuck(call="cman_get_nodes", since="then"), 5)
    row = cockpit.rows()[-1]

    assert (row["kind"], row["what"], row["t_us"]) == ("report", "stuck", 5)
    assert row["severity"] == "warning"
    assert "cman_get_nodes" in row["text"]


def test_one_thread_writes_while_another_reads() -> None:
    """No record is torn, none is read twice, and reading fails never."""
    recorder = FlightRecorder(50)
    wall = WallClock(SingleHost().clock)
    over = threading.Event()

    def write() -> None:
        for number in range(20_000):
            recorder.note(events.ConfigChange(version=number), NOT_BEGUN, number)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        _header, *rows = map(json.loads, recorder.dump(NOT_BEGUN, Rules(), wall))
        seqs = [row["seq"] for row in rows]
        assert seqs == list(range(seqs[0], seqs[-1] + 1) if seqs else ())
        assert all(row["version"] == row["seq"] - 1 for row in rows)
    writer.join(20)

    assert len(recorder.dump(NOT_BEGUN, Rules(), wall)) == 51


@pytest.mark.parametrize("size", [1, CAPACITY])
def test_the_capacity_holds(size: int) -> None:
    recorder = FlightRecorder(size)
    for number in range(size + 10):
        recorder.note(events.ConfigChange(version=number), NOT_BEGUN, number)

    assert len(recorder.dump(NOT_BEGUN, Rules(), WallClock(SingleHost().clock))) == size + 1
