"""How far guests have come when a scenario begins with them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.merge.verb_log import PriorTrace
from integration.lab.lab import Lab


class Stage(enum.Enum):
    """How far guests have come."""

    BOOTED = "booted"
    """Each has just come up."""
    FORMED = "formed"
    """Their managers are of one mind, in a cluster of the same nodes."""
    UP = "up"
    """`VmCluster.up` has ended, for a cluster of the same spec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Guests that were started."""

    lab: Lab
    """Those of the spec; off are those that it calls down."""
    stage: Stage
    prior: PriorTrace | None = None
    """What was done to them, where that is not nothing."""


Begin = Callable[[Stage], Begun]
"""Starts a cluster's guests, as far as that stage at most."""
