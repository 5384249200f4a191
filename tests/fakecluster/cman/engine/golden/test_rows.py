"""Every observation of a real cman has its test here, or names where it has one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROWS: dict[str, str] = {
    # Connecting
    "connect_absent": "never started, left cleanly or killed by order: ENOENT",
    "connect_after_crash": "a stale socket: ECONNREFUSED",
    "connect_not_root": "not root: EACCES",
    "connect_while_dying": "a connect that the dying listener takes; the next call fails",
    "connect_first_instant": "a joiner: ENOENT, then ok, and the first reading works",
    # Membership
    "join_notices": "a join: two notices, three at times with 3.1.8",
    "clean_leave_notices": "a leave, with remove or without: one notice, at once",
    "death_notices": "a death: one notice after token and consensus; three at times with 3.1.8",
    "two_deaths_together": "two notices, quorate then inquorate",
    "leave_after_a_crash": "a leave waits for the ring without the dead one",
    "isolated_view": "the isolated node: one notice a lost node, quorate then inquorate",
    "merge_notices": "halves merge, two notices a node, nobody is killed, new incarnations",
    "heal_in_steps": "members come back one at a time: a quorate view lacks one for 7 to 75 ms",
    "rejoin_seen_away": "death and instant start: the leave is often seen for some milliseconds",
    "paused_node_returns": "a paused node that comes back merges in the same way",
    "fast_rejoin": "death and rejoin before detection: only incarnation and jointime differ",
    "kill_order": "the killer sees it at once without a notice, all get one after detection",
    "confchg_order": "before the notices of a join, after those of a leave",
    "spurious_dispatch": "a dispatch without a callback",
    "leave_reasons": "0 for leave and death, 3 for remove, 1 on the killer; kept or reset",
    "one_way_cut": "only the ring's next hop matters; who is not heard there is not told",
    "unreachable_votes": "expected votes or votes that leave nobody quorate: EINVAL, no change",
    # Node data
    "never_seen_node": "no member, incarnation 0, jointime 0",
    "dead_node": "keeps its incarnation and jointime",
    "incarnation_of_an_observer": "the ring in which this observer saw the join",
    "name_and_addresses": "the configured name; IPv4 and IPv6",
    "stale_address": "a non-member shows the address of the entry before it",
    "addresses_of_a_non_member": "asked for, there are none",
    "quorum_disk_listed": "last, id 0, counted, incarnation 0, stale address",
    "quorum_disk_polled": "becomes a member; a notice on its node only",
    "get_node_special_ids": "0 is us, -1 the quorum disk or ENOENT",
    "unknown_node": "ENOENT for the node, EINVAL for extra and addresses",
    "cluster_info": "name, number, generation; version 6.2.0; quorate 0 or 1",
    "wrong_socket": "admin commands on a client: EPERM; notices on an admin: EINVAL",
    # Shutdown
    "shutdown_flags": "the arg is the bit mask",
    "shutdown_nobody_listens": "leaves at once",
    "shutdown_all_yes": "down in about 15 ms, clients are closed",
    "shutdown_one_no": "EBUSY with the last answer; no notice that it is over",
    "shutdown_silence": "EBUSY at 5.02 s; a late yes is ignored; a later request asks again",
    "shutdown_forced": "force and no: down at once; force and silence: at 5.02 s",
    "shutdown_client_gone": "a client that closes counts as yes",
    "shutdown_stopped_listening": "its answer is still awaited",
    "shutdown_new_client": "is asked too and has to answer",
    "shutdown_double_yes": "counts twice",
    "shutdown_second_request": "EALREADY",
    "shutdown_timer_left_over": "a dead asker's timer ends the next question, and then cman dies",
    "shutdown_subscribed_again": "asked again, one more answer is awaited",
    "leave_during_a_question": "the asker gets 0",
    "leave_cluster_asks_nobody": "leaves at once whatever the flags",
    "shutdown_requester_gone": "with a silent client cman crashes 5 s later",
    "reply_always_succeeds": "0 with nothing pending and to a dead cman",
    # cman dying under a client
    "death_under_a_client": "EHOSTDOWN, each time again",
    "death_with_unread_request": "ECONNRESET first, then EHOSTDOWN",
    # The library
    "no_timeouts": "a stopped cman answers nothing until it goes on",
    "reading_inside_a_callback": "works",
    # CONFIG_UPDATE
    "config_update": "after a state change; 3.0.12: alone where it was asked",
    "config_same_version": "no notice",
    "config_lagging": "3.0.12: the old version again and again, then pairs; 3.1.8: once mended",
    "config_nodes": "added ones are never-seen, removed dead ones vanish",
    "config_version_refused": "older: EPERM; without a file: ENOENT, 3.0.12 tells of the old one",
    "config_error": "a file that lags: inquorate until mended (3.1.8)",
    "config_newer_joiner": "a joiner with a newer file is never counted",
    "config_older_joiner": "a joiner with an older file exits after a second (3.1.8)",
}
"""Every row of what was observed that an engine can show, in our own words."""

CMAN = Path(__file__).parents[2]
STANDIN_REQUESTS = "standin/test_standin_requests.py"
STANDIN_NOTICES = "standin/test_standin_notices.py"

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "small_buffer": (
        f"{STANDIN_REQUESTS}::test_a_list_that_does_not_fit_gives_einval_and_copies_nothing",
    ),
    "poll_flags": ("wire/test_server.py::test_a_dying_cman_wakes_whoever_polls",),
    "dispatch_result": (
        f"{STANDIN_NOTICES}::test_one_delivers_one_and_returns_the_bodys_length",
        f"{STANDIN_NOTICES}::test_all_delivers_all_and_returns_0_with_eagain_left_behind",
    ),
    "changing_descriptor": (
        f"{STANDIN_NOTICES}::test_events_before_a_reply_are_queued_under_another_descriptor",
    ),
    "socket_modes": ("wire/test_server.py::test_sockets_have_their_modes",),
    "wire_header": (
        "wire/test_codec.py::test_a_bodyless_request_is_the_20_captured_bytes",
        "wire/test_codec.py::test_a_reply_is_header_with_the_reply_bit_and_status",
    ),
    "wire_event": (
        "wire/test_codec.py::test_an_event_is_28_bytes_without_the_reply_bit",
        "wire/test_codec.py::test_the_version_sent_by_the_daemon_is_not_the_protocols",
    ),
}
"""Rows about the library or the sockets, which an engine has not, each with its tests."""


def _tests_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _tests_here() -> set[str]:
    return {name for path in Path(__file__).parent.glob("test_*.py") for name in _tests_in(path)}


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_has_its_test(row: str) -> None:
    """A row without a test of its name is not reproduced."""
    assert f"test_row_{row}" in _tests_here()


@pytest.mark.parametrize("row", sorted(ELSEWHERE))
def test_a_row_that_is_shown_elsewhere_is_shown_there(row: str) -> None:
    """A test that was renamed or taken away leaves its row bare."""
    assert ELSEWHERE[row]
    for test_id in ELSEWHERE[row]:
        path, _, name = test_id.partition("::")
        assert name in _tests_in(CMAN / path)


def test_every_row_test_has_its_row() -> None:
    """A test that is named after no row would hide a misspelt one."""
    named = {name.removeprefix("test_row_") for name in _tests_here() if "test_row_" in name}
    assert sorted(named - ROWS.keys()) == []


def test_no_row_is_both_here_and_elsewhere() -> None:
    """A row is shown in one place."""
    assert sorted(ROWS.keys() & ELSEWHERE.keys()) == []
