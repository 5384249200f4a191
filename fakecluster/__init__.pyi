from fakecluster.clusters.base import Cluster
from fakecluster.clusters.history import DrawnHistory
from fakecluster.clusters.real import Command, ServedHost, serve
from fakecluster.clusters.simulated import simulate
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.sim.daemon_under_test import DaemonUnderTest, Host, MakeDaemon

__all__ = [
    "Cluster",
    "Command",
    "DaemonUnderTest",
    "DrawnHistory",
    "Host",
    "MakeDaemon",
    "NodeConfig",
    "ServedHost",
    "Timings",
    "Topology",
    "serve",
    "simulate",
]
