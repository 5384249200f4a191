"""Calls to the model that no row makes: handles, walking, permissions, odd refusals."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable

import pytest

from fakecluster.configfs.items import Caller
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.values import ENDLESS_MS, KernelRefusal, address, number
from fakecluster.conformance.refusal import refusal

C = "/cluster/c"
A = f"{C}/node/a"
NOBODY = Caller(uid=65534, gid=65534)


@pytest.fixture
def made(model: ConfigfsModel) -> ConfigfsModel:
    """With the cluster c and an empty node a."""
    model.mkdir(C)
    model.mkdir(A)
    return model


def test_errors_name_the_path(made: ConfigfsModel) -> None:
    with pytest.raises(FileExistsError) as caught:
        made.mkdir(A)
    assert caught.value.filename == A


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"{A}/num/x", "ENOTDIR"),
        (f"{C}/node/b/num", "ENOENT"),
        (f"{C}/node/{'x' * 256}", "ENAMETOOLONG"),
        (f"{C}/node/{'ö' * 128}", "ENAMETOOLONG"),
        (f"{C}/node/{'ö' * 127}", "ENOENT"),
    ],
)
def test_walking(made: ConfigfsModel, path: str, answer: str) -> None:
    """Names are counted in bytes; a file is no directory."""
    assert refusal(lambda: made.stat(path)) == answer
    assert refusal(lambda: made.mkdir(f"{path}/y")) == answer


@pytest.mark.parametrize("name", [".", ".."])
def test_what_every_directory_has_cannot_be_made(made: ConfigfsModel, name: str) -> None:
    assert refusal(lambda: made.mkdir(f"{C}/node/{name}")) == "EEXIST"
    assert [entry.name for entry in made.scandir(f"{C}/node")] == ["a"]


def test_undecodable_names_are_kept(made: ConfigfsModel) -> None:
    name = os.fsdecode(b"n\xff")
    made.mkdir(f"{C}/node/{name}")
    assert [entry.name for entry in made.scandir(f"{C}/node")] == [name, "a"]


def test_handles_have_values_of_their_own(made: ConfigfsModel) -> None:
    early = made.open(f"{C}/reconnect_delay_ms")
    assert made.read(early, 100) == b"2000\n"
    made.write_value(f"{C}/reconnect_delay_ms", b"77")
    late = made.open(f"{C}/reconnect_delay_ms")
    assert (made.read(early, 100), made.read(late, 100)) == (b"2000\n", b"77\n")


def test_reading_in_pieces(made: ConfigfsModel) -> None:
    """An offset beyond the first read is served from the value that was generated then."""
    handle = made.open(f"{C}/reconnect_delay_ms")
    assert made.read(handle, 2) == b"20"
    made.write_value(f"{C}/reconnect_delay_ms", b"77777")
    assert made.read(handle, 100, 2) == b"00\n"
    assert made.read(handle, 100, 5) == b""


def test_handle_rights(made: ConfigfsModel) -> None:
    reader, writer = made.open(f"{A}/num"), made.open(f"{A}/num", os.O_WRONLY)
    assert refusal(lambda: made.write(reader, b"1")) == "EBADF"
    assert refusal(lambda: made.read(writer, 1)) == "EBADF"


@pytest.mark.parametrize(
    ("path", "flags", "answer"),
    [
        (f"{A}/num", os.O_RDWR | os.O_CREAT, "ok"),
        (f"{A}/num", os.O_RDWR | os.O_CREAT | os.O_EXCL, "EEXIST"),
        (f"{A}/num", os.O_RDONLY | os.O_DIRECTORY, "ENOTDIR"),
        (f"{A}/new", os.O_WRONLY | os.O_CREAT, "EACCES"),
        (f"{A}/new", os.O_WRONLY, "ENOENT"),
        (f"{C}/none/new", os.O_WRONLY | os.O_CREAT, "ENOENT"),
        (A, os.O_WRONLY, "EISDIR"),
    ],
)
def test_open(made: ConfigfsModel, path: str, flags: int, answer: str) -> None:
    assert refusal(lambda: made.open(path, flags)) == answer


def test_configfs_itself_heeds_a_mode_of_zero(made: ConfigfsModel) -> None:
    """Root passes the VFS's check, not the one that configfs makes at open."""
    made.chmod(f"{A}/num", 0)
    assert refusal(lambda: made.read_value(f"{A}/num")) == "EACCES"
    assert refusal(lambda: made.write_value(f"{A}/num", b"1")) == "EACCES"


def test_a_closed_directory_hides_what_is_below(made: ConfigfsModel) -> None:
    made.chmod(C, 0o700)
    assert refusal(lambda: made.read_value(f"{A}/num", NOBODY)) == "EACCES"
    assert refusal(lambda: made.scandir(C, NOBODY)) == "EACCES"
    assert made.read_value(f"{A}/num") == b"0\n"


