"""Journals as the daemon writes them, and dumps as its flight recorder does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakecluster.merge.utc import utc_text
from o2cbd.core import reports
from o2cbd.core.model import AddNode, CreateCluster, Node, Pending, RemoveNode, Why
from o2cbd.core.records import Header, Record, Value
from o2cbd.service.journal import render_json
from o2cbd.service.reports import Started

NOON_US = 1_790_000_000_000_000
NODE3 = Node(name="node3", num=3, address="10.0.0.3", port=7777)
REMOVE3 = RemoveNode(cluster="o2", node="node3")


class Lines:
    """One host's lines; times are microseconds since noon."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self._seq = 0

    def tell(self, t_us: int, *told: reports.Report) -> Lines:
        """Let the daemon tell something in JSON."""
        moment = utc_text((NOON_US + t_us) // 1000 * 1000)
        self.rows += [render_json(one, moment) for one in told]
        return self

    def joined(self, t_us: int, *ids: int) -> Lines:
        return self.tell(t_us, *(reports.MemberJoined(id=one, name=f"node{one}") for one in ids))

    def life(self, t_us: int) -> Lines:
        """Let a daemon start and come in sync."""
        self.tell(t_us, Started(version="1", configfs="/c", runtime_dir="/r"))
        self.tell(t_us + 1_000, reports.ManagerReached(again=False))
        self.tell(t_us + 2_000, reports.QuorumChanged(quorum="quorate"))
        self.joined(t_us + 2_000, 1, 3)
        self.tell(t_us + 3_000, reports.StepApplied(step=CreateCluster(cluster="o2")))
        add = AddNode(cluster="o2", node=NODE3)
        return self.tell(t_us + 4_000, reports.StepApplied(step=add))

    def header(self, *, zero_us: int = 0, lost: int = 0, **more: Any) -> Lines:
        """Begin a dump whose clock was 0 at a moment after noon."""
        values: dict[str, Any] = {
            "cluster": "o2",
            "nodes": ((1, "node1"), (3, "node3")),
            "arm": "daemon",
            "utc": utc_text(NOON_US + zero_us),
            "lost": lost,
        }
        self.rows.append(Header(**(values | more)).as_json())
        return self

    def record(self, t_us: int, kind: str, what: str, **detail: Value) -> Lines:
        self._seq += 1
        made = Record(t_us=t_us, seq=self._seq, host=1, kind=kind, what=what, detail=detail)
        self.rows.append(made.as_json())
        return self

    def entry(self, t_us: int, message: object, **fields: object) -> Lines:
        """Add what `journalctl -o json` prints for one entry."""
        row = {"__REALTIME_TIMESTAMP": str(NOON_US + t_us), "MESSAGE": message, **fields}
        self.rows.append(json.dumps(row))
        return self


def pinned(errno: int | None = 16) -> reports.PendingBegan:
    return reports.PendingBegan(
        pending=Pending(step=REMOVE3, why=Why.PINNED, reason="the kernel holds it", errno=errno)
    )


@pytest.fixture
def make_lines() -> type[Lines]:
    return Lines


@pytest.fixture
def pinned_report() -> Any:
    return pinned


@pytest.fixture
def noon_us() -> int:
    return NOON_US
