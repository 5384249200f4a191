"""`o2cbd diff`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from o2cbd.clusterconf import FileCluster
from o2cbd.commands.cluster_file import (
    left_out_json,
    read_file,
    settings_of,
    wanted_options,
    warn_of_left_out,
)
from o2cbd.commands.common import absolute, say
from o2cbd.commands.offline import WantedTable, wanted_here
from o2cbd.core.exit_codes import EXIT_DIFFERENT
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Tables
from o2cbd.core.reports import counted
from o2cbd.core.table_diff import VALUES, Row, pairs, value_of
from o2cbd.errors import printable
from o2cbd.service.view import SCHEMA

SIDES = ("file", "wanted", "kernel")


@frozen
class Difference:
    """A value that is not the same everywhere."""

    node: str | None
    """None: of the cluster."""
    value: str
    """`node` where one side has no such node."""
    file: object
    wanted: object
    kernel: object

    def sides(self) -> tuple[object, ...]:
        """Return them in the order of `SIDES`."""
        return self.file, self.wanted, self.kernel


@click.command("diff")
@click.argument("file", metavar="[FILE]", required=False, callback=absolute)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@wanted_options
def command(
    *,
    file: str | None,
    as_json: bool,
    config: str | None,
    membership: str | None,
    libcman: str | None,
    configfs: str | None,
) -> None:
    """Compare ocfs2-tools' FILE with the wanted table and with the kernel's, value by value.

    FILE defaults to the settings' cluster.conf. The wanted table is that of a daemon that starts
    now: manager and settings are read here. Exit code 0 when all are equal, 1 when a value
    differs.
    """
    settings = settings_of(config=config, membership=membership, libcman=libcman, configfs=configfs)
    path = file or settings.cluster_conf
    wanted = wanted_here(settings)
    in_file = read_file(path, wanted.cluster)
    found = differences(in_file, wanted)
    if as_json:
        say(json.dumps(_as_json(path, in_file, wanted, found)))
    else:
        warn_of_left_out(wanted)
        for line in _render(path, in_file, wanted, found):
            say(printable(line))
    if found:
        raise click.exceptions.Exit(EXIT_DIFFERENT)


def differences(file: FileCluster, wanted: WantedTable) -> tuple[Difference, ...]:
    """Compare all three."""
    found = []
    names = (file.name, wanted.cluster, _kernel_cluster(wanted.tables))
    if len(set(names)) > 1:
        found.append(
            Difference(node=None, value="cluster", file=names[0], wanted=names[1], kernel=names[2])
        )
    entries = () if wanted.tables is None else wanted.tables.entries
    for rows in _grouped(file.nodes, wanted.nodes, entries):
        found += _of_node(rows)
    return tuple(found)


Rows = tuple[Row | None, Row | None, Row | None]
"""What is one node, in the order of `SIDES`."""


def _grouped(file: tuple[Row, ...], wanted: tuple[Row, ...], kernel: tuple[Row, ...]) -> list[Rows]:
    in_file, _absent, only_file = pairs(wanted, file)
    in_kernel, _absent, only_kernel = pairs(wanted, kernel)
    by_file = {node.name: row for node, row in in_file}
    by_kernel = {node.name: row for node, row in in_kernel}
    groups: list[Rows] = [(by_file.get(one.name), one, by_kernel.get(one.name)) for one in wanted]
    both, left_file, left_kernel = pairs(only_file, only_kernel)
    groups += [(row, None, entry) for row, entry in both]
    groups += [(row, None, None) for row in left_file]
    groups += [(None, None, entry) for entry in left_kernel]
    return groups


def _of_node(rows: Rows) -> Iterator[Difference]:
    there = [row for row in rows if row is not None]
    name = next((row.name for row in (rows[1], *there) if row is not None), None)
    if len(there) < len(rows):
        whole = [None if row is None else _whole(row) for row in rows]
        yield Difference(node=name, value="node", file=whole[0], wanted=whole[1], kernel=whole[2])
        return
    for value in VALUES:
        values = [value_of(row, value) for row in there]
        if len(set(values)) > 1:
            yield Difference(
                node=name, value=value, file=values[0], wanted=values[1], kernel=values[2]
            )


def _whole(row: Row) -> dict[str, object]:
    return {value: value_of(row, value) for value in VALUES}


def _kernel_cluster(tables: Tables | None) -> str | None:
    return None if tables is None else next(iter(tables.clusters), None)


def _heartbeat(file: FileCluster, tables: Tables | None) -> dict[str, dict[str, Any]]:
    attributes = {} if tables is None else tables.attributes
    regions = () if tables is None else tables.regions
    return {
        "file": {"mode": file.heartbeat_mode, "regions": list(file.regions)},
        "kernel": {
            "mode": attributes.get("heartbeat/mode"),
            "regions": [region.name for region in regions],
        },
    }


def _as_json(
    path: str, file: FileCluster, wanted: WantedTable, found: tuple[Difference, ...]
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "equal": not found,
        "path": path,
        "clusters": dict(
            zip(SIDES, (file.name, wanted.cluster, _kernel_cluster(wanted.tables)), strict=True)
        ),
        "differences": [
            {
                "node": one.node,
                "value": one.value,
                **dict(zip(SIDES, one.sides(), strict=True)),
            }
            for one in found
        ],
        "heartbeat": _heartbeat(file, wanted.tables),
        "left_out": left_out_json(wanted),
    }


def _render(
    path: str, file: FileCluster, wanted: WantedTable, found: tuple[Difference, ...]
) -> Iterator[str]:
    """Write it for a person."""
    if wanted.tables is None:
        yield "There is no o2cb configfs: the kernel has no table."
    if found:
        rows = [
            ("NODE", "VALUE", *(side.upper() for side in SIDES)),
            *((one.node or "-", one.value, *map(_cell, one.sides())) for one in found),
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
        count = counted(len(found), "difference")
        yield f"{count} between {path}, the wanted table and the kernel's."
    else:
        nodes = counted(len(file.nodes), "node")
        yield f"Equal: cluster {file.name}, {nodes}, in {path}, as wanted and in the kernel."
    heartbeat = _heartbeat(file, wanted.tables)
    shown = {side: _heartbeat_text(one) for side, one in heartbeat.items()}
    if shown["file"] != shown["kernel"] or file.regions:
        yield (
            f"Heartbeat, which o2cbd does not start: {shown['file']} in the file,"
            f" {shown['kernel']} in the kernel."
        )


def _heartbeat_text(one: dict[str, Any]) -> str:
    return f"{one['mode'] or 'none'} with {counted(len(one['regions']), 'region')}"


def _cell(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, dict):
        return f"{value['num']}, {value['address']}:{value['port']}"
    return str(value)
