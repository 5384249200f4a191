"""The fake measured: episodes, how sides are compared, differences cut down, kernels as data."""

from __future__ import annotations

import dataclasses
import json
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakecluster.configfs.variant import KERNEL_A, KERNEL_C, OBSERVED_6_1, KernelVariant
from fakecluster.conformance.configfs_row import Op
from integration import __main__ as program
from integration import conformance, kernels
from integration.backends import (
    Answers,
    FakeBackend,
    GuestBackend,
    Operations,
    deep_operator,
    new_model,
)
from integration.conformance import ConformanceOptions, ConformanceVerdict
from integration.differential import (
    NO_ANSWER,
    Agreement,
    EpisodeDifference,
    batches,
    compare,
    fewest,
    shrunk,
)
from integration.episode import (
    A_PID,
    NOT_OPEN,
    Episode,
    EpisodeError,
    decode_operations,
    encode_operations,
    made,
    play,
    shown,
)
from integration.errors import CannotRunError, GuestError
from integration.inside.volume import VOLUME_ID
from integration.random_ops import (
    CROWD_COUNT,
    OpDraw,
    Theme,
    crowd,
    episodes,
    every_value,
    ordinary_episodes,
    volume_episode,
)
from integration.random_values import CLUSTER

FAKE = FakeBackend(OBSERVED_6_1)
SMALL = (*every_value(), *episodes("small", 4000))


def quiet(_line: str) -> None:
    """Take a line of progress."""


# ---- what is drawn


def test_a_seed_draws_the_same_each_time_and_another_one_others() -> None:
    assert list(episodes("t", 3000)) == list(episodes("t", 3000))
    assert list(ordinary_episodes("t", 2)) != list(ordinary_episodes("u", 2))


def test_there_are_as_many_operations_as_asked_for() -> None:
    drawn = list(episodes("t", 5000))
    assert sum(len(one.operations) for one in drawn) >= 5000
    assert sum(len(one.operations) for one in drawn[:-1]) < 5000


def test_everything_that_can_be_drawn_is_drawn_by_twenty_thousand_operations() -> None:
    operations = [one for each in episodes("all", 20_000) for one in each.operations]
    calls = Counter(one.call for one in operations)
    assert {"chmod", "chown", "truncate", "mknod", "rename", "symlink", "link", "unlink"} < set(
        calls
    )
    assert {"open-with", "seek", "read-some", "write", "order-handle", "mkdir-at"} < set(calls)
    assert {"put-appending", "put-truncating", "compare-inode", "status-handle"} < set(calls)
    assert calls["host"] == 12
    assert sum(one.not_root for one in operations) > 1000
    assert {len(one.data) for one in operations} >= {0, 4095, 4096, 5000}
    named = {len(one.path.rpartition("/")[2]) for one in operations if one.call == "mkdir"}
    assert {33, 64, 65, 255, 256} <= named


def test_a_crowd_is_as_many_nodes_as_a_cluster_can_have() -> None:
    numbers = {
        one.data for one in crowd("t").operations if one.call == "put" and one.path.endswith("/num")
    }
    assert {str(number) for number in range(CROWD_COUNT)} <= numbers
    assert FAKE.answers([crowd("t").operations])[0][-1] == "="


@pytest.mark.parametrize("number", range(6))
def test_an_episode_ends_with_nothing_left(number: int) -> None:
    (one,) = list(ordinary_episodes(f"ends/{number}", 1))
    assert FAKE.answers([one.operations])[0][-1] == "="


def hazards(operations: Sequence[Op]) -> tuple[object, ...]:
    model = new_model()
    play(deep_operator(model), operations)
    return model.poisoned


def test_nothing_that_can_crash_a_kernel_is_done_whatever_part_is_left_out() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    drawn = [*ordinary_episodes("hazards", 25), *(volume_episode(f"hazards/{n}") for n in range(5))]
    for episode in [*drawn, *every_value()]:
        assert hazards(episode.operations) == ()
        for _ in range(3):
            share = chance.random()
            part = [one for one in episode.operations if chance.random() < share]
            assert hazards(part) == ()


