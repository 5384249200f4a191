"""What the fixtures of fakecluster need to know of the daemon."""

import sys
from pathlib import Path

import pytest
from leader import Leader

HERE = Path(sys.modules[Leader.__module__].__file__).parent


@pytest.fixture
def simulated_daemon():
    """How to start the daemon in virtual time."""
    return lambda host: Leader(host.libcman, host.directory, host.log)


@pytest.fixture
def daemon_command():
    """How to start the daemon as a process, for `--arm process`."""
    return lambda host: [sys.executable, str(HERE / "leader.py"), str(host.directory)]


@pytest.fixture
def cluster_invariant():
    """What must be so whenever the cluster has come to rest."""

    def all_follow_the_lowest_id(cluster):
        for node in cluster.working:
            leader = cluster.read(node, "leader")
            right = str(min(cluster.members(node))) if cluster.quorate(node) else ""
            assert leader == right, f"node {node}: the leader is {leader!r}, not {right!r}"

    return all_follow_the_lowest_id
