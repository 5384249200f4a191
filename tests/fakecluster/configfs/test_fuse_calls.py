"""Calls through a mount that no row makes: what is seen, odd operations, exceptions, callers."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mfusepy  # type: ignore[import-untyped]
import pytest

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.fuse_operations import ConfigfsOperations
from fakecluster.configfs.journal import KillCaller
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance.configfs_operator import OsOperator
from fakecluster.conformance.configfs_row import Op
from fakecluster.conformance.refusal import refusal

pytestmark = pytest.mark.process

Mount = Callable[[ConfigfsModel], Path]

LOST_PATH = {"ENOENT", "ESTALE"}
"""libfuse 2 says the one, libfuse 3 the other."""

ROOT = os.geteuid() == 0

MAKE_IN_A_THREAD = """
import os, sys, threading
thread = threading.Thread(target=os.mkdir, args=(f"{sys.argv[1]}/cluster/c/node/a",))
thread.start()
thread.join()
"""

MAKE_THREE = """
import os, sys
for name in ("a", "b", "c"):
    os.mkdir(f"{sys.argv[1]}/cluster/c/node/{name}")
"""


@pytest.fixture
def model() -> ConfigfsModel:
    """A kernel whose files are ours, whoever runs the tests."""
    return ConfigfsModel(addresses=["10.77.0.1"], owner_uid=os.getuid())


@pytest.fixture
def top(model: ConfigfsModel, mount: Mount) -> Path:
    """The mounted directory of the cluster c."""
    path = mount(model)
    (path / "cluster" / "c").mkdir()
    return path / "cluster" / "c"


def names(where: Path | int) -> list[str]:
    with os.scandir(where) as entries:
        return [each.name for each in entries]


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


# ---- what is seen


def test_inodes_are_the_models(model: ConfigfsModel, top: Path) -> None:
    """From stat, from fstat and from a listing, which has the type too."""
    (top / "node" / "a").mkdir()
    item = model.find("/cluster/c/node/a")
    assert item is not None
    with os.scandir(top / "node") as entries:
        listed = [(each.name, each.inode(), each.is_dir()) for each in entries]
    with opened(top / "node" / "a", os.O_RDONLY | os.O_DIRECTORY) as fd:
        inodes = {(top / "node" / "a").stat().st_ino, os.fstat(fd).st_ino}
    assert (listed, inodes) == ([("a", item.inode, True)], {item.inode})


def test_a_listing_needs_no_stat(model: ConfigfsModel, top: Path) -> None:
    """d_type is there: nothing but open and readdir reaches the server."""
    model.journal.with_reads = True
    model.journal.clear()
    with os.scandir(top) as entries:
        kinds = {each.name: each.is_dir(follow_symlinks=False) for each in entries}
    assert {name for name, is_dir in kinds.items() if is_dir} == {"node", "heartbeat"}
    assert [each.name for each in model.journal] == ["open", "scandir"]


def test_changes_of_the_server_are_seen_at_once(model: ConfigfsModel, top: Path) -> None:
    """Nothing is kept by the kernel: names, what is gone, values, modes."""
    assert [each.name for each in (top / "node").iterdir()] == []
    assert not (top / "node" / "a").exists()
    model.mkdir("/cluster/c/node/a")
    first = (top / "node" / "a").stat().st_ino
    model.rmdir("/cluster/c/node/a")
    assert not (top / "node" / "a").exists()
    model.mkdir("/cluster/c/node/a")
    assert (top / "node" / "a").stat().st_ino != first
    model.write_value("/cluster/c/node/a/ipv4_port", b"7777")
    assert (top / "node" / "a" / "ipv4_port").read_text() == "7777\n"
    model.chmod("/cluster/c/node/a/num", 0o600)
    assert stat.S_IMODE((top / "node" / "a" / "num").stat().st_mode) == 0o600


def test_exception_descriptor_of_a_removed_directory(top: Path) -> None:
    (top / "node" / "a").mkdir()
    with opened(top / "node" / "a", os.O_RDONLY | os.O_DIRECTORY) as fd:
        (top / "node" / "a").rmdir()
        assert refusal(lambda: names(fd)) in LOST_PATH
        assert refusal(lambda: os.open("num", os.O_RDONLY, dir_fd=fd)) in LOST_PATH


def test_an_unloaded_module(model: ConfigfsModel, top: Path) -> None:
    model.presence = Presence.EMPTY
    assert list(top.parent.parent.iterdir()) == []
    assert refusal(top.mkdir) == "ENOENT"
    assert refusal(top.parent.mkdir) == "EPERM"


def test_a_plain_directory(model: ConfigfsModel, top: Path) -> None:
    model.presence = Presence.PLAIN
    top.mkdir()
    assert list(top.iterdir()) == []
    top.rmdir()


def test_a_fault_reaches_the_caller(model: ConfigfsModel, top: Path) -> None:
    model.fault("rmdir", errno.EINTR)
    model.fault("read:fence_method", errno.EIO)
    (top / "node" / "a").mkdir()
    assert refusal((top / "node" / "a").rmdir) == "EINTR"
    assert refusal((top / "fence_method").read_text) == "EIO"
    assert (top / "fence_method").read_text() == "reset\n"


# ---- every other operation


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "mkfifo": (lambda top: os.mkfifo(top / "x"), "EPERM"),
    "device": (lambda top: os.mknod(top / "x", stat.S_IFCHR, os.makedev(1, 3)), "EPERM"),
    "mknod of a file": (lambda top: os.mknod(top / "x", stat.S_IFREG), "EACCES"),
    "setxattr": (lambda top: os.setxattr(top / "fence_method", "user.x", b"1"), "ENOTSUP"),
    "getxattr": (lambda top: os.getxattr(top / "fence_method", "user.x"), "ENOTSUP"),
    "removexattr": (lambda top: os.removexattr(top / "fence_method", "user.x"), "ENOTSUP"),
    "listxattr": (lambda top: os.listxattr(top / "fence_method"), "ok"),
    "readlink": (lambda top: (top / "fence_method").readlink(), "EINVAL"),
    "utime": (lambda top: os.utime(top / "fence_method", (1, 1)), "ok"),
    "chown": (lambda top: os.chown(top / "fence_method", 1, 1), "ok" if ROOT else "EPERM"),
    "statvfs": (os.statvfs, "ok"),
    "rename onto itself": (lambda top: (top / "node").rename(top / "node"), "ok"),
    "exclusive": (lambda top: os.open(top / "fence_method", os.O_CREAT | os.O_EXCL), "EEXIST"),
    "new file": (lambda top: (top / "x").write_text(""), "EACCES"),
    "rmdir of the root": (lambda top: top.parent.parent.rmdir(), "EBUSY"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_calls(what: str, top: Path) -> None:
    call, answer = ODD[what]
    assert refusal(lambda: call(top)) == answer


def fallocate(fd: int) -> None:
    """The system call: os.posix_fallocate writes bytes where it is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(1)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


