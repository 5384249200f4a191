"""What is so before anything is imported: descriptors that are open, signals that wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from o2cbd.service.signals import CAUGHT

LOOK = """
import os, sys
from o2cbd import start
start.prepare({words!r})
from signal import SIG_BLOCK, pthread_sigmask
names = [os.path.basename(os.readlink(f"/proc/self/fd/{{fd}}")) for fd in (0, 1, 2)]
inherited = [os.get_inheritable(fd) for fd in (0, 1, 2)]
blocked = sorted(int(number) for number in pthread_sigmask(SIG_BLOCK, []))
streams = [getattr(sys, name).fileno() for name in ("stdin", "stdout", "stderr")]
os.write({answer}, repr((names, inherited, blocked, streams)).encode())
"""


def looked(words: list[str], closed: tuple[int, ...] = ()) -> tuple[object, ...]:
    """Return what a process finds after `prepare` that was started with these closed."""
    reader, writer = os.pipe()

    def close() -> None:
        for fd in closed:
            os.close(fd)

    code = LOOK.format(words=words, answer=writer)
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        pass_fds=[writer],
        preexec_fn=close,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if 2 in closed else subprocess.DEVNULL,
        timeout=60,
    )
    os.close(writer)
    answer = os.read(reader, 4096).decode()
    os.close(reader)
    found: tuple[object, ...] = eval(answer)  # noqa: S307 - our own repr
    return found


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2), (1,)])
def test_a_closed_standard_descriptor_is_the_null_device_and_nothing_else(
    closed: tuple[int, ...],
) -> None:
    """No lock and no socket may get stderr's number; a command that is run gets it closed."""
    names, inherited, _blocked, streams = looked([], closed)
    assert names == ["null"] * 3
    assert inherited == [fd not in closed for fd in (0, 1, 2)]
    assert streams == [0, 1, 2]


def test_only_the_daemon_keeps_signals_for_later() -> None:
    """Ctrl-C ends any other command at once."""
    assert looked(["run", "--port", "1"])[2] == sorted(CAUGHT)
    assert looked(["status"])[2] == []
    assert looked([])[2] == []


def test_a_signal_in_the_first_moments_is_no_death_by_signal() -> None:
    """It waits for the daemon; here that ends for a reason of its own: no runtime directory."""
    code = (
        "import os, signal, sys\n"
        "sys.argv = ['o2cbd', 'run', '--runtime-dir', '/dev/null/x']\n"
        "from o2cbd import start\n"
        "prepare = start.prepare\n"
        "start.prepare = lambda words: (prepare(words), os.kill(os.getpid(), signal.SIGTERM))\n"
        "start.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 73
    assert "cannot start" in ended.stderr


def test_names_are_utf_8_in_every_locale(tmp_path: Path) -> None:
    """A name is the cluster manager's bytes, whatever LANG was when the daemon was started."""
    environment = {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": os.environ["PATH"]
    }  # fmt: skip
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n"
        "print(sys.getfilesystemencoding(), sys.argv[1:], flush=True)\n"
        "from o2cbd import start\n"
        "start.speak_utf8()\n"
    )
    shown = subprocess.run(
        [sys.executable, str(program), "a", "b c"],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert shown.stdout.splitlines() == ["ascii ['a', 'b c']", "utf-8 ['a', 'b c']"]


AS_INSTALLED = """
import sys
from o2cbd import given_settings, start
from o2cbd.service import wiring
def run(settings):
    print(settings)
    sys.exit(5)
wiring.run_and_exit = run
given_settings.DEFAULT_FILE = {file!r}
sys.argv = ["o2cbd", *{words!r}]
try:
    start.main()
finally:
    print("click" in sys.modules)
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [("[table]\nport = 7778\n", 5), ("[membership]\nsource = 'corosync'\n", 5), ("[tble]\n", 78)],
)
def test_the_units_command_line_is_run_like_any_other_but_without_a_parser(
    tmp_path: Path, text: str, code: int
) -> None:
    file = tmp_path / "o2cbd.toml"
    file.write_text(text)

    def ended(*words: str) -> tuple[int, str, list[str]]:
        command = [sys.executable, "-c", AS_INSTALLED.format(file=str(file), words=words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr, done.stdout.splitlines()

    plain, parsed = ended("run"), ended("run", "--config", str(file))
    assert plain[:2] == parsed[:2]
    assert (plain[0], bool(plain[1])) == (code, code != 5)
    assert plain[2] == [*parsed[2][:-1], "False"]
    assert parsed[2][-1] == "True"
