"""Mutants are judged in processes of their own, by drawn histories alone."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fakecluster.mutants.install import LoadedError, install
from fakecluster.mutants.meter import HungError, Meter, count_turns, note_reached

ROOT = Path(__file__).parents[3]

PROBE = """
import ast, json, sys
from fakecluster.mutants.edits import Insert, Replace, What
from fakecluster.mutants.known import KnownBug
from fakecluster.commands.mutant_score import Scorer

EDITS = {
    "none": Insert("Agent.step", "pass"),
    "hangs": Insert("Controller._on_woken", "while True: pass"),
    "waits": Replace("Controller.deadline_us", What.RETURNED, "_schedule", "self._now_us"),
    "raises": Insert("Controller._on_woken", "raise OSError('spoiled')"),
    "dies": Insert("Controller._on_woken", "import os; os.kill(os.getpid(), 9)"),
    "unreached": Replace("gate", What.STATEMENT, "Why.UNSAFE"),
}
mutants = [
    KnownBug(name=name, about="", original=False, edits=(EDITS[name],)) for name in sys.argv[2:]
]
for one in Scorer(map(int, sys.argv[1].split(","))).judge(mutants, jobs=2):
    found = [one.mutant.name, one.verdict.value, one.judge, one.seed, one.finding, one.seeds]
    print(json.dumps(found))
"""


def judged(seeds: str, *names: str) -> dict[str, list[object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, seeds, *names],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {row[0]: row[1:] for row in map(json.loads, done.stdout.splitlines())}


def test_what_changes_nothing_survives_every_seed_that_reaches_it() -> None:
    assert judged("0,1", "none") == {"none": ["survived", "", None, "", 2]}


def test_each_way_of_going_wrong_is_noticed() -> None:
    found = judged("1", "hangs", "waits", "raises", "dies")
    assert found["hangs"][:3] == ["noticed", "hung", 1]
    assert found["waits"][:3] == ["noticed", "crash", 1]
    assert str(found["waits"][3]).startswith("SpinningError: the daemon of node")
    assert found["raises"][:3] == ["noticed", "crash", 1]
    assert str(found["raises"][3]).startswith("OSError: spoiled")
    assert found["dies"] == ["noticed", "crash", None, "its process ended with signal 9", 0]


def test_what_no_seed_reaches_is_said() -> None:
    assert judged("1", "unreached") == {"unreached": ["not-reached", "", None, "", 0]}


def test_nothing_is_changed_in_a_process_that_runs_a_daemon() -> None:
    import o2cbd.agent  # noqa: F401, PLC0415 - it must be loaded

    with pytest.raises(LoadedError, match=r"o2cbd\.agent is loaded already"):
        install({})


SOURCE = '''
def outer(n):
    """Count down."""
    total = 0
    while n:
        if n == 1:
            total += 1
        else:
            total += 2
        n -= 1
    return total
'''


def metered(source: str) -> tuple[Meter, dict[str, object]]:
    tree = ast.parse(textwrap.dedent(source))
    note_reached("m", tree)
    count_turns(tree)
    meter = Meter()
    names = dict(meter.names())
    exec(compile(ast.fix_missing_locations(tree), "m", "exec"), names)  # noqa: S102 - our own text
    return meter, names


def test_the_meter_notes_what_runs_and_counts_turns() -> None:
    meter, names = metered(SOURCE)
    outer = names["outer"]
    assert callable(outer)
    assert outer(1) == 1
    assert meter.reached == {("m", line) for line in (4, 5, 6, 7, 10, 11)}
    assert meter.turns == 2  # the call, and one turn of the loop
    meter.begin()
    assert outer(3) == 5
    assert ("m", 9) in meter.reached
    assert meter.turns == 4


def test_the_meter_ends_what_turns_too_often() -> None:
    meter, names = metered(SOURCE)
    outer = names["outer"]
    assert callable(outer)
    meter.begin(bound=10)
    with pytest.raises(HungError):
        outer(100)
    assert meter.turns == 11


def fakecluster(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fakecluster", "mutants", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_judges_one_by_name() -> None:
    done = fakecluster("votes-yes", "--seeds-each", "1", "--diff")
    assert done.returncode == 1, done.stderr
    assert "SURVIVED 0 seeds (not-reached): votes-yes: it agrees to every shutdown" in done.stdout
    assert "-    if noes:" in done.stdout
    assert "0 of 1 mutants noticed (0 %), 1 seeds each" in done.stdout


def test_the_command_prints_json() -> None:
    done = fakecluster("--random", "2", "--seeds-each", "1", "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["schema"], row["wanted"], row["judged"], row["seeds_each"]) == (1, 2, 2, 1)
    for one in row["mutants"]:
        assert one["name"].startswith(f"{one['file']}:{one['line']}:")
        assert one["diff"].startswith(f"--- {one['file']}")


def test_the_command_lists_and_runs_nothing() -> None:
    known = fakecluster("--list").stdout.splitlines()
    assert "votes-yes: it agrees to every shutdown, mounted or not" in known
    assert len(fakecluster("--list", "--random", "7").stdout.splitlines()) == 7


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nothing-like-that",), "there is no mutant 'nothing-like-that'; the known bugs are"),
        (("votes-yes", "--random", "2"), "give either names or --random"),
    ],
)
def test_wrong_usage_is_said(arguments: tuple[str, ...], text: str) -> None:
    done = fakecluster(*arguments)
    assert done.returncode == 64
    assert text in done.stderr


def test_an_interrupt_shows_what_is_known() -> None:
    # A shell's background job hands SIGINT on as ignored.
    interruptible = ["env", "--default-signal=INT", sys.executable]
    command = [*interruptible, "-m", "fakecluster", "mutants", "--seeds-each", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert first
    assert "were not judged" in rest
