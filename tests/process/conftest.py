"""Clusters of real processes, gone after each test with all they mounted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.arms.process import QUICK, ProcessCluster
from fakecluster.configfs.mounts import our_mounts
from fakecluster.historic.root import CmanRoot
from fakecluster.server.child import ServedChild
from tests.process.standin_cman import make_root

MakeCluster = Callable[..., ProcessCluster]


@pytest.fixture
def make_cluster(fuse: None, compiler: None) -> Iterator[MakeCluster]:
    """Makes served clusters, their daemons not started."""
    # AF_UNIX takes 107 bytes, so the path is a short one.
    with tempfile.TemporaryDirectory(prefix="pc-", dir="/tmp") as name, ExitStack() as stack:
        path = Path(name)
        stack.callback(_check_gone, path)  # called last, when all clusters are closed

        def make(**arguments: object) -> ProcessCluster:
            return stack.enter_context(ProcessCluster(path, **arguments))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory with a short path."""
    with tempfile.TemporaryDirectory(prefix="pl-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def standin_cman(place: Path, compiler: None, namespaces: None) -> Iterator[CmanRoot]:
    """Programs that play the cmans of three nodes, which are up once something starts them."""
    down = [word for node_id in (1, 2, 3) for word in ("--down", str(node_id))]
    with ServedChild(place / "s", "--nodes", "3", "--no-configfs", *down, *QUICK):
        yield CmanRoot.read(make_root(place, place / "s"))


def _check_gone(path: Path) -> None:
    assert our_mounts(path) == []


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> ProcessCluster:
    """Three nodes, all daemons running and in sync."""
    cluster = make_cluster()
    cluster.run_all()
    return cluster
