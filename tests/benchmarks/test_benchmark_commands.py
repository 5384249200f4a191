"""Every command of `python -m benchmarks` runs and prints its figures; none is judged here."""

import json
from typing import Any

import pytest

from benchmarks import counting, waking
from benchmarks.__main__ import main

pytestmark = pytest.mark.process
served = pytest.mark.usefixtures("fuse", "compiler")


def figures(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The one JSON line of a run with one size."""
    assert main([*words, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    measured: dict[str, Any] = json.loads(line)
    return measured


@served
def test_first_fill_compares_as_many_nodes_as_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    measured = figures(capsys, "first-fill", "--members", "3", "--rounds", "1")
    (pair,) = measured["compared"]["pairs"]
    assert (measured["members"], measured["nodes"]) == (3, 3)
    assert min(pair["ours_s"], pair["bare_s"]) > 0
    assert {"membership", "tables", "steps", "rest"} <= set(measured["parts_ms"])


@served
def test_join_compares_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    measured = figures(capsys, "join", "--members", "3", "--rounds", "1")
    (pair,) = measured["compared"]["pairs"]
    assert (measured["members"], measured["nodes"]) == (3, 1)
    assert min(pair["ours_s"], pair["bare_s"]) > 0


@served
def test_footprint_says_how_soon_and_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    measured = figures(capsys, "footprint", "--members", "3", "--rounds", "1")
    assert 0 < measured["bare_pass_s"] < measured["ready_s"]
    assert 0 < measured["import_share"] <= 1
    assert 0 < measured["anon_kib"] < measured["rss_kib"]


@served
def test_wakeups_sees_a_daemon_that_sleeps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "SETTLE_S", 0.1)
    measured = figures(capsys, "wakeups", "--members", "3", "--span", "1")
    assert (measured["members"], measured["span_s"], measured["resyncs"]) == (3, 1.0, 0)


@pytest.mark.parametrize(("members", "changes"), [(3, 60), (5, 15)])
def test_simulate_says_how_fast_and_where_the_time_goes(
    capsys: pytest.CaptureFixture[str], members: int, changes: int
) -> None:
    measured = figures(capsys, "simulate", "--members", str(members))
    assert (measured["members"], measured["host_changes"]) == (members, changes)
    assert 0 < measured["floor_s"] < measured["processor_s"] < measured["simulated_s"]
    assert {"agent", "tree", "manager", "judges"} <= set(measured["where"])
    assert sum(measured["where"].values()) == pytest.approx(1)


@pytest.mark.parametrize("members", ["0", "3"])
def test_counts_are_the_same_in_each_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, members: str
) -> None:
    monkeypatch.setattr(counting, "SEEDS", range(2))
    first = figures(capsys, "count", "--members", members)
    assert 0 < first["calls"] < first["instructions"]
    again = figures(capsys, "count", "--members", members)
    assert again["calls"] == pytest.approx(first["calls"], rel=0.001)
    assert again["instructions"] == pytest.approx(first["instructions"], rel=0.001)


@served
def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["join", "--members", "3", "--rounds", "1"]) == 0
    heads, rule, row = capsys.readouterr().out.splitlines()
    assert heads.startswith("| members | nodes written | o2cbd, ms | bare, ms | ratio |")
    assert set(rule) == set("| -")
    assert row.startswith("| 3 | 1 | ")
    assert heads.count("|") == rule.count("|") == row.count("|")


@pytest.mark.parametrize("size", ["2", "256", "x"])
def test_a_cluster_has_3_to_255_members(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["join", "--members", size])
    assert ended.value.code == 2
    assert "--members" in capsys.readouterr().err
