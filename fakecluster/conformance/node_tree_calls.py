"""Which calls every `NodeTree` makes, and which it spares: by a fake kernel's journal."""

from __future__ import annotations

import errno
from collections.abc import Callable

from fakecluster.conformance.node_tree_support import (
    CLUSTER,
    N1,
    N2,
    NODES,
    ZERO,
    fails,
    fill,
    make_behind,
    read,
    setting,
)
from fakecluster.conformance.tree_drivers import ModelDriver
from o2cbd.core.model import AddNode, RemoveNode


def reads(driver: ModelDriver) -> list[str]:
    """Return which values were read since the journal was cleared, `n1/num` and so on."""
    values = [
        done.path.removeprefix(f"/{NODES}/")
        for done in driver.model.journal
        if done.name.startswith("read:") and done.path.startswith(f"/{NODES}/")
    ]
    driver.model.journal.clear()
    return sorted(values)


def tree_changes(driver: ModelDriver) -> list[tuple[str, str, bytes, str]]:
    """Return the calls that change something, since the journal was cleared."""
    made = [
        (done.name, done.path.removeprefix(f"/cluster/{CLUSTER}/"), done.data, done.error)
        for done in driver.model.journal
        if done.name in {"mkdir", "rmdir"} or done.name.startswith("write:")
    ]
    driver.model.journal.clear()
    return made


def values_are_written_once_each_in_order(driver: ModelDriver) -> None:
    """An add is mkdir and three writes in libo2cb's order, no newline; nothing else changes."""
    fill(driver)
    driver.model.journal.clear()
    driver.tree.do(AddNode(cluster=CLUSTER, node=N1))
    assert tree_changes(driver) == [
        ("mkdir", "node/n1", b"", ""),
        ("write:ipv4_port", "node/n1/ipv4_port", b"7771", ""),
        ("write:ipv4_address", "node/n1/ipv4_address", b"127.0.0.11", ""),
        ("write:num", "node/n1/num", b"1", ""),
    ]
    driver.tree.do(setting("local", "1", "n1"))
    driver.tree.do(setting("fence_method", "panic"))
    driver.tree.do(setting("heartbeat/dead_threshold", "21"))
    driver.tree.do(RemoveNode(cluster=CLUSTER, node="n1"))
    assert tree_changes(driver) == [
        ("write:local", "node/n1/local", b"1", ""),
        ("write:fence_method", "fence_method", b"panic\n", ""),
        ("write:dead_threshold", "heartbeat/dead_threshold", b"21", ""),
        ("rmdir", "node/n1", b"", ""),
    ]


def reading_changes_nothing(driver: ModelDriver) -> None:
    """A reading makes no call that could change anything."""
    fill(driver, N1, N2)
    driver.mkdir(f"{NODES}/half")
    driver.model.journal.clear()
    read(driver)
    read(driver, own=None, fresh=True)
    assert tree_changes(driver) == []


def refused_steps_make_no_call(driver: ModelDriver) -> None:
    """What we refuse ourselves never reaches the kernel."""
    fill(driver, N1)
    driver.model.journal.with_reads = True
    driver.model.journal.clear()
    for step in (setting("local", "0", "n1"), setting("ipv4_address", "0.0.0.0", "n1")):
        with fails(errno.EINVAL):
            driver.tree.do(step)
    assert list(driver.model.journal) == []


def complete_entries_are_read_once(driver: ModelDriver) -> None:
    """Of what was read of a complete entry only `local` of our own is read again."""
    fill(driver, N1, N2)
    driver.tree.do(setting("local", "1", "n1"))
    driver.model.journal.with_reads = True
    driver.model.journal.clear()
    every = ["ipv4_address", "ipv4_port", "num"]
    first = sorted([f"n1/{name}" for name in [*every, "local"]] + [f"n2/{name}" for name in every])
    read(driver)
    assert reads(driver) == first
    read(driver)
    assert reads(driver) == ["n1/local"]
    read(driver, fresh=True)
    assert reads(driver) == first
    read(driver, own=None)
    assert reads(driver) == ["n1/local", "n2/local"]


def incomplete_entries_are_read_anew(driver: ModelDriver) -> None:
    """Half-made and doubtful entries are read whole at every reading."""
    fill(driver, N1)
    driver.tree.do(setting("local", "1", "n1"))
    make_behind(driver, ZERO)
    driver.mkdir(f"{NODES}/half")
    read(driver)
    driver.model.journal.with_reads = True
    driver.model.journal.clear()
    read(driver)
    assert reads(driver) == sorted(
        ["n1/local"]
        + [f"{node}/{name}" for node in ("half", "zero") for name in ("ipv4_address", "ipv4_port")]
        + [f"{node}/num" for node in ("half", "zero")]
    )


def nothing_is_kept_after_an_error(driver: ModelDriver) -> None:
    """After any failed reading or step everything is read anew."""
    fill(driver, N1, N2)
    driver.tree.do(setting("local", "1", "n1"))
    driver.model.journal.with_reads = True
    read(driver)
    driver.model.fault("read:local", errno.EIO)
    with fails(errno.EIO):
        read(driver)
    driver.model.journal.clear()
    read(driver)
    assert len(reads(driver)) == 7
    driver.model.fault("rmdir", errno.EBUSY)
    with fails(errno.EBUSY):
        driver.tree.do(RemoveNode(cluster=CLUSTER, node="n2"))
    driver.model.journal.clear()
    read(driver)
    assert len(reads(driver)) == 7


CALL_CHECKS: tuple[Callable[[ModelDriver], None], ...] = (
    values_are_written_once_each_in_order,
    reading_changes_nothing,
    refused_steps_make_no_call,
    complete_entries_are_read_once,
    incomplete_entries_are_read_anew,
    nothing_is_kept_after_an_error,
)
"""Every check takes a driver of the observed kernel without a cluster."""
