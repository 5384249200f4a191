"""Fixtures for tests of daemons that use libcman; docs/test-your-daemon.md shows them at work.

A project gives the fixtures `simulated_daemon` or `daemon_command`, and `cluster_invariant`; it
gets `make_cluster` and `drawn_history`. Runs that use none of them import nothing but this module.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, Self

import pytest

if TYPE_CHECKING:
    from fakecluster import Cluster, Command, DrawnHistory, MakeDaemon
    from fakecluster.capabilities import Capability
    from fakecluster.trace.file import TraceFile

SEEDS: Final = 20
"""So many histories are drawn where `--seeds` is not given."""
PROCESS_SEEDS: Final = 3
"""And so many where time is real."""


class JudgedCluster(Protocol):
    """What the plugin asks of a cluster, whatever runs on it."""

    scenario: str
    """The test that it is for."""

    def judge(self) -> None:
        """Let it come to rest; AssertionError: something is wrong."""
        ...

    def seen_wrong(self) -> tuple[str, ...]:
        """Return what must never be and was seen so far; no time passes."""
        ...

    def describe(self, expected: str) -> str:
        """Return what there is, and what happened last."""
        ...

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as a trace."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What an arm is given to boot a cluster."""

    request: pytest.FixtureRequest
    stack: ExitStack
    """Is closed when the test has ended."""
    trace: Path | None
    """Where the test's trace will be written; None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A way to run a test's cluster, by its word for `--arm`; see `Hooks`."""

    boot: Callable[..., Any]
    """Called with a `Boot` and the arguments of `make_cluster`; returns a `JudgedCluster`."""
    fixtures: tuple[str, ...] = ()
    """Asked for before the test runs: they skip where the machine lacks something."""
    missing: Mapping[Capability, str] = field(default_factory=dict)
    """What it cannot do, with the reason: tests marked `needs` with it are skipped."""
    name: str = ""
    """What reports call it, where that is not its word."""
    marks: tuple[pytest.MarkDecorator, ...] = ()
    """For every test that boots a cluster on it."""


class Hooks(Protocol):
    """What a conftest.py can add."""

    def pytest_fakecluster_arms(self, config: pytest.Config) -> Mapping[str, Arm]:
        """Return more arms, or others in place of those there are, for the tests of a directory."""
        ...


CLUSTERS = pytest.StashKey[list[JudgedCluster]]()
REACHED_ITS_END = pytest.StashKey[bool]()
_TIMELINE = pytest.StashKey[Path]()
"""Where that of a failure goes."""


