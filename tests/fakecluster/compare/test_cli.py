"""`fakecluster compare A B`: the table, the JSON, the page, the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fakecluster.compare.cli import compare_command


def compared(*words: object) -> Result:
    return CliRunner().invoke(compare_command, [str(one) for one in words], standalone_mode=False)


@pytest.fixture
def alike(make_run: Any, real: Any, save: Any) -> tuple[str, str]:
    return save("sim.trace", make_run().death()), save("process.trace", real().death())


@pytest.fixture
def unlike(make_run: Any, real: Any, save: Any) -> tuple[str, str]:
    a, b = make_run().begin(), real().begin()
    a.verb(2, "kill").step(1, "remove-node", 2, "EBUSY").pending(1, "begin", "pinned")
    b.verb(2, "kill").step(1, "remove-node", 2, "EIO").step(1, "add-node", 2)
    return save("sim.trace", a), save("process.trace", b)


def test_runs_that_agree_are_0_with_the_times_of_both(alike: tuple[str, str]) -> None:
    done = compared(*alike)

    assert done.return_value == 0
    assert "the steps agree: 11 moves alike in 2 stages" in done.output
    assert "1  node2: kill" in done.output
    assert "settled: sim after 3 ms, process after 150 ms" in done.output
    row = next(line for line in done.output.splitlines() if "done: remove-node node2" in line)
    assert row.split() == ["3", "ms", "150", "ms", "done:", "remove-node", "node2", "10.0.0.2"]


def test_runs_that_differ_are_1_and_every_difference_is_named(unlike: tuple[str, str]) -> None:
    done = compared(*unlike)

    assert done.return_value == 1
    assert "3 differences, 8 moves alike in 2 stages" in done.output
    assert "stage 1, node1: other outcome: sim: failed: remove-node" in done.output
    assert "stage 1, node1: only sim: pending: remove node2" in done.output
    assert "stage 1, node1: only process: done: add-node node2" in done.output


def test_json_holds_everything(unlike: tuple[str, str]) -> None:
    done = compared(*unlike, "--json")
    data = json.loads(done.output)

    assert (done.return_value, data["schema"], data["agree"]) == (1, 1, False)
    assert (data["a"]["arm"], data["b"]["arm"]) == ("sim", "process")
    assert data["differences"][0]["kind"] == "other outcome"
    stage = data["stages"][1]
    assert stage["verbs"] == ["node2: kill"]
    host = stage["hosts"][0]
    assert host["a"]["state"] == "pending"
    assert host["moves"][0]["a"]["after_us"] == 1_000
    assert host["moves"][0]["b"]["after_us"] == 50_000


def test_the_page_is_drawn_and_nothing_is_printed(unlike: tuple[str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = compared(*unlike, "--html", page)

    assert (done.return_value, done.output) == (1, "")
    text = page.read_text(encoding="utf-8")
    assert "<title>o2: sim and process</title>" in text
    assert compared(*unlike, "--html", page).return_value == 1
    assert page.read_text(encoding="utf-8") == text


def test_json_and_page_go_together(alike: tuple[str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert json.loads(compared(*alike, "--html", page, "--json").output)["agree"] is True
    assert page.exists()


def test_what_is_the_same_under_another_name_is_said(make_run: Any, real: Any, save: Any) -> None:
    b = real()
    b.network = "10.77.0"
    files = save("a", make_run().death()), save("b", b.death())

    assert compared(*files).return_value == 1
    assert compared(*files, "--same", "10.77.0=10.0.0").return_value == 0


def test_runs_of_one_arm_are_told_apart(make_run: Any, save: Any) -> None:
    done = compared(save("a", make_run().death()), save("b", make_run().death()))
    assert "settled: sim A after 3 ms, sim B after 3 ms" in done.output


def shown(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fakecluster", "compare", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_files_that_are_not_there_or_no_traces_are_66_and_65(
    alike: tuple[str, str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.write_text("hello\n", encoding="utf-8")
    missing, wrong = shown(alike[0], tmp_path / "no"), shown(notes, alike[1])

    assert (missing.returncode, wrong.returncode) == (66, 65)
    assert "No such file" in missing.stderr
    assert "is no trace" in wrong.stderr


def test_usage_and_a_page_that_cannot_be_written(alike: tuple[str, str], tmp_path: Path) -> None:
    assert shown(*alike, "--same", "what").returncode == 64
    assert shown(*alike, "--html", tmp_path / "no" / "page").returncode == 73


def test_a_cut_file_is_compared_and_said_to_be_cut(alike: tuple[str, str]) -> None:
    path = Path(alike[1])
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    done = shown(*alike)

    assert done.returncode == 1
    assert "the last line is cut and was left out" in done.stderr
