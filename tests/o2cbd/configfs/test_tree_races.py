"""What can only happen between two calls of the real tree, or on what is no configfs at all.

Plain files stand in the places of the kernel's, which is enough for reading.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs import files
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.model import CreateCluster, SetAttribute, Tables

NODE = {"num": "1\n", "ipv4_address": "10.0.0.1\n", "ipv4_port": "7777\n", "local": "0\n"}
ATTRIBUTES = ("idle_timeout_ms", "keepalive_delay_ms", "reconnect_delay_ms")

Before = Callable[[str, Callable[[], None]], None]


class Place:
    """A directory that looks like a configfs with the cluster c1, and a tree on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cluster = root / "cluster" / "c1"
        for group in ("node", "heartbeat"):
            (self.cluster / group).mkdir(parents=True)
        for name in ATTRIBUTES:
            (self.cluster / name).write_text("30000\n")
        self.calls = CallBoard(MonotonicClock())
        self.tree = OsNodeTree(root, root / "debug", self.calls)

    def add(self, name: str) -> Path:
        node = self.cluster / "node" / name
        node.mkdir()
        for file, text in NODE.items():
            (node / file).write_text(text)
        return node

    def read(self) -> Tables:
        return self.tree.read("c1", own=None, attributes=(), fresh=False)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The look-alike."""
    return Place(tmp_path)


@pytest.fixture
def before_open(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Runs something once, right before a file or directory of this name is opened."""
    really_open = os.open

    def arm(name: str, action: Callable[[], None]) -> None:
        armed = [action]

        def open_after(path: str, flags: int, *, dir_fd: int | None = None) -> int:
            if path == name and armed:
                armed.pop()()
            return really_open(path, flags, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", open_after)

    return arm


def remove(directory: Path) -> None:
    for item in sorted(directory.rglob("*"), reverse=True):
        if item.is_dir():
            item.rmdir()
        else:
            item.unlink()
    directory.rmdir()


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_in_the_place_of_the_directory_is_no_configfs(tmp_path: Path) -> None:
    (tmp_path / "cluster").touch()
    board = CallBoard(MonotonicClock())
    with pytest.raises(NotConfigfsError, match="modprobe ocfs2_nodemanager") as caught:
        OsNodeTree(tmp_path, tmp_path, board).read("c1", own=None, attributes=(), fresh=True)
    assert (caught.value.errno, caught.value.filename) == (errno.ENODEV, f"{tmp_path}/cluster")


@pytest.mark.row("not-configfs")
@pytest.mark.parametrize("missing", [*ATTRIBUTES, "node", "heartbeat"])
def test_each_part_of_the_shape_is_needed(place: Place, missing: str) -> None:
    part = place.cluster / missing
    part.rmdir() if part.is_dir() else part.unlink()
    with pytest.raises(NotConfigfsError) as caught:
        place.read()
    assert (caught.value.errno, caught.value.filename) == (errno.ENODEV, str(place.cluster))


def test_a_plain_directory_that_cannot_be_taken_away_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cluster").mkdir()

    def refuse(_path: str, *, dir_fd: int) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(NotConfigfsError, match="rmdir of what was made there: EBUSY") as caught:
        OsNodeTree(tmp_path, tmp_path, CallBoard(MonotonicClock())).do(CreateCluster(cluster="c1"))
    assert caught.value.errno == errno.ENODEV


def test_a_cluster_that_goes_before_it_is_opened_is_gone(place: Place, before_open: Before) -> None:
    before_open("c1", lambda: remove(place.cluster))
    assert place.read() == Tables(clusters=())


def test_a_cluster_that_goes_while_it_is_looked_at_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emptied directory has no shape; that it is gone is the reason."""
    listing = files.OsFiles.listing
    listed = []

    def list_after(self: files.OsFiles, fd: int) -> list[files.Listed]:
        listed.append(fd)
        if len(listed) == 2:
            remove(place.cluster)
        return listing(self, fd)

    monkeypatch.setattr(files.OsFiles, "listing", list_after)
    assert place.read() == Tables(clusters=())


def test_a_node_directory_that_goes_is_an_error_and_leaks_nothing(
    place: Place, before_open: Before
) -> None:
    before_open("node", lambda: remove(place.cluster))
    before = open_fds()
    with pytest.raises(FileNotFoundError) as caught:
        place.read()
    assert caught.value.filename == f"{place.cluster}/node"
    assert open_fds() == before


def test_an_entry_that_goes_before_it_is_opened_is_left_out(
    place: Place, before_open: Before
) -> None:
    place.add("n1")
    gone = place.add("n2")
    before_open("n2", lambda: remove(gone))
    assert [entry.name for entry in place.read().entries] == ["n1"]


def test_an_entry_made_anew_in_the_middle_is_left_for_the_next_reading(
    place: Place, before_open: Before
) -> None:
    node = place.add("n1")

    def make_anew() -> None:
        node.rename(place.root / "old")
        place.add("n1")
        remove(place.root / "old")

    before_open("num", make_anew)
    assert place.read().entries == ()
    assert [entry.name for entry in place.read().entries] == ["n1"]


@pytest.mark.parametrize("text", ["", "\n", "-1\n", "1x\n", "0x1\n", "²\n"])
def test_a_value_that_is_no_number_is_an_error(place: Place, text: str) -> None:
    (place.add("n1") / "num").write_text(text)
    with pytest.raises(OSError, match="not a number") as caught:
        place.read()
    assert caught.value.errno == errno.EBADMSG
    assert caught.value.filename == f"{place.cluster}/node/n1/num"


def test_a_region_that_goes_while_we_look_is_left_out(place: Place, before_open: Before) -> None:
    for name in ("R1", "R2"):
        (place.cluster / "heartbeat" / name).mkdir()
        (place.cluster / "heartbeat" / name / "pid").write_text("7\n")
    before_open("R1/pid", lambda: remove(place.cluster / "heartbeat" / "R1"))
    assert [(region.name, region.pid) for region in place.read().regions] == [("R2", 7)]


def test_a_kernel_without_pid_files_shows_its_regions(place: Place) -> None:
    (place.cluster / "heartbeat" / "R1").mkdir()
    assert [(region.name, region.pid) for region in place.read().regions] == [("R1", None)]


def test_a_short_write_is_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a value would be a store of its own."""
    place.add("n1")
    written = []

    def write(_fd: int, data: bytes) -> int:
        written.append(data)
        return len(data) - 1

    monkeypatch.setattr(os, "write", write)
    step = SetAttribute(cluster="c1", node="n1", attribute="ipv4_port", value="7777")
    with pytest.raises(OSError, match="short write: 3 of 4 bytes") as caught:
        place.tree.do(step)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, "node/n1/ipv4_port")
    assert written == [b"7777"]


