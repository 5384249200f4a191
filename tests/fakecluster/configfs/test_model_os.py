"""The `os` over a model, by itself and as a part of pyfakefs."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fakecluster.configfs.fakefs import ModelFilesystem, ModelOsModule
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs

CONFIGFS = "/sys/kernel/config"


@pytest.fixture
def filesystem() -> ModelFilesystem:
    return ModelFilesystem(ConfigfsModel(), CONFIGFS)


def test_nothing_lives_in_pyfakefs(filesystem: ModelFilesystem) -> None:
    """What is made is in the model, and pyfakefs has no file of it."""
    ModelOsModule(filesystem).mkdir(f"{CONFIGFS}/cluster/c1")
    assert filesystem.configfs.model.find("/cluster/c1") is not None
    assert list(filesystem.get_object("/sys/kernel").entries) == []


def test_other_files_are_pyfakefs_own(filesystem: ModelFilesystem) -> None:
    """Reading, writing, listing and removing beside the configfs work as ever."""
    fake = ModelOsModule(filesystem)
    fake.makedirs("/var/x")
    fd = fake.open("/var/x/file", os.O_CREAT | os.O_RDWR)
    fake.write(fd, b"text")
    fake.lseek(fd, 0, os.SEEK_SET)
    assert (fake.read(fd, 9), fake.fstat(fd).st_size) == (b"text", 4)
    fake.close(fd)
    fake.rename("/var/x/file", "/var/x/other")
    fake.truncate("/var/x/other", 2)
    fake.chmod("/var/x/other", 0o600)
    fake.link("/var/x/other", "/var/x/hard")
    fake.symlink("/var/x/other", "/var/x/soft")
    assert sorted(fake.listdir("/var/x")) == ["hard", "other", "soft"]
    assert fake.stat("/var/x/soft").st_size == 2
    with fake.scandir("/var/x") as entries:
        assert {each.name for each in entries} == {"hard", "other", "soft"}
    for name in ("hard", "other", "soft"):
        fake.unlink(f"/var/x/{name}")
    fake.rmdir("/var/x")
    assert not filesystem.exists("/var/x")


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
        (lambda fake: fake.open(f"{CONFIGFS}/cluster", os.O_TRUNC), "EISDIR"),
        (lambda fake: fake.open(f"{CONFIGFS}/cluster", os.O_CREAT), "EISDIR"),
        (lambda fake: fake.open(f"{CONFIGFS}/cluster", os.O_CREAT | os.O_EXCL), "EEXIST"),
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
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        fake.lseek(fd, -1)
    assert fake.lseek(fd, 0, os.SEEK_CUR) == 4095


def test_a_removed_directory_is_empty_of_everything() -> None:
    """By its descriptor: no entries, as the C library tells it, ENOENT, and fstat works."""
    fake = ModelFilesystem(ConfigfsModel()).configfs
    fake.mkdir(f"{CONFIGFS}/cluster/c")
    fd = fake.open(f"{CONFIGFS}/cluster/c", os.O_RDONLY | os.O_DIRECTORY)
    inode = fake.fstat(fd).st_ino
    fake.rmdir(f"{CONFIGFS}/cluster/c")
    with pytest.raises(FileNotFoundError):
        fake.mkdir("x", dir_fd=fd)
    assert (fake.listdir(fd), list(fake.scandir(fd))) == ([], [])
    assert (fake.stat(fd).st_ino, fake.stat(fd).st_nlink) == (inode, 0)


def test_paths_are_brought_into_shape() -> None:
    fake = ModelFilesystem(ConfigfsModel()).configfs
    fake.mkdir(Path(CONFIGFS) / "cluster" / "c")
    assert fake.listdir(f"{CONFIGFS}//cluster/./c/../") == ["c"]
    assert (fake.owns("/sys/kernel/configuration"), fake.has("/etc")) == (False, False)


def test_other_files_can_be_shown() -> None:
    """Made anew at every open, and no call of the model's."""
    texts = iter([b"first", b"second"])
    fake = ModelOs(ConfigfsModel(), CONFIGFS, shown={"/proc/x": lambda: next(texts)})
    fake.model.journal.with_reads = True
    for expected in ([b"fir", b"st", b""], [b"sec", b"ond", b""]):
        fd = fake.open("/proc/x", os.O_RDONLY)
        assert [fake.read(fd, 3) for _ in range(3)] == expected
        fake.close(fd)
    assert (list(fake.model.journal), fake.open_count) == ([], 0)
