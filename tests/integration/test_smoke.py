"""The story of three nodes: its stages, how the tables are read, how it is told and judged."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakecluster.conformance.configfs_row import Op
from fakecluster.topology_file import topology_from
from fakecluster.verbs import ChangeAddress, Kill, Shutdown, Start, Verb
from integration import __main__ as program
from integration import smoke
from integration.compare import RowComparison
from integration.differential import Agreement
from integration.errors import CannotRunError, GuestError
from integration.follow import FollowResult, parse_stage, picture
from integration.inside import follow as guest_follow
from integration.inside.configfs import GuestHost, GuestOperator, listening_ports
from integration.inside.follow import read_table, same_directories
from integration.inside.volume import VOLUME_ID
from integration.stages import (
    CLUSTER,
    END,
    OWN,
    STAGES,
    TOPOLOGY,
    GuestAction,
    KernelRow,
    StoryStage,
)


def write_node(cluster: Path, row: KernelRow) -> None:
    node = cluster / "node" / row.name
    node.mkdir(parents=True, exist_ok=True)
    for name, value in (
        ("num", row.num),
        ("ipv4_address", row.address),
        ("ipv4_port", row.port),
        ("local", row.local),
    ):
        (node / name).write_text(f"{value}\n")


def test_the_topology_is_one_that_serve_reads() -> None:
    topology = topology_from(tomllib.loads(TOPOLOGY))
    assert topology.cluster == CLUSTER
    assert [(node.id, node.name) for node in topology.nodes] == [(1, "n1"), (2, "n2"), (3, "n3")]


def test_the_story_has_a_join_a_death_an_address_change_and_both_votes() -> None:
    verbs = {type(verb) for stage in STAGES for verb in stage.verbs}
    assert {Start, Kill, ChangeAddress} <= verbs
    assert {stage.allowed for stage in STAGES} == {None, False, True}
    assert {stage.act for stage in STAGES} == set(GuestAction)
    assert all(row.local == (row.num == OWN) for stage in STAGES for row in stage.table)


def test_a_table_is_read_with_its_inodes(tmp_path: Path) -> None:
    rows = STAGES[0].table
    for row in rows:
        write_node(tmp_path, row)
    table = read_table(tmp_path)
    assert [row for _, row in table.values()] == list(rows)
    assert {inode for inode, _ in table.values()} == {
        (tmp_path / "node" / row.name).stat().st_ino for row in rows
    }


def test_no_cluster_is_an_empty_table(tmp_path: Path) -> None:
    assert read_table(tmp_path / "nothing") == {}


def test_a_directory_that_was_made_anew_is_noticed() -> None:
    row = STAGES[0].table[0]
    moved = KernelRow(
        name=row.name, num=row.num, address="10.0.0.9", port=row.port, local=row.local
    )
    assert same_directories({"n1": (5, row)}, {"n1": (5, row)})
    assert not same_directories({"n1": (5, row)}, {"n1": (6, row)})
    assert same_directories({"n1": (5, row)}, {"n1": (6, moved)})
    assert same_directories({}, {"n1": (6, row)})


class StubCman:
    """Notes what it is told; the table follows at once."""

    def __init__(self, cluster: Path, stage: StoryStage, *, allowed: bool = True) -> None:
        self.cluster = cluster
        self.stage = stage
        self.allowed = allowed
        self.told: list[Verb] = []

    def apply(self, verb: Verb) -> Mapping[str, Any]:
        if isinstance(verb, Shutdown):
            return {"allowed": self.allowed}
        self.told.append(verb)
        for row in self.stage.table:
            write_node(self.cluster, row)
        return {}


class StubDaemon:
    """Ends with a return code."""

    def __init__(self, rc: int = 0) -> None:
        self.rc = rc

    def stop(self) -> int:
        return self.rc

    def vote(self) -> Mapping[str, Any]:
        return {"answer": "yes", "reason": "idle"}


def runner(cman: StubCman, daemon: StubDaemon) -> guest_follow.StageRunner:
    return guest_follow.StageRunner(cman, daemon, cman.cluster)  # type: ignore[arg-type]


def test_a_stage_tells_the_cluster_and_sees_the_table(tmp_path: Path) -> None:
    stage = STAGES[0]
    cman = StubCman(tmp_path, stage)
    seen = runner(cman, StubDaemon()).run(stage)
    assert (cman.told, seen["ok"], seen["kept"]) == ([*stage.verbs], True, True)
    assert seen["table"] == seen["expected"]
    assert json.loads(json.dumps(seen)) == seen


def test_a_table_that_does_not_come_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_follow, "STAGE_TIMEOUT_S", 0.1)
    stage = STAGES[0]
    other = StubCman(tmp_path, StoryStage(name="x", table=stage.table[:1]))
    seen = runner(other, StubDaemon()).run(stage)
    assert (seen["ok"], len(seen["table"]), len(seen["expected"])) == (False, 1, 2)


@pytest.mark.parametrize(("allowed", "ok"), [(True, True), (False, False)])
def test_the_answer_to_the_shutdown_question_counts(
    allowed: bool, ok: bool, tmp_path: Path
) -> None:
    stage = StoryStage(name="asked", verbs=(Start(node=3),), table=STAGES[0].table, allowed=True)
    seen = runner(StubCman(tmp_path, stage, allowed=allowed), StubDaemon()).run(stage)
    assert (seen["allowed"], seen["ok"], seen["vote"]["answer"]) == (allowed, ok, "yes")


@pytest.mark.parametrize(("rc", "ok"), [(0, True), (1, False)])
def test_the_end_wants_a_clean_exit_and_tables_that_stay(rc: int, ok: bool, tmp_path: Path) -> None:
    cman = StubCman(tmp_path, STAGES[0])
    told = runner(cman, StubDaemon(rc))
    told.run(STAGES[0])
    assert told.end() == {"stage": END, "rc": rc, "kept": True, "ok": ok}


def test_tables_that_go_with_the_daemon_are_a_difference(tmp_path: Path) -> None:
    cman = StubCman(tmp_path, STAGES[0])
    told = runner(cman, StubDaemon())
    told.run(STAGES[0])
    for path in (tmp_path / "node" / "n1").iterdir():
        path.unlink()
    (tmp_path / "node" / "n1").rmdir()
    assert told.end()["ok"] is False


def stages_told(*, ok: bool = True) -> tuple[Mapping[str, Any], ...]:
    names = [*(stage.name for stage in STAGES), END]
    return tuple({"stage": name, "ok": ok} for name in names)


def test_a_story_is_good_only_when_every_stage_was_told_in_order_and_agreed() -> None:
    told = stages_told()
    assert FollowResult(stages=told, rc=0, errors="").good
    assert not FollowResult(stages=told, rc=1, errors="").good
    assert not FollowResult(stages=told[:-1], rc=0, errors="").good
    assert not FollowResult(stages=told[::-1], rc=0, errors="").good
    assert not FollowResult(stages=stages_told(ok=False), rc=0, errors="").good
    assert not FollowResult(stages=(), rc=0, errors="").good


def test_a_stage_is_shown_as_a_line_and_its_differences_below() -> None:
    rows = [{"num": 1, "name": "n1", "address": "10.0.0.1", "port": 7777, "local": 1}]
    stage = {"stage": "s", "ok": False, "table": [], "expected": rows, "kept": False,
             "after_s": 1.0, "allowed": True,
             "vote": {"answer": "yes", "reason": "idle"}}  # fmt: skip
    assert [line.strip() for line in picture(stage).splitlines()] == [
        "s                     DIFFERS:   (1.0 s)",
        "expected: 1:n1*=10.0.0.1:7777",
        "an entry that was right was not left alone",
        "shutdown allowed; o2cbd voted yes: idle",
    ]
    end = {"stage": END, "ok": True, "rc": 0, "kept": True}
    assert picture(end).strip() == "o2cbd stops           ok: exit 0, the tables stay"


def test_only_stages_are_taken_for_stages() -> None:
    assert parse_stage("hello") is None
    assert parse_stage('{"event": 1}') is None
    assert parse_stage('{"stage": "x"}') == {"stage": "x"}


# ---- what a guest does to itself


def test_listeners_are_found_in_the_kernel_s_table() -> None:
    table = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1E61 00000000:0000 0A 0\n"
        "   1: 0100007F:1E62 0100007F:1F90 01 0\n"
    )
    assert listening_ports(table) == {7777}


def test_a_port_is_taken_seen_and_freed() -> None:
    host = GuestHost()
    host.act("take-port", "47123")
    assert host.act("listening", "47123") == "yes"
    host.undo()
    assert host.act("listening", "47123") == "no"


def test_what_one_guest_cannot_show_is_refused() -> None:
    with pytest.raises(OSError, match="cannot show connect") as caught:
        GuestHost().act("connect", "2")
    assert caught.value.errno == errno.EOPNOTSUPP


def test_a_mounted_volume_s_region_is_found_by_its_real_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = tmp_path / "cluster/rows/heartbeat" / VOLUME_ID
    region.mkdir(parents=True)
    operator = GuestOperator(str(tmp_path))
    asked = Op(call="rmdir", path="cluster/rows/heartbeat/R")
    assert operator.do(asked) == "ENOENT"
    monkeypatch.setattr(operator._guest_host, "mounted", True)
    assert operator.do(asked) == "ok"
    assert not region.exists()


def test_a_process_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_follow, "END_TIMEOUT_S", 0.2)
    script = (
        "import signal,sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert guest_follow.stop(process) == -signal.SIGKILL


def test_the_daemon_is_given_every_path_and_the_library() -> None:
    command = guest_follow.daemon_command("/lib/x.so", Path("/r"))
    assert command[1:4] == ["-m", "o2cbd", "run"]
    given = dict(zip(command[4::2], command[5::2], strict=True))
    assert given == {
        "--membership": "cman",
        "--libcman": "/lib/x.so",
        "--configfs": "/sys/kernel/config",
        "--mounts": "/proc/self/mountinfo",
        "--debugfs": "/sys/kernel/debug",
        "--runtime-dir": "/r",
    }


# ---- the verdict and the program


def verdict(**changes: Any) -> smoke.SmokeVerdict:
    fields: dict[str, Any] = {
        "kernel": "6.1",
        "acceleration": "tcg",
        "rows": with_rows(),
        "storm": Agreement(operations=9, agreed=9),
        "story": FollowResult(stages=stages_told(), rc=0, errors=""),
        "alarms": (),
        "seconds": 1.0,
    }
    return smoke.SmokeVerdict(**(fields | changes))


def with_rows(**changes: Any) -> RowComparison:
    fields: dict[str, Any] = {
        "kernel": 2, "fake": 2, "tables": {}, "differences": (), "not_shown": {},
        "kernel_alone": (),
    }  # fmt: skip
    return RowComparison(**(fields | changes))


def test_a_smoke_is_good_when_all_ran_and_agreed() -> None:
    assert verdict().good
    assert verdict().as_json()["good"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"alarms": ("Oops",)},
        {"rows": with_rows(differences=("x",))},
        {"rows": with_rows(kernel=0)},
        {"storm": Agreement(operations=9, agreed=8)},
        {"storm": Agreement()},
        {"story": FollowResult(stages=(), rc=0, errors="")},
    ],
)
def test_anything_that_differs_or_did_not_run_makes_a_smoke_bad(changes: dict[str, Any]) -> None:
    bad = verdict(**changes)
    assert not bad.good
    assert smoke.report(bad, smoke.SmokeOptions())[-1].startswith("smoke: NOT all agreed")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (verdict(), 0),
        (verdict(alarms=("Oops",)), 1),
        (CannotRunError("no qemu"), 77),
        (GuestError("it ended"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_says_what_happened(
    outcome: smoke.SmokeVerdict | BaseException,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*_: object) -> smoke.SmokeVerdict:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setenv("O2CBD_VM_CACHE", str(tmp_path))
    monkeypatch.setattr(smoke, "smoke", run)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert program.main(["smoke", "--json"]) == code
    finally:
        signal.signal(signal.SIGTERM, before)
    out = capsys.readouterr().out
    assert bool(out) == (code in {0, 1} and isinstance(outcome, smoke.SmokeVerdict))


def test_a_smoke_without_its_tools_could_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration.packages.find_program", lambda _name: None)
    with pytest.raises(CannotRunError, match="not installed: mmdebstrap, mke2fs, qemu"):
        smoke.smoke(tmp_path, smoke.SmokeOptions(), lambda _line: None)
    assert list(tmp_path.iterdir()) == []
