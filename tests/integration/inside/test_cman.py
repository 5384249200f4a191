"""What the arm `vm-cman` does in guests, on gates and corosyncs of this machine.

What a guest observes, an administrator's orders, the shutdown question, and the C program that
calls every function of libcman.h.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.cman.constants import Reason
from fakecluster.cman.standin import standin_library
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.codec import EventMessage, FenceStruct, Opcode, encode_ints
from fakecluster.corosync.gates import GateProcess
from fakecluster.corosync.lab import CorosyncLab
from integration.libcman_program import SOURCE, compiled, exported
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.integration.inside.guest_probe import GuestProbe

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
NOTHING = {"running": False, "stopped": False, "view": None, "beneath": None}


class Gated:
    """Corosyncs, each with a gate before it."""

    def __init__(self, table: CorosyncTable, directory: Path) -> None:
        self.lab = CorosyncLab(table, Topology.of(3), directory)
        self.gates: dict[int, GateProcess] = {}
        self._directory = directory
        self.library = standin_library()

    def up(self, *hosts: int) -> None:
        """Start corosyncs and gates, and wait until all are of one mind."""
        for host in hosts:
            self.lab.start(host)
            place = self._directory / f"gate{host}"
            place.mkdir()
            self.gates[host] = GateProcess(self.lab.host(host), place)
        self.lab.settle()
        for host in hosts:
            self.gates[host].catch_up()

    def pids(self, host: int) -> tuple[int, int]:
        """The processes of a host: its corosync and its gate."""
        return self.lab.process(host).pid, self.gates[host].process.pid

    def command(self, host: int, *words: str) -> list[str]:
        """A command of this host that finds the stand-in, and our modules."""
        places = f"LD_LIBRARY_PATH={self.library.parent}", f"PYTHONPATH={ROOT}"
        return self.lab.host(host).command("env", *places, *words)

    def order(self, host: int, call: str) -> None:
        """Give an administrator's order, as the probe does."""
        code = f"from integration.inside.cman import *; {call}"
        subprocess.run(self.command(host, sys.executable, "-c", code), check=True)

    def question(self, host: int, *words: str) -> list[str]:
        """Ask for a shutdown, as an arm does; the lines that are said."""
        program = [sys.executable, "-m", "integration.inside.cman_question", *words]
        return subprocess.check_output(self.command(host, *program), text=True).splitlines()

    def close(self) -> None:
        """End everything."""
        for gate in self.gates.values():
            gate.close()
        self.lab.close()


@pytest.fixture
def gated(libcorosync: CorosyncTable, compiler: None) -> Iterator[Gated]:
    with tempfile.TemporaryDirectory(prefix="cg-", dir="/tmp") as name:
        gated = Gated(libcorosync, Path(name))
        try:
            yield gated
        finally:
            gated.close()


@pytest.fixture
def probe(gated: Gated) -> Iterator[GuestProbe]:
    python = gated.command(1, sys.executable)
    with contextlib.closing(GuestProbe(python, "cman", "cman_view")) as probe:
        yield probe


def test_the_probe_sees_what_cman_says_and_what_corosync_does(
    gated: Gated, probe: GuestProbe
) -> None:
    gated.up(1, 2)
    seen = probe.look(*gated.pids(1))
    assert (seen["running"], seen["stopped"]) == (True, False)
    view = seen["view"]
    assert (view["cluster"], view["local_id"], view["quorate"]) == ("o2", 1, True)
    assert view["two_node"] is False
    assert [(each["id"], each["name"], each["addresses"]) for each in view["listed"]] == [
        (1, "node1", ["10.0.0.1"]),
        (2, "node2", ["10.0.0.2"]),
        (3, "node3", []),
    ]
    members = [each["id"] for each in view["listed"] if each["member"]]
    beneath = [each["id"] for each in seen["beneath"]["listed"] if each["member"]]
    assert members == beneath == [1, 2]


def test_the_probe_sees_who_hangs_and_who_is_gone(gated: Gated, probe: GuestProbe) -> None:
    gated.up(1)
    corosync, gate = gated.pids(1)
    process = gated.gates[1].process
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, gate, os.WSTOPPED | os.WNOWAIT)
    assert probe.look(corosync, gate) == {**NOTHING, "running": True, "stopped": True}
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    assert probe.look(corosync, gate) == NOTHING


def test_without_its_corosync_a_gate_is_no_cman(gated: Gated, probe: GuestProbe) -> None:
    gated.up(1)
    corosync, gate = gated.pids(1)
    gated.lab.kill(1)
    gated.gates[1].away()
    assert probe.look(corosync, gate) == NOTHING


def test_orders_reach_cman(gated: Gated) -> None:
    gated.up(1, 2)
    with gated.gates[1].connect() as client:
        client.ask(Opcode.NOTIFY)
        gated.order(1, "expect(votes=2)")
        event = client.next_message()
        assert isinstance(event, EventMessage)
        assert event.reason == Reason.STATE_CHANGE
        gated.order(1, "fenced(node=2)")
        gated.gates[1].catch_up()
    with gated.gates[1].connect() as client:
        answer = client.ask(Opcode.GET_FENCE_INFO, encode_ints(2))
        assert FenceStruct.decode(answer.payload).agent == b"fence_harness"
    gated.order(1, "leave(removed=False)")
    gated.lab.ended(1)


def test_a_question_that_nobody_minds_is_allowed(gated: Gated) -> None:
    gated.up(1)
    assert gated.question(1) == ["asked", "allowed"]
    gated.lab.ended(1)


def test_a_veto_is_ebusy_and_is_not_heeded_under_force(gated: Gated) -> None:
    gated.up(1)
    code = """
from integration.inside.cman import Cman
from integration.inside import cman_question as question
import ctypes, select
cman = Cman()
reply = cman.library.cman_replyto_shutdown
def noticed(handle, private, reason, argument):
    if reason == 3:
        reply(ctypes.c_void_p(handle), 0)
no = question._Noticed(noticed)
cman.ask("cman_start_notification", no)
print("listening", flush=True)
while cman.library.cman_dispatch(cman.handle, 2) >= 0:
    pass
"""
    words = gated.command(1, sys.executable, "-c", code)
    with subprocess.Popen(words, stdout=subprocess.PIPE) as voter:
        try:
            assert voter.stdout is not None
            assert voter.stdout.readline() == b"listening\n"
            assert gated.question(1) == ["asked", "EBUSY"]
            assert gated.question(1, "--force") == ["asked", "allowed"]
            gated.lab.ended(1)
        finally:
            voter.kill()  # it ends with its cman, and that is what is tested


def test_every_function_of_libcman_does_on_a_gate_what_it_does_on_a_cman(
    gated: Gated, pkg_config: None, tmp_path: Path
) -> None:
    """The program of tests/process/test_libcman_program.py, unchanged."""
    gated.up(1, 2, 3)
    program = compiled(SOURCE, gated.library, tmp_path / "program")
    done = subprocess.run(
        gated.command(1, str(program), "1", "2", "o2"),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == exported(gated.library)
    gated.lab.ended(1)
    gated.lab.ended(2)