def test_owner_and_group_count(made: ConfigfsModel) -> None:
    made.chown(f"{A}/ipv4_port", NOBODY.uid, -1)
    made.write_value(f"{A}/ipv4_port", b"7777", NOBODY)
    made.chown(f"{A}/ipv4_address", -1, NOBODY.gid)
    made.chmod(f"{A}/ipv4_address", 0o660)
    made.write_value(f"{A}/ipv4_address", b"10.0.0.1", NOBODY)
    assert made.read_value(f"{A}/ipv4_port") == b"7777\n"


def test_in_a_sticky_directory_everybody_removes_their_own(made: ConfigfsModel) -> None:
    made.chmod(f"{C}/node", 0o1777)
    assert refusal(lambda: made.rmdir(A, NOBODY)) == "EPERM"
    made.chown(A, NOBODY.uid, -1)
    made.rmdir(A, NOBODY)
    assert made.find(A) is None


def test_others_files_are_not_linked_whatever_the_directory_allows(made: ConfigfsModel) -> None:
    """As on 6.1 with Debian's protected_hardlinks: EPERM comes before EACCES."""
    assert refusal(lambda: made.link(f"{A}/num", f"{A}/x", NOBODY)) == "EPERM"
    assert refusal(lambda: made.link(f"{A}/num", f"{A}/local", NOBODY)) == "EEXIST"
    made.chmod(f"{A}/num", 0o666)
    assert refusal(lambda: made.link(f"{A}/num", f"{A}/x", NOBODY)) == "EACCES"


def test_owners_may_give_away_what_they_have_to_themselves(made: ConfigfsModel) -> None:
    """As on 6.1: a chown that changes nothing, or to a group of one's own, is nobody's crime."""
    path = f"{A}/num"
    made.chown(path, -1, -1, NOBODY)
    made.chown(path, NOBODY.uid, -1)
    made.chown(path, NOBODY.uid, NOBODY.gid, NOBODY)
    status = made.stat(path)
    assert (status.uid, status.gid) == (NOBODY.uid, NOBODY.gid)
    assert refusal(lambda: made.chown(path, 0, -1, NOBODY)) == "EPERM"
    assert refusal(lambda: made.chown(path, -1, 0, NOBODY)) == "EPERM"


def test_a_truncated_size_is_seen_while_the_file_is_open(made: ConfigfsModel) -> None:
    """As on 6.1: it is the inode's, which goes with the last handle; the value is as it was."""
    path = f"{A}/num"
    made.truncate(path, 7)
    assert made.stat(path).size == 4096
    first, second = made.open(path), made.open(path, os.O_RDWR | os.O_TRUNC)
    assert made.stat(path).size == 0
    made.truncate(path, 5000)
    assert (made.stat(path).size, made.read(second, 9)) == (5000, b"0\n")
    made.close(first)
    assert made.stat(path).size == 5000
    made.close(second)
    assert made.stat(path).size == 4096


def test_truncating_at_open_needs_the_right_to_write(made: ConfigfsModel) -> None:
    assert refusal(lambda: made.open(f"{A}/num", os.O_TRUNC, NOBODY)) == "EACCES"


def test_who_may_not_search_is_not_told_what_is_there(made: ConfigfsModel) -> None:
    made.chmod(f"{C}/node", 0o700)
    assert refusal(lambda: made.mkdir(A, NOBODY)) == "EACCES"
    assert refusal(lambda: made.mkdir(A)) == "EEXIST"


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda m: m.chmod(f"{A}/num", 0o666, NOBODY), "EPERM"),
        (lambda m: m.chown(f"{A}/num", 1, 1, NOBODY), "EPERM"),
        (lambda m: m.truncate(f"{A}/num", 0, NOBODY), "EACCES"),
        (lambda m: m.truncate(A), "EISDIR"),
        (lambda m: m.unlink(f"{A}/num", NOBODY), "EACCES"),
        (lambda m: m.unlink(f"{A}/none"), "ENOENT"),
        (lambda m: m.rename(A, C), "ENOTEMPTY"),
        (lambda m: m.rename(A, f"{A}/x"), "EINVAL"),
        (lambda m: m.rename(A, f"{C}/heartbeat"), "EPERM"),
        (lambda m: m.rename(A, A), "ok"),
        (lambda m: m.rename(A, f"{C}/fence_method"), "ENOTDIR"),
        (lambda m: m.rename(f"{A}/num", f"{C}/heartbeat"), "EISDIR"),
        (lambda m: m.rename(f"{A}/none", f"{A}/num"), "ENOENT"),
        (lambda m: m.symlink(A, "x"), "EEXIST"),
        (lambda m: m.symlink(f"{A}/x", "y", NOBODY), "EACCES"),
        (lambda m: m.link(f"{A}/none", f"{A}/x"), "ENOENT"),
        (lambda m: m.mknod(f"{A}/x"), "EPERM"),
        (lambda m: m.open_directory(f"{A}/num"), "ENOTDIR"),
    ],
)
def test_refused(made: ConfigfsModel, call: Callable[[ConfigfsModel], object], answer: str) -> None:
    assert refusal(lambda: call(made)) == answer


