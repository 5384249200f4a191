"""What every `NodeTree` does and believes, on any kernel, real or fake.

The checks that need a fake kernel's faults and journal are in `node_tree_faults`. None of them
writes what can crash a real kernel: no 0.0.0.0, no local=0 under a region.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator

from fakecluster.conformance.checks import checks_in
from fakecluster.conformance.tree_drivers import TreeDriver
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Node,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
)

CLUSTER = "conform"
NODES = f"cluster/{CLUSTER}/node"
ELSEWHERE = "192.0.2.77"
"""A documentation address (RFC 5737), on no host."""

N1 = Node(name="n1", num=1, address="127.0.0.11", port=7771, local=True)
N2 = Node(name="n2", num=2, address="127.0.0.12", port=7772)
ZERO = Node(name="zero", num=0, address="127.0.0.10", port=7770)


@contextlib.contextmanager
def fails(number: int, where: str = "") -> Iterator[list[OSError]]:
    """Expect an OSError with this errno, whose filename ends so; it is in the list afterwards."""
    caught: list[OSError] = []
    try:
        yield caught
    except OSError as error:
        caught.append(error)
    codes = [errno.errorcode.get(error.errno or 0) for error in caught]
    assert codes == [errno.errorcode[number]], caught
    assert str(caught[0].filename).endswith(where), caught


def read(driver: TreeDriver, *, own: str | None = "n1", fresh: bool = False) -> Tables:
    """Read our cluster."""
    return driver.tree.read(CLUSTER, own=own, attributes=(), fresh=fresh)


def entry(driver: TreeDriver, name: str, *, own: str | None = "n1", fresh: bool = False) -> Entry:
    """Read one entry of our cluster."""
    found = [item for item in read(driver, own=own, fresh=fresh).entries if item.name == name]
    assert len(found) == 1
    return found[0]


def seen(item: Entry) -> tuple[str, int, str, int, bool]:
    """Return what an entry says: name, num, address, port, local."""
    return (item.name, item.num, item.address, item.port, item.local)


def wanted(node: Node, *, local: bool = False) -> tuple[str, int, str, int, bool]:
    """Return what the entry of a node must say."""
    return (node.name, node.num, node.address, node.port, local)


def setting(attribute: str, value: str, node: str | None = None) -> SetAttribute:
    """Return the step that writes an attribute."""
    return SetAttribute(cluster=CLUSTER, node=node, attribute=attribute, value=value)


def fill(driver: TreeDriver, *nodes: Node) -> None:
    """Make the cluster and these nodes through the tree."""
    driver.tree.do(CreateCluster(cluster=CLUSTER))
    for node in nodes:
        driver.tree.do(AddNode(cluster=CLUSTER, node=node))


def make_behind(driver: TreeDriver, node: Node, *, num: bool = True) -> None:
    """Make a node behind the tree's back, without its num perhaps."""
    driver.mkdir(f"{NODES}/{node.name}")
    driver.write(f"{NODES}/{node.name}/ipv4_port", str(node.port))
    driver.write(f"{NODES}/{node.name}/ipv4_address", node.address)
    if num:
        driver.write(f"{NODES}/{node.name}/num", str(node.num))


# ---- clusters


def no_cluster_reads_empty(driver: TreeDriver) -> None:
    """Without a cluster there is nothing to read, and that is no error."""
    tables = read(driver)
    assert tables.clusters == ()
    assert tables.entries == ()
    assert dict(tables.attributes) == {}
    assert tables.regions == ()


def cluster_is_created(driver: TreeDriver) -> None:
    """A created cluster is there with its groups, and empty."""
    fill(driver)
    tables = read(driver)
    assert tables.clusters == (CLUSTER,)
    assert tables.entries == ()
    assert {"node", "heartbeat"} <= set(driver.names(f"cluster/{CLUSTER}"))


def cluster_exists_already(driver: TreeDriver) -> None:
    """Creating what is there fails with EEXIST and leaves it."""
    fill(driver, N1)
    with fails(errno.EEXIST, CLUSTER):
        driver.tree.do(CreateCluster(cluster=CLUSTER))
    assert [seen(item) for item in read(driver).entries] == [wanted(N1)]


