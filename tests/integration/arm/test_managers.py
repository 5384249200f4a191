"""What manages the guests of an arm: the same verbs, by two ways."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakecluster.arms.values import ARMS, MISSING, ClusterSpec
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.topology import Topology
from fakecluster.historic.root import CmanRoot
from fakecluster.verbs import VERBS
from integration import deb
from integration.arm.historic import historic_manager
from integration.arm.managers import (
    CMAN_MANAGER,
    COROSYNC,
    COROSYNC_MANAGER,
    GATE,
    MANAGERS,
    Manager,
    gate_disagreement,
)
from integration.arm.vm import DROP_IN, Readiness, StartedGuests, VmCluster, unit_files
from integration.guest_modules import INSIDE

HISTORIC = historic_manager(CmanRoot(directory=Path("/opt/cman")))


class NotingHands:
    """Writes down what is done with it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def tell(self, host: int, *argv: str) -> str:
        self.done.append((host, *argv))
        return ""

    def ask_guest(self, host: int, function: str, **arguments: object) -> Any:
        module, _, name = function.partition(":")
        assert callable(getattr(importlib.import_module(f"{INSIDE}.{module}"), name))
        self.done.append((host, function, arguments))


class NotingCluster(VmCluster):
    """Guests of which only the commands are looked at."""

    done: list[str]

    def tell(self, host: int, *argv: str) -> str:
        self.done.append(" ".join(map(str, (host, *argv))))
        return ""

    def manager(self, host: int) -> dict[str, Any]:
        """None runs, as after each of the verbs that end one."""
        return {"running": False, "stopped": False, "view": None, "beneath": None}

    def view(self, host: int) -> dict[str, Any]:
        """What one that was just started says."""
        return {}


class NoLab:
    went_on_us = 0

    def each(self, work: object, numbers: object) -> None:
        """Do nothing: nobody is provisioned."""


def cluster(manager: Manager, kind: type[NotingCluster] = NotingCluster) -> NotingCluster:
    spec = ClusterSpec(topology=Topology.of(3))
    begun = StartedGuests(lab=NoLab(), readiness=Readiness.FORMED)  # type: ignore[arg-type]
    made = kind(spec, manager, lambda _: begun)
    made.done = []
    return made


def signalled(name: str, *units: str) -> list[str]:
    return [f"1 systemctl kill --kill-whom=main --signal={name} {unit}" for unit in units]


def test_every_arm_on_guests_has_its_manager_and_what_that_lacks() -> None:
    managers = [*MANAGERS.values(), HISTORIC]
    assert {each.arm: each.missing for each in managers} == {
        arm: MISSING[arm] for arm in ARMS if arm.startswith("vm-")
    }


def test_a_verb_without_a_handler_is_a_missing_capability() -> None:
    handled = set(vars(VmCluster)["_do"].dispatcher.registry)
    without = {verb.capability for verb in set(VERBS.values()) - handled} - {None}
    needed = {verb.capability for verb in VERBS.values()} - {None}
    assert without == needed & set(MISSING["vm-historic"])
    # What only some managers have the others refuse.
    refused = {"vm-corosync": {Capability.QUORUM_DISK, Capability.FENCING_NOTICE},
               "vm-cman": {Capability.QUORUM_DISK}, "vm-historic": set()}  # fmt: skip
    for arm, expected in refused.items():
        assert needed & set(MISSING[arm]) - without == expected


def test_packages_are_those_that_are_built() -> None:
    assert CMAN_MANAGER.packages == (deb.DAEMON, deb.GATE, deb.LIBRARY)
    assert set(COROSYNC_MANAGER.packages) < set(deb.NAMES)


@pytest.mark.parametrize("manager", [*MANAGERS.values(), HISTORIC], ids=lambda each: each.arm)
def test_its_units_are_started_by_nobody_else(manager: Manager) -> None:
    files = unit_files((), manager.units)
    assert len(files) == 1 + len(manager.units)
    for path, text in files.items():
        assert "Restart=no\n" in text, path
        assert "StartLimitIntervalSec=0\n" in text, path
    assert DROP_IN in files


@pytest.mark.parametrize(
    ("verb", "name", "units"),
    [
        (NotingCluster.cman_crash, "KILL", (GATE, COROSYNC)),
        (NotingCluster.cman_stop, "STOP", (GATE, COROSYNC)),
        (NotingCluster.cman_cont, "CONT", (COROSYNC, GATE)),
    ],
    ids=["crash", "stop", "cont"],
)
def test_signals_reach_both_processes_and_nobody_sees_half_a_cman(
    verb: Callable[[VmCluster, int], None], name: str, units: tuple[str, ...]
) -> None:
    gated, bare = cluster(CMAN_MANAGER), cluster(COROSYNC_MANAGER)
    verb(gated, 1)
    verb(bare, 1)
    assert gated.done == signalled(name, *units)
    assert bare.done == signalled(name, COROSYNC)