def test_stat(model: ConfigfsModel) -> None:
    """A directory counts those below it; an attribute is a page."""
    model.mkdir(C)
    directory, attribute = model.stat(C), model.stat(f"{C}/fence_method")
    assert (stat.S_ISDIR(directory.mode), directory.links, directory.size) == (True, 4, 0)
    assert (stat.S_ISREG(attribute.mode), attribute.links, attribute.size) == (True, 1, 4096)


def test_owner_uid_and_times() -> None:
    """The owner and the birth are those of whoever serves it."""
    model = ConfigfsModel(owner_uid=1000, now_ns=lambda: 42)
    model.mkdir(C)
    status = model.stat(f"{C}/fence_method")
    assert (status.uid, status.born_ns) == (1000, 42)


def test_attribute_inodes_are_not_stable(made: ConfigfsModel) -> None:
    """A drop of the caches changes them, and never a directory's."""
    before = {entry.name: entry.inode for entry in made.scandir(C)}
    made.drop_caches()
    after = {entry.name: entry.inode for entry in made.scandir(C)}
    kept = {name for name, inode in after.items() if before[name] == inode}
    assert kept == {"node", "heartbeat"}


def test_inodes_are_never_used_twice(model: ConfigfsModel) -> None:
    model.mkdir(C)
    seen = set()
    for _ in range(50):
        model.mkdir(A)
        seen.add(model.stat(A).inode)
        model.rmdir(A)
    assert len(seen) == 50


def test_many_threads_keep_it_whole(made: ConfigfsModel) -> None:
    """Two threads that race for one num never both get it."""
    for name in ("x", "y"):
        made.mkdir(f"{C}/node/{name}")
        made.write_value(f"{C}/node/{name}/ipv4_port", b"7777")
    made.write_value(f"{C}/node/x/ipv4_address", b"10.0.0.1")
    made.write_value(f"{C}/node/y/ipv4_address", b"10.0.0.2")
    answers: list[str] = []
    barrier = threading.Barrier(2)

    def race(name: str) -> None:
        barrier.wait(10)
        answers.append(refusal(lambda: made.write_value(f"{C}/node/{name}/num", b"9")))

    threads = [threading.Thread(target=race, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answers) == ["EEXIST", "ok"]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0),
        (b"\n", 0),
        (b"0X1F", 31),
        (b"0x1f\n", 31),
        (b"017", 15),
        (b"18446744073709551621", 5),
        (b"12\0x", 12),
    ],
)
def test_numbers(data: bytes, value: int) -> None:
    """As the kernel's own parser: no digits are 0, and 2**64 wraps around."""
    assert number(data) == value


@pytest.mark.parametrize("data", [b"0x", b"0xg", b"08", b"1 ", b" 1", b"+1", b"-1", b"1\r\n"])
def test_no_numbers(data: bytes) -> None:
    with pytest.raises(KernelRefusal, match="EINVAL"):
        number(data)


def test_decimal_numbers_have_no_prefix() -> None:
    assert number(b"010", base=10) == 10
    with pytest.raises(KernelRefusal, match="EINVAL"):
        number(b"0x10", base=10)


def test_a_space_before_each_octet() -> None:
    assert address(b"\t1. 2.\n3.\x0b4") == "1.2.3.4"


def test_a_first_octet_of_four_digits() -> None:
    """Only the last one may have a digit too much: the others must be followed by a dot."""
    with pytest.raises(KernelRefusal, match="EINVAL"):
        address(b"1000.2.3.4")


def test_the_largest_millisecond_value(made: ConfigfsModel) -> None:
    made.write_value(f"{C}/reconnect_delay_ms", str(ENDLESS_MS - 1).encode())
    assert made.read_value(f"{C}/reconnect_delay_ms") == b"4294967294\n"


@pytest.mark.parametrize("text", [b"l", b"LOCAL", b"loc\n", b"local"])
def test_mode_by_its_beginning(made: ConfigfsModel, text: bytes) -> None:
    made.write_value(f"{C}/heartbeat/mode", b"global")
    made.write_value(f"{C}/heartbeat/mode", text)
    assert made.read_value(f"{C}/heartbeat/mode") == b"local\n"


def test_a_thirty_third_region_in_global_mode(made: ConfigfsModel) -> None:
    made.write_value(f"{C}/heartbeat/mode", b"global")
    for index in range(32):
        made.mkdir(f"{C}/heartbeat/R{index}")
    assert refusal(lambda: made.mkdir(f"{C}/heartbeat/R32")) == "EFBIG"
