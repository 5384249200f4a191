"""Clusters of real processes, gone after each test with all they mounted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.arms.process import ProcessCluster
from fakecluster.configfs.mounts import our_mounts

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


def _check_gone(path: Path) -> None:
    assert our_mounts(path) == []


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> ProcessCluster:
    """Three nodes, all daemons running and in sync."""
    cluster = make_cluster()
    cluster.run_all()
    return cluster