def test_no_local_of_zero_and_no_low_threshold_where_a_volume_is_mounted() -> None:
    puts = [
        one
        for number in range(20)
        for one in volume_episode(f"harm/{number}").operations
        if one.call.startswith("put")
    ]
    local = {one.data for one in puts if one.path.endswith("/local")}
    threshold = {one.data for one in puts if one.path.endswith("/dead_threshold")}
    assert local <= {"1", "1\n", "2", "x"}
    assert threshold <= {"31", "32\n", "32", "61", "2", "x", ""}


def test_regions_and_free_writes_to_local_are_never_in_one_episode() -> None:
    for theme in Theme:
        draw = OpDraw("apart", theme)
        calls = [one for _ in range(800) for one in draw.calls()]
        made_region = any(one.call == "mkdir" and "/heartbeat/" in one.path for one in calls)
        zeroed = any(one.path.endswith("/local") and one.data == "0" for one in calls)
        assert (made_region, zeroed) == (theme.has_regions, theme is Theme.LOCAL)


# ---- episodes


def test_operations_survive_their_way_through_text() -> None:
    for one in SMALL:
        assert decode_operations(encode_operations(one.operations)) == one.operations


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("{}", "not a list of operations"),
        ('[{"call": "get"}, {"cal": "x"}]', "operation 2"),
        ('[{"path": "x"}]', "operation 1"),
        ('[{"call": 5}]', "operation 1: call is not of type str"),
        ('[{"call": "get", "not_root": "no"}]', "not_root is not of type bool"),
    ],
)
def test_what_is_no_episode_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(EpisodeError, match=why):
        decode_operations(text)


def test_what_is_module_wide_does_not_outlive_an_episode() -> None:
    operator = deep_operator(new_model())
    threshold = f"{CLUSTER}/heartbeat/dead_threshold"
    mkdir, put, get = (
        Op(call="mkdir", path=CLUSTER),
        Op(call="put", path=threshold, data="61"),
        Op(call="get", path=threshold),
    )
    shut = Op(call="chmod", path=threshold, data="0000")
    play(operator, [mkdir, put, Op(call="rmdir", path=CLUSTER)])
    assert play(operator, [mkdir, get, put, shut]) == ("ok", "=31\n", "ok", "ok")
    assert play(operator, [mkdir, get]) == ("ok", "=31\n")


def test_pids_are_all_alike_and_a_closed_handle_is_an_answer() -> None:
    answering: Any = SimpleNamespace(do=lambda _one: "=873\n")
    assert made(answering, Op(call="get", path="a/pid")) == A_PID
    assert made(answering, Op(call="get", path="a/num")) == "=873\n"
    assert made(deep_operator(new_model()), Op(call="read", handle="a")) == NOT_OPEN


def test_an_operation_is_shown_with_what_it_is_about() -> None:
    assert shown(Op(call="put", path="a/b", data="x" * 99)) == f"put a/b '{'x' * 40}'"
    assert shown(Op(call="rename", path="a", to="b", not_root=True)) == "rename a b (not root)"
    assert shown(Op(call="close", handle="h")) == "close h"


# ---- comparing


class Lying:
    """Answers as the fake, but for one kind of operation."""

    def __init__(self, call: str, answer: str) -> None:
        self.call, self.answer = call, answer

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        return [
            tuple(
                self.answer if one.call == self.call else answer
                for one, answer in zip(each, answers, strict=True)
            )
            for each, answers in zip(batch, FAKE.answers(batch), strict=True)
        ]


def test_a_fake_agrees_with_itself_and_all_is_counted() -> None:
    found = compare(SMALL, FAKE, FAKE, quiet)
    assert found.good
    assert found.operations == found.agreed == sum(len(one.operations) for one in SMALL)
    assert sum(found.by_call.values()) == sum(found.by_answer.values()) == found.operations
    assert (found.episodes, found.mounts, found.differences) == (len(SMALL), 6, [])
    assert found.pins > 10
    assert {"ok", "read", "EBUSY", "EINVAL", "EEXIST", "EACCES"} <= set(found.by_answer)


