"""The eye's view of corosync and the arm's shutdown question, on a corosync of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.corosync.lab import CorosyncLab
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
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


def manager(lab: CorosyncLab, host: int) -> dict[str, Any]:
    code = (
        "import json, sys; from integration.arm.guest_corosync import manager_view; "
        "print(json.dumps(manager_view(int(sys.argv[1]))))"
    )
    pid = str(lab.process(host).pid)
    found: dict[str, Any] = json.loads(subprocess.check_output(python(lab, host, "-c", code, pid)))
    return found


def ask(lab: CorosyncLab, host: int, *words: str) -> list[str]:
    command = python(lab, host, "-m", "integration.arm.guest_question", *words)
    return subprocess.check_output(command, text=True).splitlines()


def test_the_eye_sees_members_quorum_and_who_is_away(lab: CorosyncLab) -> None:
    for host in (1, 2):
        lab.start(host)
    lab.settle()
    view = manager(lab, 1)["view"]
    assert (view["cluster"], view["local_id"], view["quorate"]) == ("o2", 1, True)
    assert {each["name"]: each["member"] for each in view["listed"]} == {
        "node1": True,
        "node2": True,
        "node3": False,
    }
    assert view["listed"][1]["addresses"] == ["10.0.0.2"]


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
