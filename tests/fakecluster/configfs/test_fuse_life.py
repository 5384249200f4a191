"""The life of a mount: start, stop, its thread, and what a killed server leaves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.configfs import mounts
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance.refusal import refusal

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("fuse")]

Mount = Callable[[ConfigfsModel], Path]

SERVER = """
import os, sys, threading
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
FuseMount(ConfigfsModel(owner_uid=os.getuid()), sys.argv[1]).start()
print("up", flush=True)
threading.Event().wait()
"""

USE = """
import os, sys
import mfusepy
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
top = sys.argv[1]
model = ConfigfsModel(owner_uid=os.getuid())
with FuseMount(model, top):
    node = f"{top}/cluster/c/node/a"
    os.mkdir(f"{top}/cluster/c")
    os.mkdir(node)
    for name, value in (("ipv4_port", "1"), ("ipv4_address", "127.0.0.1"), ("num", "7")):
        fd = os.open(f"{node}/{name}", os.O_WRONLY | os.O_TRUNC)
        os.write(fd, value.encode())
        os.close(fd)
    with os.scandir(os.path.dirname(node)) as entries:
        found = [(each.name, each.inode()) for each in entries]
    same = found[0][1] == os.stat(node).st_ino == model.find("/cluster/c/node/a").inode
    with open(f"{node}/num") as file:
        print(mfusepy.fuse_version_major, [name for name, _ in found], same, file.read())
    os.rmdir(node)
    print(os.listdir(os.path.dirname(node)))
"""


def names(where: Path | int) -> list[str]:
    with os.scandir(where) as entries:
        return [each.name for each in entries]


def test_two_mounts_of_two_models(mount: Mount) -> None:
    first, second = (mount(ConfigfsModel(owner_uid=os.getuid())) for _ in range(2))
    (first / "cluster" / "c").mkdir()
    assert list((second / "cluster").iterdir()) == []


def test_two_mounts_of_one_model(mount: Mount) -> None:
    model = ConfigfsModel(owner_uid=os.getuid())
    first, second = mount(model), mount(model)
    (first / "cluster" / "c").mkdir()
    assert [each.name for each in (second / "cluster").iterdir()] == ["c"]


def test_many_mounts_end_with_their_threads(tmp_path: Path) -> None:
    def serving() -> int:
        """Those of these mounts: other tests' threads may still be ending."""
        names = [thread.name for thread in threading.enumerate()]
        return sum(name.startswith(f"fuse {tmp_path}/") for name in names)

    many = []
    for index in range(8):
        path = tmp_path / str(index)
        path.mkdir()
        many.append(FuseMount(ConfigfsModel(owner_uid=os.getuid()), path))
        many[-1].start()
    assert serving() == 8
    assert len(mounts.our_mounts(tmp_path)) == 8
    for each in many:
        each.stop()
    assert serving() == 0
    assert mounts.our_mounts(tmp_path) == []


def test_stop_is_done_under_open_handles(tmp_path: Path) -> None:
    """A busy mount goes at once; who still has it open gets an error, and no wait."""
    with FuseMount(ConfigfsModel(owner_uid=os.getuid()), tmp_path):
        fd = os.open(tmp_path / "cluster", os.O_RDONLY)
    assert list(tmp_path.iterdir()) == []
    assert refusal(lambda: names(fd)) != "ok"
    os.close(fd)


def test_stop_twice_and_start_again(tmp_path: Path) -> None:
    mounted = FuseMount(ConfigfsModel(owner_uid=os.getuid()), tmp_path)
    mounted.stop()
    for _ in range(2):
        mounted.start()
        assert [each.name for each in tmp_path.iterdir()] == ["cluster"]
        mounted.stop()
        mounted.stop()


def test_unmounted_by_somebody_else(tmp_path: Path) -> None:
    """The thread ends by itself, and stop has nothing to complain about."""
    mounted = FuseMount(ConfigfsModel(owner_uid=os.getuid()), tmp_path)
    mounted.start()
    mounts.unmount(str(tmp_path))
    mounted.stop()
    assert list(tmp_path.iterdir()) == []


def test_no_directory_to_mount_at(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="cannot mount"):
        FuseMount(ConfigfsModel(owner_uid=os.getuid()), tmp_path / "none").start()
    assert "none" in capfd.readouterr().err


def test_signal_handlers_are_left_alone(model: ConfigfsModel, mount: Mount) -> None:
    """A server of many mounts has its own; libfuse's main function would take four."""

    def caught() -> list[str]:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return [line for line in lines if line.startswith(("SigCgt", "SigIgn", "SigBlk"))]

    before = caught()
    mount(model)
    assert caught() == before


@pytest.fixture
def killed_server(tmp_path: Path) -> Iterator[Path]:
    """Where a server that was killed has left its mount; the path has a blank in it."""
    path = tmp_path / "left behind"
    path.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, path], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "up\n"
        server.kill()
        server.wait(30)
    yield path
    mounts.detach_stale(path)


def test_a_killed_servers_mount_is_detached(killed_server: Path) -> None:
    assert refusal(lambda: names(killed_server)) == "ENOTCONN"
    assert mounts.detach_stale(killed_server.parent) == [str(killed_server)]
    assert names(killed_server) == []
    assert mounts.detach_stale(killed_server.parent) == []


def test_a_killed_servers_mount_is_replaced(killed_server: Path) -> None:
    with FuseMount(ConfigfsModel(owner_uid=os.getuid()), killed_server):
        assert names(killed_server) == ["cluster"]
    assert mounts.our_mounts(killed_server) == []


def libraries() -> list[str]:
    """The libfuse libraries of this machine; mfusepy alone would take one of them."""
    found = []
    for name in ("libfuse.so.2", "libfuse3.so.3", "libfuse3.so.4"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(name)
            found.append(name)
    return found


def test_a_libfuse_is_there() -> None:
    assert libraries() != []


@pytest.mark.parametrize("library", libraries())
def test_either_libfuse_serves(library: str, tmp_path: Path) -> None:
    """A node is made whole, listed with its inode, and gone again."""
    done = subprocess.run(
        [sys.executable, "-c", USE, tmp_path],
        env={**os.environ, "FUSE_LIBRARY_PATH": library},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    major = 3 if library.startswith("libfuse3") else 2
    assert (done.stdout, done.stderr) == (f"{major} ['a'] True 7\n\n[]\n", "")


def test_what_is_not_mounted_cannot_be_unmounted(tmp_path: Path) -> None:
    assert refusal(lambda: mounts.unmount(str(tmp_path))) == "EINVAL"


def test_other_mounts_are_not_ours() -> None:
    """The table of the whole machine has many; only ours are ever named."""
    paths = {each.path for each in mounts.our_mounts("/")}
    assert paths.isdisjoint({"/", "/proc", "/sys", "/dev"})
