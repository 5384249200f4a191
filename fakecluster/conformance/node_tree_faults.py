"""What every `NodeTree` does when calls fail, and which calls it makes, on a fake kernel."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.journal import Call
from fakecluster.conformance.checks import checks_in
from fakecluster.conformance.node_tree import (
    CLUSTER,
    N1,
    N2,
    NODES,
    ZERO,
    entry,
    fails,
    fill,
    make_behind,
    read,
    seen,
    setting,
    wanted,
)
from fakecluster.conformance.tree_drivers import ModelDriver
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode

ADVICE = "not an o2cb configfs: mount configfs, modprobe ocfs2_nodemanager"
N3 = Node(name="n3", num=3, address="127.0.0.13", port=7773)


@contextlib.contextmanager
def refuses(number: int, where: str) -> Iterator[None]:
    """Expect a NotConfigfsError that says what the operator must do."""
    with fails(number, where) as caught:
        yield
    error = caught[0]
    assert isinstance(error, NotConfigfsError)
    assert error.strerror == ADVICE


# ---- not-configfs


def nothing_mounted(driver: ModelDriver) -> None:
    """Without a `cluster` directory every use says what the operator must do (ENOENT)."""
    driver.model.presence = Presence.EMPTY
    with refuses(errno.ENOENT, "/cluster"):
        read(driver)
    with refuses(errno.ENOENT, "/cluster"):
        driver.tree.do(CreateCluster(cluster=CLUSTER))
    driver.model.presence = Presence.O2CB
    assert read(driver).clusters == ()


def plain_directory_is_taken_away(driver: ModelDriver) -> None:
    """A cluster that turns out to be a plain directory is taken away again (ENODEV)."""
    driver.model.presence = Presence.PLAIN
    with refuses(errno.ENODEV, f"/{CLUSTER}"):
        driver.tree.do(CreateCluster(cluster=CLUSTER))
    assert driver.names("cluster") == []


def leftover_directory_is_never_filled(driver: ModelDriver) -> None:
    """A plain directory of our cluster's name is recognised at every reading, and stays empty."""
    driver.model.presence = Presence.PLAIN
    driver.mkdir(f"cluster/{CLUSTER}")
    for inside in ([], ["node"], ["node", "heartbeat"]):
        for name in inside[-1:]:
            driver.mkdir(f"cluster/{CLUSTER}/{name}")
        with refuses(errno.ENODEV, f"/{CLUSTER}"):
            read(driver)
        with fails(errno.ENOENT):
            driver.tree.do(AddNode(cluster=CLUSTER, node=N1))
        assert driver.names(f"cluster/{CLUSTER}") == sorted(inside)
    assert driver.names(NODES) == []


def unmounted_and_back(driver: ModelDriver) -> None:
    """A configfs that goes and comes back between two uses is read and changed as before."""
    fill(driver, N1)
    read(driver)
    driver.model.presence = Presence.EMPTY
    with fails(errno.ENOENT):
        read(driver)
    driver.model.presence = Presence.O2CB
    assert [seen(item) for item in read(driver).entries] == [wanted(N1)]
    driver.tree.do(AddNode(cluster=CLUSTER, node=N2))
    assert len(read(driver).entries) == 2


# ---- errno


def interrupted_calls_are_made_again(driver: ModelDriver) -> None:
    """EINTR of any call is retried at once and changes nothing in the result."""
    for call in ("mkdir", "write:ipv4_port", "write:ipv4_address", "write:num", "write:local"):
        driver.model.fault(call, errno.EINTR, count=3)
    driver.tree.do(CreateCluster(cluster=CLUSTER))
    driver.model.fault("mkdir", errno.EINTR, count=3)
    _fill_nodes(driver)
    driver.tree.do(setting("local", "1", "n1"))
    for call in ("scandir", "open", "read:num", "read:local"):
        driver.model.fault(call, errno.EINTR, count=3)
    assert [seen(item) for item in read(driver, fresh=True).entries] == [
        wanted(N1, local=True),
        wanted(N2),
    ]
    driver.model.fault("rmdir", errno.EINTR, count=3)
    driver.tree.do(RemoveNode(cluster=CLUSTER, node="n2"))
    assert driver.names(NODES) == ["n1"]


def _fill_nodes(driver: ModelDriver) -> None:
    """Add n1 and n2 to the cluster that is there."""
    for node in (N1, N2):
        driver.tree.do(AddNode(cluster=CLUSTER, node=node))


def interrupted_for_ever_ends(driver: ModelDriver) -> None:
    """A mkdir or rmdir that is always interrupted fails with EINTR in the end."""
    fill(driver, N1)
    driver.model.fault("mkdir", errno.EINTR, count=None)
    with fails(errno.EINTR, "node/n2"):
        driver.tree.do(AddNode(cluster=CLUSTER, node=N2))
    driver.model.fault("rmdir", errno.EINTR, count=None)
    with fails(errno.EINTR, "node/n1"):
        driver.tree.do(RemoveNode(cluster=CLUSTER, node="n1"))
    assert driver.names(NODES) == ["n1"]


