"""`fakecluster serve` and `ctl` as real processes, with FUSE mounts."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.cman.wire.codec import Opcode
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.configfs.mounts import our_mounts
from fakecluster.server.ask import NoServerError, ask
from fakecluster.server.child import ServedChild, ServeFailedError
from fakecluster.transport.sockaddrs import sockaddr_text

pytestmark = pytest.mark.process

FULL = "fakecluster: cannot write the output: No space left on device (ENOSPC)\n"
QUICK = ("--token-ms", "200", "--consensus-ms", "240", "--shutdown-timeout-ms", "300")
Start = Callable[..., ServedChild]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short path: AF_UNIX takes 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as path:
        yield Path(path) / "d"


@pytest.fixture
def start(directory: Path, compiler: None, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts servers in `directory` that are gone, with their mounts, after the test."""
    started: list[ServedChild] = []

    def begin(*options: str) -> ServedChild:
        if "--no-configfs" not in options:
            request.getfixturevalue("fuse")
        child = ServedChild(directory, *QUICK, *options)
        child.start()
        started.append(child)
        return child

    yield begin
    for each in started:
        each.stop()
    leftovers = our_mounts(directory)
    assert leftovers == []


def raw(child: ServedChild, node_id: int = 1, name: str = "cman_client") -> RawClient:
    return RawClient(Path(child.node(node_id)["socket_dir"]) / name)