@pytest.mark.parametrize(
    ("text", "nums"),
    [
        ("", frozenset()),
        ("\n", frozenset()),
        ("0 3 254 \n", frozenset({0, 3, 254})),
        ("broken\n", None),
    ],
)
def test_the_live_map_is_read_or_unknown(
    place: Place, text: str, nums: frozenset[int] | None
) -> None:
    assert place.read().live_nums is None
    (place.root / "debug" / "o2hb").mkdir(parents=True)
    (place.root / "debug" / "o2hb" / "livenodes").write_text(text)
    assert place.read().live_nums == nums


def test_every_call_that_may_block_is_declared(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add("n1")
    (place.cluster / "heartbeat" / "R1").mkdir()
    undeclared: list[str] = []
    for name in ("open", "read", "write", "mkdir", "rmdir", "scandir", "stat", "fstat"):
        real = getattr(os, name)

        def noting(
            *args: object, name: str = name, real: Callable[..., object] = real, **kw: int
        ) -> object:
            if place.calls.current is None:
                undeclared.append(f"{name} {args}")
            return real(*args, **kw)

        monkeypatch.setattr(os, name, noting)
    place.read()
    place.tree.do(SetAttribute(cluster="c1", node="n1", attribute="local", value="1"))
    with pytest.raises(NotConfigfsError):
        place.tree.do(CreateCluster(cluster="c2"))
    assert undeclared == []
    assert place.calls.current is None


def test_directories_stay_open_for_the_steps_and_are_given_back(place: Place) -> None:
    before = open_fds()
    place.read()
    assert open_fds() == before + 4
    place.read()
    assert open_fds() == before + 4
    with pytest.raises(FileNotFoundError):
        place.tree.do(SetAttribute(cluster="c1", node="ghost", attribute="local", value="1"))
    assert open_fds() == before
    place.read()
    place.tree.close()
    assert open_fds() == before


def test_a_step_after_another_clusters_reading_opens_its_own(place: Place) -> None:
    place.read()
    place.cluster.rename(place.root / "cluster" / "c2")
    with pytest.raises(FileNotFoundError):
        place.tree.do(SetAttribute(cluster="c3", node=None, attribute="idle_timeout_ms", value="1"))
    place.tree.do(SetAttribute(cluster="c2", node=None, attribute="idle_timeout_ms", value="2"))
    assert (place.root / "cluster" / "c2" / "idle_timeout_ms").read_text() == "20000\n"
