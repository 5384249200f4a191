"""Clusters for what only real kernels can show; each leaves its trace and its consoles."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.arm.managers import MANAGERS, CorosyncManager
from integration.arm.suite import packaged_base, say
from integration.errors import EXIT_CANNOT_RUN, CannotRunError
from integration.real.operator import Operator, operated

Operate = Callable[..., Operator]
REACHED_ITS_END = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_arm: what it shows does not depend on the arm, and why")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arm = _arm_of(config)
    for item in items:
        mark = item.get_closest_marker("one_arm")
        if mark is not None and mark.args[0] != arm:
            item.add_marker(pytest.mark.skip(reason=f"{arm}: {mark.args[1]}"))


def _arm_of(config: pytest.Config) -> str:
    arm = str(config.getoption("fakecluster_arm") or CorosyncManager.arm)
    if arm not in MANAGERS:
        raise pytest.UsageError(f"--arm {arm}: real kernels have {', '.join(MANAGERS)}")
    return arm


@pytest.fixture(scope="session")
def arm(pytestconfig: pytest.Config) -> str:
    """The arm that was asked for."""
    return _arm_of(pytestconfig)


@pytest.fixture(scope="session", autouse=True)
def _base(arm: str) -> None:
    try:
        packaged_base(MANAGERS[arm])
    except CannotRunError as error:
        pytest.exit(f"real kernels cannot run: {error}", returncode=EXIT_CANNOT_RUN)


@pytest.fixture
def operate(request: pytest.FixtureRequest, arm: str) -> Iterator[Operate]:
    """Boots three nodes; they are judged when the test has come to its end."""
    traces: Path | None = request.config.getoption("fakecluster_trace_dir")
    name = re.sub(r"[^\w]+", "-", request.node.name).strip("-")
    with ExitStack() as stack:
        kept = traces or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
        kept.mkdir(parents=True, exist_ok=True)

        def operate(**more: Any) -> Operator:
            operator = stack.enter_context(operated(arm, kept / f"{name}.consoles", say, **more))
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
