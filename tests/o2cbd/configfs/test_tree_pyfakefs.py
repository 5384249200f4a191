"""The real tree through pyfakefs: all checks, and its calls are the model's, one for one."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from fakecluster.configfs.fakefs import ModelFilesystem, ModelOsModule
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs import files
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode, SetAttribute

ROOT = "/sys/kernel/config"
LIVENODES = "/sys/kernel/debug/o2hb/livenodes"

Make = Callable[[KernelVariant], ModelDriver]
CallNoted = tuple[str, ...]


class NotingOs(ModelOsModule):
    """Notes the adapter's calls in the journal's words: name, and path below the configfs."""

    def __init__(self, filesystem: ModelFilesystem) -> None:
        super().__init__(filesystem)
        self.calls: list[CallNoted] = []
        self._opened: dict[int, str] = {}

    def _path(self, path: str, dir_fd: int | None) -> str:
        above = ROOT if dir_fd is None else f"{ROOT}{self._opened[dir_fd]}"
        return posixpath.join(above, path).removeprefix(ROOT)

    def open(
        self, path: Any, flags: int, mode: int | None = None, *, dir_fd: int | None = None
    ) -> int:
        fd = super().open(path, flags, mode, dir_fd=dir_fd)
        where = self._path(path, dir_fd)
        self._opened[fd] = where
        if where.startswith("/cluster") and not flags & os.O_PATH:
            self.calls.append(("open", where))
        return fd

    def scandir(self, path: Any = ".") -> Any:
        self.calls.append(("scandir", self._opened[path]))
        return super().scandir(path)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self.calls.append(("mkdir", self._path(path, dir_fd)))
        super().mkdir(path, mode, dir_fd=dir_fd)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self.calls.append(("rmdir", self._path(path, dir_fd)))
        super().rmdir(path, dir_fd=dir_fd)

    def read(self, fd: int, n: int) -> bytes:
        where = self._opened[fd]
        if where.startswith("/cluster"):
            self.calls.append((f"read:{posixpath.basename(where)}", where))
        return super().read(fd, n)

    def write(self, fd: int, contents: bytes) -> int:
        where = self._opened[fd]
        self.calls.append((f"write:{posixpath.basename(where)}", where, contents.decode()))
        return super().write(fd, contents)


class Place:
    """A fake file system with a model in it, which the adapter takes for its own."""

    def __init__(self, variant: KernelVariant, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model = ConfigfsModel(variant=variant)
        self.filesystem = ModelFilesystem(self.model, ROOT)
        self.os = NotingOs(self.filesystem)
        monkeypatch.setattr(files, "os", self.os)
        self.tree = OsNodeTree(ROOT, "/sys/kernel/debug", CallBoard(MonotonicClock()))

    def show_live(self, nums: Iterable[int]) -> None:
        if self.filesystem.exists(LIVENODES):
            self.filesystem.remove(LIVENODES)
        text = "".join(f"{num} " for num in nums)
        self.filesystem.create_file(LIVENODES, contents=f"{text}\n")

    def close(self) -> None:
        self.tree.close()
        assert self.filesystem.configfs.open_count == 0, "descriptors were left open"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes drivers; afterwards no descriptor may be open."""
    places: list[Place] = []

    def made(variant: KernelVariant) -> ModelDriver:
        place = Place(variant, monkeypatch)
        places.append(place)
        return ModelDriver(place.model, place.tree, place.show_live)

    yield made
    for place in places:
        place.close()


@pytest.mark.parametrize(
    "check", [*node_tree.CHECKS, *node_tree_faults.CHECKS], ids=lambda check: check.__name__
)
def test_conforms(check: Callable[[ModelDriver], None], make: Make) -> None:
    check(make(OBSERVED_6_1))


@pytest.mark.parametrize("check", node_tree_faults.MISNAMED_CHECKS, ids=lambda c: c.__name__)
def test_conforms_on_misnaming_kernels(check: Callable[[ModelDriver], None], make: Make) -> None:
    check(make(KERNEL_B_MISNAMED))


@pytest.mark.row("order")
def test_the_models_journal_is_the_adapters_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is answered by pyfakefs itself, and nothing is asked twice."""
    place = Place(OBSERVED_6_1, monkeypatch)
    place.model.journal.with_reads = True
    tree = place.tree
    tree.read("c1", own="n1", attributes=(), fresh=False)
    tree.do(CreateCluster(cluster="c1"))
    for num in (1, 2):
        address = f"127.0.0.{num}"
        node = Node(name=f"n{num}", num=num, address=address, port=7777)
        tree.do(AddNode(cluster="c1", node=node))
    tree.do(SetAttribute(cluster="c1", node="n1", attribute="local", value="1"))
    tree.do(SetAttribute(cluster="c1", node=None, attribute="idle_timeout_ms", value="20000"))
    tree.do(SetAttribute(cluster="c1", node=None, attribute="fence_method", value="panic"))
    for fresh in (False, True):
        tree.read("c1", own="n1", attributes=("idle_timeout_ms",), fresh=fresh)
    tree.do(RemoveNode(cluster="c1", node="n2"))
    place.close()
    journal = [
        (done.name, done.path, *([done.data.decode()] if done.data else []))
        for done in place.model.journal
    ]
    assert len(journal) > 50
    assert place.os.calls == journal
    assert ("write:fence_method", "/cluster/c1/fence_method", "panic\n") in journal
    assert {done.error for done in place.model.journal} == {""}


def test_the_calls_of_one_more_join_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one scandir a directory, one `local`, and what the new entry needs: nothing.

    The directories are still open from the reading before.
    """
    place = Place(OBSERVED_6_1, monkeypatch)
    tree = place.tree
    tree.do(CreateCluster(cluster="c1"))
    for num in range(1, 33):
        address = f"127.0.0.{num}"
        node = Node(name=f"n{num}", num=num, address=address, port=7777)
        tree.do(AddNode(cluster="c1", node=node))
    tree.do(SetAttribute(cluster="c1", node="n1", attribute="local", value="1"))
    tree.read("c1", own="n1", attributes=(), fresh=False)
    place.os.calls.clear()
    last = Node(name="n33", num=33, address="127.0.0.33", port=7777)
    tree.do(AddNode(cluster="c1", node=last))
    tree.read("c1", own="n1", attributes=(), fresh=False)
    place.close()
    new = "/cluster/c1/node/n33"
    written = {"ipv4_port": "7777", "ipv4_address": "127.0.0.33", "num": "33"}
    read_back = ("ipv4_address", "ipv4_port", "num")
    expected: list[CallNoted] = [("mkdir", new)]
    for name, value in written.items():
        expected += [("open", f"{new}/{name}"), (f"write:{name}", f"{new}/{name}", value)]
    for path in ("/cluster", "/cluster/c1", "/cluster/c1/node", "/cluster/c1/heartbeat"):
        expected.append(("scandir", path))
    for path in ("/cluster/c1/node/n1/local", *(f"{new}/{name}" for name in read_back)):
        expected += [("open", path), (f"read:{posixpath.basename(path)}", path)]
    assert sorted(place.os.calls) == sorted(expected)
