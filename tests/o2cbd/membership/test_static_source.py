"""Membership from cluster.conf: read whole, watched, and kept back where the file is no good."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance import membership as checks
from fakecluster.conformance.membership import Make
from o2cbd import clusterconf
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.clusterconf import FileCluster, FileNode
from o2cbd.core.events import StateChange
from o2cbd.core.model import Advice, Member, Membership, Quorum
from o2cbd.membership import _inotify_abi, inotify_build
from o2cbd.membership.interface import ReadFailedError
from o2cbd.membership.static import StaticSource

CHANGED = (StateChange(quorate=True),)


def node(number: int, name: str | None = None) -> FileNode:
    return FileNode(name=name or f"node{number}", num=number, address=f"10.0.0.{number}", port=7777)


def text_of(*numbers: int, cluster: str = "o2") -> str:
    return clusterconf.render(FileCluster(name=cluster, nodes=tuple(map(node, numbers))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "ocfs2").mkdir()
    return tmp_path / "ocfs2" / "cluster.conf"


Open = Callable[..., StaticSource]


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    sources: list[StaticSource] = []

    def make(*, host: str = "node1", cluster: str | None = None) -> StaticSource:
        board = CallBoard(MonotonicClock())
        sources.append(StaticSource(str(path), cluster, board, host_name=lambda: host))
        return sources[-1]

    yield make
    for source in sources:
        source.close()


def readable(source: StaticSource) -> bool:
    poller = select.poll()
    poller.register(source.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def told(source: StaticSource) -> bool:
    """Whoever waits is woken, and a dispatch says once that there is something to read."""
    return readable(source) and source.dispatch() == CHANGED and source.dispatch() == ()


def ids(source: StaticSource) -> list[int]:
    return [member.id for member in source.snapshot().members]


def failure(source: StaticSource) -> ReadFailedError:
    with pytest.raises(ReadFailedError) as caught:
        source.snapshot()
    return caught.value


@pytest.mark.row("static-members")
def test_a_reading_is_the_file(path: Path, opened: Open) -> None:
    """Number 0 and the order of the stanzas are the operator's own."""
    path.write_text(text_of(7, 0, 1))
    assert opened().snapshot() == Membership(
        cluster="o2",
        local_id=1,
        quorum=Quorum.NONE,
        two_node=False,
        members=tuple(
            Member(
                id=number,
                name=f"node{number}",
                incarnation=0,
                addresses=(f"10.0.0.{number}",),
                advice=Advice(address=f"10.0.0.{number}", port="7777", num=str(number)),
            )
            for number in (0, 1, 7)
        ),
    )


def test_a_whole_table_is_read(path: Path, opened: Open) -> None:
    path.write_text(
        clusterconf.render(
            FileCluster(
                name="o2",
                nodes=tuple(
                    FileNode(name=f"node{i}", num=i, address=f"10.0.{i}.1", port=7777)
                    for i in range(255)
                ),
            )
        )
    )
    assert ids(opened()) == list(range(255))


def test_what_is_as_before_is_the_same_value(path: Path, opened: Open) -> None:
    path.write_text(text_of(1, 2))
    source = opened()
    assert source.snapshot() is source.snapshot()


def test_host_that_is_renamed_is_another_node_of_the_same_file(path: Path) -> None:
    path.write_text(text_of(1, 2))
    hosts = iter(["node1", "node2"])
    board = CallBoard(MonotonicClock())
    with closing(StaticSource(str(path), None, board, host_name=lambda: next(hosts))) as source:
        assert [source.snapshot().local_id for _ in range(2)] == [1, 2]


# --- whose host this is: as `o2cb register-cluster` of ocfs2-tools 1.8.7 was seen to decide it


@pytest.mark.row("static-members")
@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("a", "a"),
        ("a.example.com", "a"),
        ("A", "a"),
        ("b.example.com", "b.example.com"),
        ("b.example.org", None),
        ("b", None),
        ("ab", None),
    ],
)
def test_our_own_node_is_found_as_ocfs2_tools_find_it(host: str, own: str | None) -> None:
    cluster = FileCluster(name="o2", nodes=(node(1, "a"), node(2, "b.example.com")))
    found = clusterconf.node_of_host(cluster, host)
    assert (None if found is None else found.name) == own


