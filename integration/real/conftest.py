"""Clusters for what only real kernels can show; each leaves its trace and its consoles."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fakecluster.historic.root import CmanRoot
from integration.arm.historic import HISTORIC_ARM, historic_manager
from integration.arm.managers import CMAN_MANAGER, COROSYNC_MANAGER, MANAGERS, Manager
from integration.arm.suite import packaged_base, say
from integration.errors import EXIT_CANNOT_RUN, CannotRunError
from integration.real.operator import Operator, operated

Operate = Callable[..., Operator]
REACHED_ITS_END = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_arm: what it shows does not depend on the arm, and why")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arm = _arm_of(config)
    if arm == CMAN_MANAGER.arm and config.getoption("--cman-root") is not None:
        arm = HISTORIC_ARM
    for item in items:
        mark = item.get_closest_marker("one_arm")
        if mark is not None and mark.args[0] != arm:
            item.add_marker(pytest.mark.skip(reason=f"{arm}: {mark.args[1]}"))


def _arm_of(config: pytest.Config) -> str:
    arm = str(config.getoption("fakecluster_arm") or COROSYNC_MANAGER.arm)
    if arm not in MANAGERS:
        raise pytest.UsageError(f"--arm {arm}: real kernels have {', '.join(MANAGERS)}")
    return arm


@pytest.fixture(scope="session")
def manager(pytestconfig: pytest.Config, given_cman_root: CmanRoot | None) -> Manager:
    """What manages the guests: the arm's own, or the cman that was brought to it."""
    arm = _arm_of(pytestconfig)
    if arm == CMAN_MANAGER.arm and given_cman_root is not None:
        return historic_manager(given_cman_root)
    return MANAGERS[arm]


@pytest.fixture(scope="session", autouse=True)
def _base(manager: Manager) -> None:
    try:
        packaged_base(manager)
    except CannotRunError as error:
        pytest.exit(f"real kernels cannot run: {error}", returncode=EXIT_CANNOT_RUN)


@pytest.fixture
def operate(request: pytest.FixtureRequest, manager: Manager) -> Iterator[Operate]:
    """Boots three nodes; they are judged when the test has come to its end."""
    traces: Path | None = request.config.getoption("fakecluster_trace_dir")
    name = re.sub(r"[^\w]+", "-", request.node.name).strip("-")
    with ExitStack() as stack:
        kept = traces or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
        kept.mkdir(parents=True, exist_ok=True)

        def operate(**more: Any) -> Operator:
            consoles = kept / f"{name}.consoles"
            operator = stack.enter_context(operated(manager, consoles, say, **more))
            operator.cluster.scenario = request.node.nodeid
            stack.callback(_write_trace, operator, request.node, kept / f"{name}.jsonl")
            return operator

        yield operate


def _write_trace(operator: Operator, item: pytest.Item, path: Path) -> None:
    good = item.stash.get(REACHED_ITS_END, False)
    outcome = "safety" if operator.cluster.seen_wrong() else "good" if good else "liveness"
    path.write_text(operator.cluster.trace(outcome).as_text(), encoding="utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield
    item.stash[REACHED_ITS_END] = True
