"""What is compared between a kernel and the fake: rows, storms, and how differences are told."""

from __future__ import annotations

import dataclasses
import json

from cattrs import structure

from fakecluster.conformance.configfs_row import RowResult, row
from fakecluster.conformance.configfs_rows import ROWS, clear
from integration import compare
from integration.backends import CAPABILITIES, fake_operator, new_model
from integration.inside.configfs import CAPABILITIES as GUEST_CAPABILITIES
from integration.random_values import values

ONE = row("t/one", "Values", "cluster; get C/fence_method = reset")
TWO = row("t/two", "Directories", 'events w = ""', needs=("inotify",))
TABLE = {"t/one": ONE, "t/two": TWO}


def result(
    name: str, status: str = "agrees", got: tuple[str, ...] = (), why: str = ""
) -> RowResult:
    one = TABLE[name]
    return RowResult(
        name=name, table=one.table, status=status, expected=one.expected, got=got, why=why
    )


def both(kernel: list[RowResult], fake: list[RowResult]) -> compare.RowComparison:
    return compare.compare_rows(kernel, fake, TABLE)


GOOD = result("t/one", got=("ok", "=reset\n"))
GOOD_2 = result("t/two", got=("=",))
NOT_RUN_2 = result("t/two", status="not-run", why="needs inotify")


def test_rows_that_agree_on_both_sides_are_counted_by_table() -> None:
    found = both([GOOD, GOOD_2], [GOOD, GOOD_2])
    assert (found.kernel, found.fake, found.differences) == (2, 2, ())
    assert found.tables == {"Directories": 1, "Values": 1}


def test_a_row_that_one_guest_cannot_show_is_named_with_its_reason() -> None:
    found = both([GOOD, NOT_RUN_2], [GOOD, GOOD_2])
    assert (found.kernel, found.fake, found.differences) == (1, 2, ())
    assert found.not_shown == {"t/two": "needs inotify"}


def test_a_row_that_the_fake_has_no_say_in_is_named() -> None:
    found = both([GOOD, GOOD_2], [GOOD, NOT_RUN_2])
    assert (found.differences, found.kernel_alone) == ((), ("t/two",))


def test_a_row_that_nobody_shows_is_not_said_to_be_on_the_kernel_alone() -> None:
    assert both([GOOD, NOT_RUN_2], [GOOD, NOT_RUN_2]).kernel_alone == ()


def test_a_kernel_that_differs_from_the_observation_is_a_difference() -> None:
    bad = result("t/one", status="differs", got=("EPERM", "ENOENT"), why="mkdir: EPERM")
    found = both([bad, GOOD_2], [GOOD, GOOD_2])
    assert found.differences == (
        "t/one: on the kernel, mkdir: EPERM",
        "t/one: mkdir cluster/rows: kernel EPERM, fake ok",
        "t/one: get cluster/rows/fence_method: kernel ENOENT, fake =reset\n",
    )


def test_a_fake_that_differs_from_the_observation_is_a_difference() -> None:
    bad = result("t/two", status="differs", got=("=create x",), why="events")
    assert "t/two: on the fake, events" in both([GOOD, GOOD_2], [GOOD, bad]).differences


def test_both_sides_must_give_the_same_even_where_both_say_that_they_agree() -> None:
    other = result("t/one", got=("ok", "=panic\n"))
    assert both([other, GOOD_2], [GOOD, GOOD_2]).differences == (
        "t/one: get cluster/rows/fence_method: kernel =panic\n, fake =reset\n",
    )


def test_a_row_without_a_result_is_a_difference() -> None:
    assert both([GOOD], [GOOD, GOOD_2]).differences == ("t/two: the kernel gave no result",)
    assert both([GOOD, GOOD_2], [GOOD_2]).differences == ("t/one: the fake gave no result",)


def test_a_result_survives_its_way_through_the_channel() -> None:
    assert structure(json.loads(json.dumps(GOOD.as_json())), RowResult) == GOOD


def test_every_row_that_the_model_can_show_agrees_with_the_observation() -> None:
    results = compare.rows_on_the_fake()
    assert [found.name for found in results] == list(ROWS)
    wrong = {found.name: found.why for found in results if found.status == "differs"}
    not_run = {found.name for found in results if found.status == "not-run"}
    assert (wrong, not_run) == ({}, {"daemon/configfs-magic", "directories/inotify"})


def test_what_one_guest_cannot_show_is_exactly_this() -> None:
    missing = {name for name, one in ROWS.items() if one.needs - GUEST_CAPABILITIES}
    assert missing == {
        "attributes/idle-with-a-peer",
        "attributes/keepalive-with-a-peer",
        "attributes/reconnect-with-a-peer",
        "daemon/heartbeating-remote-is-pinned-until-dead",
        "directories/mounted-rmdir-a-live-remote",
    }
    assert "inotify" not in CAPABILITIES


def test_the_rows_are_split_without_loss_and_those_that_mount_are_apart() -> None:
    quick, slow = compare.split_rows()
    assert sorted([*quick, *slow]) == sorted(ROWS)
    assert all("mounted" in ROWS[name].needs for name in slow)
    assert not any("mounted" in ROWS[name].needs for name in quick)


def test_the_rows_never_do_what_can_crash_a_kernel() -> None:
    model = new_model()
    operator = fake_operator(model)
    for one in ROWS.values():
        if one.needs <= GUEST_CAPABILITIES & CAPABILITIES:
            for op in one.operations:
                operator.do(op)
            clear(operator)
    assert model.poisoned == ()


def test_every_kind_of_value_is_written_and_read_back() -> None:
    """So many that a store's reader cannot be wrong about one unnoticed."""
    calls = [one for _, operations in values() for one in operations]
    puts = [one for one in calls if one.call == "put"]
    assert len(puts) > 1500
    assert all(
        dataclasses.replace(one, call="get", data="") in calls
        for one in puts
        if one.path.endswith(("/n/num", "/mode", "/r/dev"))
    )


def test_the_reports_say_how_many_and_what() -> None:
    found = both([GOOD, NOT_RUN_2], [GOOD, GOOD_2])
    assert compare.row_report(found, "6.1") == [
        "rows: 1 on kernel 6.1, 2 on the fake, 0 differences (Values 1)",
        "  not shown by one guest: t/two (needs inotify)",
    ]
