"""What tests do to a model: faults, hooks, the journal."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from fakecluster.configfs.items import Caller
from fakecluster.configfs.journal import Call, KillCaller
from fakecluster.configfs.model import ConfigfsModel

C = "/cluster/c"
A = f"{C}/node/a"


class Killed(BaseException):
    """Unwinds a simulated caller."""


def lines(model: ConfigfsModel) -> list[str]:
    return [f"{each.name} {each.path} {each.error}".rstrip() for each in model.journal]


def test_changes_in_their_order(model: ConfigfsModel) -> None:
    """Every change with its errno; reads only when they are asked for."""
    model.mkdir(C)
    model.mkdir(A)
    model.write_value(f"{A}/ipv4_port", b"7777")
    with pytest.raises(OSError, match="Invalid"):
        model.write_value(f"{A}/num", b"1")
    model.read_value(f"{A}/num")
    model.scandir(A)
    model.stat(A)
    with pytest.raises(OSError, match="not empty"):
        model.rmdir(C)
    assert lines(model) == [
        f"mkdir {C}",
        f"mkdir {A}",
        f"write:ipv4_port {A}/ipv4_port",
        f"write:num {A}/num EINVAL",
        f"rmdir {C} ENOTEMPTY",
    ]
    assert [each.data for each in model.journal] == [b"", b"", b"7777", b"1", b""]


def test_reads_when_asked_for(model: ConfigfsModel) -> None:
    """A value is noted where it is generated: once for a handle."""
    model.mkdir(C)
    model.journal.clear()
    model.journal.with_reads = True
    handle = model.open(f"{C}/fence_method")
    model.read(handle, 3)
    model.read(handle, 3, 3)
    model.scandir(C)
    model.stat(C)
    assert lines(model) == [
        f"open {C}/fence_method",
        f"read:fence_method {C}/fence_method",
        f"scandir {C}",
        f"stat {C}",
    ]


def test_only_the_last_are_kept(model: ConfigfsModel) -> None:
    """A long run need not keep everything."""
    model.mkdir(C)
    model.journal.keep(2)
    for name in ("a", "b", "c"):
        model.mkdir(f"{C}/node/{name}")
    assert lines(model) == [f"mkdir {C}/node/b", f"mkdir {C}/node/c"]
    model.journal.keep(None)
    model.mkdir(f"{C}/node/d")
    assert len(model.journal) == 3


def test_refusals_of_the_vfs_are_noted(model: ConfigfsModel) -> None:
    with pytest.raises(OSError, match="permitted"):
        model.rename("/cluster", "/other")
    assert lines(model) == ["rename /cluster EPERM"]


def test_a_fault_strikes_once_and_changes_nothing(model: ConfigfsModel) -> None:
    model.fault("mkdir", errno.EIO)
    with pytest.raises(OSError, match="Input/output") as caught:
        model.mkdir(C)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, C)
    assert model.find(C) is None
    model.mkdir(C)
    assert lines(model) == [f"mkdir {C} EIO", f"mkdir {C}"]


@pytest.mark.parametrize(
    ("call", "strikes"),
    [
        ("write:num", {"write:num"}),
        ("write", {"write:num", "write:ipv4_port"}),
        ("read:num", {"read:num"}),
        ("read", {"read:num"}),
        ("open", {"open"}),
        ("scandir", {"scandir"}),
        ("stat", {"stat"}),
        ("rmdir", {"rmdir"}),
    ],
)
def test_what_a_fault_means(model: ConfigfsModel, call: str, strikes: set[str]) -> None:
    """A call's whole name, or its part before the colon."""
    model.mkdir(C)
    model.mkdir(A)
    writer = model.open(f"{A}/num", os.O_WRONLY)
    reader = model.open(f"{A}/num")
    port = model.open(f"{A}/ipv4_port", os.O_WRONLY)
    calls: dict[str, Callable[[], object]] = {
        "write:ipv4_port": lambda: model.write(port, b"7777"),
        "write:num": lambda: model.write(writer, b"x"),
        "read:num": lambda: model.read(reader, 9),
        "open": lambda: model.open(f"{A}/local"),
        "scandir": lambda: model.scandir(A),
        "stat": lambda: model.stat(A),
        "rmdir": lambda: model.rmdir(A),
    }
    model.fault(call, errno.EXDEV, None)
    struck = set()
    for name, make in calls.items():
        try:
            make()
        except OSError as error:
            if error.errno == errno.EXDEV:
                struck.add(name)
    assert struck == strikes


def test_a_fault_counts_and_is_taken_away(model: ConfigfsModel) -> None:
    model.fault("stat", errno.EIO, 2)
    for _ in range(2):
        with pytest.raises(OSError, match="Input"):
            model.stat("/")
    model.stat("/")
    model.fault("stat", errno.EIO, None)
    for _ in range(3):
        with pytest.raises(OSError, match="Input"):
            model.stat("/")
    model.journal.disarm()
    model.stat("/")


def test_a_fault_for_one_path(model: ConfigfsModel) -> None:
    """It covers what is below it, and no name that only begins like it."""
    model.mkdir(C)
    for name in ("a", "ab"):
        model.mkdir(f"{C}/node/{name}")
    model.fault("read", errno.EIO, None, path=A)
    assert model.read_value(f"{C}/node/ab/num") == b"0\n"
    with pytest.raises(OSError, match="Input"):
        model.read_value(f"{A}/num")


def test_hooks_hear_before_it_happens(model: ConfigfsModel) -> None:
    heard: list[tuple[Call, bool]] = []
    model.journal.add_hook(lambda call: heard.append((call, model.find(C) is not None)))
    model.mkdir(C, Caller(pid=77))
    model.journal.remove_hook(model.journal._hooks[0])
    model.rmdir(C)
    assert heard == [(Call(name="mkdir", path=C, pid=77), False)]


def test_a_simulated_caller_dies_inside_its_kth_call(model: ConfigfsModel) -> None:
    """What the hook raises unwinds the caller, and nothing is applied."""
    model.mkdir(C)

    def die(_pid: int) -> None:
        raise Killed

    hook = KillCaller("mkdir", 2, die)
    model.journal.add_hook(hook)
    model.mkdir(A)
    fired = hook.fired
    with pytest.raises(Killed):
        model.mkdir(f"{C}/node/b")
    assert (fired, hook.fired) == (False, True)
    assert model.find(f"{C}/node/b") is None
    model.mkdir(f"{C}/node/c")


def test_a_killed_process_changes_nothing_more(model: ConfigfsModel) -> None:
    """The call of a process that has been killed fails, so that it is not applied."""
    killed: list[int] = []
    model.journal.add_hook(KillCaller("mkdir", 1, killed.append))
    with pytest.raises(InterruptedError):
        model.mkdir(C, Caller(pid=4711))
    assert killed == [4711]
    assert model.find(C) is None
