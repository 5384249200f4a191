"""Directories stay open from a reading to the one after the steps, and are believed no longer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs.files import OsFiles
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.model import SetAttribute, Tables

VALUES = {"num": "1\n", "ipv4_address": "10.0.0.1\n", "ipv4_port": "7777\n", "local": "0\n"}
IDLE = SetAttribute(cluster="c1", node=None, attribute="idle_timeout_ms", value="1")


class CountingFiles(OsFiles):
    """Notes which directories are opened for listing."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open_top(self, path: str) -> int:
        self.opened.append("top")
        return super().open_top(path)

    def open_list(self, name: str, dir_fd: int) -> int:
        self.opened.append(name)
        return super().open_list(name, dir_fd)


class Place:
    """A directory that looks like a configfs with the cluster c1, and a tree on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cluster = make_cluster(root / "cluster" / "c1")
        self.files = CountingFiles()
        calls = CallBoard(MonotonicClock())
        self.tree = OsNodeTree(root, root / "debug", calls, files=self.files)

    def read(self, *, fresh: bool = False) -> Tables:
        return self.tree.read("c1", own=None, attributes=(), fresh=fresh)

    def names(self) -> list[str]:
        return [entry.name for entry in self.read().entries]

    def newly_opened(self) -> list[str]:
        opened = self.files.opened.copy()
        self.files.opened.clear()
        return opened


def make_cluster(where: Path, node: str = "n1") -> Path:
    for group in (f"node/{node}", "heartbeat"):
        (where / group).mkdir(parents=True)
    for name in ("idle_timeout_ms", "keepalive_delay_ms", "reconnect_delay_ms"):
        (where / name).write_text("30000\n")
    for name, value in VALUES.items():
        (where / "node" / node / name).write_text(value)
    return where


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


EVERYTHING = ["top", "c1", "node", "heartbeat"]


def test_the_reading_after_a_step_opens_nothing(place: Place) -> None:
    place.read()
    assert place.newly_opened() == EVERYTHING
    place.tree.do(IDLE)
    assert place.names() == ["n1"]
    assert place.newly_opened() == []


def test_a_reading_without_a_step_before_it_opens_all_anew(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    place.read()
    place.newly_opened()
    place.read()
    assert place.newly_opened() == EVERYTHING


def test_a_fresh_reading_opens_all_anew_even_after_a_step(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    place.newly_opened()
    place.read(fresh=True)
    assert place.newly_opened() == EVERYTHING


def test_a_cluster_made_anew_after_a_step_is_the_one_that_is_read(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    place.cluster.rename(place.root / "gone")
    make_cluster(place.cluster, "n2")
    assert place.names() == ["n2"]


def test_a_cluster_gone_after_a_step_is_gone(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    place.cluster.rename(place.root / "gone")
    assert place.read() == Tables(clusters=())
    assert place.newly_opened() == [*EVERYTHING, "top"]


def test_another_cluster_beside_it_is_seen_after_a_step(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    (place.root / "cluster" / "a0").mkdir()
    assert place.read().clusters == ("a0", "c1")
    assert place.newly_opened() == EVERYTHING


def test_a_shape_lost_after_a_step_is_no_configfs(place: Place) -> None:
    place.read()
    place.tree.do(IDLE)
    (place.cluster / "keepalive_delay_ms").unlink()
    with pytest.raises(NotConfigfsError):
        place.read()


def test_everything_is_looked_at_anew_where_nothing_is_left(place: Place) -> None:
    """The open directory cannot be listed: what has its path now is what counts."""
    place.read()
    place.tree.do(IDLE)

    def refuse_once(listing: Callable[[int], object]) -> Callable[[int], object]:
        left = [OSError(5, os.strerror(5))]

        def refusing(dir_fd: int) -> object:
            if left:
                raise left.pop()
            return listing(dir_fd)

        return refusing

    place.files.listing = refuse_once(place.files.listing)  # type: ignore[assignment,method-assign]
    assert place.names() == ["n1"]
    assert place.newly_opened() == EVERYTHING * 2


def test_a_step_before_any_reading_leaves_the_reading_its_own_look(place: Place) -> None:
    place.tree.do(IDLE)
    assert place.newly_opened() == ["top", "c1", "node", "heartbeat"]
    assert place.names() == ["n1"]
    assert place.newly_opened() == EVERYTHING


def test_nothing_stays_open_when_the_heartbeat_cannot_be_opened(place: Place) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    (place.cluster / "heartbeat").rmdir()
    with pytest.raises(FileNotFoundError, match="heartbeat"):
        place.tree.do(IDLE)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
