"""Known bugs are noticed by the very scenarios that are about them: the suite's own judges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.mutants.known import KNOWN

# A whole pytest for each bug: as much as the tests with daemons, and no newer Python breaks it.
pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
ABOUT = {
    "failed-read-empties": "membership::test_failed_read_between_a_death_and_the_next_notice",
    "add-never-retried": "pins::test_add_that_fails_is_tried_again",
    "busy-removal-never-retried": "pins::test_pinned_then_unpinned",
    "wipes-at-start": "start::test_right_entries_are_adopted_without_touching_them",
    "votes-yes": "shutdown::test_asked_while_mounted",
    "answers-twice": "shutdown::test_asked_while_idle",
    "ignores-quorum": "quorum::test_inquorate_removals_wait",
    "forgets-by-minority": "quorum::test_lowered_expected_votes_prove_nothing",
    "removes-at-once": "quorum::test_removal_waits_for_a_settled_membership",
    "synced-without-itself": "addresses::test_own_node_without_an_address_is_never_in_sync",
    "trusts-two-node-quorum": "quorum::test_two_node_split_and_forget",
    "address-unnoticed": "addresses::test_address_change",
    "large-ids-wrap": "addresses::test_node_with_id_300_is_left_out",
    "quorum-disk-added": "addresses::test_quorum_disk_with_id_0_is_left_out",
    "removes-at-manager-loss": "manager::test_crash_and_return",
    "ignores-holds": "holds::test_hold_taken_and_released",
    "rejoin-replaces": "membership::test_fast_rejoin_that_nobody_saw",
    "half-made-accepted": "start::test_half_made_node_is_completed",
    "local-removed-under-region": "pins::test_our_own_node_is_never_removed_under_a_region",
    "newcomer-evicts": "addresses::test_duplicate_address_does_not_take_a_live_members_entry",
    "no-resync": "daemon::test_what_others_change_by_hand_is_mended",
    "zero-address-written": "addresses::test_node_with_the_address_0_0_0_0_is_left_out",
    "unreadable-is-idle": "shutdown::test_asked_while_facts_are_unreadable",
    "votes-yes-under-a-hold": "shutdown::test_asked_while_held",
    "never-agrees": "shutdown::test_asked_while_idle",
    "fencing-ignored": "quorum::test_two_node_death_and_fencing",
    "scope-inverted": "addresses::test_scope_configured",
    "ring-ignored": "addresses::test_address_of_the_ring",
    "subnet-ignored": "addresses::test_address_in_the_subnet",
    "port-override-ignored": "addresses::test_port_of_one_node",
    "port-compared-to-itself": "addresses::test_port_changes_with_the_next_start",
    "follows-a-new-name": "start::test_cluster_name_that_changes_is_never_a_second_cluster",
    "foreign-cluster-hidden": "start::test_foreign_cluster_is_not_touched",
    "never-reconnects": "manager::test_crash_and_return",
}
CODE = """
import importlib, sys
from fakecluster.mutants.known import KNOWN
from fakecluster.mutants.lookup import install_named
if sys.argv[1]:
    install_named(sys.argv[1])
    # Now: pytest would load modules of a package that has a plug-in from their files.
    for module in KNOWN[sys.argv[1]].trees():
        importlib.import_module(module)
import pytest
sys.exit(pytest.main(["-q", "-W", "ignore::pytest.PytestAssertRewriteWarning",
                      "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist",
                      "--arm", "sim", sys.argv[2]]))
"""
PASSED, FAILED = 0, 1  # pytest's exit codes; any other one says that nothing was tested


def judge(bug: str, scenario: str) -> subprocess.CompletedProcess[str]:
    file, _, test = scenario.partition("::")
    where = f"tests/scenarios/test_{file}.py::{test}"
    command = [sys.executable, "-c", CODE, bug, where]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_bug_of_the_original_has_its_scenario() -> None:
    assert set(ABOUT) <= set(KNOWN)
    assert {name for name, bug in KNOWN.items() if bug.original} <= set(ABOUT)


@pytest.mark.parametrize("bug", ABOUT)
def test_its_scenario_notices(bug: str) -> None:
    judged = judge(bug, ABOUT[bug])
    assert judged.returncode == FAILED, judged.stdout
    assert "run it again: pytest" in judged.stdout


def test_without_a_bug_it_is_content() -> None:
    judged = judge("", ABOUT["votes-yes"])
    assert judged.returncode == PASSED, judged.stdout
