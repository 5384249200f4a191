"""A scenario broken on purpose: what a failure looks like, for the manual."""

from __future__ import annotations

from unittest import mock

from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import spec_of
from fakecluster.arms.values import Span
from fakecluster.arms.words import ExpectationFailedError
from o2cbd.core import removals


def broken_story(scenario: str) -> str:
    """Run `inquorate_removals_wait` on daemons without these gates; return what is told.

    Args:
        scenario: by which name the last line runs it again.
    """
    with (
        mock.patch.object(removals, "_quorum_gate", return_value=None),
        mock.patch.object(removals, "_loss_gate", return_value=None),
    ):
        cluster = SimCluster(spec_of(3))
        cluster.scenario = scenario
        cluster.up()
        cluster.partition((1, 2), (3,))
        try:
            cluster.stays(
                "host 3, alone and inquorate, keeps all",
                lambda: cluster.has(3, "node1", "node2", "node3"),
                during=Span.A_WHILE,
            )
        except ExpectationFailedError as error:
            return str(error)
    raise AssertionError("a daemon without a sense of quorum has done no harm")
