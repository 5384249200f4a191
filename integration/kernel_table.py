"""The kernel's own node table, read back from its configfs; standard library only."""

from __future__ import annotations

import contextlib
from pathlib import Path

from integration.stages import Row

Table = dict[str, tuple[int, Row]]
"""Name -> (inode of the directory, its values), sorted by name."""


def read_table(cluster: Path) -> Table:
    """Read a cluster's nodes. One that vanishes meanwhile is left out; no cluster is no nodes."""
    table: Table = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted((cluster / "node").iterdir()):
            with contextlib.suppress(FileNotFoundError):
                row = Row(
                    name=entry.name,
                    num=int((entry / "num").read_text("ascii")),
                    address=(entry / "ipv4_address").read_text("ascii").strip(),
                    port=int((entry / "ipv4_port").read_text("ascii")),
                    local=int((entry / "local").read_text("ascii")),
                )
                table[entry.name] = (entry.stat().st_ino, row)
    return table


def same_directories(before: Table, after: Table) -> bool:
    """Whether every entry that reads as before is the very same directory as before."""
    return all(
        before[name][0] == inode
        for name, (inode, row) in after.items()
        if name in before and before[name][1] == row
    )
