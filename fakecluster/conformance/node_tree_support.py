"""The words in which the checks of a node tree are written."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from fakecluster.conformance.tree_drivers import TreeDriver
from o2cbd.core.model import AddNode, CreateCluster, Entry, Node, SetAttribute, Tables

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
