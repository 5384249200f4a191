"""What the arms of real processes ask of the server and of their managers; nothing is started."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from fakecluster import verbs
from fakecluster.arms import managers
from fakecluster.arms.managers import SimulatedManagers
from fakecluster.arms.process_arm import ProcessArm
from fakecluster.arms.suite import spec_of
from fakecluster.capabilities import UnsupportedVerbError
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig


class Noting:
    """Takes requests and notes them; a server with nothing on its hosts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.state: dict[str, Any] = {"running": False, "cluster": None, "table": []}
        self.node: dict[str, Any] = {}

    def ctl(self, word: str, **fields: Any) -> dict[str, Any]:
        if word != "state":
            self.asked.append((word, fields))
        return {"ok": True, "nodes": [self.state], "node": self.node}


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    noting = Noting()
    monkeypatch.setattr(managers, "ctl", lambda _directory, word, **more: noting.ctl(word, **more))
    return noting


@pytest.fixture
def arm(noting: Noting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcessArm:
    made = ProcessArm(spec_of(3), tmp_path)
    monkeypatch.setattr(made.processes.served, "ctl", noting.ctl)
    made.processes.served.announced = {"nodes": []}
    return made


def told(arm: ProcessArm) -> list[tuple[int, str, dict[str, Any]]]:
    lines = arm.verb_log.trace(arm="process", cluster="o2", nodes={1: "node1"}).lines
    return [(line.host, line.what, dict(line.detail)) for line in lines]


@pytest.mark.parametrize(
    ("verb", "word", "fields"),
    [
        (verbs.Kill(node=1), "kill", {"node": "1"}),
        (verbs.Start(node=1, daemon=False), "start", {"node": "1"}),
        (verbs.Mount(node=1), "mount", {"node": "1"}),
        (verbs.Pin(node=1, name="node2"), "pin", {"node": "1", "name": "node2"}),
        (verbs.CrashDaemonAt(node=1, call="rmdir", nth=3), "crash-daemon-at",
         {"node": "1", "call": "rmdir:3"}),
        (verbs.Fault(node=1, call="mkdir", errno=errno.EIO, count=2), "fault",
         {"node": "1", "call": "mkdir", "errno": "EIO", "count": 2}),
        (verbs.MountsUnreadable(node=1, errno=errno.EIO), "hide-mounts", {"node": "1"}),
        (verbs.ChangeAddress(node=1, addresses=("10.0.0.9",)), "address",
         {"node": "1", "addresses": ["10.0.0.9"], "at_rejoin": False}),
        (verbs.CmanCrash(node=1), "cman-crash", {"node": "1"}),
        (verbs.Leave(node=1, removed=True), "leave", {"node": "1", "remove": True}),
        (verbs.Partition(groups=((1,), (2, 3))), "partition", {"groups": "1/2,3"}),
        (verbs.RemoveNode(node=3), "remove-node", {"node": "3", "lagging": []}),
        (verbs.Notice(node=1, fault=NoticeFault.DROP), "notice",
         {"node": "1", "fault": "drop", "count": 1, "delay_ms": 1000}),
    ],
    ids=lambda one: one.word if isinstance(one, verbs.Verb) else "",
)  # fmt: skip
def test_a_verb_is_noted_and_asked_of_the_server(
    arm: ProcessArm, noting: Noting, verb: verbs.Verb, word: str, fields: dict[str, Any]
) -> None:
    arm.apply(verb)
    assert noting.asked == [(word, fields)]
    assert [(host, what) for host, what, _ in told(arm)] == [(verb.subject, verb.word)]


def test_a_new_host_has_no_power_and_its_settings(
    arm: ProcessArm, noting: Noting, tmp_path: Path
) -> None:
    settings = tmp_path / "o2cbd.toml"
    settings.touch()
    noting.node = {"id": 4, "env": {}, "command": ["o2cbd", "--config", str(settings)]}
    arm.add_node(NodeConfig(id=4, name="node4", addresses=("10.0.0.4",)))
    assert [word for word, _ in noting.asked] == ["add-node", "kill"]
    assert "resync_s" in settings.read_text()
    assert told(arm) == [(4, "add-node", {"name": "node4"})]


def test_entries_are_made_by_hand_in_the_mount(
    arm: ProcessArm, noting: Noting, tmp_path: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    arm.processes.served.announced = {"nodes": [{"id": 1, "configfs": str(tmp_path)}]}
    arm.place_cluster(1)
    (tmp_path / "cluster" / "o2" / "node").mkdir()
    noting.state = {**noting.state, "cluster": "o2"}
    arm.place_node(1, "stale", num=9, port=7777, local=True)
    made = tmp_path / "cluster" / "o2" / "node" / "stale"
    assert {each.name: each.read_text() for each in made.iterdir()} == {
        "num": "9",
        "ipv4_port": "7777",
        "local": "1",
    }
    assert told(arm) == [
        (1, "place-cluster", {"name": "o2"}),
        (1, "place-node", {"name": "stale", "num": 9, "port": 7777}),
    ]


def test_what_neither_hosts_nor_managers_can_do_is_refused(arm: ProcessArm) -> None:
    with pytest.raises(UnsupportedVerbError, match="process cannot do it: slow-network"):
        arm.slow_network(delay_us=1)


def test_simulated_managers_know_what_their_hosts_were_told(noting: Noting, tmp_path: Path) -> None:
    simulated = SimulatedManagers(tmp_path)
    simulated.apply(verbs.ChangeAddress(node=1, addresses=("10.0.0.9",)))
    simulated.apply(verbs.AddNode(id=4, name="node4"))
    assert noting.asked == []