def foreign_cluster_is_only_named(driver: TreeDriver) -> None:
    """A cluster of another name is named, not read; ours does not fit beside it (ENOSPC)."""
    driver.mkdir("cluster/other")
    driver.mkdir("cluster/other/node/theirs")
    tables = read(driver)
    assert tables.clusters == ("other",)
    assert tables.entries == ()
    with fails(errno.ENOSPC, CLUSTER):
        driver.tree.do(CreateCluster(cluster=CLUSTER))
    assert driver.names("cluster") == ["other"]


def no_parent_is_made(driver: TreeDriver) -> None:
    """A node's step without its cluster fails with ENOENT and makes nothing."""
    for step in (
        AddNode(cluster=CLUSTER, node=N1),
        RemoveNode(cluster=CLUSTER, node="n1"),
        setting("num", "1", "n1"),
        setting("idle_timeout_ms", "20000"),
    ):
        with fails(errno.ENOENT):
            driver.tree.do(step)
    assert driver.names("cluster") == []


def cluster_made_anew_is_seen(driver: TreeDriver) -> None:
    """A cluster that was removed and made again behind our back is read and filled as it is now."""
    fill(driver, N1)
    assert len(read(driver).entries) == 1
    driver.rmdir(f"{NODES}/n1")
    driver.rmdir(f"cluster/{CLUSTER}")
    assert read(driver).clusters == ()
    driver.mkdir(f"cluster/{CLUSTER}")
    assert read(driver).entries == ()
    driver.tree.do(AddNode(cluster=CLUSTER, node=N2))
    assert [seen(item) for item in read(driver).entries] == [wanted(N2)]


# ---- nodes


def added_node_reads_back(driver: TreeDriver) -> None:
    """An added node is read back as it was wanted, and is not local yet."""
    fill(driver, N1, N2)
    items = read(driver).entries
    assert [seen(item) for item in items] == [wanted(N1), wanted(N2)]
    assert all(item.complete for item in items)
    assert driver.value(f"{NODES}/n2/ipv4_address") == N2.address


def local_is_a_step_of_its_own(driver: TreeDriver) -> None:
    """local=1 is written to the finished entry."""
    fill(driver, N1, N2)
    read(driver)
    driver.tree.do(setting("local", "1", "n1"))
    assert [item.local for item in read(driver).entries] == [True, False]


def local_waits_for_its_address(driver: TreeDriver) -> None:
    """An address that is not on this host: EADDRNOTAVAIL, and the entry stays, not local."""
    away = Node(name="away", num=9, address=ELSEWHERE, port=7779)
    fill(driver, away)
    with fails(errno.EADDRNOTAVAIL, "node/away/local"):
        driver.tree.do(setting("local", "1", "away"))
    assert seen(entry(driver, "away", own="away")) == wanted(away)


def names_may_be_odd(driver: TreeDriver) -> None:
    """What the kernel takes as a name is taken: UTF-8, a leading hyphen, blanks, 64 bytes."""
    names = ["-rf", "a b", "knoten-ä", "x" * 64]
    nodes = [
        Node(name=name, num=index, address=f"127.0.1.{index}", port=7777)
        for index, name in enumerate(names, start=1)
    ]
    fill(driver, *nodes)
    assert sorted(seen(item) for item in read(driver, own=None).entries) == sorted(
        wanted(node) for node in nodes
    )
    driver.tree.do(RemoveNode(cluster=CLUSTER, node="-rf"))
    assert driver.names(NODES) == sorted(names[1:])


def too_long_name_fails(driver: TreeDriver) -> None:
    """The kernel's own limit is the kernel's answer: ENAMETOOLONG, and nothing is made."""
    fill(driver)
    name = "x" * 65
    with fails(errno.ENAMETOOLONG, f"node/{name}"):
        driver.tree.do(
            AddNode(cluster=CLUSTER, node=Node(name=name, num=1, address="127.0.0.1", port=7777))
        )
    assert driver.names(NODES) == []


def existing_name_is_left_alone(driver: TreeDriver) -> None:
    """Adding a name that is there fails with EEXIST and does not touch the entry."""
    fill(driver, N1)
    before = entry(driver, "n1")
    with fails(errno.EEXIST, "node/n1"):
        driver.tree.do(
            AddNode(cluster=CLUSTER, node=Node(name="n1", num=5, address="127.0.0.15", port=7775))
        )
    assert entry(driver, "n1", fresh=True) == before


