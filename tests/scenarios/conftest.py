"""The suite's arms: `pytest tests/scenarios --arm sim|process|...`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from fakecluster.arms.cman_managers import CmanManagers
from fakecluster.arms.corosync_managers import CorosyncManagers
from fakecluster.arms.managers import Managers
from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import MakeCluster, spec_of
from fakecluster.arms.values import ARMS, MISSING, ClusterSpec, arm_in_namespaces
from fakecluster.arms.words import ClusterWords, NotSoError
from fakecluster.cman.topology import Topology
from fakecluster.sim_trace import header_of
from fakecluster.trace_file import TraceFile, TraceWriter
from fakecluster.world import World

Boot = Callable[[ClusterSpec, ExitStack, pytest.Item], ClusterWords]


class ToldCluster(ClusterWords, Protocol):
    """A cluster whose history is put together from what its daemons tell."""

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as one trace."""
        ...


GIVEN = pytest.StashKey[Mapping[str, Any]]()
"""What `MACHINE` asks for, by the names of the fixtures."""
CLUSTERS = pytest.StashKey[list[ClusterWords]]()
REACHED_ITS_END = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--arm", choices=ARMS, default="sim", help="what the scenarios run on")
    parser.addoption(
        "--where",
        choices=("guests", "netns"),
        default="guests",
        help="where the real managers of a `vm-` arm run: netns is its `process-` arm",
    )
    parser.addoption(
        "--trace-dir",
        type=Path,
        metavar="DIR",
        help="write each scenario's trace there, for `fakecluster replay` and `compare`",
    )


def _sim(config: pytest.Config) -> Boot:
    traces: Path | None = config.getoption("--trace-dir", None)

    def boot(spec: ClusterSpec, stack: ExitStack, item: pytest.Item) -> ClusterWords:
        if traces is None:
            return SimCluster(spec)
        out = stack.enter_context(_trace_file(traces, item).open("w", encoding="utf-8"))
        writers: list[TraceWriter] = []

        def write(world: World) -> None:
            writers.append(TraceWriter(out, header_of(world)))
            world.trace.listen(writers[0])

        cluster = SimCluster(spec, made=write)
        stack.callback(lambda: writers[0].end(_outcome(cluster, item), cluster.world.now_us()))
        return cluster

    return boot


def _trace_file(traces: Path, item: pytest.Item) -> Path:
    traces.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w]+", "-", item.nodeid.rpartition("/")[2]).strip("-")
    return traces / f"{name}.jsonl"


def _outcome(cluster: ClusterWords, item: pytest.Item) -> str:
    if cluster.seen_wrong():
        return "safety"
    return "good" if item.stash.get(REACHED_ITS_END, False) else "liveness"


def _process(config: pytest.Config) -> Boot:
    # Imported here: it needs libfuse and a C compiler, which `sim` does not.
    from fakecluster.arms.process_arm import ProcessArm  # noqa: PLC0415
    from fakecluster.configfs.mounts import our_mounts  # noqa: PLC0415

    traces: Path | None = config.getoption("--trace-dir", None)

    def boot(spec: ClusterSpec, stack: ExitStack, item: pytest.Item) -> ClusterWords:
        # AF_UNIX takes 107 bytes, so the path is a short one.
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp"))

        def check_gone() -> None:
            assert our_mounts(Path(name)) == []

        stack.callback(check_gone)
        managers = _managers(config, spec, Path(name))
        cluster = stack.enter_context(ProcessArm(spec, Path(name), managers))

        if traces is not None:
            stack.callback(_write_trace, cluster, item, _trace_file(traces, item))
        return cluster

    return boot


def _managers(config: pytest.Config, spec: ClusterSpec, directory: Path) -> Managers | None:
    """Prepare the managers of an arm of real processes; None: the simulated ones."""
    arm, given = arm_of(config), config.stash[GIVEN]
    own = directory / "managers"
    if arm == "process-corosync":
        own.mkdir()
        return CorosyncManagers(given["libcorosync"], spec.topology, own)
    if arm == "process-cman":
        return CmanManagers(given["cman_root"], spec.topology, own)
    return None


