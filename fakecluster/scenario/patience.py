"""How long a scenario's world may take to come to rest once its faults have ended.

A cluster whose every change was announced is right as soon as the last death is detected. What
failed before is tried again with pauses that have grown; what nobody announced is found at the next
resync.
"""

from __future__ import annotations

from typing import Final

from fakecluster.scenario.model import Scenario
from fakecluster.verbs import SetRules
from o2cbd.core.rules import SECOND_US, Timing

_ANNOUNCED: Final = frozenset(
    {
        *("start", "kill", "partition", "isolate", "cut", "mend", "ring", "heal", "expected"),
        *("votes", "qdisk", "forget", "daemon-start", "daemon-kill", "daemon-restart"),
        *("hold", "release", "kill-holder", "mount", "bind-port", "close-port", "slow-network"),
    }
)
"""What the manager announces at once, or the daemon finds out at its start."""
_RETRIED: Final = frozenset(
    {
        *("boot", "leave", "shutdown", "cman-start", "cman-crash", "cman-cont"),
        *("daemon-sigterm", "fail-read", "fault", "mend-calls", "crash-daemon-at"),
        *("semaphore-unusable", "remove-semaphore", "add-node", "remove-node", "set-rules"),
        *("mounts-unreadable", "pin", "unpin", "umount", "rename-node"),
    }
)
"""After these something may be in a pause between two tries.

A stopped manager is not among them: whoever asks it nothing finds out at its next resync.
"""
_RESTLESS: Final = frozenset({"slow-network", "ring", "cut", "mend", "isolate", "partition"})
"""After these a ring may form again and again until the links are whole."""
_WORK_US: Final = 4 * SECOND_US


def can_be_calm(scenario: Scenario) -> bool:
    """Return whether a scenario's world comes to rest though its faults go on."""
    return _RESTLESS.isdisjoint(action.verb.word for action in scenario.actions)


def patience_us(scenario: Scenario) -> int:
    """Return within how much virtual time the scenario's world must be at rest."""
    timing = Timing()
    verbs = {action.verb.word for action in scenario.actions}
    settle_us = max(
        scenario.rules.removals.settle_us,
        *(
            action.verb.rules.removals.settle_us
            for action in scenario.actions
            if isinstance(action.verb, SetRules)
        ),
        0,
    )
    bound_us = 2 * scenario.timings.detection_us + settle_us + _WORK_US
    if verbs <= _ANNOUNCED:
        return bound_us
    if verbs <= _ANNOUNCED | _RETRIED:
        return bound_us + timing.retry_max_us
    return bound_us + timing.resync_us + timing.retry_max_us
