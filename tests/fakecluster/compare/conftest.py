"""Runs of one scenario, made by hand: what each host does, with times of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakecluster.compare.comparable_events import story_of
from fakecluster.compare.comparison import Comparison, compare
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceFile
from o2cbd.core.records import Header, Value


class Run:
    """One run of two hosts; every line comes `pace_us` after the one before."""

    def __init__(self, arm: str = "sim", *, pace_us: int = 1_000, utc: str | None = None) -> None:
        self.header = Header(cluster="o2", nodes=((1, "node1"), (2, "node2")), arm=arm, utc=utc)
        self.lines: list[Line] = []
        self._pace_us = pace_us
        self.network = "10.0.0"

    def add(self, host: int, kind: str, what: str, **detail: Value) -> Run:
        number = len(self.lines)
        self.lines.append(
            Line(
                t_us=number * self._pace_us,
                seq=number + 1,
                host=host,
                kind=kind,
                what=what,
                detail=detail,
            )
        )
        return self

    def verb(self, host: int, what: str, **detail: Value) -> Run:
        return self.add(host, "verb", what, **detail)

    def view(self, host: int, members: str, *, quorate: bool = True) -> Run:
        return self.add(
            host, "cman", "view", members=members, quorate=quorate, two_node=False,
            joined=[], incarnations=[], left=[],
        )  # fmt: skip

    def step(self, host: int, what: str, node: int, errno: str = "") -> Run:
        address = f"{self.network}.{node}"
        text = f"{what} node{node} {address}"
        more: dict[str, Value] = {"address": address} if what == "add-node" else {}
        return self.add(
            host, "step", what, node=f"node{node}", errno=errno, text=text, took_us=1, **more
        )

    def pending(self, host: int, what: str, why: str = "pinned") -> Run:
        more: dict[str, Value] = {"done": True} if what == "end" else {}
        return self.add(
            host, "pending", what, step="remove-node", node="node2", why=why, errno="",
            text="remove node2", reason="it has a reason", **more,
        )  # fmt: skip

    def begin(self) -> Run:
        """Both daemons start and fill their tables."""
        for host in (1, 2):
            self.verb(host, "daemon-start")
        for host in (1, 2):
            self.add(host, "daemon", "start").view(host, "1-2")
            self.step(host, "add-node", 1).step(host, "add-node", 2)
        return self

    def death(self) -> Run:
        """And node 2 dies."""
        self.begin().verb(2, "kill").add(2, "daemon", "killed")
        return self.view(1, "1").step(1, "remove-node", 2)

    def trace(self) -> TraceFile:
        return TraceFile(header=self.header, lines=tuple(self.lines))


def against(a: Run, b: Run) -> Comparison:
    return compare(story_of(a.header, a.lines), story_of(b.header, b.lines))


@pytest.fixture
def make_run() -> type[Run]:
    return Run


@pytest.fixture
def beside() -> Callable[[Run, Run], Comparison]:
    return against


@pytest.fixture
def real() -> Callable[[], Run]:
    """A run of real daemons: slower, and with a wall clock."""
    return lambda: Run("process", pace_us=50_000, utc="2026-02-03T04:05:06.000000Z")


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, Any], str]:
    def save(name: str, run: Any) -> str:
        path = tmp_path / name
        path.write_text(run.trace().as_text(), encoding="utf-8")
        return str(path)

    return save