# --- options and arms ---------------------------------------------------------------------------


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare `Hooks`."""
    pluginmanager.add_hookspecs(Hooks)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None]:
    """Add the options once everybody else has added theirs.

    The short names are taken only where they are free: this plugin is loaded in every run of an
    environment, and another project's option of that name must go on working.
    """
    yield
    _option(parser, "--arm", metavar="ARM", help="what the clusters of tests run on (default: sim)")
    _option(
        parser,
        "--seeds",
        metavar="N|A..B",
        type=_seeds,
        help=f"draw so many histories, or those of the seeds A to B (default: {SEEDS})",
    )
    _option(
        parser,
        "--trace-dir",
        metavar="DIR",
        type=Path,
        help="write each cluster's trace there, for `fakecluster replay` and `compare`",
    )


def _option(parser: pytest.Parser, name: str, **given: Any) -> None:
    own = f"--fakecluster-{name.removeprefix('--')}"
    names = [own] if _taken(parser, name) else [name, own]
    dest = own.removeprefix("--").replace("-", "_")
    parser.getgroup("fakecluster").addoption(*names, dest=dest, **given)


def _taken(parser: pytest.Parser, option: str) -> bool:
    try:
        _, unknown = parser.parse_known_and_unknown_args([f"{option}=1"])
    except pytest.UsageError:
        return True  # it takes something else
    return not unknown


def _seeds(text: str) -> range:
    """Return the seeds of `N` or `A..B`.

    Raises:
        ArgumentTypeError: it is neither, or there are none.
    """
    first, dots, last = text.partition("..")
    with contextlib.suppress(ValueError):
        seeds = range(int(first), int(last) + 1) if dots else range(int(text))
        if seeds and seeds.start >= 0:
            return seeds
    raise argparse.ArgumentTypeError(f"{text!r}: write a number of histories from 1, or A..B")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "needs(*capabilities): what of fakecluster.capabilities a test needs of its arm"
    )


def arm_of(config: pytest.Config) -> str:
    """Return the arm that was asked for."""
    return str(config.getoption("fakecluster_arm", None) or "sim")


@pytest.hookimpl(trylast=True)
def pytest_fakecluster_arms() -> Mapping[str, Arm]:
    """The arms for any daemon."""
    return {"sim": Arm(boot=_boot_simulated), "process": Arm(boot=_boot_real)}


def _arm(item: pytest.Item) -> Arm:
    arms: dict[str, Arm] = {}
    # The nearest conftest.py comes first, and its arms are to win.
    for found in reversed(item.ihook.pytest_fakecluster_arms(config=item.config)):
        arms.update(found)
    name = arm_of(item.config)
    if name not in arms:
        raise pytest.UsageError(f"--arm {name}: {item.nodeid} knows {', '.join(arms)}")
    return arms[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what an arm cannot do."""
    for item in items:
        if "make_cluster" not in getattr(item, "fixturenames", ()):
            continue
        arm = _arm(item)
        for mark in arm.marks:
            if item.get_closest_marker(mark.name) is None:
                item.add_marker(mark)
        needed = [one for mark in item.iter_markers("needs") for one in mark.args]
        reasons = [f"{one.value}: {arm.missing[one]}" for one in needed if one in arm.missing]
        if reasons:
            reason = f"{arm.name or arm_of(item.config)}: {'; '.join(reasons)}"
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each drawn history."""
    if "drawn_history" not in metafunc.fixturenames:
        return
    few = PROCESS_SEEDS if arm_of(metafunc.config) == "process" else SEEDS
    seeds = metafunc.config.getoption("fakecluster_seeds", None) or range(few)
    metafunc.parametrize("drawn_history", seeds, ids=lambda seed: f"seed-{seed}", indirect=True)


# --- what a project gives -----------------------------------------------------------------------


@pytest.fixture
def simulated_daemon() -> MakeDaemon | None:
    """Yours: returns what starts your daemon in virtual time, given its `fakecluster.Host`."""
    return None


@pytest.fixture
def daemon_command() -> Command | None:
    """Yours: returns what gives your daemon's command line, given its `fakecluster.ServedHost`."""
    return None


@pytest.fixture
def cluster_invariant() -> Callable[[Cluster], object] | None:
    """Yours: returns what raises AssertionError where a cluster at rest is not as it should be."""
    return None


# --- what it gets -------------------------------------------------------------------------------


