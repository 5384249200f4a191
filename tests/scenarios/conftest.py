"""The suite's arms: `pytest tests/scenarios --arm sim|process|...`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakecluster.arms.cman_managers import CmanManagers
from fakecluster.arms.corosync_managers import CorosyncManagers
from fakecluster.arms.managers import Managers
from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import MakeCluster, spec_of
from fakecluster.arms.values import MISSING, ClusterSpec, arm_in_namespaces
from fakecluster.arms.words import ClusterWords
from fakecluster.pytest_plugin import Arm, Boot, arm_of

TIMEOUT_S = 600
"""Of a scenario with real processes: several of its waits, each far beyond what it takes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--where",
        choices=("guests", "netns"),
        default="guests",
        help="where the real managers of a `vm-` arm run: netns is its `process-` arm",
    )


def pytest_fakecluster_arms(config: pytest.Config) -> Mapping[str, Arm]:
    arms = {
        "sim": Arm(boot=_sim, missing=MISSING["sim"]),
        "process": _real("process", lambda _boot, _spec, _directory: None, "compiler", "fuse"),
        "process-corosync": _real(
            "process-corosync",
            lambda boot, spec, own: CorosyncManagers(
                boot.request.getfixturevalue("libcorosync"), spec.topology, own
            ),
            "fuse",
            "libcorosync",
        ),
        "process-cman": _real(
            "process-cman",
            lambda boot, spec, own: CmanManagers(
                boot.request.getfixturevalue("cman_root"), spec.topology, own
            ),
            "cman_root",
            "fuse",
            "namespaces",
        ),
        "vm-corosync": _guests("vm-corosync"),
        "vm-cman": _guests("vm-cman"),
        "vm-historic": _guests("vm-historic", "cman_root"),
    }
    if config.getoption("--where", "guests") == "netns":
        try:
            return {arm_of(config): arms[arm_in_namespaces(arm_of(config))]}
        except ValueError as error:
            raise pytest.UsageError(f"--where netns: {error}") from None
    if config.getoption("--cman-root", None) is not None:
        arms["vm-cman"] = arms["vm-historic"]
    return arms


@pytest.fixture
def make(make_cluster: MakeCluster) -> MakeCluster:
    """Boots clusters on the arm; they are judged when the scenario has come to its end."""
    return make_cluster


def _sim(boot: Boot, nodes: Any = 3, **spec: Any) -> ClusterWords:
    del boot
    return SimCluster(spec_of(nodes, **spec))


def _real(
    name: str, managers_of: Callable[[Boot, ClusterSpec, Path], Managers | None], *fixtures: str
) -> Arm:
    """Return an arm of real processes, whose managers are made in a directory of their own."""

    def boot_on(boot: Boot, nodes: Any = 3, **spec: Any) -> ClusterWords:
        # Imported here: it needs libfuse and a C compiler, which `sim` does not.
        from fakecluster.arms.process_arm import ProcessArm  # noqa: PLC0415
        from fakecluster.configfs.mounts import our_mounts  # noqa: PLC0415

        # AF_UNIX takes 107 bytes, so the path is a short one.
        directory = boot.stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp"))

        def check_gone() -> None:
            assert our_mounts(Path(directory)) == []

        boot.stack.callback(check_gone)
        own = Path(directory, "managers")
        own.mkdir()
        cluster = spec_of(nodes, **spec)
        managers = managers_of(boot, cluster, own)
        return boot.stack.enter_context(ProcessArm(cluster, Path(directory), managers))

    return Arm(
        boot=boot_on,
        fixtures=fixtures,
        missing=MISSING[name],
        name=name,
        marks=(pytest.mark.process, pytest.mark.timeout(TIMEOUT_S)),
    )


def _guests(name: str, *fixtures: str) -> Arm:
    """Return an arm on guests."""

    def boot_on(boot: Boot, nodes: Any = 3, **spec: Any) -> ClusterWords:
        # Imported here: it needs QEMU and a guest image, which it makes where there is none.
        from integration.arm.historic import historic_manager  # noqa: PLC0415
        from integration.arm.managers import MANAGERS  # noqa: PLC0415
        from integration.arm.suite import packaged_base, vm_cluster  # noqa: PLC0415
        from integration.errors import EXIT_CANNOT_RUN, CannotRunError  # noqa: PLC0415

        root = boot.request.getfixturevalue("cman_root") if fixtures else None
        manager = MANAGERS[name] if root is None else historic_manager(root)
        try:
            packaged_base(manager)
        except CannotRunError as error:
            pytest.exit(f"{name} cannot run: {error}", returncode=EXIT_CANNOT_RUN)
        if boot.trace is None:
            consoles = Path(boot.stack.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
        else:
            consoles = boot.trace.with_suffix(".consoles")
        return boot.stack.enter_context(vm_cluster(manager, spec_of(nodes, **spec), consoles))

    return Arm(boot=boot_on, fixtures=fixtures, missing=MISSING[name], name=name)
