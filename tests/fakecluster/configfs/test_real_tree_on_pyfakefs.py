"""The second way in: the daemon's real tree over pyfakefs, and nothing lives in pyfakefs."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from fakecluster.configfs.fakefs import ModelFilesystem, ModelOsModule, faked
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant
from fakecluster.conformance import node_tree, node_tree_faults
from fakecluster.conformance.tree_drivers import ModelDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.configfs import files, tree
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode, SetAttribute

CONFIGFS = "/sys/kernel/config"
LIVENODES = "/sys/kernel/debug/o2hb/livenodes"
ATTRIBUTES = ("idle_timeout_ms", "heartbeat/dead_threshold")


class Recorder(ModelOsModule):
    """Notes what the adapter calls, in the words of the model's journal."""

    def __init__(self, filesystem: ModelFilesystem) -> None:
        super().__init__(filesystem)
        self.calls: list[str] = []
        self._opened: dict[int, str] = {}

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self.calls.append(f"mkdir {path}")
        super().mkdir(path, mode, dir_fd=dir_fd)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        self.calls.append(f"rmdir {path}")
        super().rmdir(path, dir_fd=dir_fd)

    def open(
        self, path: str, flags: int, mode: int | None = None, *, dir_fd: int | None = None
    ) -> int:
        name = path.rpartition("/")[2]
        if self.configfs.owns(path, dir_fd) and not flags & os.O_PATH:
            self.calls.append(f"open {name}")
        fd = super().open(path, flags, mode, dir_fd=dir_fd)
        self._opened[fd] = name
        return fd

    def read(self, fd: int, n: int) -> bytes:
        if self.configfs.owns(fd):
            self.calls.append(f"read:{self._opened[fd]} {self._opened[fd]}")
        return super().read(fd, n)

    def write(self, fd: int, contents: bytes) -> int:
        name = self._opened[fd]
        self.calls.append(f"write:{name} {name} {contents.decode()}")
        return super().write(fd, contents)

    def scandir(self, path: int) -> object:
        self.calls.append(f"scandir {self._opened[path]}")
        return super().scandir(path)


class Place:
    """A fake kernel, the file system that shows it, and the real tree on it."""

    def __init__(self, variant: KernelVariant) -> None:
        self.model = ConfigfsModel(variant=variant)
        self.filesystem = ModelFilesystem(self.model, CONFIGFS)
        self.os = Recorder(self.filesystem)
        self.tree = OsNodeTree(CONFIGFS, "/sys/kernel/debug", CallBoard(MonotonicClock()))
        self.driver = ModelDriver(self.model, self.tree, self.show_live)

    def show_live(self, nums: Iterable[int]) -> None:
        if self.filesystem.exists(LIVENODES):
            self.filesystem.remove(LIVENODES)
        self.filesystem.create_file(LIVENODES, contents=" ".join(str(num) for num in nums) + " \n")

    def journal(self) -> list[str]:
        return [
            f"{each.name} {each.path.rpartition('/')[2]} {each.data.decode()}".removesuffix(" ")
            for each in self.model.journal
        ]


Start = Callable[..., Place]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes a place and puts it below the adapter's modules; at the end nothing is left open."""
    with pytest.MonkeyPatch.context() as patch:
        places: list[Place] = []

        def started(variant: KernelVariant = OBSERVED_6_1) -> Place:
            place = Place(variant)
            for module in (files, tree):
                patch.setattr(module, "os", place.os)
            places.append(place)
            return place

        yield started
        for place in places:
            place.tree.close()
            assert place.filesystem.configfs.open_count == 0


@pytest.mark.parametrize(
    "check", [*node_tree.CHECKS, *node_tree_faults.CHECKS], ids=lambda check: check.__name__
)
def test_conforms(check: Callable[[ModelDriver], None], start: Start) -> None:
    """With every fault, at the real adapter's own system calls."""
    check(start().driver)


@pytest.mark.parametrize("check", node_tree_faults.MISNAMED_CHECKS, ids=lambda c: c.__name__)
def test_conforms_on_misnaming_kernels(check: Callable[[ModelDriver], None], start: Start) -> None:
    check(start(KERNEL_B_MISNAMED).driver)


def test_the_journal_is_the_adapters_calls(start: Start) -> None:
    """Each call of the adapter is one of the model, in order, and none is made elsewhere."""
    place = start()
    place.model.journal.with_reads = True
    own = Node(name="n1", num=1, address="127.0.0.1", port=7777, local=True)
    for step in (
        CreateCluster(cluster="c1"),
        AddNode(cluster="c1", node=own),
        SetAttribute(cluster="c1", node="n1", attribute="local", value="1"),
        SetAttribute(cluster="c1", node=None, attribute="fence_method", value="panic"),
    ):
        place.tree.do(step)
    place.tree.read("c1", own="n1", attributes=ATTRIBUTES, fresh=True)
    place.tree.read("c1", own="n1", attributes=ATTRIBUTES, fresh=False)
    place.tree.do(RemoveNode(cluster="c1", node="n1"))
    assert place.os.calls == place.journal()
    assert [each for each in place.os.calls if each.startswith(("mkdir", "write", "rmdir"))] == [
        "mkdir c1",
        "mkdir n1",
        "write:ipv4_port ipv4_port 7777",
        "write:ipv4_address ipv4_address 127.0.0.1",
        "write:num num 1",
        "write:local local 1",
        "write:fence_method fence_method panic\n",
        "rmdir n1",
    ]


