"""What all tests share, and what some need of the machine they run on.

Where a machine lacks something, the tests that need it are skipped, in one line of the summary.
What can be installed is asked for by `tests/house/test_machine.py` too, which fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping
from typing import Final

import pytest
from hypothesis import settings

from fakecluster.cman.standin import BuildError
from fakecluster.cman.standin.build import find_compiler
from fakecluster.cman.topology import NodeConfig
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.corosync.namespaces import Hosts
from fakecluster.historic.root import CmanRoot
from o2cbd.membership.libcorosync import load
from o2cbd.membership.libcorosync_table import CorosyncTable

# A slow machine is no failure: no example is timed, whatever each test says besides.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

PROGRAMS: Final = ("corosync", "corosync-cfgtool", "corosync-cmapctl", "ip", "unshare", "nsenter",
                   "setpriv", "fusermount3")  # fmt: skip
"""For corosyncs in namespaces."""

NAMESPACE_PROGRAMS: Final = ("ip", "unshare", "nsenter", "setpriv")
"""Of those: for hosts that are namespaces."""

TOOLS: Final = ("o2cb", "pkg-config")
"""Of ocfs2-tools, for what is shared with them; and how C programs find the stand-in libcman."""


NO_CMAN_ROOT: Final = (
    "no historic cman: give --cman-root DIR (docs/integration.md says what it holds)"
)


class LackingMachineError(pytest.skip.Exception):  # type: ignore[name-defined, misc]
    """What every test is skipped with that needs the same of this machine."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, LackingMachineError):
        # Without the test's own place all of them are one line.
        report.longrepr = (__file__, None, f"Skipped: {call.excinfo.value}")  # type: ignore[assignment]
    return report


@pytest.fixture(scope="session")
def missing() -> Mapping[str, str]:
    """What this machine lacks that can be installed: programs, each with what to do."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    found = {
        program: f"{program} is not installed: see debian-packages.txt, under test"
        for program in (*PROGRAMS, *TOOLS)
        if shutil.which(program, path=path) is None
    }
    try:
        find_compiler(os.environ)
    except BuildError as error:
        found["cc"] = str(error)
    return found


@pytest.fixture(scope="session")
def compiler(missing: Mapping[str, str]) -> None:
    """For the stand-in libcman, so for every served cluster."""
    if "cc" in missing:
        raise LackingMachineError(missing["cc"])


@pytest.fixture(scope="session")
def pkg_config(missing: Mapping[str, str], compiler: None) -> None:
    """For C programs of libcman.h."""
    if "pkg-config" in missing:
        raise LackingMachineError(missing["pkg-config"])


@pytest.fixture(scope="session")
def fuse(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For the fake configfs of whole processes."""
    # Imported here: it loads libfuse.
    from fakecluster.configfs.fuse import FuseMount  # noqa: PLC0415

    try:
        with FuseMount(ConfigfsModel(owner_uid=os.getuid()), tmp_path_factory.mktemp("fuse")):
            pass
    except OSError:
        raise LackingMachineError(
            "nothing can be mounted with FUSE here: /dev/fuse must be open to this user"
        ) from None


@pytest.fixture(scope="session")
def libcorosync(missing: Mapping[str, str], namespaces: None) -> CorosyncTable:
    """The libraries of the corosync of this machine, which tests run in namespaces of their own."""
    for program in PROGRAMS:
        if program in missing:
            raise LackingMachineError(missing[program])
    return load()


@pytest.fixture(scope="session")
def namespaces(missing: Mapping[str, str]) -> None:
    """For hosts that are namespaces of this one."""
    for program in NAMESPACE_PROGRAMS:
        if program in missing:
            raise LackingMachineError(missing[program])
    try:
        Hosts([NodeConfig(id=1, name="", addresses=("10.0.0.1",))], directories=("/run",)).close()
    except OSError as error:
        raise LackingMachineError(
            f"no hosts can be made of namespaces here, which needs root: {error}"
        ) from None


@pytest.fixture(scope="session")
def cman_root(given_cman_root: CmanRoot | None) -> CmanRoot:
    """A historic cman, where somebody has one."""
    if given_cman_root is None:
        raise LackingMachineError(NO_CMAN_ROOT)
    return given_cman_root