def test_nothing_compared_is_not_good() -> None:
    assert not compare([], FAKE, FAKE, quiet).good


def test_pins_are_removals_that_a_heartbeat_forbids() -> None:
    operations = (
        Op(call="rmdir", path=CLUSTER),
        Op(call="host", path="mount"),
        Op(call="rmdir", path=CLUSTER),
        Op(call="put", path=CLUSTER),
        Op(call="host", path="umount"),
        Op(call="rmdir", path=CLUSTER),
    )
    answers = ("ENOTEMPTY", "ok", "ENOTEMPTY", "EBUSY", "ok", "EBUSY")
    found = Agreement()
    found.add(Episode(name="", operations=operations), answers, answers)
    assert (found.pins, found.mounts) == (1, 1)


def test_the_first_difference_of_an_episode_is_kept_and_all_are_counted() -> None:
    found = compare(SMALL, Lying("order", "=x"), FAKE, quiet)
    assert found.agreed == found.operations - found.by_call["order"]
    first = found.differences[0]
    assert (first.operation.call, first.ours) == ("order", "=x")
    assert first.theirs != "=x"


def test_a_missing_answer_is_a_difference() -> None:
    found = Agreement()
    operations = (Op(call="mkdir", path=CLUSTER), Op(call="order"))
    found.add(Episode(name="e", operations=operations), ("ok",), ("ok", "="))
    assert [(each.at, each.ours) for each in found.differences] == [(1, NO_ANSWER)]
    assert found.agreed == 1


def test_episodes_are_played_in_batches_without_loss() -> None:
    put_together = list(batches(SMALL))
    assert len(put_together) > 1
    assert [one for batch in put_together for one in batch] == list(SMALL)


# ---- cutting down


def judged_against(variant: KernelVariant, seed: str) -> tuple[EpisodeDifference, ...]:
    drawn = ordinary_episodes(seed, 12)
    return conformance.judged(drawn, FakeBackend(variant), FAKE, quiet)[1]


def test_a_kernel_that_keeps_the_claim_of_local_is_found_out_and_cut_down() -> None:
    found = judged_against(KERNEL_C, "claim")
    assert found
    for difference in found[: conformance.SHRUNK_MAX]:
        operations = difference.episode.operations
        assert len(operations) <= 16
        assert difference.at == len(operations) - 1
        local = [one.data for one in operations if one.path.endswith("/local")]
        assert len(local) >= 3
        assert "EBUSY" in {difference.ours, difference.theirs}


def test_an_old_kernel_is_found_out_in_several_ways() -> None:
    kinds = {difference.kind for difference in judged_against(KERNEL_A, "old")}
    assert ("mkdir", "ENOMEM", "ENAMETOOLONG") in kinds
    assert ("put", "EBUSY", "ok") in kinds


def test_what_was_cut_down_differs_in_the_same_way_by_itself() -> None:
    kernel = FakeBackend(KERNEL_A)
    difference = compare(ordinary_episodes("old", 3), kernel, FAKE, quiet).differences[0]
    less = shrunk(difference, kernel, FAKE)
    assert less.kind == difference.kind
    assert len(less.episode.operations) < len(difference.episode.operations)
    again = compare([less.episode], kernel, FAKE, quiet)
    assert [each.kind for each in again.differences] == [difference.kind]


OPS = tuple(Op(call="get", path=str(number)) for number in range(60))


@pytest.mark.parametrize("wanted", [{3}, {0, 59}, {10, 11, 12, 40}, set(range(0, 60, 7)), set()])
def test_the_cutter_finds_exactly_what_is_needed(wanted: set[int]) -> None:
    needed = {OPS[number] for number in wanted}
    tries = []

    def judge(candidates: Sequence[Operations]) -> list[bool]:
        tries.append(len(candidates))
        return [needed <= set(each) for each in candidates]

    assert fewest(OPS, judge) == tuple(OPS[number] for number in sorted(wanted))
    assert len(tries) < 70


