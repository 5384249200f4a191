"""What an arm has no handler for is what it lacks, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fakecluster.arms.cman_managers import CmanManagers
from fakecluster.arms.corosync_managers import CorosyncManagers
from fakecluster.arms.lab_managers import LabManagers
from fakecluster.arms.process_arm import ProcessArm
from fakecluster.arms.values import MISSING
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.sim.engine_verbs import EngineVerbs
from fakecluster.sim.world import World
from fakecluster.verbs import VERBS, Verb, commands


def handled(kind: type, name: str = "_do") -> set[type[Verb]]:
    """The verbs that a class has handlers for."""
    return set(vars(kind)[name].dispatcher.registry) - {object}


LAB = handled(LabManagers)
ARMS: Mapping[str, set[type[Verb]]] = {
    "sim": handled(World) | handled(EngineVerbs, "apply"),
    "process": handled(ProcessArm) | {each.verb for each in commands().values()},
    "process-corosync": handled(ProcessArm) | LAB | handled(CorosyncManagers),
    "process-cman": handled(ProcessArm) | LAB | handled(CmanManagers),
}


@pytest.mark.parametrize("arm", ARMS)
def test_a_verb_without_a_handler_is_a_missing_capability(arm: str) -> None:
    needed = {verb.capability for verb in VERBS.values()} - {None}
    without = {verb.capability for verb in set(VERBS.values()) - ARMS[arm]} - {None}
    assert without == needed & set(MISSING[arm])


def test_a_refusal_names_the_arm_and_the_capability() -> None:
    error = UnsupportedVerbError("process-cman", Capability.NOTICE_FAULTS)
    assert str(error) == "process-cman cannot do it: notices that are lost, late or doubled"
