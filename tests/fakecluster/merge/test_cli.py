"""`fakecluster merge`: files in, a trace out, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from fakecluster.commands.run import replay_command
from fakecluster.merge.cli import merge_command
from fakecluster.trace.file import read_trace
from tests.streams import separate_runner


class Desk:
    """Files of an incident."""

    def __init__(self, root: Path, make_lines: Any) -> None:
        self.root = root
        self.out = root / "merged.trace"
        self.journal = self.file("node1.journal", make_lines().life(0).rows)
        dump = make_lines().header(zero_us=1_000_000).record(0, "daemon", "start")
        self.dump = self.file("node3.trace", dump.rows)

    def file(self, name: str, rows: list[str]) -> Path:
        path = self.root / name
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        return path

    def merge(self, *words: object) -> Result:
        return separate_runner().invoke(merge_command, ["-o", str(self.out), *map(str, words)])


@pytest.fixture
def desk(tmp_path: Path, make_lines: Any) -> Desk:
    return Desk(tmp_path, make_lines)


def test_nodes_go_by_id_or_name_and_the_trace_can_be_drawn(desk: Desk) -> None:
    done = desk.merge(f"node1={desk.journal}", f"3={desk.dump}")

    assert (done.exit_code, done.output) == (0, "")
    assert {line.host for line in read_trace(desk.out).lines} == {1, 3}
    page = desk.root / "page.html"
    drawn = separate_runner().invoke(replay_command, [str(desk.out), "--html", str(page)])
    assert drawn.exit_code == 0
    assert '"node3"' in page.read_text(encoding="utf-8")


def test_a_node_may_have_several_files(desk: Desk, make_lines: Any) -> None:
    later = desk.file("later", make_lines().life(9_000_000).rows)
    assert desk.merge(f"1={desk.journal}", f"1={later}").exit_code == 0
    told = [line.what for line in read_trace(desk.out).lines if line.kind == "daemon"]
    assert told == ["start", "killed", "start"]


def test_verbs_and_offsets_are_taken(desk: Desk, make_lines: Any) -> None:
    verbs = make_lines().header(arm="vm-corosync").record(0, "verb", "kill")
    path = desk.file("verbs.trace", verbs.rows)
    done = desk.merge(f"3={desk.dump}", "--verbs", path, "--offset", "node3=400000")

    assert done.exit_code == 0
    trace = read_trace(desk.out)
    assert trace.header.arm == "vm-corosync"
    assert [(line.t_us, line.what) for line in trace.lines] == [(0, "kill"), (600_000, "start")]


def test_remarks_go_to_stderr(desk: Desk) -> None:
    desk.journal.write_text(desk.journal.read_text()[:-9])
    done = desk.merge(f"1={desk.journal}")

    assert done.exit_code == 0
    assert "node1: a line is cut and was left out" in done.stderr


def test_names_that_nobody_knows_are_told_all_at_once(desk: Desk) -> None:
    done = desk.merge(f"who={desk.journal}", f"whom={desk.dump}", f"1={desk.journal}")

    assert done.exit_code == 65
    assert "unknown node 'who': no record has its id; give ID=FILE" in done.stderr
    assert "'whom'" in done.stderr


def test_one_node_under_two_names_is_told(desk: Desk) -> None:
    done = desk.merge(f"1={desk.journal}", f"node1={desk.journal}")

    assert done.exit_code == 65
    assert "'1' and 'node1' are the same node" in done.stderr


def test_another_nodes_dump_is_refused(desk: Desk, make_lines: Any) -> None:
    dump = make_lines().header(zero_us=1_000_000, options={"host": 3}).record(0, "daemon", "start")
    path = desk.file("node3.trace", dump.rows)
    assert desk.merge(f"3={path}").exit_code == 0
    done = desk.merge(f"7={path}")

    assert done.exit_code == 65
    assert "node 7: its dump is of node 3" in done.stderr


def test_files_that_are_none_are_65_with_every_reason(desk: Desk) -> None:
    bad, worse = desk.file("bad", ["words"]), desk.file("worse", ['{"a": 1}'])
    done = desk.merge(f"1={bad}", f"2={worse}")

    assert done.exit_code == 65
    assert "node 1: no line of it" in done.stderr
    assert "node 2: {'a': 1}: it has neither" in done.stderr
    assert not desk.out.exists()


def test_a_file_that_is_not_there_is_66_and_one_that_cannot_be_written_73(desk: Desk) -> None:
    assert desk.merge(f"1={desk.root / 'no'}").exit_code == 66
    desk.out = desk.root / "no" / "out"
    assert desk.merge(f"1={desk.journal}").exit_code == 73


@pytest.mark.parametrize("words", [["1"], ["=f"], ["1=f", "--offset", "1"]])
def test_wrong_usage(desk: Desk, words: list[str]) -> None:
    assert desk.merge(*words).exit_code == 2


def test_an_offset_is_a_number(desk: Desk) -> None:
    done = desk.merge(f"1={desk.journal}", "--offset", "1=soon")
    assert done.exit_code == 2
    assert "invalid offset 'soon': must be microseconds" in done.stderr