def half_made_is_taken_away(driver: TreeDriver) -> None:
    """Each value that the kernel refuses fails the add with its errno and leaves no directory."""
    fill(driver, N1)
    refused = (
        (Node(name="x", num=5, address="127.0.0.15", port=65535), errno.ERANGE, "ipv4_port"),
        (Node(name="x", num=5, address="127.0.0.15", port=0), errno.EINVAL, "ipv4_port"),
        (Node(name="x", num=5, address=N1.address, port=7775), errno.EEXIST, "ipv4_address"),
        (Node(name="x", num=5, address="fe80::1", port=7775), errno.EINVAL, "ipv4_address"),
        (Node(name="x", num=5, address="127.0.0.256", port=7775), errno.ERANGE, "ipv4_address"),
        (Node(name="x", num=N1.num, address="127.0.0.15", port=7775), errno.EEXIST, "num"),
        (Node(name="x", num=255, address="127.0.0.15", port=7775), errno.ERANGE, "num"),
    )
    for node, number, attribute in refused:
        with fails(number, f"node/x/{attribute}"):
            driver.tree.do(AddNode(cluster=CLUSTER, node=node))
        assert driver.names(NODES) == ["n1"]
    assert [seen(item) for item in read(driver).entries] == [wanted(N1)]


def removed_node_is_gone(driver: TreeDriver) -> None:
    """A removed node is gone, and its num and address are free for the next."""
    fill(driver, N1, N2)
    read(driver)
    driver.tree.do(RemoveNode(cluster=CLUSTER, node="n2"))
    assert [item.name for item in read(driver).entries] == ["n1"]
    successor = Node(name="n3", num=N2.num, address=N2.address, port=N2.port)
    driver.tree.do(AddNode(cluster=CLUSTER, node=successor))
    assert seen(entry(driver, "n3")) == wanted(successor)


def removal_of_nothing_fails(driver: TreeDriver) -> None:
    """Removing what is not there is ENOENT."""
    fill(driver)
    with fails(errno.ENOENT, "node/ghost"):
        driver.tree.do(RemoveNode(cluster=CLUSTER, node="ghost"))


def written_once_stays(driver: TreeDriver) -> None:
    """A second value is refused by the kernel (EBUSY), and the first stays."""
    fill(driver, N1)
    for attribute, value in (("num", "9"), ("ipv4_port", "7779"), ("ipv4_address", "127.0.0.19")):
        with fails(errno.EBUSY, f"node/n1/{attribute}"):
            driver.tree.do(setting(attribute, value, "n1"))
    assert seen(entry(driver, "n1", fresh=True)) == wanted(N1)


# ---- attributes and regions


def attributes_are_set_and_read(driver: TreeDriver) -> None:
    """Cluster attributes are read without newline, as the kernel has them after a write."""
    fill(driver)
    names = ("idle_timeout_ms", "fence_method", "heartbeat/dead_threshold")
    driver.tree.do(setting("idle_timeout_ms", "25000"))
    driver.tree.do(setting("fence_method", "panic"))
    driver.tree.do(setting("heartbeat/dead_threshold", "21"))
    tables = driver.tree.read(CLUSTER, own=None, attributes=names, fresh=False)
    assert dict(tables.attributes) == dict(zip(names, ("25000", "panic", "21"), strict=True))
    driver.tree.do(setting("fence_method", "reset"))
    driver.tree.do(setting("heartbeat/dead_threshold", "31"))  # these two outlive the cluster
    assert driver.value(f"cluster/{CLUSTER}/fence_method") == "reset"


def ignored_write_is_no_error(driver: TreeDriver) -> None:
    """A value that the kernel takes and ignores shows only in the next reading."""
    fill(driver)
    name = "heartbeat/dead_threshold"
    driver.tree.do(setting(name, "2"))
    tables = driver.tree.read(CLUSTER, own=None, attributes=(name,), fresh=False)
    assert dict(tables.attributes) == {name: "31"}


def refused_attribute_keeps_its_errno(driver: TreeDriver) -> None:
    """The kernel's refusal of a value is passed on, and the value stays."""
    fill(driver)
    with fails(errno.EINVAL, "idle_timeout_ms"):
        driver.tree.do(setting("idle_timeout_ms", "0"))
    assert driver.value(f"cluster/{CLUSTER}/idle_timeout_ms") == "30000"