def test_cuts_that_hold_only_by_themselves_are_made_one_by_one() -> None:
    def judge(candidates: Sequence[Operations]) -> list[bool]:
        return [len(each) % 2 == 1 or len(each) > 50 for each in candidates]

    assert len(fewest(OPS, judge)) < len(OPS)


# ---- kernels as data


@pytest.mark.parametrize(
    ("release", "variant"),
    [
        ("2.6.18-8.el5", "A"),
        ("2.6.32-5-amd64", "B"),
        ("3.16.0-4-amd64", "B"),
        ("4.4.0-21-generic", "B-misnamed"),
        ("4.19.0-27-amd64", "B"),
        ("5.10.0-30-amd64", "C"),
        ("6.1.0-56-amd64", "6.1"),
        ("6.1", "6.1"),
        ("6.11.10-amd64", "D"),
        ("6.12.48+deb13-amd64", "6.12"),
        ("6.13", "D"),
        ("7.0.0", "D"),
    ],
)
def test_a_release_names_its_variant(release: str, variant: str) -> None:
    assert kernels.family(release).variant.name == variant


@pytest.mark.parametrize("release", ["2.4.37", "linux", ""])
def test_an_unknown_release_is_refused(release: str) -> None:
    with pytest.raises(kernels.UnknownKernelError, match="kernel"):
        kernels.family(release)


def test_families_stand_in_order() -> None:
    since = [each.since for each in kernels.FAMILIES]
    assert since == sorted(set(since))


def test_a_variant_is_described_by_what_is_not_as_observed() -> None:
    assert kernels.departures(OBSERVED_6_1) == {}
    assert kernels.departures(KERNEL_C) == {
        "local_zero_keeps_claim": True,
        "remote_pinned": False,
    }


# ---- the guest's side, and the command


class StubGuest:
    """Plays what it is given on a fake kernel."""

    def __init__(self, rc: int = 0, lost: int = 0) -> None:
        self.rc, self.lost = rc, lost

    def run(self, argv: list[str], *, timeout_s: float, stdin: str) -> SimpleNamespace:
        assert argv == ["python3", "-m", "integration.inside.configfs", "episodes"]
        assert timeout_s > 0
        batch = [decode_operations(line) for line in stdin.splitlines()]
        lines = [json.dumps(answers) for answers in FAKE.answers(batch)]
        out = "\n".join(lines[: len(lines) - self.lost])
        return SimpleNamespace(rc=self.rc, out=out, err="it said")


def test_a_guest_plays_what_it_is_sent() -> None:
    side = GuestBackend(StubGuest())  # type: ignore[arg-type]
    assert compare(ordinary_episodes("sent", 3), side, FAKE, quiet).good


@pytest.mark.parametrize(("rc", "lost"), [(1, 0), (0, 1)])
def test_a_guest_that_does_not_play_all_failed(rc: int, lost: int) -> None:
    side = GuestBackend(StubGuest(rc, lost))  # type: ignore[arg-type]
    with pytest.raises(GuestError, match="it said"):
        compare(ordinary_episodes("sent", 3), side, FAKE, quiet)


def verdict(
    found: Agreement, differences: tuple[EpisodeDifference, ...] = (), **changes: Any
) -> ConformanceVerdict:
    fields: dict[str, Any] = {
        "kernel": "6.1.0-56-amd64",
        "family": kernels.family("6.1.0-56-amd64"),
        "acceleration": "tcg",
        "seed": "s",
        "found": found,
        "differences": differences,
        "alarms": (),
        "boot_s": 9.0,
        "playing_s": 99.0,
    }
    return ConformanceVerdict(**(fields | changes))


@pytest.fixture(scope="module")
def good() -> ConformanceVerdict:
    return verdict(compare(ordinary_episodes("v", 2), FAKE, FAKE, quiet))


