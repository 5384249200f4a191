"""The pure parts of the lab: identities, command lines, configurations, verbs."""

from __future__ import annotations

import ipaddress
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from integration import guest_files
from integration.errors import CannotRunError, GuestError
from integration.guest import wait_until
from integration.image import Image
from integration.lab.base import SavedState
from integration.lab.corosync import RingMembers, RingNode, corosync_conf, parse_quorumtool
from integration.lab.host import Plugs, cluster_wiring
from integration.lab.identity import Identity, identity_command
from integration.lab.prompt import Prompt
from integration.qemu import Machine, command_line
from integration.recipes import CLUSTER_IMAGE

IMAGE = Image(directory=Path("/images/x"), kernel_release="6.1.0", identity="1")


def test_a_machine_is_known_by_its_number() -> None:
    two = Identity(number=2)
    assert (two.name, two.address, two.mac) == ("node2", "10.77.0.2", "52:54:00:77:00:02")
    assert Identity(number=10).mac == "52:54:00:77:00:0a"
    assert len(two.machine_id) == 32
    assert two.machine_id != Identity(number=3).machine_id


def test_the_network_can_be_another() -> None:
    network = ipaddress.IPv4Network("192.168.4.0/22")
    command = identity_command(Identity(number=2, network=network), [], 1.5)
    assert command[1:3] == ["node2", "192.168.4.2/22"]


def test_a_guest_becomes_a_machine_by_one_command() -> None:
    one, two = Identity(number=1), Identity(number=2)
    assert identity_command(one, [one, two], 12.25) == [
        "/usr/lib/guest/identity",
        "node1",
        "10.77.0.1/24",
        "52:54:00:77:00:01",
        one.machine_id,
        "12.250",
        "10.77.0.1 node1\n10.77.0.2 node2",
    ]


PLUGS = Plugs(root_fd=11, shared_fd=12, cable_fd=13, monitor_fd=14)


def test_a_machine_has_its_disk_the_shared_one_a_card_and_a_monitor() -> None:
    machine = Machine(image=IMAGE, acceleration="tcg", kernel_arguments=("net.ifnames=0",))
    wiring = cluster_wiring(PLUGS, "52:54:00:77:00:01")
    text = " ".join(command_line(machine, wiring, qemu="qemu", channel_fd=4))
    assert "format=qcow2,file=/dev/fd/11,cache=unsafe" in text
    assert "format=raw,file=/dev/fd/12,file.locking=off,cache=unsafe" in text
    assert "virtio-blk-pci,drive=disk1,share-rw=on" in text
    assert "-netdev dgram,id=net,local.type=fd,local.str=13" in text
    assert "virtio-net-pci,netdev=net,mac=52:54:00:77:00:01,romfile=" in text
    assert "-chardev socket,id=monitor,fd=14 -mon chardev=monitor,mode=control" in text
    assert "no_timer_check net.ifnames=0" in text
    assert "-no-reboot" in text
    assert "-incoming" not in text
    assert set(wiring.fds) == {11, 12, 13, 14}


def test_a_clone_comes_from_a_saved_state() -> None:
    state = SavedState(directory=Path("/cache/it's"))
    assert state.incoming == """exec:cat '/cache/it'"'"'s/memory'"""
    assert list(cluster_wiring(PLUGS, "x", state.incoming).more[-2:]) == [
        "-incoming",
        state.incoming,
    ]


PROGRAMS = {**guest_files.CLUSTER_PROGRAMS, **guest_files.SMOKE_PROGRAMS}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_guests_programs_are_shell(name: str) -> None:
    text = PROGRAMS[name]
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_units_of_the_harness_are_on_and_others_off(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    for wants in ("multi-user", "sysinit"):
        (units / f"{wants}.target.wants").mkdir(parents=True)
    (tmp_path / "etc/corosync").mkdir()
    (tmp_path / "etc/corosync/corosync.conf").write_text("sample")
    guest_files.furnish_units(tmp_path)
    on = {path.name for path in units.glob("*.wants/*")}
    assert on == {"guest-agent.service", "guest-network.service"}
    assert list((tmp_path / "etc/corosync").iterdir()) == []
    assert (units / "apt-daily.timer").readlink() == Path("/dev/null")


def test_a_user_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotRunError, match="needs root: run `python -m integration"):
        CLUSTER_IMAGE.require()