@pytest.fixture
def make_cluster(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Boots clusters: `make_cluster(3)`; they are judged when the test has come to its end.

    Arguments are those of `fakecluster.simulate` and `serve` without the daemon.
    """
    arm = _arm(request.node)
    for name in arm.fixtures:
        request.getfixturevalue(name)
    with _Clusters(request) as clusters:

        def make(*args: Any, **more: Any) -> Any:
            return clusters.take(arm.boot(clusters.boot, *args, **more))

        yield make


class _Clusters:
    """The clusters of one test; their traces are written when it has ended."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._item = request.node
        self._stack = ExitStack()
        directory = request.config.getoption("fakecluster_trace_dir", None)
        name = re.sub(r"[^\w]+", "-", self._item.nodeid.rpartition("/")[2]).strip("-")
        self._trace = None if directory is None else directory / f"{name}.jsonl"
        kept = directory or request.getfixturevalue("tmp_path_factory").getbasetemp()
        self._item.stash[_TIMELINE] = kept / f"{name}.html"
        self._taken = self._item.stash.setdefault(CLUSTERS, [])
        self.boot = Boot(request=request, stack=self._stack, trace=self._trace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, cluster: Any) -> Any:
        """Take a cluster that is judged with the test, and told of when that fails."""
        cluster.scenario = self._item.nodeid
        self._taken.append(cluster)
        if self._trace is not None:
            path = _numbered(self._trace, len(self._taken))
            self._stack.callback(_write_trace, cluster, self._item, path)
        return cluster


def _numbered(path: Path, number: int) -> Path:
    """Return the path of a test's first cluster, or of a further one."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def outcome_of(cluster: JudgedCluster, item: pytest.Item) -> str:
    """Return how a test's run has ended, in the word of a trace."""
    if cluster.seen_wrong():
        return "safety"
    return "good" if item.stash.get(REACHED_ITS_END, False) else "liveness"


def _write_trace(cluster: JudgedCluster, item: pytest.Item, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cluster.trace(outcome_of(cluster, item)).as_text(), encoding="utf-8")


def _boot_simulated(boot: Boot, nodes: Any = 3, **more: Any) -> Any:
    make = boot.request.getfixturevalue("simulated_daemon")
    if make is None:
        if boot.request.config.getoption("fakecluster_arm", None) is None:
            return _boot_real(boot, nodes, **more)  # the only one that can be
        _fail_without("--arm sim", "`simulated_daemon`")
    from fakecluster import simulate  # noqa: PLC0415 - only where it is used

    more.setdefault("invariant", boot.request.getfixturevalue("cluster_invariant"))
    return boot.stack.enter_context(simulate(nodes, make, **more))


def _fail_without(who: str, fixture: str) -> NoReturn:
    """Fail a test whose daemon cannot be started: a skip would look like a success."""
    pytest.fail(
        f"{who} starts your daemon by the fixture {fixture}: define it in conftest.py",
        pytrace=False,
    )


def _boot_real(boot: Boot, nodes: Any = 3, **more: Any) -> Any:
    more.setdefault("invariant", boot.request.getfixturevalue("cluster_invariant"))
    cluster = _served(boot, nodes, **more)
    cluster.form()
    return cluster


def _served(boot: Boot, nodes: Any, **more: Any) -> Any:
    command = boot.request.getfixturevalue("daemon_command")
    if command is None:
        asked = boot.request.config.getoption("fakecluster_arm", None)
        if asked is None:
            _fail_without("fakecluster", "`simulated_daemon` (virtual time) or `daemon_command`")
        _fail_without(f"--arm {asked}", "`daemon_command`")
    from fakecluster import serve  # noqa: PLC0415 - only where it is used
    from fakecluster.cman.standin import BuildError  # noqa: PLC0415 - see above

    # AF_UNIX takes 107 bytes, so the path is a short one.
    directory = boot.stack.enter_context(tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp"))
    try:
        cluster = serve(nodes, command, Path(directory), **more)
    except BuildError as error:
        pytest.fail(f"process: {error}", pytrace=False)
    return boot.stack.enter_context(cluster)


@pytest.fixture
def drawn_history(request: pytest.FixtureRequest) -> Iterator[DrawnHistory]:
    """A history of a cluster, drawn from a seed: `drawn_history.run()` plays it, and judges."""
    from fakecluster import DrawnHistory  # noqa: PLC0415 - only where it is used

    with _Clusters(request) as clusters:
        make = request.getfixturevalue("simulated_daemon")
        real = request.config.getoption("fakecluster_arm", None) == "process" or make is None

        def serve(topology: Any, **more: Any) -> Any:
            return _served(clusters.boot, topology, **more)

        yield DrawnHistory(
            request.param,
            daemon=None if real else make,
            serve=serve,
            invariant=request.getfixturevalue("cluster_invariant"),
            stack=clusters.boot.stack,
            kept=clusters.take,
            recorded=clusters.boot.trace is not None,
        )


# --- judging and telling ------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Judge as part of the test, and only one that has reached its end.

    What a test asserts by itself fails with the same story as what it asks its cluster for.
    """
    clusters = item.stash.get(CLUSTERS, [])
    try:
        yield
    except AssertionError as error:
        if not getattr(error, "has_story", False):
            for cluster in clusters:
                error.add_note(cluster.describe("what the test asserts"))
        raise
    for cluster in clusters:
        cluster.judge()
    item.stash[REACHED_ITS_END] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the line that repeats a failing test, and the path of its timeline."""
    report = yield
    clusters = item.stash.get(CLUSTERS, [])
    if call.when == "call" and report.failed and clusters:
        report.sections.append(("fakecluster", "\n".join(_told(item, clusters))))
    return report


def _told(item: pytest.Item, clusters: list[JudgedCluster]) -> Iterator[str]:
    from fakecluster.report.page import write_page  # noqa: PLC0415 - only where it is used

    drawn = getattr(item, "callspec", None)
    seed = None if drawn is None else drawn.params.get("drawn_history")
    seeds = "" if seed is None else f" --seeds {seed}..{seed}"
    arm = item.config.getoption("fakecluster_arm", None)
    yield f"run it again: pytest '{item.nodeid}'{seeds}{f' --arm {arm}' if arm else ''}"
    for number, cluster in enumerate(clusters, start=1):
        path = _numbered(item.stash[_TIMELINE], number)
        path.parent.mkdir(parents=True, exist_ok=True)
        trace = cluster.trace(outcome_of(cluster, item))
        with path.open("w", encoding="utf-8") as page:
            write_page(page, trace.header, trace.lines)
        yield f"timeline: {path}"