def test_of_two_that_could_be_us_the_one_that_says_more_is() -> None:
    cluster = FileCluster(name="o2", nodes=(node(1, "a"), node(2, "a.example")))
    found = clusterconf.node_of_host(cluster, "a.example.com")
    assert found is not None
    assert found.name == "a.example"


@pytest.mark.row("static-bad-file")
def test_a_host_that_is_not_in_the_file_hears_what_to_write(path: Path, opened: Open) -> None:
    path.write_text(text_of(1, 2))
    error = failure(opened(host="alpha.example"))
    assert error.errno == errno.ENOENT
    assert error.strerror == (
        f"{path}: no node of cluster o2 is this host, alpha.example; its nodes are node1, node2: a"
        " node's name is its host's name, whole or up to a dot; write a node: stanza with"
        " name = alpha, or rename this host and restart o2cbd"
    )


# --- files that are no good


def test_a_file_that_is_not_there_is_named(path: Path, opened: Open) -> None:
    error = failure(opened())
    assert error.errno == errno.ENOENT
    assert error.strerror == f"{path}: No such file or directory (ENOENT)"


@pytest.mark.row("static-bad-file")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no cluster: stanza: the file is empty or half-written"),
        (b"\x7fELF\0\0", "line 1: not a text file: it has a NUL byte"),
        (
            text_of(1, 2).replace("7777", "x").encode(),
            "line 6: ip_port 'x' is not a number from 1 to ",
        ),
        (text_of(1, 2).partition("cluster:\n")[0].encode(), "no cluster: stanza: the file"),
        (b"#\n" * (1 << 19) + b"#", "over 1048576 bytes"),
    ],
)
def test_a_bad_file_is_told_with_its_line(path: Path, opened: Open, data: bytes, said: str) -> None:
    path.write_bytes(data)
    error = failure(opened())
    assert error.errno == errno.EBADMSG
    assert str(error.strerror).startswith(f"{path}: {said}")


def test_a_file_that_is_mended_is_read(path: Path, opened: Open) -> None:
    path.write_text("zork")
    source = opened()
    failure(source)
    source.dispatch()
    path.write_text(text_of(1, 2))
    assert told(source)
    assert ids(source) == [1, 2]


def test_of_several_clusters_the_confirmed_one_counts(path: Path, opened: Open) -> None:
    path.write_text(f"{text_of(1, 2)}\n{text_of(1, 3, cluster='other')}")
    assert ids(opened(cluster="other")) == [1, 3]
    error = failure(opened())
    assert error.strerror == (
        f'{path}: several clusters (o2, other): name the one with [cluster] name = "..."'
    )


def test_another_name_than_the_confirmed_one_is_the_cores_to_judge(
    path: Path, opened: Open
) -> None:
    path.write_text(text_of(1, 2))
    assert opened(cluster="other").snapshot().cluster == "o2"


# --- changes


@pytest.mark.row("static-watched")
def test_every_way_to_change_it_is_told(path: Path, opened: Open) -> None:
    """Each of them once, and the reading after it has it."""
    path.write_text(text_of(1, 2))
    source = opened()
    assert ids(source) == [1, 2]
    source.dispatch()
    path.write_text(text_of(1, 3))
    assert told(source)
    assert ids(source) == [1, 3]
    clusterconf.write(str(path), text_of(1, 4))
    assert told(source)
    assert ids(source) == [1, 4]
    path.rename(path.with_name("away"))
    assert told(source)
    assert failure(source).errno == errno.ENOENT
    path.with_name("away").rename(path)
    assert told(source)
    assert ids(source) == [1, 4]
    path.unlink()
    assert told(source)
    path.write_text(text_of(1, 5))
    assert told(source)
    assert ids(source) == [1, 5]


def test_what_happens_beside_it_is_not_told(path: Path, opened: Open) -> None:
    path.write_text(text_of(1, 2))
    source = opened()
    path.with_name(".cluster.conf.swp").write_text("x")
    assert readable(source)
    assert source.dispatch() == ()
    assert not readable(source)


def test_a_file_that_was_just_made_is_waited_for(path: Path, opened: Open) -> None:
    source = opened()
    with path.open("w") as file:
        path.chmod(0o644)
        assert source.dispatch() == ()
        file.write(text_of(1, 2))
    assert told(source)
    path.chmod(0o600)
    assert told(source)


