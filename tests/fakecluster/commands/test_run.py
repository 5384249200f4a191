"""`fakecluster run` and `fakecluster replay`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakecluster.cli import cli
from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.file import read_scenario, scenario_text
from fakecluster.sim.world import World
from fakecluster.trace.file import check_trace
from fakecluster.verbs import Partition, Verb

BAD = """\
schema = 1
title = "an action that nobody can do"
end_us = 2_000_000
[topology]
nodes = [{ id = 1, addresses = ["10.0.0.1"] }, { id = 2, addresses = ["10.0.0.2"] }]
[story]
deeds = [
  { at_us = 0, do = "start", node = 1 },
  { at_us = 0, do = "start", node = 2 },
  { at_us = 1_000_000, do = "partition", groups = "1/2" },
]
"""


def fakecluster(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario file that fails: partitions break something here."""

    apply = World.apply

    def apply_wrongly(world: World, verb: Verb) -> None:
        apply(world, verb)
        if isinstance(verb, Partition):
            world._violation(1, "a partition")

    monkeypatch.setattr(World, "apply", apply_wrongly)
    path = folder / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    return path


def test_a_seed_is_run_and_told(folder: Path) -> None:
    result = fakecluster("run", "--seed", "3")
    assert (result.return_value, result.output.splitlines()[0][:13]) == (0, "seed 3: good,")
    assert list(folder.iterdir()) == []


def test_one_run_as_json() -> None:
    row = json.loads(fakecluster("run", "--seed", "3", "--json").output)
    assert (row["schema"], row["seed"], row["outcome"], row["code"]) == (1, 3, "good", 0)
    assert row["again"] == "fakecluster run --seed 3"
    assert row["findings"] == []
    assert row["probes"]["node-added"] > 0


def test_a_run_leaves_trace_timeline_and_scenario(folder: Path) -> None:
    files = ("--trace", "t.jsonl", "--html", "t.html", "--save", "t.toml")
    assert fakecluster("run", "--seed", "3", *files).return_value == 0

    lines = (folder / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert check_trace(lines) == []
    assert json.loads(lines[-1])["what"] == "good"
    assert "<html" in (folder / "t.html").read_text(encoding="utf-8")
    assert read_scenario(folder / "t.toml") == draw_scenario(3)
    assert (folder / "t.toml").read_text(encoding="utf-8") == scenario_text(draw_scenario(3))


def test_a_saved_scenario_gives_the_trace_of_its_seed(folder: Path) -> None:
    assert fakecluster("run", "--seed", "5", "--save", "s.toml").return_value == 0
    from_seed = fakecluster("run", "--seed", "5", "--hash").output
    assert fakecluster("run", str(folder / "s.toml"), "--hash").output == from_seed
    assert len(from_seed.strip()) == 64


def test_many_seeds_are_summed_up() -> None:
    result = fakecluster("run", "--count", "4", "--seed", "2")
    assert result.return_value == 0
    first, second, *_rest = result.output.splitlines()
    assert first == "seeds 2..5: 4 good"
    assert "simulated hours" in second
    assert "probes hit" in result.output


def test_many_seeds_as_json_and_as_one_hash() -> None:
    row = json.loads(fakecluster("run", "--count", "3", "--json", "--hash").output)
    assert (row["seeds"], row["outcomes"], row["failed"]) == (3, {"good": 3}, [])
    assert fakecluster("run", "--count", "3", "--hash").output.strip() == row["hash"]
    assert fakecluster("run", "--count", "4", "--hash").output.strip() != row["hash"]


def test_probes_that_were_never_hit_fail_where_that_is_asked() -> None:
    result = fakecluster("run", "--count", "1", "--probes")
    assert result.return_value == 1
    assert "never hit and not rare: " in result.output


def test_a_failure_names_its_line_and_its_class(failing: Path) -> None:
    result = fakecluster("run", str(failing))
    assert result.return_value == 129
    told = result.output.splitlines()
    assert told[0].startswith("an action that nobody can do: safety, 3 actions")
    assert told[1:] == ["  node 1: a partition", f"  again:     fakecluster run {failing}"]


def test_a_failing_file_is_cut_down_when_asked(failing: Path) -> None:
    result = fakecluster("run", str(failing), "--shrink")
    small = failing.with_suffix(".small.toml")
    assert result.output.splitlines()[-1] == f"  cut down:  fakecluster run {small}"
    assert [action.verb.word for action in read_scenario(small).actions] == ["partition"]
    assert fakecluster("run", str(small)).return_value == 129


def test_a_failing_seed_is_cut_down_beside(failing: Path) -> None:
    """Of many seeds the first one that fails."""
    seed = next(
        seed
        for seed in range(100)
        if any(isinstance(action.verb, Partition) for action in draw_scenario(seed).actions)
    )
    arguments = ("--seed", str(seed), "--count", "1", "--jobs", "1")
    result = fakecluster("run", *arguments)
    assert result.return_value == 129
    assert f"  again:     fakecluster run --seed {seed}" in result.output.splitlines()
    assert "  cut down:  fakecluster run " in result.output
    small = failing.with_name(f"seed-{seed}.toml")
    assert [action.verb.word for action in read_scenario(small).actions] == ["partition"]
    row = json.loads(fakecluster("run", *arguments, "--json").output)
    assert [each["outcome"] for each in row["failed"]] == ["safety"]
    assert row["code"] == 129


def test_a_file_that_is_no_scenario_is_refused_whole(folder: Path) -> None:
    (folder / "s.toml").write_text("schema = 2\ncolour = 1\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["run", "s.toml"])
    assert result.exit_code == 65
    assert "colour: unknown" in result.output
    assert "schema: is not 1" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "--seed", "1", __file__),
        ("run", "--count", "2", "--trace", "x"),
        ("run", "--seed", "1", "--mutant", "nothing-like-that"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


def test_a_file_that_cannot_be_written(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["run", "--seed", "1", "--trace", "no/such/folder"])
    assert result.exit_code == 73


def test_replay_of_a_seed_prints_what_happens() -> None:
    result = fakecluster("replay", "3")
    assert result.return_value == 0
    assert "end: good" in result.output


def test_replay_of_a_scenario_draws_it(folder: Path) -> None:
    assert fakecluster("run", "--seed", "3", "--save", "s.toml").return_value == 0
    assert fakecluster("replay", "s.toml", "--html", "s.html").return_value == 0
    assert (folder / "s.html").exists()


def test_replay_of_a_trace_shows_it_without_running(folder: Path) -> None:
    assert fakecluster("run", "--seed", "3", "--trace", "t.jsonl").return_value == 0
    shown = fakecluster("replay", "t.jsonl").output
    assert shown.splitlines()[-1] in fakecluster("replay", "3").output
