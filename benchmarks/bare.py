"""What everything is held against: the system calls alone, with full paths, in a bare loop."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class BareNode:
    """One node as text, ready to be written: libo2cb's order is that of the fields."""

    name: str
    port: str
    address: str
    num: str
    local: str

    @property
    def values(self) -> tuple[tuple[str, bytes], ...]:
        """Attribute and value, in the order in which they are written."""
        return (
            ("ipv4_port", self.port.encode()),
            ("ipv4_address", self.address.encode()),
            ("num", self.num.encode()),
            ("local", self.local.encode()),
        )


def make_cluster(configfs: str, cluster: str) -> str:
    """Make the cluster's directory and return the path of its node table."""
    os.mkdir(f"{configfs}/cluster/{cluster}")  # noqa: PTH102 - the bare call is the point
    return f"{configfs}/cluster/{cluster}/node"


def empty(configfs: str, cluster: str) -> None:
    """Take everything away, if anything is there."""
    top = f"{configfs}/cluster/{cluster}"
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(f"{top}/node"):  # noqa: PTH208 - the bare call is the point
            os.rmdir(f"{top}/node/{name}")  # noqa: PTH106 - the bare call is the point
        os.rmdir(top)  # noqa: PTH106 - the bare call is the point


def names_in(table: str) -> set[str]:
    """Return the names in a node table."""
    return set(os.listdir(table))  # noqa: PTH208 - the bare call is the point


def fill(table: str, nodes: Sequence[BareNode]) -> float:
    """Do mkdir and four times open, write, close a node; the seconds that it took."""
    work = [(f"{table}/{node.name}", node.values) for node in nodes]
    begin = perf_counter()
    for where, values in work:
        _add(where, values)
    return perf_counter() - begin


def join(table: str, own: str, node: BareNode) -> float:
    """Do one scandir, one reading of our `local`, and the 13 calls; the seconds that it took."""
    where, values = f"{table}/{node.name}", node.values
    begin = perf_counter()
    with os.scandir(table) as entries:
        for _ in entries:
            pass
    fd = os.open(f"{table}/{own}/local", os.O_RDONLY)
    os.read(fd, 4096)
    os.close(fd)
    _add(where, values)
    return perf_counter() - begin


def remove(table: str, node: BareNode) -> None:
    """Take one node away."""
    os.rmdir(f"{table}/{node.name}")  # noqa: PTH106 - the bare call is the point


def _add(where: str, values: Sequence[tuple[str, bytes]]) -> None:
    os.mkdir(where)  # noqa: PTH102 - the bare call is the point
    for attribute, value in values:
        fd = os.open(f"{where}/{attribute}", os.O_WRONLY)
        os.write(fd, value)
        os.close(fd)