@pytest.mark.row("static-watched")
def test_a_directory_that_comes_later_is_noticed(path: Path, opened: Open) -> None:
    path.parent.rmdir()
    source = opened()
    assert failure(source).errno == errno.ENOENT
    path.parent.mkdir()
    assert told(source)
    assert failure(source).errno == errno.ENOENT
    path.write_text(text_of(1, 2))
    assert told(source)
    assert ids(source) == [1, 2]


def test_a_directory_that_is_put_in_the_place_of_another_is_noticed(
    path: Path, opened: Open
) -> None:
    path.write_text(text_of(1, 2))
    source = opened()
    path.parent.rename(path.parent.with_name("old"))
    assert told(source)
    assert failure(source).errno == errno.ENOENT
    path.parent.mkdir()
    path.write_text(text_of(1, 3))
    assert told(source)
    assert ids(source) == [1, 3]


@pytest.mark.row("static-watched")
def test_a_link_that_turns_is_noticed_and_its_target_watched(path: Path, opened: Open) -> None:
    one, two = (path.parent.with_name(name) for name in ("one", "two"))
    for number, directory in enumerate((one, two), start=2):
        directory.mkdir()
        (directory / "file").write_text(text_of(1, number))
    path.symlink_to(one / "file")
    source = opened()
    assert ids(source) == [1, 2]
    (one / "file").write_text(text_of(1, 4))
    assert told(source)
    assert ids(source) == [1, 4]
    path.with_name("new").symlink_to(two / "file")
    path.with_name("new").rename(path)
    assert told(source)
    assert ids(source) == [1, 3]
    source.dispatch()
    (two / "file").write_text(text_of(1, 5))
    assert told(source)
    assert ids(source) == [1, 5]


def test_closed_is_closed(path: Path, opened: Open) -> None:
    source = opened()
    source.close()
    source.close()
    path.write_text(text_of(1))
    assert source.dispatch() == ()
    with pytest.raises(OSError, match="no longer watched"):
        source.fileno()


def test_generated_module_is_what_its_builder_writes(tmp_path: Path) -> None:
    inotify_build.generate(tmp_path / "abi.py")
    committed = Path(_inotify_abi.__file__).read_text(encoding="utf-8")
    assert (tmp_path / "abi.py").read_text(encoding="utf-8") == committed


# --- what every membership source does, as far as a file can


class StaticDriver:
    """The verbs of a `MembershipDriver` that a file knows: who starts is in it, who leaves not."""

    def __init__(self, topology: Topology, path: Path) -> None:
        self._topology = topology
        self._path = path
        self._there: list[int] = []
        self._sources: list[StaticSource] = []

    def connect(self) -> StaticSource:
        board = CallBoard(MonotonicClock())
        source = StaticSource(str(self._path), None, board, host_name=lambda: "node1")
        self._sources.append(source)
        return source

    def readable(self, source: StaticSource) -> bool:
        return readable(source)

    def settle(self) -> None:
        """A write is an event at once."""

    def start(self, node_id: int) -> None:
        self._there = sorted([*self._there, node_id])
        self._write()

    def leave(self, node_id: int) -> None:
        self._there.remove(node_id)
        self._write()

    die = leave

    def _write(self) -> None:
        clusterconf.write(str(self._path), text_of(*self._there))

    def close(self) -> None:
        for source in self._sources:
            source.close()


CHECKS: tuple[Callable[[Make], None], ...] = (
    checks.silence_is_silence,
    checks.a_join_is_told,
    checks.a_leave_is_told,
    checks.a_death_is_told,
    checks.what_comes_during_a_reading_is_not_lost,
    checks.every_connection_is_told,
)
"""The others are of managers that die, count votes, or ask."""


@pytest.mark.row("static-watched")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_static_source(check: Callable[[Make], None], path: Path) -> None:
    drivers: list[StaticDriver] = []

    def make(topology: Topology) -> StaticDriver:
        drivers.append(StaticDriver(topology, path))
        return drivers[-1]

    try:
        check(make)  # type: ignore[arg-type]  # the verbs that these checks use
    finally:
        for driver in drivers:
            driver.close()