def ctl(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command itself."""
    return subprocess.run(
        [sys.executable, "-m", "fakecluster", "ctl", "--dir", str(directory), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def hung_up(sock: socket.socket) -> bool:
    """True when the other end has closed."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


# -- up and down


def test_what_cannot_be_announced_or_answered_is_73_and_nothing_stays(
    directory: Path, start: Start
) -> None:
    """A full disk is told in a line; a server that nobody hears of is taken away again."""
    line = [sys.executable, "-m", "fakecluster"]
    serve = ["serve", "--dir", str(directory), "--nodes", "1", "--no-configfs"]
    assert into_full_disk(*line, *serve) == (73, FULL)
    assert not directory.exists()
    start("--nodes", "1", "--no-configfs")
    assert into_full_disk(*line, "ctl", "--dir", str(directory), "state") == (73, FULL)


def into_full_disk(*command: str) -> tuple[int, str]:
    """The exit code, and standard error."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    return done.returncode, done.stderr


def test_one_line_says_what_is_where(start: Start, directory: Path) -> None:
    """Schema, library, cluster, and everything that a node's daemon needs."""
    child = start("--nodes", "2", "--cluster", "web", "--no-configfs")
    line = child.announced
    node = child.node(2)
    home = os.path.realpath(directory / "node2")
    assert (line["schema"], line["cluster"], [each["id"] for each in line["nodes"]]) == (
        1,
        "web",
        [1, 2],
    )
    assert Path(line["libcman"]).name == "libcman.so.3"
    assert {key: node[key] for key in ("name", "socket_dir", "configfs", "mounts", "debugfs")} == {
        "name": "node2",
        "socket_dir": home,
        "configfs": f"{home}/config",
        "mounts": f"{home}/mountinfo",
        "debugfs": f"{home}/debug",
    }
    assert node["env"]["CMAN_SOCKET_DIR"] == home
    environment = [f"{name}={value}" for name, value in node["env"].items()]
    assert node["command"] == [
        "env", *environment, sys.executable, "-m", "o2cbd", "run",
        "--config", f"{home}/o2cbd.toml",
        "--membership", "cman",
        "--libcman", line["libcman"],
        "--configfs", f"{home}/config",
        "--mounts", f"{home}/mountinfo",
        "--debugfs", f"{home}/debug",
        "--runtime-dir", f"{home}/run",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_takes_everything_away(
    start: Start, directory: Path, number: signal.Signals
) -> None:
    """Mounts, sockets and the directory that it made."""
    child = start("--nodes", "2")
    assert len(our_mounts(directory)) == 2
    os.kill(child.pid, number)
    child.wait_gone()
    assert (our_mounts(directory), directory.exists()) == ([], False)


def test_a_directory_that_was_there_stays(start: Start, directory: Path) -> None:
    """And what is not ours in it."""
    directory.mkdir()
    (directory / "mine").write_text("x")
    start("--nodes", "1").stop()
    assert [each.name for each in directory.iterdir()] == ["mine"]


def test_mounts_of_a_killed_server_are_detached_at_the_next_start(
    start: Start, directory: Path
) -> None:
    """Stale sockets and mounts are no obstacle; tables are empty again."""
    first = start("--nodes", "3")
    Path(first.node(1)["configfs"], "cluster/o2").mkdir()
    first.kill()
    assert len(our_mounts(directory)) == 3
    second = start("--nodes", "2")
    assert len(our_mounts(directory)) == 2
    assert list((Path(second.node(1)["configfs"]) / "cluster").iterdir()) == []
    assert not (directory / "node3").exists()


def test_a_second_server_is_refused_and_says_who_is_there(start: Start, directory: Path) -> None:
    """The first one goes on."""
    first = start("--nodes", "1", "--no-configfs")
    with pytest.raises(ServeFailedError, match=rf"\(75\).*pid {first.pid}\)"):
        ServedChild(directory, "--nodes", "1").start()
    assert first.ctl("state")["ok"] is True


@pytest.mark.usefixtures("compiler")
def test_a_path_that_does_not_fit_is_refused_not_cut(directory: Path) -> None:
    """Exit 64, and nothing is left of the attempt."""
    deep = directory / ("x" * 90)
    with pytest.raises(ServeFailedError, match=r"\(64\).*at most 107 bytes"):
        ServedChild(deep, "--nodes", "1", "--no-configfs").start()
    assert not deep.exists()


@pytest.mark.parametrize(
    "options",
    [(), ("--nodes", "0"), ("--nodes", "1", "--cluster", "a name that is too long")],
)
def test_what_makes_no_sense_is_usage(directory: Path, options: tuple[str, ...]) -> None:
    """Exit 64."""
    with pytest.raises(ServeFailedError, match=r"\(64\)"):
        ServedChild(directory, *options).start()
    assert not directory.exists()


def test_a_topology_file(start: Start, directory: Path) -> None:
    """Ids, names, addresses, a quorum disk; a bad one is refused with every mistake."""
    file = directory.parent / "t.toml"
    file.write_text(
        'cluster = "bank"\n[qdisk]\nname = "/dev/q"\n'
        '[[nodes]]\nid = 300\nname = "alpha"\naddresses = ["10.9.0.1", "fd00::1"]\n'
        '[[nodes]]\nid = 7\nname = "beta"\naddresses = ["fd00::2"]\nvotes = 2\n'
    )
    child = start("--topology", str(file), "--no-configfs")
    assert [each["name"] for each in child.announced["nodes"]] == ["beta", "alpha"]
    with raw(child, 300) as client:
        found = client.members()
        assert {i: sockaddr_text(each.address) for i, each in found.items() if i} == {
            7: "fd00::2",
            300: "10.9.0.1",
        }
    file.write_text("cluster = 5\n[[nodes]]\nid = 'x'\n")
    with pytest.raises(ServeFailedError, match=r"(?s)\(64\).*nodes\[0\].id.*cluster: 5"):
        ServedChild(directory.parent / "e", "--topology", str(file)).start()


# -- the control socket


def test_the_command_prints_json_and_exits_like_sysexits(start: Start, directory: Path) -> None:
    """0 done, 64 senseless, 69 no server, 75 refused."""
    assert ctl(directory, "state").returncode == 69
    child = start("--nodes", "2", "--no-configfs")
    state = ctl(directory, "state")
    assert (state.returncode, state.stderr) == (0, "")
    assert [each["members"] for each in json.loads(state.stdout)["nodes"]] == [[1, 2], [1, 2]]
    unknown = ctl(directory, "kill", "nobody")
    assert (unknown.returncode, json.loads(unknown.stdout)["ok"]) == (64, False)
    assert "no such node: nobody" in unknown.stderr
    assert ctl(directory, "cman-start", "node1").returncode == 64
    assert ctl(directory, "frobnicate").returncode == 64
    with raw(child) as voter:
        voter.ask(Opcode.NOTIFY)
        refused = ctl(directory, "shutdown", "1")
    assert (refused.returncode, json.loads(refused.stdout)["errno"]) == (75, "EBUSY")


def test_nonsense_on_the_control_socket(start: Start, directory: Path) -> None:
    """Is answered as such, or cut off, and nobody else notices."""
    start("--nodes", "1", "--no-configfs")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(directory / "ctl.sock"))
        sock.sendall(b'[]\n{"verb": 5}\n\xff\n{"verb": "kill"}\n{"verb": "no"}\n')
        with sock.makefile("rb") as lines:
            answers = [json.loads(lines.readline()) for _ in range(5)]
            assert [(each["schema"], each["ok"]) for each in answers] == [(1, False)] * 5
            sock.sendall(b"x" * 70000)
            assert "too long" in json.loads(lines.readline())["error"]
            assert hung_up(sock)
    assert ask(directory, "state", {})["ok"] is True
    assert stat.S_IMODE((directory / "ctl.sock").stat().st_mode) == 0o600


def test_asking_nobody(directory: Path) -> None:
    """NoServerError, not a traceback of the socket's."""
    with pytest.raises(NoServerError):
        ask(directory, "state", {})


# -- who lives there


SUBSCRIBER = """
import pathlib, sys
from fakecluster.cman.wire.raw_client import RawClient
client = RawClient(pathlib.Path(sys.argv[1]), timeout_s=60)
client.ask(1)
print("subscribed", flush=True)
sys.stdin.read()
"""


def test_power_off_kills_who_lives_there_and_nobody_else(start: Start) -> None:
    """By the environment: this test is a client too, and lives on."""
    child = start("--nodes", "2", "--no-configfs")
    where = f"{child.node(2)['socket_dir']}/cman_client"
    with raw(child, 2) as foreigner:
        foreigner.ask(Opcode.ISACTIVE)
        with subprocess.Popen(
            [sys.executable, "-c", SUBSCRIBER, where],
            env=child.environment(2, os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as inhabitant:
            assert inhabitant.stdout is not None
            assert inhabitant.stdout.readline() == b"subscribed\n"
            answer = child.ctl("kill", node=2)
            assert answer["killed_pids"] == [inhabitant.pid]
            assert inhabitant.wait(timeout=20) == -signal.SIGKILL
        with pytest.raises(HungUpError):
            foreigner.ask(Opcode.ISACTIVE)