def test_a_historic_cman_is_one_unit_whose_processes_all_get_a_signal() -> None:
    """Which of them is the main one systemd would have to guess."""
    cman = cluster(HISTORIC)
    cman.cman_start(1)
    cman.cman_crash(1)
    assert cman.done == [
        "1 systemctl start --no-block cman.service",
        "1 systemctl kill --kill-whom=all --signal=KILL cman.service",
    ]


class RunningCluster(NotingCluster):
    def manager(self, host: int) -> dict[str, Any]:
        return {**super().manager(host), "running": True}


def test_a_historic_cman_keeps_its_address_for_its_life() -> None:
    running = cluster(HISTORIC, RunningCluster)
    with pytest.raises(UnsupportedVerbError, match=r"vm-historic .*another one while it runs"):
        running.address(1, "10.0.0.9")


def test_a_reload_is_said_in_the_managers_own_way() -> None:
    hands = NotingHands()
    for manager in (COROSYNC_MANAGER, CMAN_MANAGER, HISTORIC):
        manager.reload(hands, 2, 7)
    assert hands.done == [
        (2, "corosync-cfgtool", "-R"),
        (2, "corosync-cfgtool", "-R"),
        (2, "cman:set_version", {"version": 7}),
    ]


def test_both_start_together_and_systemd_knows_their_order() -> None:
    gated = cluster(CMAN_MANAGER)
    gated.cman_start(1)
    assert gated.done == [f"1 systemctl start --no-block {COROSYNC} {GATE}"]


def test_cman_is_ordered_about_by_its_library_alone() -> None:
    hands, manager = NotingHands(), CMAN_MANAGER.orders
    manager.leave(hands, 1, removed=True)
    manager.expect(hands, 2, 3)
    manager.fence(hands, 1, 3)
    assert hands.done == [
        (1, "cman:leave", {"removed": True}),
        (2, "cman:expect", {"votes": 3}),
        (1, "cman:fenced", {"node": 3}),
    ]


def test_what_corosync_cannot_do_is_said_with_the_arm() -> None:
    hands, manager = NotingHands(), COROSYNC_MANAGER.orders
    with pytest.raises(UnsupportedVerbError, match=r"vm-corosync .*remove"):
        manager.leave(hands, 1, removed=True)
    with pytest.raises(UnsupportedVerbError, match="remove"):
        manager.question(force=False, remove=True)
    with pytest.raises(UnsupportedVerbError, match="fencing"):
        manager.fence(hands, 1, 2)
    assert hands.done == []
    for capability in (Capability.LEAVING_FOR_GOOD, Capability.FENCING_NOTICE):
        assert capability in COROSYNC_MANAGER.missing


@pytest.mark.parametrize(
    ("manager", "force", "remove", "words"),
    [
        (COROSYNC_MANAGER, False, False, ["fakecluster.corosync.question"]),
        (COROSYNC_MANAGER, True, False, ["fakecluster.corosync.question", "--force"]),
        (CMAN_MANAGER, False, False, ["integration.inside.cman_question"]),
        (CMAN_MANAGER, True, True,
         ["integration.inside.cman_question", "--force", "--remove"]),
    ],
)  # fmt: skip
def test_the_question_is_a_program_of_the_guest(
    manager: Manager, force: bool, remove: bool, words: list[str]
) -> None:
    assert manager.orders.question(force=force, remove=remove) == ["python3", "-m", *words]


def view(*members: int, quorate: bool = True) -> dict[str, Any]:
    listed = [{"id": each, "member": each in members} for each in (1, 2, 3)]
    return {"quorate": quorate, "listed": listed}


def test_a_gate_that_says_something_else_than_its_corosync_is_found_out() -> None:
    assert CMAN_MANAGER.disagreement is gate_disagreement
    said = gate_disagreement({"view": view(1, 2), "beneath": view(1, quorate=False)})
    assert said == "the gate says quorate, [1, 2], and corosync not quorate, [1]"
    assert gate_disagreement({"view": view(1, 2), "beneath": view(1, 2)}) is None


@pytest.mark.parametrize("seen", [(None, view(1)), (view(1), None), (None, None)])
def test_who_does_not_answer_contradicts_nobody(seen: tuple[Any, Any]) -> None:
    assert gate_disagreement({"view": seen[0], "beneath": seen[1]}) is None