def _vm(config: pytest.Config) -> Boot:
    # Imported here: it needs QEMU and a guest image, which it makes where there is none.
    from integration.arm.historic import HistoricCman  # noqa: PLC0415
    from integration.arm.managers import MANAGERS  # noqa: PLC0415
    from integration.arm.suite import packaged_base, vm_cluster  # noqa: PLC0415
    from integration.errors import EXIT_CANNOT_RUN, CannotRunError  # noqa: PLC0415

    traces: Path | None = config.getoption("--trace-dir", None)
    arm, given = arm_of(config), config.stash[GIVEN]
    manager = HistoricCman(given["cman_root"]) if arm == "vm-historic" else MANAGERS[arm]
    try:
        packaged_base(manager)
    except CannotRunError as error:
        pytest.exit(f"{arm} cannot run: {error}", returncode=EXIT_CANNOT_RUN)

    def boot(spec: ClusterSpec, stack: ExitStack, item: pytest.Item) -> ClusterWords:
        if traces is None:
            consoles = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
            return stack.enter_context(vm_cluster(manager, spec, consoles))
        path = _trace_file(traces, item)
        cluster = stack.enter_context(vm_cluster(manager, spec, path.with_suffix(".consoles")))
        stack.callback(_write_trace, cluster, item, path)
        return cluster

    return boot


def _write_trace(cluster: ToldCluster, item: pytest.Item, path: Path) -> None:
    path.write_text(cluster.trace(_outcome(cluster, item)).as_text(), encoding="utf-8")


MACHINE: Mapping[str, Sequence[str]] = {
    "process": ("compiler", "fuse"),
    "process-corosync": ("fuse", "libcorosync"),
    "process-cman": ("cman_root", "fuse", "namespaces"),
    "vm-historic": ("cman_root",),
}
"""What an arm needs of this machine, as the fixtures that skip where it is not there."""

TIMEOUT_S = 600
"""Of a scenario with real processes: several of its waits, each far beyond what it takes."""

BOOTS: Mapping[str, Callable[[pytest.Config], Boot]] = {
    "sim": _sim,
    "process": _process,
    "process-corosync": _process,
    "process-cman": _process,
    "vm-corosync": _vm,
    "vm-cman": _vm,
    "vm-historic": _vm,
}


def arm_of(config: pytest.Config) -> str:
    """Return the arm that was asked for; `sim` where the suite runs among all tests.

    With `--cman-root` the cman of `vm-cman` is that one.
    """
    arm = str(config.getoption("--arm", "sim"))
    if config.getoption("--where", "guests") == "guests":
        is_historic = arm == "vm-cman" and config.getoption("--cman-root", None) is not None
        return "vm-historic" if is_historic else arm
    try:
        return arm_in_namespaces(arm)
    except ValueError as error:
        raise pytest.UsageError(f"--where netns: {error}") from None


def lacks(item: pytest.Item, arm: str) -> str | None:
    """Return why an arm cannot run a scenario, None if it can."""
    needed = [one for mark in item.iter_markers("needs") for one in mark.args]
    reasons = [f"{one.value}: {MISSING[arm][one]}" for one in needed if one in MISSING[arm]]
    return "; ".join(reasons) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arm = arm_of(config)
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        if arm.startswith("process"):
            item.add_marker(pytest.mark.process)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))
        reason = lacks(item, arm)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"{arm}: {reason}"))


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[MakeCluster]:
    """Boots clusters on the arm; they are judged when the scenario has come to its end."""
    needed = MACHINE.get(arm_of(request.config), ())
    request.config.stash[GIVEN] = {each: request.getfixturevalue(each) for each in needed}
    boot = BOOTS[arm_of(request.config)](request.config)
    made = request.node.stash.setdefault(CLUSTERS, [])
    with ExitStack() as stack:

        def make(nodes: int | Topology = 3, **spec: Any) -> ClusterWords:
            cluster = boot(spec_of(nodes, **spec), stack, request.node)
            cluster.scenario = request.node.nodeid
            made.append(cluster)
            return cluster

        yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Judge as part of the scenario, and only one that has reached its end.

    What a scenario asserts by itself fails with the same story as what it asks its cluster for.
    """
    clusters = item.stash.get(CLUSTERS, [])
    try:
        yield
    except NotSoError:
        raise
    except AssertionError as error:
        for cluster in clusters:
            error.add_note(cluster.describe("what the scenario asserts"))
        raise
    for cluster in clusters:
        cluster.judge()
    item.stash[REACHED_ITS_END] = True