ODD_FD = {
    "fsync": (os.fsync, "EINVAL"),
    "fdatasync": (os.fdatasync, "EINVAL"),
    "ftruncate": (lambda fd: os.ftruncate(fd, 0), "ok"),
    "fchmod": (lambda fd: os.fchmod(fd, 0o600), "ok"),
    "fchown": (lambda fd: os.fchown(fd, 0, 0), "ok" if ROOT else "EPERM"),
    "futimens": (lambda fd: os.utime(fd, (1, 1)), "ok"),
    "fallocate": (fallocate, "ENOTSUP"),
    "ioctl": (lambda fd: fcntl.ioctl(fd, 0x1234), "ENOTTY"),
    "flock": (lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "ok"),
    "lockf": (lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "ok"),
    "fstat": (os.fstat, "ok"),
    "pread": (lambda fd: os.pread(fd, 10, 2), "ok"),
}


@pytest.mark.parametrize("what", ODD_FD)
def test_odd_calls_on_a_handle(what: str, top: Path) -> None:
    call, answer = ODD_FD[what]
    with opened(top / "fence_method", os.O_RDWR) as fd:
        assert refusal(lambda: call(fd)) == answer


def test_a_lock_of_the_directory_is_kept_by_the_kernel(top: Path) -> None:
    """A daemon's lock a configfs works: a second holder is refused."""
    flags = fcntl.LOCK_EX | fcntl.LOCK_NB
    with opened(top.parent) as first, opened(top.parent) as second:
        fcntl.flock(first, flags)
        assert refusal(lambda: fcntl.flock(second, flags)) == "EAGAIN"