def test_the_configuration_names_each_node_by_id_and_address() -> None:
    nodes = [
        RingNode(machine=Identity(number=1)),
        RingNode(machine=Identity(number=7), name="seven", o2cb_address="10.0.0.7", o2cb_port=7778),
    ]
    text = corosync_conf(nodes, name="test", token_ms=1500, version=4)
    assert "config_version: 4\n  cluster_name: test\n" in text
    assert "  token: 1500\n}" in text
    assert "nodeid: 1\n    name: node1\n    ring0_addr: 10.77.0.1\n    quorum_votes: 1\n" in text
    assert "nodeid: 7\n    name: seven\n    ring0_addr: 10.77.0.7\n    quorum_votes: 1\n" in text
    assert "    o2cb_address: 10.0.0.7\n    o2cb_port: 7778\n" in text
    assert text.count("o2cb_") == 2
    assert text.count("{") == text.count("}")
    assert "two_node" not in text


def test_a_cluster_of_two_does_not_wait_for_the_other() -> None:
    text = corosync_conf([RingNode(machine=Identity(number=1))], two_node=True)
    assert "provider: corosync_votequorum\n  two_node: 1\n  wait_for_all: 0\n}" in text


QUORUMTOOL = """\
Quorum information
------------------
Nodes:            2
Node ID:          2
Quorate:          Yes

RingMembers information
----------------------
    Nodeid      Votes Name
         1          1 node1
         2          1 node2 (local)
"""


def test_what_quorumtool_says_is_read() -> None:
    assert parse_quorumtool(QUORUMTOOL) == RingMembers(members=(1, 2), quorate=True)
    assert parse_quorumtool(QUORUMTOOL.replace("Yes", "No")).quorate is False
    hexadecimal = QUORUMTOOL.replace("         1  ", "  0x00000001  ", 1)
    assert parse_quorumtool(hexadecimal).members == (1, 2)
    assert parse_quorumtool("Cannot initialize QUORUM service\n").members == ()


class FakeNetwork:
    def __init__(self, did: list[Any]) -> None:
        self.partition = lambda *groups: did.append(("partition", groups))
        self.cut = lambda *pair: did.append(("cut", pair))
        self.heal = lambda: did.append("heal")


class FakeMachine:
    def __init__(self, number: int, did: list[Any]) -> None:
        self.kill = lambda: did.append(("kill", number))


class FakeLab:
    def __init__(self) -> None:
        self.did: list[Any] = []
        self.network = FakeNetwork(self.did)
        self.machines = {number: FakeMachine(number, self.did) for number in (1, 2)}

    def alive(self, number: int) -> bool:
        return number == 2


def test_verbs_reach_the_lab() -> None:
    lab = FakeLab()
    said: list[str] = []
    lines = ["kill 1\n", "partition 1,2/3", "", "cut 1 2", "heal", "alive", "quit", "kill 2"]
    Prompt(lab).serve(lines, said.append)  # type: ignore[arg-type]
    assert lab.did == [
        ("kill", 1),
        ("partition", ([1, 2], [3])),
        ("cut", (1, 2)),
        "heal",
    ]
    assert said == ["done", "done", "done", "done", "2"]


@pytest.mark.parametrize("line", ["dance 1", "kill", "kill 9", "kill x", "'"])
def test_what_is_not_understood_is_said_and_the_prompt_goes_on(line: str) -> None:
    said: list[str] = []
    Prompt(FakeLab()).serve([line, "alive"], said.append)  # type: ignore[arg-type]
    assert said[0].startswith("failed: ")
    assert said[1] == "2"


def test_waiting_ends_when_it_holds() -> None:
    answers = iter([False, True])
    assert wait_until(lambda: next(answers), 60, "it") > 0


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(GuestError, match="timed out after 0 s: the sun"):
        wait_until(lambda: False, 0, "the sun")
