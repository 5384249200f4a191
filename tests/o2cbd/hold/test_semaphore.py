"""The real semaphore: what every hold does, and what only this one can get wrong."""

from __future__ import annotations

import errno
import signal
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster.conformance.hold import CHECKS, HoldDriver
from o2cbd.clock import MonotonicClock
from o2cbd.hold import _sysv_abi, semaphore, sysv, sysv_build
from o2cbd.hold.semaphore import SysvHold
from tests.o2cbd.hold.conftest import SysvDriver

Run = Callable[..., subprocess.Popen[str]]

_EXEC = """
import sys
from o2cbd.hold.semaphore import HeldError, exec_with_hold
try:
    exec_with_hold(sys.argv[1], 0o600, None if sys.argv[2] == "-" else float(sys.argv[2]),
                   sys.argv[3:])
except HeldError as error:
    print(error)
    sys.exit(75)
"""


@pytest.mark.row("semaphore-removed")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conforms(check: Callable[[HoldDriver], None], driver: SysvDriver) -> None:
    check(driver)


def test_generated_module_is_what_its_builder_writes(tmp_path: Path) -> None:
    sysv_build.generate(tmp_path / "abi.py")
    committed = Path(_sysv_abi.__file__).read_text(encoding="utf-8")
    assert (tmp_path / "abi.py").read_text(encoding="utf-8") == committed


def _name_with_crc(high_bit: bool) -> str:
    return next(
        name
        for name in (f"hold-{i}" for i in range(100))
        if bool(zlib.crc32(name.encode()) >> 31) is high_bit
    )


@pytest.mark.row("semaphore-key")
def test_key_is_the_crc32_as_a_signed_number() -> None:
    low, high = _name_with_crc(high_bit=False), _name_with_crc(high_bit=True)
    assert sysv.key_of(low) == zlib.crc32(low.encode())
    assert sysv.key_of(high) == zlib.crc32(high.encode()) - 2**32
    assert sysv.key_of("123456789") == 0xCBF43926 - 2**32  # the published check value of crc32


def test_name_of_the_private_key_is_refused() -> None:
    with pytest.raises(OSError, match="IPC_PRIVATE") as caught:
        SysvHold("")
    assert caught.value.errno == errno.EINVAL


@pytest.mark.row("semaphore-mutex")
def test_interoperates_with_a_c_mutex_of_libo2cbs_kind(driver: SysvDriver) -> None:
    """A partner that does libo2cb's two operations by hand keeps us out, and we keep it out."""
    libc, ffi = sysv._LIBC, _sysv_abi.ffi
    hold = driver.hold()
    assert hold.take() is None
    semid = libc.semget(sysv.key_of(driver.name), 2, 0)
    down = ffi.new("struct sembuf[2]", [(0, 0, 0o14000), (0, 1, 0o10000)])  # IPC_NOWAIT, SEM_UNDO
    up = ffi.new("struct sembuf[1]", [(0, -1, 0o10000)])
    assert libc.semop(semid, down, 2) == -1
    assert ffi.errno == errno.EAGAIN
    hold.release()
    assert libc.semop(semid, down, 2) == 0
    assert driver.other_tries() is False
    assert libc.semop(semid, up, 1) == 0
    assert driver.other_tries() is True


@pytest.mark.row("semaphore-key")
def test_set_is_made_with_two_semaphores_and_the_mode(driver: SysvDriver) -> None:
    driver.hold().take()
    libc = sysv._LIBC
    key = sysv.key_of(driver.name)
    assert libc.semget(key, 2, 0) >= 0
    assert libc.semget(key, 3, 0) == -1
    assert libc.semget(key, 2, 0o600) >= 0


@pytest.fixture
def small_set(driver: SysvDriver) -> Iterator[None]:
    """Somebody else's set of one semaphore under our key."""
    semid = sysv._LIBC.semget(sysv.key_of(driver.name), 1, 0o1600)
    assert semid >= 0
    yield
    assert sysv._LIBC.semctl(semid, 0, 0) == 0


@pytest.mark.usefixtures("small_set")
def test_a_set_of_another_shape_is_a_clear_error(driver: SysvDriver) -> None:
    for use in (driver.hold().take, driver.hold().holder):
        with pytest.raises(OSError, match="fewer than two semaphores") as caught:
            use()
        assert caught.value.errno == errno.EINVAL
        assert f"0x{zlib.crc32(driver.name.encode()):08x}" in str(caught.value)


