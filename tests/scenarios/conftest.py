"""The suite's arms: `pytest tests/scenarios --arm sim|process`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import MakeCluster, spec_of
from fakecluster.arms.values import ARMS, MISSING, ClusterSpec
from fakecluster.arms.words import ClusterWords
from fakecluster.cman.topology import Topology
from fakecluster.depth import Depth

Boot = Callable[[ClusterSpec, ExitStack], ClusterWords]
CLUSTERS = pytest.StashKey[list[ClusterWords]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--arm", choices=ARMS, default="sim", help="what the scenarios run on")
    parser.addoption(
        "--depth",
        choices=[depth.value for depth in Depth],
        default=Depth.INTERFACES.value,
        help="what of a simulated daemon is real (arm sim)",
    )


def _sim(config: pytest.Config) -> Boot:
    depth = Depth(config.getoption("--depth", Depth.INTERFACES.value))
    return lambda spec, _stack: SimCluster(spec, depth=depth)


def _process(_config: pytest.Config) -> Boot:
    # Imported here: it needs libfuse and a C compiler, which `sim` does not.
    from fakecluster.arms.process_arm import ProcessArm  # noqa: PLC0415
    from fakecluster.configfs.mounts import our_mounts  # noqa: PLC0415

    def boot(spec: ClusterSpec, stack: ExitStack) -> ClusterWords:
        # AF_UNIX takes 107 bytes, so the path is a short one.
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp"))

        def check_gone() -> None:
            assert our_mounts(Path(name)) == []

        stack.callback(check_gone)
        return stack.enter_context(ProcessArm(spec, Path(name)))

    return boot


BOOTS: Mapping[str, Callable[[pytest.Config], Boot]] = {"sim": _sim, "process": _process}


def arm_of(config: pytest.Config) -> str:
    """Return the arm that was asked for; `sim` where the suite runs among all tests."""
    return str(config.getoption("--arm", "sim"))


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
        if arm == "process":
            item.add_marker(pytest.mark.process)
        reason = lacks(item, arm)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"{arm}: {reason}"))


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[MakeCluster]:
    """Boots clusters on the arm; they are judged when the scenario has come to its end."""
    boot = BOOTS[arm_of(request.config)](request.config)
    made = request.node.stash.setdefault(CLUSTERS, [])
    with ExitStack() as stack:

        def make(nodes: int | Topology = 3, **spec: Any) -> ClusterWords:
            cluster = boot(spec_of(nodes, **spec), stack)
            cluster.scenario = request.node.nodeid
            made.append(cluster)
            return cluster

        yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Judge as part of the scenario, and only one that has reached its end."""
    yield
    for cluster in item.stash.get(CLUSTERS, []):
        cluster.judge()
