"""`o2cbd check-config --live`: settings and cluster manager together, everything at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.testing.scripted_corosync import ScriptedCorosync, block
from fakecluster.testing.scripted_libcman import ScriptedCman, node
from o2cbd.cli import cli
from o2cbd.membership import libcman, libcorosync
from tests.streams import separate_runner


def check_live(
    monkeypatch: pytest.MonkeyPatch, file: Path, text: str, corosync: ScriptedCorosync
) -> tuple[int, list[str], list[str]]:
    """Return the exit code, and the lines of both outputs."""
    file.write_text(f'[membership]\nsource = "corosync"\n{text}')
    monkeypatch.setattr(libcorosync, "load", lambda: corosync)
    shown = separate_runner().invoke(cli, ["check-config", str(file), "--live"])
    return shown.exit_code, shown.stdout.splitlines(), shown.stderr.splitlines()


@pytest.mark.row("check-live")
def test_check_config_live_shows_the_table_that_would_be_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked to vote for it."""
    file = tmp_path / "o2cbd.toml"
    corosync = ScriptedCorosync([block(1), block(2, name="")], members=[1])
    assert check_live(monkeypatch, file, "", corosync) == (
        0,
        [
            f"{file}: good",
            "cluster alpha, 2 nodes",
            "  1 n1 192.0.2.1:7777",
            "  2 node2 192.0.2.2:7777",
            "node id 2 has no name in the manager's configuration; using node2",
        ],
        [],
    )
    assert "corosync_cfg_trackstart" not in corosync.calls


@pytest.mark.row("check-live")
def test_check_config_live_tells_all_that_is_wrong_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "o2cbd.toml"
    corosync = ScriptedCorosync([block(1), block(300), block(3, ring0_addr="fd00::3")], members=[1])
    corosync.keys["totem.cluster_name"] = b"my-cluster"
    code, _table, problems = check_live(
        monkeypatch, file, '[nodes.n9]\naddress = "10.0.0.9"\n', corosync
    )
    assert code == 78
    assert [problem.split(": write ")[0] for problem in problems] == [
        "o2cbd: the cluster name 'my-cluster' is not alphanumeric, as OCFS2 requires",
        (
            "o2cbd: node n3 (id 3) is excluded: no IPv4 address, only fd00::3 (o2cb does"
            " not support IPv6)"
        ),
        "o2cbd: node n300 (id 300) is excluded: its node id 300 is not an o2cb number (0-254)",
        "o2cbd: [nodes.n9]: no such node; the manager has n1, n3, n300",
    ]


def test_check_config_live_tells_once_why_our_own_node_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corosync = ScriptedCorosync([block(1, ring0_addr="2001:db8::1"), block(2)])
    code, _table, problems = check_live(monkeypatch, tmp_path / "o2cbd.toml", "", corosync)
    assert code == 78
    assert [problem.split(": no IPv4")[0] for problem in problems] == [
        "o2cbd: this node (id 1) is excluded"
    ]


def test_check_config_live_tells_of_another_node_with_our_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corosync = ScriptedCorosync([block(1, name="n3"), block(2, name="n3"), block(3)], local_id=2)
    code, _table, problems = check_live(monkeypatch, tmp_path / "o2cbd.toml", "", corosync)
    assert code == 78
    assert [problem.split(" excluded: ")[0].split(" left out: ")[0] for problem in problems] == [
        "o2cbd: this node (id 2) is",
        "o2cbd: node n3 (id 3) is",
    ]


def test_check_config_live_without_a_manager_is_69(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corosync = ScriptedCorosync([block(1)])
    corosync.die()
    code, lines, problems = check_live(monkeypatch, tmp_path / "o2cbd.toml", "", corosync)
    assert (code, len(lines)) == (69, 1)
    assert "corosync is not running" in problems[0]


def test_check_config_live_expects_no_quorum_disk_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cman = ScriptedCman([node(0, "/dev/q", "10.0.0.9"), node(1, "alpha", "10.0.0.1")])
    monkeypatch.setattr(libcman, "load", lambda _path: cman)
    good = tmp_path / "good.toml"
    good.write_text("")
    shown = separate_runner().invoke(cli, ["check-config", str(good), "--live"])
    assert (shown.exit_code, shown.stderr) == (0, "")
