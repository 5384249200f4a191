"""The flight recorder of real daemons: an incident is dumped, read, printed and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fakecluster.arms.process import ProcessCluster
from fakecluster.commands.run import replay_command
from fakecluster.trace.file import check_trace, parse_trace

pytestmark = pytest.mark.process


def dumped(cluster: ProcessCluster, node_id: int, *words: str) -> str:
    done = cluster.o2cbd(node_id, "dump", *words)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_an_incident_can_be_dumped_and_drawn(cluster: ProcessCluster, tmp_path: Path) -> None:
    """A pinned removal: its step, its errno, its bar and its end are in the trace."""
    cluster.ctl("pin", node=1, name="node3")
    cluster.ctl("kill", node=3)
    cluster.wait_pending(1, "node3", "pinned")
    cluster.ctl("unpin", node=1, name="node3")
    cluster.wait_nodes(1, [1, 2])
    cluster.wait_state(1, "synced")
    path = tmp_path / "node1.trace"
    assert dumped(cluster, 1, "--output", str(path)) == ""
    text = path.read_text(encoding="ascii")

    assert check_trace(text.splitlines()) == []
    trace = parse_trace(text)
    assert trace.header.arm == "daemon"
    assert dict(trace.header.nodes) == {1: "node1", 2: "node2", 3: "node3"}
    assert {line.host for line in trace.lines} == {1}
    told = [(line.kind, line.what, line.detail.get("errno")) for line in trace.lines]
    failed = told.index(("step", "remove-node", "EBUSY"))
    began = told.index(("pending", "begin", "EBUSY"))
    done = told.index(("step", "remove-node", ""))
    assert failed < began < done
    views = [line.detail["members"] for line in trace.lines if line.what == "view"]
    assert views[-1] == "1-2"

    shown = CliRunner().invoke(replay_command, [str(path)])
    assert "failed: remove node node3 [EBUSY]" in shown.stdout
    page = tmp_path / "page.html"
    assert CliRunner().invoke(replay_command, [str(path), "--html", str(page)]).exit_code == 0
    assert '"EBUSY"' in page.read_text(encoding="utf-8")


def test_a_dump_names_nothing_of_the_machine(cluster: ProcessCluster, tmp_path: Path) -> None:
    """No path, no process: it can be handed on."""
    status = cluster.status(1)
    assert status is not None
    text = dumped(cluster, 1)

    assert str(cluster.cluster_directory(1)) not in text
    assert str(status["pid"]) not in {word.strip('",:') for word in text.split()}