def test_access_is_by_the_mode(model: ConfigfsModel, top: Path) -> None:
    model.chmod("/cluster/c/fence_method", 0)
    answers = [os.access(top / "fence_method", want) for want in (os.F_OK, os.R_OK, os.X_OK)]
    assert answers == [True, ROOT, False]  # root reads in spite of a mode, and runs nothing


def test_every_operation_is_overridden() -> None:
    """All that mfusepy knows, but those that are variants of others, and locks."""
    every = {
        name
        for name, value in vars(mfusepy.Operations).items()
        if callable(value) and not name.startswith("_")
    }
    ours = {name for name in every if name in vars(ConfigfsOperations)}
    assert every - ours == {
        "destroy",
        "flock",
        "init_with_config",
        "lock",
        "read_buf",
        "readdir_with_offset",
        "write_buf",
    }


# ---- the exceptions are what they are said to be


def test_exception_empty_write(model: ConfigfsModel, top: Path) -> None:
    """The kernel answers it by itself: nothing reaches the model."""
    model.journal.clear()
    with opened(top / "fence_method", os.O_WRONLY) as fd:
        assert os.write(fd, b"") == 0
    assert list(model.journal) == []


def test_exception_descriptor_of_a_removed_attribute(top: Path) -> None:
    (top / "node" / "a").mkdir()
    with opened(top / "node" / "a" / "num") as fd:
        assert os.fstat(fd).st_size == 4096
        (top / "node" / "a").rmdir()
        assert refusal(lambda: os.fstat(fd)) in LOST_PATH


def test_exception_statfs(top: Path) -> None:
    operator = OsOperator(str(top))
    assert operator.do(Op(call="magic", path="")) == "=other"


def test_exception_inotify(model: ConfigfsModel, top: Path) -> None:
    """A watch sees what comes through the mount, and nothing of the server's own changes."""
    operator = OsOperator(str(top))
    assert operator.do(Op(call="watch", path="node", handle="watch")) == "ok"
    model.mkdir("/cluster/c/node/behind")
    assert operator.do(Op(call="events", handle="watch")) == "="
    (top / "node" / "seen").mkdir()
    assert operator.do(Op(call="events", handle="watch")) == "=create seen"
    operator.undo()


# ---- who calls


def test_hooks_know_the_callers_process(model: ConfigfsModel, top: Path) -> None:
    pids: list[int] = []
    model.journal.add_hook(lambda call: pids.append(call.pid))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; os.mkdir(sys.argv[1]); print(os.getpid())",
            top / "node" / "a",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert pids == [int(done.stdout)]


def test_a_thread_is_killed_with_its_process(model: ConfigfsModel, top: Path) -> None:
    """FUSE names the thread that calls, and a signal to it ends the whole process."""
    model.journal.add_hook(KillCaller("mkdir", 1, lambda pid: os.kill(pid, signal.SIGKILL)))
    done = subprocess.run(
        [sys.executable, "-c", MAKE_IN_A_THREAD, top.parent.parent], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert list((top / "node").iterdir()) == []


def test_the_caller_is_killed_inside_its_second_mkdir(model: ConfigfsModel, top: Path) -> None:
    """Nothing of that call is applied, and the mount goes on working."""
    model.journal.add_hook(KillCaller("mkdir", 2, lambda pid: os.kill(pid, signal.SIGKILL)))
    done = subprocess.run(
        [sys.executable, "-c", MAKE_THREE, top.parent.parent], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [each.name for each in (top / "node").iterdir()] == ["a"]