def test_nothing_lives_in_pyfakefs(start: Start) -> None:
    """What the adapter makes is in the model, and pyfakefs has no file of it."""
    place = start()
    place.tree.do(CreateCluster(cluster="c1"))
    assert place.model.find("/cluster/c1") is not None
    kernel = place.filesystem.get_object("/sys/kernel")
    assert list(kernel.entries) == []


def test_other_files_are_pyfakefs_own(start: Start) -> None:
    """Reading, writing, listing and removing beside the configfs work as ever."""
    place = start()
    place.os.makedirs("/var/x")
    fd = place.os.open("/var/x/file", os.O_CREAT | os.O_RDWR)
    ModelOsModule.write(place.os, fd, b"text")
    place.os.lseek(fd, 0, os.SEEK_SET)
    assert (place.os.read(fd, 9), place.os.fstat(fd).st_size) == (b"text", 4)
    place.os.close(fd)
    place.os.rename("/var/x/file", "/var/x/other")
    place.os.truncate("/var/x/other", 2)
    place.os.chmod("/var/x/other", 0o600)
    place.os.link("/var/x/other", "/var/x/hard")
    place.os.symlink("/var/x/other", "/var/x/soft")
    assert sorted(place.os.listdir("/var/x")) == ["hard", "other", "soft"]
    assert place.os.stat("/var/x/soft").st_size == 2
    with ModelOsModule.scandir(place.os, "/var/x") as entries:
        assert {each.name for each in entries} == {"hard", "other", "soft"}
    for name in ("hard", "other", "soft"):
        place.os.unlink(f"/var/x/{name}")
    place.os.rmdir("/var/x")
    assert not place.filesystem.exists("/var/x")


def test_modules_get_their_os_back() -> None:
    before = files.os
    with faked(ModelFilesystem(ConfigfsModel()), files) as fake:
        assert files.os is fake
    assert files.os is before


def test_what_no_configfs_stands_for_is_refused() -> None:
    """A call that nobody thought of must not reach the real machine."""
    fake = ModelFilesystem(ConfigfsModel()).configfs
    assert (fake.O_RDONLY, fake.path, fake.fsencode("x")) == (os.O_RDONLY, os.path, b"x")
    with pytest.raises(AttributeError, match="remove"):
        fake.remove  # noqa: B018 - the look-up is the test


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda fake: fake.stat("/etc/passwd"), "ENOENT"),
        (lambda fake: fake.read(3, 1), "EBADF"),
        (lambda fake: fake.close(1 << 21), "EBADF"),
        (lambda fake: fake.mkdir("x", dir_fd=1 << 21), "EBADF"),
        (lambda fake: fake.open(f"{CONFIGFS}/cluster/x", os.O_PATH), "ENOENT"),
        (lambda fake: fake.open(f"{CONFIGFS}/cluster", os.O_WRONLY), "EISDIR"),
    ],
)
def test_descriptors_and_paths(call: Callable[[object], object], answer: str) -> None:
    fake = ModelFilesystem(ConfigfsModel()).configfs
    with pytest.raises(OSError, match=re.escape(os.strerror(getattr(errno, answer)))):
        call(fake)


def test_a_file_is_no_place_to_go_on_from() -> None:
    fake = ModelFilesystem(ConfigfsModel()).configfs
    fake.mkdir(f"{CONFIGFS}/cluster/c")
    fd = fake.open(f"{CONFIGFS}/cluster/c/fence_method", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        fake.stat("x", dir_fd=fd)
    with pytest.raises(NotADirectoryError):
        fake.open(f"{CONFIGFS}/cluster/c/fence_method", os.O_PATH | os.O_DIRECTORY)
    assert fake.lseek(fd, 1, os.SEEK_CUR) == 1
    assert (fake.read(fd, 2), fake.lseek(fd, -1, os.SEEK_END)) == (b"es", 4095)


def test_a_removed_directory_is_empty_of_everything() -> None:
    """By its descriptor: ENOENT, and fstat works as on a kernel."""
    fake = ModelFilesystem(ConfigfsModel()).configfs
    fake.mkdir(f"{CONFIGFS}/cluster/c")
    fd = fake.open(f"{CONFIGFS}/cluster/c", os.O_RDONLY | os.O_DIRECTORY)
    inode = fake.fstat(fd).st_ino
    fake.rmdir(f"{CONFIGFS}/cluster/c")
    for call in (lambda: fake.listdir(fd), lambda: fake.mkdir("x", dir_fd=fd)):
        with pytest.raises(FileNotFoundError):
            call()
    assert fake.stat(fd).st_ino == inode


def test_paths_are_brought_into_shape() -> None:
    fake = ModelFilesystem(ConfigfsModel()).configfs
    fake.mkdir(Path(CONFIGFS) / "cluster" / "c")
    assert fake.listdir(f"{CONFIGFS}//cluster/./c/../") == ["c"]
    assert (fake.owns("/sys/kernel/configuration"), fake.has("/etc")) == (False, False)