def each_call_of_an_add_may_fail(driver: ModelDriver) -> None:
    """Whichever call of an add fails: its errno and path are kept, and no directory is left."""
    fill(driver)
    for call, where in (
        ("mkdir", "node/n1"),
        ("write:ipv4_port", "node/n1/ipv4_port"),
        ("write:ipv4_address", "node/n1/ipv4_address"),
        ("write:num", "node/n1/num"),
    ):
        for number in (errno.EIO, errno.ENOMEM, errno.EACCES, errno.ENOSPC):
            driver.model.fault(call, number)
            with fails(number, where):
                driver.tree.do(AddNode(cluster=CLUSTER, node=N1))
            assert driver.names(NODES) == []
    driver.tree.do(AddNode(cluster=CLUSTER, node=N1))
    assert seen(entry(driver, "n1")) == wanted(N1)


def first_errno_is_kept(driver: ModelDriver) -> None:
    """A half-made node that cannot be taken away stays, and the first errno is the one told."""
    fill(driver)
    driver.model.fault("write:ipv4_address", errno.EIO)
    driver.model.fault("rmdir", errno.EBUSY)
    with fails(errno.EIO, "node/n1/ipv4_address"):
        driver.tree.do(AddNode(cluster=CLUSTER, node=N1))
    assert entry(driver, "n1").half_made
    assert (entry(driver, "n1").port, entry(driver, "n1").address) == (N1.port, "0.0.0.0")


def failed_reading_says_where(driver: ModelDriver) -> None:
    """Any read that fails fails the reading, with its errno and its path."""
    fill(driver, N1)
    driver.mkdir(f"cluster/{CLUSTER}/heartbeat/R1")
    for call, where in (
        ("read:num", "node/n1/num"),
        ("read:ipv4_address", "node/n1/ipv4_address"),
        ("read:ipv4_port", "node/n1/ipv4_port"),
        ("read:local", "node/n1/local"),
        ("read:pid", "heartbeat/R1/pid"),
        ("read:idle_timeout_ms", "idle_timeout_ms"),
    ):
        driver.model.fault(call, errno.EIO)
        with fails(errno.EIO, where):
            driver.tree.read(CLUSTER, own="n1", attributes=("idle_timeout_ms",), fresh=True)
    assert [seen(item) for item in read(driver).entries] == [wanted(N1)]


def pinned_node_is_busy(driver: ModelDriver) -> None:
    """A pinned node is EBUSY and stays whole; after the pin it goes."""
    fill(driver, N1, N2)
    driver.model.heartbeat.pin("n2")
    with fails(errno.EBUSY, "node/n2"):
        driver.tree.do(RemoveNode(cluster=CLUSTER, node="n2"))
    assert seen(entry(driver, "n2")) == wanted(N2)
    driver.model.heartbeat.unpin("n2")
    driver.tree.do(RemoveNode(cluster=CLUSTER, node="n2"))
    assert driver.names(NODES) == ["n1"]


def vanishing_entry_is_left_out(driver: ModelDriver) -> None:
    """An entry that vanishes in the middle of a reading is gone; the others are read."""
    fill(driver, N1, N2, N3)

    def remove(call: Call) -> None:
        if call.name == "read:num" and call.path.endswith("/n2/num"):
            driver.model.journal.remove_hook(remove)
            driver.rmdir(f"{NODES}/n2")

    driver.model.journal.add_hook(remove)
    assert [item.name for item in read(driver, fresh=True).entries] == ["n1", "n3"]


def missing_value_of_what_is_there_is_an_error(driver: ModelDriver) -> None:
    """ENOENT of an entry that has not vanished is an error like any other."""
    fill(driver, N1)
    driver.model.fault("read:num", errno.ENOENT)
    with fails(errno.ENOENT, "node/n1/num"):
        read(driver, fresh=True)


# ---- heartbeat


def live_nums_are_shown(driver: ModelDriver) -> None:
    """The nums of the live map are read at every reading, with and without a cluster."""
    driver.show_live([])
    assert read(driver).live_nums == frozenset()
    fill(driver, N1)
    driver.show_live([0, 1, 254])
    assert read(driver).live_nums == frozenset({0, 1, 254})


def running_region_has_its_pid(driver: ModelDriver) -> None:
    """The region's thread is named by its pid while it runs."""
    fill(driver, N1)
    driver.tree.do(setting("local", "1", "n1"))
    driver.model.heartbeat.start("R1", pid=4711)
    assert [(region.name, region.pid) for region in read(driver).regions] == [("R1", 4711)]
    driver.model.heartbeat.stop("R1")
    assert read(driver).regions == ()


# ---- kernels whose dead_threshold is called threshold


def misnamed_attribute_is_found(driver: ModelDriver) -> None:
    """`heartbeat/dead_threshold` means the file that some 4.x kernels misnamed `threshold`."""
    fill(driver)
    name = "heartbeat/dead_threshold"
    driver.tree.do(setting(name, "21"))
    assert driver.value(f"cluster/{CLUSTER}/heartbeat/threshold") == "21"
    tables = driver.tree.read(CLUSTER, own=None, attributes=(name,), fresh=False)
    assert dict(tables.attributes) == {name: "21"}
    driver.model.fault("write:threshold", errno.EIO)
    with fails(errno.EIO, "heartbeat/threshold"):
        driver.tree.do(setting(name, "22"))


# ---- which calls are made: by the journal


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


MISNAMED_CHECKS: tuple[Callable[[ModelDriver], None], ...] = (misnamed_attribute_is_found,)
"""These take a driver of `KERNEL_B_MISNAMED`."""

CHECKS: tuple[Callable[[ModelDriver], None], ...] = tuple(
    check for check in checks_in(__name__) if check not in MISNAMED_CHECKS
)
"""Every check takes a driver of the observed kernel without a cluster."""
