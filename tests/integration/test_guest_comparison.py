"""What is compared between a kernel and the fake: rows, storms, and how differences are told."""

from __future__ import annotations

import dataclasses
import json

import pytest

from fakecluster.conformance.configfs_row import Op, RowResult, do, get, mkdir, row
from fakecluster.conformance.configfs_rows import ROWS, clear
from integration import compare
from integration.fake import CAPABILITIES, fake_operator, new_model
from integration.guest_host import CAPABILITIES as GUEST_CAPABILITIES
from integration.storm import NOT_OPEN, made, sequence, shown, storm
from integration.storm_values import values

ONE = row("t/one", "Values", mkdir("cluster/c"), get("cluster/c/fence_method", "reset\n"))
TWO = row("t/two", "Directories", do("events", "", "=", handle="w"), needs=("inotify",))
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
        "t/one: mkdir cluster/c: kernel EPERM, fake ok",
        "t/one: get cluster/c/fence_method: kernel ENOENT, fake =reset\n",
    )


def test_a_fake_that_differs_from_the_observation_is_a_difference() -> None:
    bad = result("t/two", status="differs", got=("=create x",), why="events")
    assert "t/two: on the fake, events" in both([GOOD, GOOD_2], [GOOD, bad]).differences


def test_both_sides_must_give_the_same_even_where_both_say_that_they_agree() -> None:
    other = result("t/one", got=("ok", "=panic\n"))
    assert both([other, GOOD_2], [GOOD, GOOD_2]).differences == (
        "t/one: get cluster/c/fence_method: kernel =panic\n, fake =reset\n",
    )


def test_a_row_without_a_result_is_a_difference() -> None:
    assert both([GOOD], [GOOD, GOOD_2]).differences == ("t/two: the kernel gave no result",)
    assert both([GOOD, GOOD_2], [GOOD_2]).differences == ("t/one: the fake gave no result",)


def test_a_result_survives_its_way_through_the_channel() -> None:
    assert compare.parse_result(json.loads(json.dumps(GOOD.as_json()))) == GOOD


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


# ---- storms


def fake_answers(seed: str, sequences: int, length: int) -> list[str]:
    operator = fake_operator()
    return [made(operator, one) for one in storm(seed, sequences, length)]


@pytest.fixture(scope="module")
def answers() -> list[str]:
    return fake_answers("t", 5, 40)


def compared(answers: list[str]) -> compare.StormComparison:
    return compare.compare_storm(storm("t", 5, 40), answers, fake_operator())


def test_a_storm_is_the_same_each_time_and_another_with_another_seed() -> None:
    assert list(storm("t", 3, 20)) == list(storm("t", 3, 20))
    assert list(sequence("t/0", 20)) != list(sequence("u/0", 20))


def test_equal_answers_are_no_difference(answers: list[str]) -> None:
    assert compared(answers) == compare.StormComparison(calls=len(answers), differences=())


def test_one_other_answer_is_found_and_told_with_its_call(answers: list[str]) -> None:
    changed = [*answers]
    changed[4] = "EIO"
    one = list(storm("t", 5, 40))[4]
    assert compared(changed).differences == (
        f"call 5: {shown(one)}: kernel EIO, fake {answers[4]}",
    )


def test_missing_and_surplus_answers_are_differences(answers: list[str]) -> None:
    assert len(compared(answers[:-2]).differences) == 2
    assert compared([*answers, "ok"]).differences == (
        f"the kernel answered {len(answers) + 1} times to {len(answers)} calls",
    )


def test_a_storm_never_does_what_can_crash_a_kernel() -> None:
    """The model notes what can, such as a 0.0.0.0 that is written."""
    model = new_model()
    operator = fake_operator(model)
    for one in storm("hazards", 60, 60):
        made(operator, one)
    assert model.poisoned == ()


def test_regions_and_local_are_never_in_one_sequence() -> None:
    kinds = set()
    for number in range(60):
        calls = list(sequence(f"apart/{number}", 60))
        regions = any(one.call == "mkdir" and "/heartbeat/" in one.path for one in calls)
        local = any(one.call == "put" and one.path.endswith("/local") for one in calls)
        kinds.add((regions, local))
    assert {(True, False), (False, True)} <= kinds
    assert (True, True) not in kinds


def test_the_rows_never_do_what_can_crash_a_kernel() -> None:
    model = new_model()
    operator = fake_operator(model)
    for one in ROWS.values():
        if one.needs <= GUEST_CAPABILITIES & CAPABILITIES:
            for op in one.operations:
                operator.do(op)
            clear(operator)
    assert model.poisoned == ()


@pytest.mark.parametrize("number", range(8))
def test_a_sequence_ends_as_it_began(number: int) -> None:
    operator = fake_operator()
    last = [made(operator, one) for one in sequence(f"ends/{number}", 80)][-1]
    assert last == "="


def test_every_kind_of_value_is_written_and_read_back() -> None:
    """So many that a store's reader cannot be wrong about one unnoticed."""
    calls = list(values())
    puts = [one for one in calls if one.call == "put"]
    assert len(puts) > 1500
    assert all(
        dataclasses.replace(one, call="get", data="") in calls
        for one in puts
        if one.path.endswith(("/n/num", "/mode", "/r/dev"))
    )


def test_a_handle_that_is_not_open_is_an_answer() -> None:
    assert made(fake_operator(), Op(call="read", handle="a")) == NOT_OPEN


def test_a_call_is_shown_with_what_it_is_about() -> None:
    assert shown(Op(call="put", path="a/b", data="x" * 99)) == f"put a/b '{'x' * 40}'"
    assert shown(Op(call="rename", path="a", to="b")) == "rename a b"
    assert shown(Op(call="close", handle="h")) == "close h"


def test_the_reports_say_how_many_and_what() -> None:
    found = both([GOOD, NOT_RUN_2], [GOOD, GOOD_2])
    assert compare.row_report(found, "6.1") == [
        "rows: 1 on kernel 6.1, 2 on the fake, 0 differences (Values 1)",
        "  not shown by one guest: t/two (needs inotify)",
    ]
    wind = compare.StormComparison(calls=3, differences=("call 1: x",))
    assert compare.storm_report(wind, "s") == [
        "storm s: 3 calls on kernel and fake, 1 differences",
        "  call 1: x",
    ]