@pytest.mark.row("semaphore-removed")
def test_a_set_that_is_removed_again_and_again_ends_with_an_error(
    driver: SysvDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_and_fail(_semid: int) -> bool:
        raise OSError(errno.EIDRM, "removed")

    monkeypatch.setattr(sysv, "try_lock", remove_and_fail)
    with pytest.raises(OSError, match="removed") as caught:
        driver.hold().take()
    assert caught.value.errno == errno.EIDRM


def test_an_error_of_semget_is_kept(driver: SysvDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysv, "_LIBC", _Failing(errno.ENOSPC))
    with pytest.raises(OSError, match="semaphore key") as caught:
        driver.hold().take()
    assert caught.value.errno == errno.ENOSPC


class _Failing:
    """A libc of which semget fails."""

    def __init__(self, code: int) -> None:
        self._code = code

    def semget(self, *_args: Any) -> int:
        _sysv_abi.ffi.errno = self._code
        return -1


def test_release_reports_what_is_not_a_removed_set(
    driver: SysvDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = driver.hold()
    assert hold.take() is None

    def refuse(_semid: int) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(sysv, "unlock", refuse)
    with pytest.raises(PermissionError):
        hold.release()
    assert driver.hold().take() is not None
    hold.close()


def test_close_never_raises(driver: SysvDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = driver.hold()
    assert hold.take() is None

    def refuse(_semid: int) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(sysv, "unlock", refuse)
    hold.close()
    assert hold.holder() is None


def test_wait_of_no_time_is_one_try(driver: SysvDriver) -> None:
    assert driver.other_tries() is True
    assert driver.hold().wait(0, MonotonicClock()) == driver.other_pid


def test_wait_goes_on_after_a_signal(driver: SysvDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([InterruptedError(errno.EINTR, "signal"), True])

    def lock(_semid: int, _timeout_us: int | None) -> bool:
        answer = next(answers)
        if isinstance(answer, InterruptedError):
            raise answer
        return bool(answer)

    monkeypatch.setattr(sysv, "lock", lock)
    assert driver.hold().wait(None, MonotonicClock()) is None


@pytest.mark.row("semaphore-removed")
def test_wait_outlives_the_removal_of_the_set(driver: SysvDriver, run_python: Run) -> None:
    """Who waits gets EIDRM when the set goes, and takes the next one."""
    assert driver.other_tries() is True
    waiter = run_python(_EXEC, driver.name, "30", "echo", "mine")
    _wait_until_waiting(driver)
    driver.remove_set()
    assert waiter.communicate(timeout=60)[0] == "mine\n"
    assert waiter.returncode == 0


def _wait_until_waiting(driver: SysvDriver) -> None:
    """Until the kernel counts a process that waits for the mutex to be free (GETZCNT)."""
    semid = sysv.find(sysv.key_of(driver.name))
    clock = MonotonicClock()
    deadline_us = clock.now_us() + 30_000_000
    while sysv._control(semid or 0, 15) == 0:
        assert clock.now_us() < deadline_us, "nobody began to wait"


@pytest.mark.row("semaphore-command")
def test_the_hold_ends_exactly_with_the_command(driver: SysvDriver, run_python: Run) -> None:
    """Exec keeps it, under the same pid; the command's end gives it back."""
    process = run_python(_EXEC, driver.name, "-", "sh", "-c", "echo $$; read line")
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    assert driver.hold().take() == process.pid
    assert driver.hold().holder() == process.pid
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    assert driver.hold().take() is None


@pytest.mark.row("semaphore-command")
def test_the_hold_of_a_killed_command_is_given_back(driver: SysvDriver, run_python: Run) -> None:
    process = run_python(_EXEC, driver.name, "-", "sh", "-c", "echo up; read line")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.kill()
    process.communicate(timeout=30)
    assert driver.hold().take() is None


def test_a_child_of_the_command_does_not_prolong_the_hold(
    driver: SysvDriver, run_python: Run
) -> None:
    script = "read line <&3 & echo $!"
    process = run_python(
        _EXEC, driver.name, "-", "sh", "-c", f"exec 3<&0 >/dev/null; {script}; exit 0"
    )
    process.wait(timeout=30)
    assert driver.hold().take() is None


def test_time_out_names_the_holder(driver: SysvDriver, run_python: Run) -> None:
    assert driver.other_tries() is True
    process = run_python(_EXEC, driver.name, "0.05", "echo", "never")
    assert process.communicate(timeout=30)[0] == f"held by process {driver.other_pid}\n"
    assert process.returncode == 75


def test_waiting_ends_when_the_holder_dies(driver: SysvDriver, run_python: Run) -> None:
    assert driver.other_tries() is True
    process = run_python(_EXEC, driver.name, "-", "echo", "mine")
    _wait_until_waiting(driver)
    driver.other_dies()
    assert process.communicate(timeout=30)[0] == "mine\n"


def test_a_command_that_cannot_run_holds_nothing(driver: SysvDriver) -> None:
    with pytest.raises(semaphore.CannotRunError, match="No such file"):
        semaphore.exec_with_hold(driver.name, 0o600, 0, ["/nonexistent/command"])
    assert driver.other_tries() is True
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN


def test_the_command_gets_the_usual_signals(driver: SysvDriver, run_python: Run) -> None:
    """Python ignores SIGPIPE; what it execs must not."""
    process = run_python(_EXEC, driver.name, "-", "grep", "SigIgn", "/proc/self/status")
    ignored = int(process.communicate(timeout=30)[0].split()[1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1)) == 0
    assert ignored & (1 << (signal.SIGXFSZ - 1)) == 0


@pytest.mark.parametrize(("pid", "text"), [(7, "process 7"), (0, "unknown process")])
def test_the_error_of_the_time_out_reads_well(pid: int, text: str) -> None:
    assert text in str(semaphore.HeldError(pid))
    assert semaphore.HeldError(pid).pid == pid
