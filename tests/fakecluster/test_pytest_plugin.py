"""The pytest plugin in a stranger's project: fixtures, options, reports, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.trace.file import read_trace

ROOT = Path(__file__).parents[2]

DAEMON = """
class Member:
    def __init__(self, host):
        self.host, self.handle, self.ready = host, None, host.directory / "ready"

    def step(self):
        try:
            if self.handle is None:
                self.handle = self.host.libcman.init()
                self.ready.write_text("yes")
                self.host.log("ready")
            self.handle.dispatch(1)
        except OSError:
            self.handle = None
            self.ready.unlink(missing_ok=True)
            return None, 1.0
        return self.handle.get_fd(), None

    def stop(self):
        raise SystemExit(0)
"""
CONFTEST = """
import pytest
from daemon import Member

@pytest.fixture
def simulated_daemon():
    return Member

@pytest.fixture
def cluster_invariant():
    def ready(cluster):
        for node in cluster.working:
            assert cluster.read(node, "ready") == "yes", f"node {node} is not ready"
    return ready
"""


class Project:
    """A directory with tests, and how to run them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("daemon.py", DAEMON)
        self.write("conftest.py", CONFTEST)
        self.write("pytest.ini", "[pytest]\npythonpath = .\nfilterwarnings = error\n")

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def pytest(self, *options: str) -> str:
        """Run it with the plugin, as its entry point does; return all that is printed."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "fakecluster.pytest_plugin"),
                *("-p", "no:cacheprovider", "-p", "no:randomly", "-rs", *options),
            ],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_cluster_is_booted_and_judged_at_the_end(project: Project) -> None:
    project.write(
        "test_it.py",
        """
def test_good(make_cluster):
    cluster = make_cluster(2)
    cluster.kill(2)

def test_wrong_at_the_end(make_cluster):
    cluster = make_cluster(2)
    cluster.settle()
    (cluster.directory(2) / "ready").write_text("no")

def test_wrong_before(make_cluster):
    make_cluster(1)
    assert 1 == 2, "one is not two"
""",
    )
    told = project.pytest("--trace-dir", "kept")
    assert "2 failed, 1 passed" in told
    assert "node 2 is not ready" in told
    assert "one is not two" in told
    assert "expected what the test asserts\n" in told
    ends = {
        path.stem: read_trace(path).lines[-1].what
        for path in (project.directory / "kept").glob("*.jsonl")
    }
    assert ends == {
        "test_it-py-test_good": "good",
        "test_it-py-test_wrong_at_the_end": "liveness",
        "test_it-py-test_wrong_before": "liveness",
    }


def test_a_failure_names_its_line_and_its_timeline(project: Project) -> None:
    project.write(
        "test_it.py",
        """
def test_two(make_cluster):
    make_cluster(1), make_cluster(2)
    assert False
