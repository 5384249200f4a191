"""What every `MembershipSource` does, told by what happens to a cluster."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.conformance.membership_notices import NOTICES
from fakecluster.conformance.membership_questions import QUESTIONS
from fakecluster.conformance.membership_readings import READINGS
from fakecluster.conformance.membership_support import Make

CHECKS: tuple[Callable[[Make], None], ...] = (*READINGS, *NOTICES, *QUESTIONS)
"""Every check makes a cluster of its own."""
