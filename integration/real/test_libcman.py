"""A C program of libcman.h on guests: the library of the package, the gate, a real corosync."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.cman.standin import standin_library
from integration.arm.managers import CMAN_MANAGER
from integration.libcman_program import SOURCE, compiled, exported
from integration.real.conftest import Operate

pytestmark = pytest.mark.one_arm(CMAN_MANAGER.arm, "a program of the gate's stand-in libcman")

PLACE = "/srv"
TIMEOUT_S = 600


def test_every_function_of_libcman(operate: Operate, tmp_path: Path) -> None:
    """Compiled on this machine, and the very program that the simulator's server is held to."""
    operator = operate()
    library = standin_library()
    program = compiled(SOURCE, library, tmp_path / "program")
    guest = operator.cluster.lab.guest(1)
    guest.unpack([(program.name, program)], PLACE)

    done = guest.run([f"{PLACE}/{program.name}", "1", "2", "o2"], timeout_s=TIMEOUT_S)

    assert (done.rc, done.err) == (0, "")
    assert sorted(done.out.split()) == exported(library)
    for host in (1, 2):
        operator.cluster.eventually(
            f"node {host} is no member any more",
            lambda host=host: not operator.cluster.manager(host)["running"],  # type: ignore[misc]
        )
