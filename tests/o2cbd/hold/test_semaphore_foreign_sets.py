"""Sets that somebody else made or may not make: who can use which, and what the others are told."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from o2cbd.clock import MonotonicClock
from o2cbd.hold import sysv
from o2cbd.hold.semaphore import SysvHold, exec_with_hold
from tests.o2cbd.hold.conftest import SysvDriver

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "packaging" / "systemd" / "o2cbd.service"
NOBODY = 65534
AS_NOBODY = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

TAKE = """
import sys
from o2cbd.hold.semaphore import SysvHold
try:
    print(SysvHold(sys.argv[1], int(sys.argv[2], 8)).take())
except OSError as error:
    print(error)
"""
MAKE = """
import sys
from o2cbd.hold import sysv
sysv.make_or_find(sysv.key_of(sys.argv[1]), int(sys.argv[2], 8))
"""
HOLD = """
import sys
from o2cbd.hold.semaphore import exec_with_hold
try:
    exec_with_hold(sys.argv[1], int(sys.argv[2], 8), 0, ["echo", "held"], make=False)
except PermissionError as error:
    print(error)
"""


def key(driver: SysvDriver) -> str:
    return f"0x{sysv.key_of(driver.name) & 0xFFFFFFFF:08x}"


def unit_capabilities() -> str:
    """What the unit leaves its process, as setpriv takes it."""
    (line,) = re.findall(r"^CapabilityBoundingSet=(.+)$", UNIT.read_text("utf-8"), re.MULTILINE)
    return ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in line.split())])


As = Callable[[Sequence[str], str, SysvDriver, str], str]


@pytest.fixture
def run_as() -> As:
    """Runs a script as setpriv's options say; what it prints. Needs root, and a Python for all."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")

    def python(options: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["setpriv", *options, sys.executable, "-c", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"},
        )

    if python(AS_NOBODY, "import o2cbd.hold.semaphore").returncode != 0:
        pytest.skip(f"others than root cannot run {sys.executable} on {ROOT}")

    def run(options: Sequence[str], script: str, driver: SysvDriver, mode: str) -> str:
        done = python(options, script, driver.name, mode)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.mark.parametrize("mode", ["0", "600", "666"])
def test_a_hold_of_another_user_need_make_no_set(driver: SysvDriver, run_as: As, mode: str) -> None:
    """It would be theirs to remove under us, and closed to a root without the right."""
    said = run_as(AS_NOBODY, HOLD, driver, mode)
    assert said == (
        f"[Errno {errno.EACCES}] no semaphore set exists, and only root may create one: run this"
        f" once as root: 'semaphore key {key(driver)}'"
    )
    assert driver.set_exists() is False


def test_another_user_joins_a_set_whose_mode_lets_it(driver: SysvDriver, run_as: As) -> None:
    sysv.make_or_find(sysv.key_of(driver.name), 0o666)
    assert run_as(AS_NOBODY, HOLD, driver, "0") == "held"


def test_another_user_is_told_what_opens_roots_set(driver: SysvDriver, run_as: As) -> None:
    sysv.make_or_find(sysv.key_of(driver.name), 0)
    assert run_as(AS_NOBODY, HOLD, driver, "0") == (
        f"[Errno {errno.EACCES}] Permission denied: the semaphore set belongs to uid 0 with mode"
        ' 0000; run this as root, or set [hold] mode = "0666" and have root remove it once, by'
        f" `ipcrm -S {key(driver)}`: 'semaphore key {key(driver)}'"
    )


def test_a_daemon_of_another_user_makes_no_set_that_it_could_not_use(
    driver: SysvDriver, run_as: As
) -> None:
    """With a mode that opens it, it does: fake hosts are anybody's."""
    assert "only root may create one" in run_as(AS_NOBODY, TAKE, driver, "0")
    assert driver.set_exists() is False
    assert run_as(AS_NOBODY, TAKE, driver, "600") == "None"


@pytest.mark.row("semaphore-foreign")
@pytest.mark.parametrize("mode", ["0", "600"])
def test_the_units_capabilities_are_enough_for_a_foreign_set(
    driver: SysvDriver, run_as: As, mode: str
) -> None:
    """Whoever made it, with whatever mode: root's daemon takes it."""
    run_as(AS_NOBODY, MAKE, driver, mode)
    unit = (f"--bounding-set={unit_capabilities()}", "--no-new-privs")
    assert run_as(unit, TAKE, driver, "0") == "None"


@pytest.mark.row("semaphore-unusable")
@pytest.mark.parametrize("mode", ["0", "600"])
def test_root_without_the_right_is_told_how_to_remove_a_foreign_set(
    driver: SysvDriver, run_as: As, mode: str
) -> None:
    """As in a container that keeps CAP_IPC_OWNER. What it is told helps."""
    run_as(AS_NOBODY, MAKE, driver, mode)
    without = ("--bounding-set=-ipc_owner",)
    said = run_as(without, TAKE, driver, "600")
    assert said == (
        f"[Errno {errno.EACCES}] Permission denied: the semaphore set belongs to uid {NOBODY}"
        f" with mode {mode.rjust(4, '0')}; have root remove it, by `ipcrm -S {key(driver)}`:"
        f" 'semaphore key {key(driver)}'"
    )
    subprocess.run(["ipcrm", "-S", key(driver)], check=True)
    assert run_as(without, TAKE, driver, "600") == "None"


def test_root_without_the_right_is_told_of_the_mode(driver: SysvDriver, run_as: As) -> None:
    """Its own set with libo2cb's mode is closed to itself."""
    said = run_as(("--bounding-set=-ipc_owner",), TAKE, driver, "0")
    assert 'set [hold] mode = "0600" and have root remove it once' in said


# ---- the same without other users


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("not_root")
def test_who_is_not_root_makes_nothing_and_looks_all_the_same(driver: SysvDriver) -> None:
    with pytest.raises(PermissionError, match="only root may create one"):
        exec_with_hold(driver.name, 0o600, 0, ["true"], make=False)
    with pytest.raises(PermissionError, match="only root may create one"):
        SysvHold(driver.name).take()
    assert SysvHold(driver.name, make=False).holder() is None
    assert driver.set_exists() is False


def test_a_set_that_is_removed_while_it_is_waited_for_is_not_made_anew(driver: SysvDriver) -> None:
    sysv.make_or_find(sysv.key_of(driver.name), 0o600)
    hold = SysvHold(driver.name, make=False)
    assert hold.wait(0, MonotonicClock()) is None
    hold.release()
    driver.remove_set()
    with pytest.raises(PermissionError, match="only root may create one"):
        hold.wait(0, MonotonicClock())


def test_without_the_kernels_list_the_errno_is_all(
    driver: SysvDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where /proc shows processes alone."""

    def refuse(_semid: int) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(sysv, "try_lock", refuse)
    monkeypatch.setattr(sysv, "SETS", str(tmp_path / "none"))
    with pytest.raises(PermissionError) as caught:
        SysvHold(driver.name, 0o600).take()
    assert caught.value.strerror == "Permission denied"
    assert caught.value.filename == f"semaphore key {key(driver)}"