def unknown_attribute_is_left_out(driver: TreeDriver) -> None:
    """An attribute that this kernel has not is missing from the reading; writing it is ENOENT."""
    fill(driver)
    names = ("never_heard_of", "heartbeat/nor_of_this", "reconnect_delay_ms")
    tables = driver.tree.read(CLUSTER, own=None, attributes=names, fresh=False)
    assert dict(tables.attributes) == {"reconnect_delay_ms": "2000"}
    with fails(errno.ENOENT, "never_heard_of"):
        driver.tree.do(setting("never_heard_of", "1"))


def stopped_region_is_listed(driver: TreeDriver) -> None:
    """A region without a thread is a region without a pid."""
    fill(driver)
    driver.mkdir(f"cluster/{CLUSTER}/heartbeat/R2")
    driver.mkdir(f"cluster/{CLUSTER}/heartbeat/R1")
    regions = read(driver).regions
    assert [(region.name, region.pid) for region in regions] == [("R1", None), ("R2", None)]


# ---- what is refused by ourselves


def never_written(driver: TreeDriver) -> None:
    """What can take a kernel down, and what is no name, is EINVAL before anything is touched."""
    fill(driver, N1)
    zero = Node(name="x", num=5, address="0.0.0.0", port=7777)
    steps: list[Step] = [
        setting("local", "0", "n1"),
        setting("local", "00", "n1"),
        setting("ipv4_address", "0.0.0.0", "n1"),
        setting("dead", "1", "n1"),
        setting("../../../idle_timeout_ms", "1", "n1"),
        setting("node/n1/num", "1"),
        setting("heartbeat/../idle_timeout_ms", "1"),
        AddNode(cluster=CLUSTER, node=zero),
    ]
    for bad in ("", ".", "..", "a/b", "a\0b", "/"):
        steps += [
            AddNode(cluster=CLUSTER, node=Node(name=bad, num=5, address="127.0.0.15", port=7777)),
            RemoveNode(cluster=CLUSTER, node=bad),
            RemoveNode(cluster=bad, node="n1"),
            CreateCluster(cluster=bad),
        ]
    for step in steps:
        with fails(errno.EINVAL):
            driver.tree.do(step)
    with fails(errno.EINVAL):
        driver.tree.read("..", own=None, attributes=(), fresh=True)
    assert driver.names(NODES) == ["n1"]
    assert driver.names("cluster") == [CLUSTER]


def closing_twice_is_harmless(driver: TreeDriver) -> None:
    """A tree may be closed twice, open directories or not."""
    fill(driver, N1)
    read(driver)
    driver.tree.close()
    driver.tree.close()
    driver.rmdir(f"{NODES}/n1")
    driver.rmdir(f"cluster/{CLUSTER}")
    assert driver.names("cluster") == []


# ---- what is half made, and what is in doubt


def half_made_is_read_so(driver: TreeDriver) -> None:
    """A directory that nobody filled is read as half made, and can be completed in place."""
    fill(driver)
    driver.mkdir(f"{NODES}/n2")
    assert entry(driver, "n2").half_made
    driver.tree.do(setting("ipv4_port", str(N2.port), "n2"))
    assert entry(driver, "n2").half_made
    driver.tree.do(setting("ipv4_address", N2.address, "n2"))
    assert not entry(driver, "n2").complete
    driver.tree.do(setting("num", str(N2.num), "n2"))
    assert entry(driver, "n2").complete
    assert seen(entry(driver, "n2")) == wanted(N2)


def zero_is_in_doubt_until_local(driver: TreeDriver) -> None:
    """A num that reads 0 may be written or not; only a node that has one can be local."""
    fill(driver)
    make_behind(driver, ZERO)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("local", "1", "zero"))
    assert entry(driver, "zero", own="zero").complete
    driver.write(f"{NODES}/zero/local", "0")
    assert entry(driver, "zero", own="zero").doubtful


def our_own_zero_is_no_doubt(driver: TreeDriver) -> None:
    """Who wrote 0 knows that it is written, for the life of the directory and no longer."""
    fill(driver, ZERO)
    assert entry(driver, "zero").complete
    assert entry(driver, "zero", fresh=True).complete
    driver.rmdir(f"{NODES}/zero")
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete


def refused_zero_is_written(driver: TreeDriver) -> None:
    """0 is refused as used: by this very entry, where nobody else reads it."""
    fill(driver, N1)
    make_behind(driver, ZERO)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete
    assert entry(driver, "zero", fresh=True).complete


def refused_zero_of_one_of_two_proves_nothing(driver: TreeDriver) -> None:
    """It may be the other one's."""
    fill(driver)
    make_behind(driver, ZERO)
    make_behind(driver, N2, num=False)
    for name in ("zero", "n2"):
        assert entry(driver, name).doubtful
        with fails(errno.EEXIST, f"node/{name}/num"):
            driver.tree.do(setting("num", "0", name))
        assert entry(driver, name).doubtful


def refused_zero_beside_a_node_in_the_making_proves_nothing(driver: TreeDriver) -> None:
    """It may have got that num since it was read."""
    fill(driver)
    make_behind(driver, ZERO, num=False)
    driver.mkdir(f"{NODES}/n2")
    assert entry(driver, "zero").doubtful
    driver.write(f"{NODES}/n2/ipv4_port", str(N2.port))
    driver.write(f"{NODES}/n2/ipv4_address", N2.address)
    driver.write(f"{NODES}/n2/num", "0")
    with fails(errno.EEXIST, "node/zero/num"):
        driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").doubtful


def refused_zero_of_a_half_made_entry_proves_nothing(driver: TreeDriver) -> None:
    """It had no num when it was read, and another node may have got that one since."""
    fill(driver)
    driver.mkdir(f"{NODES}/zero")
    assert entry(driver, "zero").half_made
    driver.tree.do(setting("ipv4_port", str(ZERO.port), "zero"))
    driver.tree.do(setting("ipv4_address", ZERO.address, "zero"))
    make_behind(driver, Node(name="n2", num=0, address=N2.address, port=N2.port))
    with fails(errno.EEXIST, "node/zero/num"):
        driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").doubtful


def written_zero_is_busy(driver: TreeDriver) -> None:
    """Another num tells whether the 0 was written: it is refused, or it is taken."""
    fill(driver, ZERO)
    with fails(errno.EBUSY, "node/zero/num"):
        driver.tree.do(setting("num", "5", "zero"))


def missing_num_is_written(driver: TreeDriver) -> None:
    """Where none was written another num is taken, and the entry is whole."""
    fill(driver, N1)
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "5", "zero"))
    assert entry(driver, "zero").complete


# ---- what is kept between readings


def new_directory_of_the_same_name_is_read(driver: TreeDriver) -> None:
    """What was kept ends with the directory: a node made anew is read anew."""
    fill(driver, N1, N2)
    read(driver)
    driver.rmdir(f"{NODES}/n2")
    changed = Node(name="n2", num=7, address="127.0.0.17", port=7777)
    make_behind(driver, changed)
    assert seen(entry(driver, "n2")) == wanted(changed)


def local_is_never_kept(driver: TreeDriver) -> None:
    """`local` of our own entry is read at every reading."""
    fill(driver, N1, N2)
    assert not entry(driver, "n1").local
    driver.write(f"{NODES}/n1/local", "1")
    assert entry(driver, "n1").local


def local_of_others_is_found(driver: TreeDriver) -> None:
    """While our own entry is not local, another that is shows."""
    fill(driver, N1, N2)
    assert not entry(driver, "n2").local
    driver.write(f"{NODES}/n2/local", "1")
    assert entry(driver, "n2").local
    assert entry(driver, "n2", own=None).local


def local_that_moved_to_us_is_nobody_elses(driver: TreeDriver) -> None:
    """While our own entry is local the others are not asked, whatever they said before."""
    fill(driver, N1, N2)
    driver.write(f"{NODES}/n2/local", "1")
    assert entry(driver, "n2").local
    driver.write(f"{NODES}/n2/local", "0")
    driver.write(f"{NODES}/n1/local", "1")
    assert not entry(driver, "n2").local
    assert entry(driver, "n1").local


CHECKS: tuple[Callable[[TreeDriver], None], ...] = checks_in(__name__)
"""Every check takes a driver whose configfs holds no cluster."""