@pytest.fixture(scope="module")
def bad() -> ConformanceVerdict:
    drawn = ordinary_episodes("claim", 12)
    return verdict(*conformance.judged(drawn, FakeBackend(KERNEL_C), FAKE, quiet))


def test_a_verdict_needs_agreement_and_a_quiet_kernel(
    good: ConformanceVerdict, bad: ConformanceVerdict
) -> None:
    assert good.good
    assert not bad.good
    assert not dataclasses.replace(good, alarms=("Oops",)).good
    assert json.loads(json.dumps(good.as_json()))["agreed"] == good.found.operations


def test_differences_are_left_as_files_that_replay(bad: ConformanceVerdict, tmp_path: Path) -> None:
    saved = conformance.save(bad.differences, tmp_path)
    lines = conformance.report(bad, saved)
    assert lines[-1].endswith("s)")
    assert "NOT all agree" in lines[-1]
    for difference, path in zip(bad.differences, saved, strict=True):
        assert any(str(path) in line and "--replay" in line for line in lines)
        (again,) = conformance.chosen_episodes(ConformanceOptions(replay=path))
        assert again.operations == difference.episode.operations


def test_the_report_of_agreement_says_how_many_and_of_what(
    good: ConformanceVerdict,
) -> None:
    lines = conformance.report(good, [])
    count = good.found.operations
    assert lines[0].startswith("operations: put ")
    assert lines[-1].startswith(
        f"conformance: {count} of {count} operations on kernel 6.1.0-56-amd64 and fake 6.1: all"
    )


def test_a_file_that_is_no_episode_cannot_be_replayed(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "bad"):
        (tmp_path / "bad").write_text("x")
        with pytest.raises(CannotRunError, match="cannot be replayed"):
            conformance.chosen_episodes(ConformanceOptions(replay=path))


def ran(given: ConformanceVerdict, words: list[str]) -> tuple[int, ConformanceOptions]:
    """Run the command with this verdict: its exit code, and the options it gave on."""
    asked = []

    def run(_cache: Path, options: ConformanceOptions, _say: object) -> ConformanceVerdict:
        asked.append(options)
        return given

    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conformance, "conformance", run)
            code = program.main(["conformance", "configfs", "--json", *words])
    finally:
        signal.signal(signal.SIGTERM, before)
    (options,) = asked
    return code, options


@pytest.mark.parametrize(("alarms", "code"), [((), 0), (("Oops",), 1)])
def test_the_command_gives_options_on_and_says_the_verdict(
    alarms: tuple[str, ...],
    code: int,
    good: ConformanceVerdict,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = dataclasses.replace(good, alarms=alarms)
    words = ["--seed", "q", "--operations", "5", "--failures", "f"]
    options = ConformanceOptions(seed="q", operations=5, failures=Path("f"))
    assert ran(given, words) == (code, options)
    assert json.loads(capsys.readouterr().out)["variant"] == "6.1"


# ---- a fake host that mounts as the guest does


def test_a_volume_is_mounted_once_and_a_mount_that_fails_tells_no_errno() -> None:
    model = new_model()
    operator = deep_operator(model)
    mount, umount = (Op(call="host", path=each, data=VOLUME_ID) for each in ("mount", "umount"))
    assert [made(operator, one) for one in (mount, umount)] == ["EIO", "EINVAL"]
    node = f"{CLUSTER}/node/own"
    for one in (Op(call="mkdir", path=CLUSTER), Op(call="mkdir", path=node)):
        assert made(operator, one) == "ok"
    for name, value in (("ipv4_port", "1"), ("ipv4_address", "127.0.0.1"), ("num", "1"),
                        ("local", "1")):  # fmt: skip
        assert made(operator, Op(call="put", path=f"{node}/{name}", data=value)) == "ok"
    assert [made(operator, one) for one in (mount, mount)] == ["ok", "EBUSY"]
    assert made(operator, Op(call="rmdir", path=node)) == "EBUSY"
    operator.undo()
    assert [made(operator, one) for one in (umount, mount, umount)] == ["EINVAL", "ok", "ok"]