""",
    )
    told = project.pytest("--arm", "sim")
    assert "run it again: pytest 'test_it.py::test_two' --arm sim\n" in told
    pages = [line.removeprefix("timeline: ") for line in told.splitlines() if "timeline: " in line]
    assert [Path(page).name for page in pages] == [
        "test_it-py-test_two.html",
        "test_it-py-test_two-2.html",
    ]
    assert all("<!doctype html>" in Path(page).read_text(encoding="utf-8") for page in pages)


DRAWN = "def test_any(drawn_history):\n    drawn_history.run()\n"


def test_each_seed_is_a_test(project: Project) -> None:
    project.write("test_it.py", DRAWN)
    assert "20 passed" in project.pytest()
    assert "3 passed" in project.pytest("--seeds", "3")
    told = project.pytest("--seeds", "7..8", "-v", "--trace-dir", "kept")
    assert "test_any[seed-7] PASSED" in told
    assert "test_any[seed-8] PASSED" in told
    assert "2 passed" in told
    assert len(list((project.directory / "kept").glob("*.jsonl"))) == 2
    for wrong in ("many", "0", "5..2", "-1"):
        refused = project.pytest(f"--seeds={wrong}")
        assert f"'{wrong}': write a number of histories from 1, or A..B" in refused


def test_a_history_that_fails_is_repeated_by_its_line(project: Project) -> None:
    project.write("test_it.py", DRAWN)
    project.write("daemon.py", DAEMON.replace("self.ready.unlink(missing_ok=True)", "pass"))
    project.write(
        "conftest.py",
        CONFTEST.replace(
            'for node in cluster.working:\n            assert cluster.read(node, "ready") == "yes"',
            "for node in cluster.topology.ids:\n"
            '            ready = cluster.manager_answers(node) or not cluster.read(node, "ready")\n'
            "            assert ready",
        ),
    )
    told = project.pytest("--seeds", "20", "-x")
    (again,) = [line for line in told.splitlines() if line.startswith("run it again: pytest ")]
    test, _, seeds = again.removeprefix("run it again: pytest ").partition(" --seeds ")
    seed = test.removeprefix("'test_it.py::test_any[seed-").removesuffix("]'")
    assert seeds == f"{seed}..{seed}"
    assert "1 failed" in project.pytest(test.strip("'"), "--seeds", seeds)
    assert "cman-" in told
    assert f"seed {seed}: wrong, and nothing is going on" in told


def test_without_a_daemon_tests_fail_with_what_to_define(project: Project) -> None:
    project.write("conftest.py", "")
    project.write("test_it.py", "def test_it(make_cluster):\n    make_cluster(1)\n")
    line = "{} starts your daemon by the fixture {}: define it in conftest.py".format
    either = line("fakecluster", "`simulated_daemon` (virtual time) or `daemon_command`")
    for options, expected in (
        (("--arm", "sim"), line("--arm sim", "`simulated_daemon`")),
        (("--arm", "process"), line("--arm process", "`daemon_command`")),
        ((), either),
    ):
        printed = project.pytest(*options)
        assert expected in printed
        assert "1 failed" in printed or "1 error" in printed
    project.write("test_it.py", DRAWN)
    assert either in project.pytest("--seeds", "1")


def test_a_daemon_that_does_not_run_fails_every_test(project: Project) -> None:
    """Else an invariant over the nodes that work would hold for none of them."""
    project.write("test_it.py", f"def test_it(make_cluster):\n    make_cluster(2)\n\n{DRAWN}")
    project.write(
        "daemon.py", DAEMON.replace("        try:", "        raise SystemExit(3)\n        try:", 1)
    )
    printed = project.pytest("--seeds", "2")
    assert "3 failed" in printed
    assert "node 1: the daemon has ended with 3; its last words: nothing" in printed
    assert "actions: starting is enough" in printed or "what it takes" in printed


def test_an_arm_that_is_not_there_is_refused_with_those_that_are(project: Project) -> None:
    project.write("test_it.py", "def test_it(make_cluster):\n    make_cluster(1)\n")
    assert "--arm guests: test_it.py::test_it knows sim, process" in project.pytest(
        "--arm", "guests"
    )


def test_a_conftest_adds_arms_for_its_directory(project: Project) -> None:
    (project.directory / "below").mkdir()
    project.write(
        "below/conftest.py",
        """
import pytest
from fakecluster.capabilities import Capability
from fakecluster.pytest_plugin import Arm

def boot(boot, nodes):
    pytest.skip(f"an arm of its own with {nodes}")

def pytest_fakecluster_arms(config):
    missing = {Capability.ANY_ID: "ids are small here"}
    return {"sim": Arm(boot=boot, missing=missing, name="own")}
""",
    )
    test = """
import pytest
from fakecluster.capabilities import Capability

def test_it(make_cluster):
    make_cluster(2)

@pytest.mark.needs(Capability.ANY_ID)
def test_beyond(make_cluster):
    make_cluster(2)
"""
    project.write("test_above.py", test)
    project.write("below/test_below.py", test)
    told = project.pytest()
    assert "2 passed, 2 skipped" in told
    assert "an arm of its own with 2" in told
    assert "own: node ids up to 32 bits: ids are small here" in told


def test_options_of_other_projects_keep_their_names(project: Project) -> None:
    project.write(
        "conftest.py",
        CONFTEST
        + """
def pytest_addoption(parser):
    parser.addoption("--arm", choices=("left", "right"), default="left")
    parser.addoption("--seeds", action="store_true")

@pytest.fixture
def arm(pytestconfig):
    return pytestconfig.getoption("--arm")
""",
    )
    project.write(
        "test_it.py", DRAWN + 'def test_arm(arm, make_cluster):\n    assert arm == "right"\n'
    )
    told = project.pytest(
        "--arm", "right", "--seeds", "--fakecluster-seeds", "2", "--fakecluster-arm", "sim"
    )
    assert "3 passed" in told


def test_a_run_without_its_fixtures_imports_nothing_of_the_house(project: Project) -> None:
    project.write("conftest.py", "")
    project.write(
        "test_it.py",
        """
import sys

def test_imports():
    ours = sorted(one for one in sys.modules if one.startswith(("fakecluster", "o2cbd")))
    assert ours == ["fakecluster", "fakecluster.pytest_plugin"]
    assert "click" not in sys.modules and "attrs" not in sys.modules
""",
    )
    assert "1 passed" in project.pytest()
