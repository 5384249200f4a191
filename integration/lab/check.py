"""The lab's check of itself: clones, a partition, a pause, a power cut, a volume on all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from integration.cache import Progress
from integration.errors import GuestError
from integration.guest import alarms, wait_until
from integration.guest_modules import GUEST_DIRECTORY, inside
from integration.inside.volume import SHARED
from integration.lab.base import Base
from integration.lab.corosync import (
    RingMembers,
    RingNode,
    corosync_conf,
    membership,
    start_corosync,
)
from integration.lab.lab import Lab

_TIMEOUT_S = 300
CLUSTER = "lab"
_DEAD_THRESHOLD = 5
"""In heartbeats of two seconds; short, so that a dead machine is let go soon."""
_MODULES = ("ocfs2_stack_o2cb", "ocfs2_dlm", "ocfs2")
_MOUNTS = ("sys-kernel-config.mount", "sys-kernel-debug.mount")


def check(base: Base, cache: Path, directory: Path, say: Progress) -> None:
    """Do all of it, and say how long each took.

    Raises:
        GuestError: something is not as it should be.
        CannotRunError: this machine lacks something.
    """
    began = time.monotonic()
    with Lab.started(base, cache=cache, directory=directory, say=say) as lab:
        say(f"check: three clones answer after {time.monotonic() - began:.1f} s")
        _membership(lab, say)
        _volume(lab, say)
        memory = ", ".join(f"{one.memory_kib() >> 10}" for one in lab.machines.values())
        say(f"check: the machines take {memory} MiB")
        complaints = [line for one in lab.machines.values() for line in alarms(one.console_text())]
        if complaints:
            raise GuestError(f"a kernel complained: {complaints}")
    say(f"check: all as it should be, {time.monotonic() - began:.0f} s")


def _await(lab: Lab, expected: Mapping[int, tuple[int, ...]], what: str, say: Progress) -> None:
    """Wait until each machine sees the members that it should, and says whether it has quorum."""

    def seen() -> bool:
        return all(
            membership(lab.guest(number))
            == RingMembers(members=members, quorate=len(members) > len(lab.machines) // 2)
            for number, members in expected.items()
        )

    say(f"check: {what}: seen after {wait_until(seen, _TIMEOUT_S, what):.1f} s")


def _membership(lab: Lab, say: Progress) -> None:
    configuration = corosync_conf(
        [RingNode(machine=one.identity) for one in lab.machines.values()], name=CLUSTER
    )
    lab.each(lambda number: start_corosync(lab.guest(number), configuration))
    together = dict.fromkeys(lab.machines, (1, 2, 3))
    _await(lab, together, "three members", say)
    lab.network.partition((1, 2), (3,))
    _await(lab, {1: (1, 2), 2: (1, 2), 3: (3,)}, "partition 1,2/3", say)
    lab.network.heal()
    _await(lab, together, "healed", say)
    lab.machines[2].pause()
    _await(lab, {1: (1, 3), 3: (1, 3)}, "2 stands still", say)
    lab.machines[2].resume()
    _await(lab, together, "2 goes on", say)
    lab.guest(3).put("/var/lib/kept", "before the power cut\n")
    lab.guest(3).check(["sync"], timeout_s=_TIMEOUT_S)
    lab.machines[3].kill()
    _await(lab, {1: (1, 2), 2: (1, 2)}, "power cut of 3", say)
    began = time.monotonic()
    kept = lab.boot(3).check(["cat", "/var/lib/kept", "/etc/hostname"], timeout_s=_TIMEOUT_S)
    say(f"check: 3 is booted again after {time.monotonic() - began:.1f} s")
    if kept.split("\n") != ["before the power cut", "node3"]:
        raise GuestError(f"the disk of 3 is not as it was: {kept}")
    _await(lab, together, "3 is back", say)


def _volume(lab: Lab, say: Progress) -> None:
    began = time.monotonic()
    lab.each(lambda number: _fill_tables(lab, number))
    lab.guest(1).call("volume:SHARED.make", {"cluster": CLUSTER})
    lab.each(lambda number: lab.guest(number).call("volume:SHARED.mount"))
    say(f"check: a volume mounted on three after {time.monotonic() - began:.1f} s")
    greeting = f"{SHARED.mount_point}/greeting"
    lab.guest(1).put(greeting, "from 1\n")
    heard = lab.guest(2).check(["cat", greeting], timeout_s=_TIMEOUT_S)
    if heard != "from 1":
        raise GuestError(f"written on 1 and read on 2: {heard!r}")
    lab.each(lambda number: lab.guest(number).call("volume:SHARED.umount"))


def _fill_tables(lab: Lab, number: int) -> None:
    """Fill a guest's o2cb tables by hand, as o2cbd would."""
    guest = lab.guest(number)
    guest.unpack(inside("tables", "volume"), GUEST_DIRECTORY)
    for argv in (("modprobe", "--all", *_MODULES), ("systemctl", "start", *_MOUNTS)):
        guest.check(argv, timeout_s=_TIMEOUT_S)
    guest.call("tables:place_cluster", {"name": CLUSTER, "dead_threshold": _DEAD_THRESHOLD})
    for other, machine in lab.machines.items():
        values: dict[str, int | str] = {
            "ipv4_port": 7777,
            "ipv4_address": machine.identity.address,
            "num": other,
        }
        if other == number:
            values["local"] = 1
        node = {"cluster": CLUSTER, "name": machine.identity.name, "values": values}
        guest.call("tables:place_node", node)
