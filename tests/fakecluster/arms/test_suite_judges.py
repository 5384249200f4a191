"""What the suite itself does: it judges a scenario at its end, and skips with a reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fakecluster.trace.file import read_trace

ROOT = Path(__file__).parents[3]
SCENARIOS = """
import pytest
from fakecluster.arms import values
from fakecluster.arms.suite import needs

def test_good(make):
    make(1).up()

def test_violation(make):
    cluster = make(1)
    cluster.up()
    cluster.world.violations.append("node 1: something terrible")

def test_broken_before_its_end(make):
    cluster = make(1)
    cluster.world.violations.append("node 1: nobody asks any more")
    assert cluster.has(1, "node1"), "the table is empty"

@needs(values.Capability.ANY_ID)
def test_beyond_this_arm(make):
    pytest.fail("it ran")
"""
LACKS = """
from fakecluster.arms import values
values.MISSING["sim"][values.Capability.ANY_ID] = "ids are small here"
"""


def test_the_suite_judges_at_the_end_and_skips_with_a_reason(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    shutil.copy(ROOT / "tests" / "scenarios" / "conftest.py", suite)
    with (suite / "conftest.py").open("a") as conftest:
        conftest.write(LACKS)
    (suite / "test_some.py").write_text(SCENARIOS)
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"),
            "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-p", "no:randomly",
            "--arm", "sim", "--trace-dir", str(tmp_path / "traces"), str(suite),
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert "2 failed, 1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "expected no oracle to find anything, but:\nE         node 1: something" in done.stdout
    assert "the table is empty" in done.stdout
    assert "to find anything, but:\nE         node 1: nobody asks" not in done.stdout
    assert "sim: node ids up to 32 bits: ids are small here" in done.stdout
    traces = (tmp_path / "traces").glob("*.jsonl")
    ends = {path.stem: read_trace(path).lines[-1].what for path in traces}
    assert ends == {
        "test_some-py-test_good": "good",
        "test_some-py-test_violation": "safety",
        "test_some-py-test_broken_before_its_end": "safety",
    }
    for test in ("test_violation", "test_broken_before_its_end"):
        assert f"run it again: pytest 'suite/test_some.py::{test}' --arm sim" in done.stdout
        page = tmp_path / "traces" / f"test_some-py-{test}.html"
        assert f"timeline: {page}" in done.stdout
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert len(list((tmp_path / "traces").glob("*.html"))) == 2
