"""The probe's view of corosync and the arm's shutdown question, on a corosync of this machine."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.corosync.lab import CorosyncLab
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.integration.inside.guest_probe import GuestProbe

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
NUMBERS = {"u8": 255, "i16": -2, "u32": 2**32 - 1, "i32": -1, "u64": 2**64 - 1, "i64": -(2**63)}
VETO = """
import ctypes, select, sys
library = ctypes.CDLL("libcfg.so.7")
handle, fd = ctypes.c_uint64(), ctypes.c_int()
Asked = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_int)
reply = library.corosync_cfg_replyto_shutdown
asked = Asked(lambda handle, flags: reply(ctypes.c_uint64(handle), 0))
class Callbacks(ctypes.Structure):
    _fields_ = (("shutdown", Asked),)
callbacks = Callbacks(asked)
assert library.corosync_cfg_initialize(ctypes.byref(handle), ctypes.byref(callbacks)) == 1
assert library.corosync_cfg_trackstart(handle, ctypes.c_uint8(0)) == 1
assert library.corosync_cfg_fd_get(handle, ctypes.byref(fd)) == 1
print("listening", flush=True)
poll = select.poll()
poll.register(fd.value, select.POLLIN)
while poll.poll() and library.corosync_cfg_dispatch(handle, 2) == 1:
    pass
"""


@pytest.fixture
def lab(libcorosync: CorosyncTable) -> Iterator[CorosyncLab]:
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as name:
        lab = CorosyncLab(libcorosync, Topology.of(3), Path(name))
        try:
            yield lab
        finally:
            lab.close()


def python(lab: CorosyncLab, host: int, *words: str) -> list[str]:
    return lab.host(host).command("env", f"PYTHONPATH={ROOT}", sys.executable, *words)


@pytest.fixture
def probe(lab: CorosyncLab) -> Iterator[GuestProbe]:
    with contextlib.closing(GuestProbe(python(lab, 1), "corosync", "manager_view")) as probe:
        yield probe


def ask(lab: CorosyncLab, host: int, *words: str) -> list[str]:
    command = python(lab, host, "-m", "fakecluster.corosync.question", *words)
    return subprocess.check_output(command, text=True).splitlines()


def test_the_probe_sees_members_quorum_and_who_is_away(lab: CorosyncLab, probe: GuestProbe) -> None:
    for host in (1, 2):
        lab.start(host)
    lab.settle()
    view = probe.look(lab.process(1).pid)["view"]
    assert (view["cluster"], view["local_id"], view["quorate"]) == ("o2", 1, True)
    assert {each["name"]: each["member"] for each in view["listed"]} == {
        "node1": True,
        "node2": True,
        "node3": False,
    }
    assert view["listed"][1]["addresses"] == ["10.0.0.2"]


def test_the_probe_sees_who_hangs_who_is_gone_and_who_came_after(
    lab: CorosyncLab, probe: GuestProbe
) -> None:
    lab.start(1)
    lab.settle()
    first = lab.process(1)
    assert probe.look(first.pid)["view"]["quorate"] is False
    lab.stop(1)
    assert probe.look(first.pid) == {"running": True, "stopped": True, "view": None}
    lab.go_on(1)
    lab.kill(1)
    assert probe.look(first.pid) == {"running": False, "stopped": False, "view": None}
    lab.start(1)
    lab.settle()
    assert probe.look(lab.process(1).pid)["view"]["local_id"] == 1


def test_numbers_of_the_map_have_their_signs(lab: CorosyncLab) -> None:
    lab.start(1)
    for kind, number in NUMBERS.items():
        lab.host(1).run("corosync-cmapctl", "-s", "--", f"test.{kind}", kind, str(number))
    code = (
        "import json; from fakecluster.corosync.cmap import CorosyncMap; "
        "print(json.dumps(CorosyncMap().values(['test.'])))"
    )
    found = json.loads(subprocess.check_output(python(lab, 1, "-c", code)))
    assert found == {f"test.{kind}": str(number) for kind, number in NUMBERS.items()}


def test_a_question_that_nobody_minds_is_allowed(lab: CorosyncLab) -> None:
    lab.start(1)
    assert ask(lab, 1) == ["asked", "allowed"]
    lab.ended(1)


def test_a_veto_is_ebusy_and_is_not_heeded_under_force(lab: CorosyncLab) -> None:
    lab.start(1)
    with subprocess.Popen(python(lab, 1, "-c", VETO), stdout=subprocess.PIPE) as voter:
        try:
            assert voter.stdout is not None
            assert voter.stdout.readline() == b"listening\n"
            assert ask(lab, 1) == ["asked", "EBUSY"]
            assert ask(lab, 1, "--force") == ["asked", "allowed"]
            lab.ended(1)
        finally:
            voter.kill()  # it ends with its corosync, and that is what is tested
