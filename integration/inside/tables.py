"""The kernel's o2cb tables as files, read and changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLUSTERS = Path("/sys/kernel/config/cluster")
ORDER = ("ipv4_port", "ipv4_address", "num", "local")
"""In which a kernel takes a node's values."""
CLUSTER_ATTRIBUTES = ("idle_timeout_ms", "keepalive_delay_ms", "reconnect_delay_ms",
                      "fence_method", "heartbeat/dead_threshold", "heartbeat/mode")  # fmt: skip


def tables(base: Path = CLUSTERS) -> dict[str, Any]:
    """Every cluster by name, with its attributes and its entries; none without a configfs."""
    if not base.is_dir():
        return {}
    return {path.name: _cluster(path) for path in sorted(base.iterdir())}


def _cluster(path: Path) -> dict[str, Any]:
    attributes = {name: _value(path / name) for name in CLUSTER_ATTRIBUTES}
    return {
        "attributes": attributes,
        "entries": entries(path),
        "regions": sorted(each.name for each in (path / "heartbeat").iterdir() if each.is_dir()),
    }


def entries(cluster: Path) -> list[dict[str, Any]]:
    """A cluster's nodes, sorted by name; none without a cluster."""
    if not cluster.is_dir():
        return []
    found = [_entry(node) for node in sorted((cluster / "node").iterdir())]
    return [entry for entry in found if entry is not None]


def _entry(path: Path) -> dict[str, Any] | None:
    """One node; None: it was removed while it was read."""
    try:
        inode = path.stat().st_ino
        values = {name: (path / name).read_text().strip() for name in ORDER}
    except FileNotFoundError:
        return None
    return {
        "name": path.name,
        "inode": inode,
        "num": int(values["num"]),
        "address": values["ipv4_address"],
        "port": int(values["ipv4_port"]),
        "local": values["local"] == "1",
    }


def _value(path: Path) -> str:
    """An attribute's value; empty where this kernel has none of that name."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def place_cluster(name: str, dead_threshold: int, base: Path = CLUSTERS) -> None:
    """Make a cluster as an administrator does by hand; fine where it is there.

    Args:
        name: its name.
        dead_threshold: the heartbeat's, as the daemon's settings have it, which is right then.
        base: where clusters are.
    """
    directory = base / name
    if not directory.is_dir():
        directory.mkdir()
        (directory / "heartbeat/dead_threshold").write_text(str(dead_threshold))


def place_node(
    cluster: str, name: str, values: Mapping[str, int | str], base: Path = CLUSTERS
) -> None:
    """Make a node by hand; only the values that are given are written, in the kernel's order."""
    directory = base / cluster / "node" / name
    directory.mkdir()
    for attribute in ORDER:
        if attribute in values:
            (directory / attribute).write_text(str(values[attribute]))


def drop_node(cluster: str, name: str, base: Path = CLUSTERS) -> None:
    """Take a node away by hand."""
    (base / cluster / "node" / name).rmdir()


def drop_cluster(name: str, base: Path = CLUSTERS) -> None:
    """Take an empty cluster away by hand."""
    (base / name).rmdir()
