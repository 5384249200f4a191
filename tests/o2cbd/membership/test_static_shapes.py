"""Shapes of cluster.conf as people run them: as the membership, and kept beside a corosync."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

import pytest

from o2cbd import clusterconf, settings_file
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.clusterconf import FileCluster
from o2cbd.core.model import Advice, Member, Membership, Quorum
from o2cbd.core.names import cluster_name_problem
from o2cbd.core.policy import desired_table
from o2cbd.core.rules import TableRules
from o2cbd.membership.static import StaticSource

SHAPES = Path(__file__).parents[2] / "process" / "data" / "cluster_conf"
PAGE = (Path(__file__).parents[3] / "docs" / "static.md").read_text(encoding="utf-8")

Rows = set[tuple[str, int, str, int]]

TABLES: dict[str, Rows] = {
    "two-1-2": {("c1", 1, "10.0.0.1", 7777), ("c2", 2, "10.0.0.2", 7777)},
    "two-0-1-hyphen-names": {("vcl-0", 0, "10.0.0.1", 7777), ("vcl-1", 1, "10.0.0.2", 7777)},
    "iscsi-0-1": {("d1", 0, "10.0.0.1", 7777), ("d2", 1, "10.0.0.2", 7777)},
    "global-two-subnets": {("kvm1", 1, "10.1.34.1", 7777), ("kvm2", 2, "10.1.35.2", 7777)},
    "port-17777": {("z1", 0, "10.0.10.1", 17777), ("z2", 1, "10.0.10.2", 17777)},
    "interconnect-in-file": {("sa", 0, "10.9.0.1", 7777), ("sb", 1, "10.9.0.2", 7777)},
}

LINES: dict[str, str] = {
    "two-1-2": "",
    "two-0-1-hyphen-names": "[table]\nnum_offset = -1",
    "iscsi-0-1": "[table]\nnum_offset = -1",
    "global-two-subnets": '[cluster]\nheartbeat_mode = "global"',
    "port-17777": "[table]\nnum_offset = -1\nport = 17777",
    "interconnect-in-file": "[table]\nnum_offset = -1",
}
"""What o2cbd.toml needs, so that a corosync with ids from 1 keeps the table; the page has them."""


def shape(name: str) -> FileCluster:
    (cluster,) = clusterconf.load(str(SHAPES / f"{name}.conf"))
    return cluster


def wanted(membership: Membership, rules: TableRules) -> Rows:
    desired = desired_table(membership, rules)
    assert desired.left_out == ()
    assert desired.has_local
    return {(node.name, node.num, node.address, node.port) for node in desired.nodes}


def test_every_shape_has_its_table() -> None:
    assert {file.stem for file in SHAPES.iterdir()} == set(TABLES) == set(LINES)


@pytest.mark.row("static-members")
@pytest.mark.parametrize("name", TABLES)
def test_as_the_membership_it_is_the_table(name: str) -> None:
    """With no line of settings but the source."""
    cluster = shape(name)
    for node in cluster.nodes:
        board = CallBoard(MonotonicClock())
        path = str(SHAPES / f"{name}.conf")
        source = StaticSource(path, None, board, host_name=partial(str, node.name))
        membership = source.snapshot()
        source.close()
        assert membership.local_id == node.num
        assert cluster_name_problem(membership.cluster) is None
        assert wanted(membership, TableRules()) == TABLES[name]


@pytest.mark.parametrize("name", TABLES)
def test_beside_a_corosync_its_values_are_kept(name: str) -> None:
    """Ids from 1 in the file's order; addresses that corosync does not use are o2cb_address."""
    aside = name == "interconnect-in-file"
    members = tuple(
        Member(
            id=number,
            name=node.name,
            incarnation=1,
            addresses=(f"192.168.0.{number}" if aside else node.address,),
            advice=Advice(address=node.address) if aside else Advice(),
        )
        for number, node in enumerate(shape(name).nodes, start=1)
    )
    membership = Membership(
        cluster=shape(name).name,
        local_id=1,
        quorum=Quorum.QUORATE,
        two_node=True,
        members=members,
    )
    rules = settings_file.from_data(tomllib.loads(LINES[name]), origin="page").rules
    assert wanted(membership, rules.table) == TABLES[name]


@pytest.mark.parametrize("name", TABLES)
def test_the_page_names_the_lines(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}`")]
    section = ""
    for line in LINES[name].splitlines():
        if line.startswith("["):
            section = line
        else:
            assert f"`{section} {line}`" in row
