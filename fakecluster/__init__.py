"""Simulated multi-node cman clusters, to test cluster daemons with.

`simulate` runs your daemon on every node of a cluster in virtual time; `serve` runs it as a real
process over libcman's wire protocol, whatever language it is written in. Both give a `Cluster`.
docs/test-your-daemon.md begins from nothing; `fakecluster.pytest_plugin` has the fixtures.

Each name is imported when it is used first: `import fakecluster` alone costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Cluster": "fakecluster.clusters.base",
    "Command": "fakecluster.clusters.real",
    "DaemonUnderTest": "fakecluster.sim.daemon_under_test",
    "DrawnHistory": "fakecluster.clusters.history",
    "Host": "fakecluster.sim.daemon_under_test",
    "MakeDaemon": "fakecluster.sim.daemon_under_test",
    "NodeConfig": "fakecluster.cman.topology",
    "ServedHost": "fakecluster.clusters.real",
    "Timings": "fakecluster.cman.timings",
    "Topology": "fakecluster.cman.topology",
    "serve": "fakecluster.clusters.real",
    "simulate": "fakecluster.clusters.simulated",
}
"""Where each public name is; for type checkers that stands in `__init__.pyi`."""
__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
