"""The command channel, both ends, without a guest between them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import guest as guests
from integration import payload
from integration.channel import LINE_LIMIT_BYTES, ChannelError, Lines, encode
from integration.conversation import CommandResult
from integration.errors import GuestError
from integration.image import Image
from integration.inside import agent as guest_agent
from integration.qemu import (
    ACCELERATIONS,
    Drive,
    Machine,
    Running,
    Wiring,
    command_line,
    open_file,
)


def test_messages_survive_any_cut() -> None:
    messages = [{"id": 1, "line": "a\nb"}, {"id": 2, "rc": 0, "err": "é"}]
    data = b"".join(encode(message) for message in messages)
    for cut in range(len(data) + 1):
        lines = Lines()
        assert lines.feed(data[:cut]) + lines.feed(data[cut:]) == messages


@pytest.mark.parametrize("line", [b"x\n", b"[1]\n", b"\xff\n", b"a" * (LINE_LIMIT_BYTES + 1)])
def test_nonsense_on_the_channel_is_an_error(line: bytes) -> None:
    with pytest.raises(ChannelError):
        Lines().feed(line)


def ask(argv: list[str], timeout_s: float = 20, **more: str) -> list[dict[str, object]]:
    """What the agent sends for one command."""
    sent: list[dict[str, object]] = []
    request = {"id": 7, "argv": argv, "timeout_s": timeout_s} | more
    guest_agent.run_command(request, sent.append)
    return sent


def test_the_agent_sends_lines_as_they_come_and_then_the_end() -> None:
    assert ask(["sh", "-c", "echo a; echo b >&2; printf c; exit 3"]) == [
        {"id": 7, "line": "a"},
        {"id": 7, "line": "c"},
        {"id": 7, "rc": 3, "err": "b\n", "timed_out": False},
    ]


def test_a_command_gets_its_standard_input_and_else_none() -> None:
    assert ask(["cat"], stdin="a\nb")[:2] == [{"id": 7, "line": "a"}, {"id": 7, "line": "b"}]
    assert len(ask(["cat"])) == 1


def test_a_command_that_is_not_there_is_127() -> None:
    (answer,) = ask(["/nowhere/at/all"])
    assert (answer["rc"], "/nowhere/at/all" in str(answer["err"])) == (127, True)


def test_a_command_whose_time_is_up_is_killed_with_its_children(tmp_path: Path) -> None:
    """The pipe that a grandchild holds open ends only when that is dead too."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    answers = ask(["sh", "-c", f"exec 9>{fifo}; sleep 600 & sleep 600"], timeout_s=0.3)
    assert answers[-1]["rc"] == 124
    assert answers[-1]["timed_out"] is True
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_the_port_is_found_by_its_name(tmp_path: Path) -> None:
    for device, name in (("vport1p0", "other"), ("vport1p1", "o2cbd.integration")):
        (tmp_path / device).mkdir()
        (tmp_path / device / "name").write_text(f"{name}\n")
    assert guest_agent.find_port(tmp_path, wait_s=1) == "/dev/vport1p1"


def test_a_port_that_does_not_come_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="no virtio-serial port"):
        guest_agent.find_port(tmp_path, wait_s=0)


IMAGE = Image(directory=Path("/images/x"), kernel_release="6.1.0", identity="1")


@contextlib.contextmanager
def answering(tmp_path: Path) -> Iterator[guests.Guest]:
    """A guest whose agent is a thread of this process."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=guest_agent.serve, args=(theirs.fileno(),))
    console = tmp_path / "console"
    console.write_text("")
    with ours, theirs, console.open("rb") as file:
        thread.start()
        qemu = Running(process=None, channel=ours, console=file)  # type: ignore[arg-type]
        yield guests.Guest(qemu, str(tmp_path))
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[guests.Guest]:
    """One that is ready."""
    with answering(tmp_path) as one:
        one.wait_ready(20)
        yield one


def test_a_ready_guest_says_its_kernel(guest: guests.Guest) -> None:
    assert guest.kernel == os.uname().release


def test_a_command_gives_its_output_line_by_line_and_whole(guest: guests.Guest) -> None:
    seen: list[str] = []
    result = guest.spawn(["sh", "-c", "echo a; echo b"], timeout_s=20).result(seen.append)
    assert (result, seen) == (CommandResult(rc=0, out="a\nb", err=""), ["a", "b"])


def test_the_environment_of_a_command_can_be_added_to(guest: guests.Guest) -> None:
    result = guest.run(["sh", "-c", "echo $WHAT"], timeout_s=20, env={"WHAT": "this"})
    assert result.out == "this"


def test_a_long_command_lets_others_pass(guest: guests.Guest, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    long = guest.spawn(["cat", str(fifo)], timeout_s=60)
    assert guest.check(["echo", "short"], timeout_s=60) == "short"
    assert long.poll() is None
    guest.check(["sh", "-c", f"echo late > {fifo}"], timeout_s=60)
    assert long.result() == CommandResult(rc=0, out="late", err="")
    assert long.poll() == long.result()


def test_a_file_is_put_with_its_directories_and_mode(guest: guests.Guest, tmp_path: Path) -> None:
    guest.put(str(tmp_path / "a/b"), "é\n", mode=0o750)
    assert (tmp_path / "a/b").read_text() == "é\n"
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o750


def test_a_checked_command_that_fails_says_what_it_said(guest: guests.Guest) -> None:
    with pytest.raises(GuestError, match="`sh -c echo no >&2; exit 4` ended with 4: no"):
        guest.check(["sh", "-c", "echo no >&2; exit 4"], timeout_s=20)


@contextlib.contextmanager
def mute(tmp_path: Path) -> Iterator[tuple[guests.Guest, socket.socket]]:
    """A guest without an agent, and its end of the channel."""
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "console").open("w+b") as console:
        qemu = Running(process=None, channel=ours, console=console)  # type: ignore[arg-type]
        yield guests.Guest(qemu), theirs


def test_a_guest_that_ends_is_an_error_and_no_hang(tmp_path: Path) -> None:
    with mute(tmp_path) as (guest, theirs):
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(GuestError, match="the guest ended while waiting for `true` to end"):
            guest.run(["true"], timeout_s=20)


def test_a_guest_that_takes_no_command_is_an_error(tmp_path: Path) -> None:
    with mute(tmp_path) as (guest, theirs):
        theirs.close()
        with pytest.raises(GuestError, match="the guest takes no command"):
            guest.run(["true"], timeout_s=20)


def test_an_answer_to_another_question_is_an_error(tmp_path: Path) -> None:
    with mute(tmp_path) as (guest, theirs):
        theirs.sendall(encode({"id": 99, "line": "x"}))
        with pytest.raises(GuestError, match="an answer to no request"):
            guest.run(["true"], timeout_s=20)


def test_nonsense_from_the_guest_is_an_error(tmp_path: Path) -> None:
    with mute(tmp_path) as (guest, theirs):
        theirs.sendall(b"nonsense\n")
        with pytest.raises(GuestError, match=r"not JSON.* while waiting for its agent to be ready"):
            guest.wait_ready(20)


def test_a_silent_guest_is_an_error_when_its_time_is_up(tmp_path: Path) -> None:
    with (
        mute(tmp_path) as (guest, _),
        pytest.raises(GuestError, match="timed out waiting for its agent"),
    ):
        guest.wait_ready(0.05)


@pytest.mark.parametrize(
    "line",
    ["[ 1.0] Oops: 0002 [#1]", "[ 2.0] BUG: unable to handle page fault", "Kernel panic - not"],
)
def test_a_kernel_that_is_not_well_is_heard(line: str) -> None:
    assert guests.alarms(f"all fine\n{line}\nmore") == [line]


def test_a_console_with_ordinary_lines_raises_no_alarm() -> None:
    assert guests.alarms("o2net: Error -99 while binding socket\nocfs2: Registered\n") == []


def test_the_emulated_machine_has_the_settings_that_were_seen_to_work() -> None:
    machine = Machine(image=IMAGE, acceleration="tcg")
    wiring = Wiring(drives=[Drive(file="/x", disk_format="qcow2"), Drive(file=open_file(5))])
    line = command_line(machine, wiring, qemu="qemu", channel_fd=4)
    text = " ".join(line)
    assert "-accel tcg,thread=multi,tb-size=96 -cpu max" in text
    assert "-m 256" in text
    assert "panic=-1 mitigations=off random.trust_cpu=on tsc=reliable no_timer_check" in text
    assert "if=none,id=disk0,format=qcow2,file=/x,cache=unsafe" in text
    assert "if=none,id=disk1,format=raw,file=/dev/fd/5,cache=unsafe" in text
    assert "socket,id=channel,fd=4" in text
    assert "-netdev" not in text


def test_each_acceleration_names_its_cpu() -> None:
    assert {name: args[-1] for name, args in ACCELERATIONS.items()} == {
        "kvm": "host",
        "tcg": "max",
        "icount": "max",
    }


def no_boot(_machine: Machine) -> contextlib.AbstractContextManager[guests.Guest]:
    raise GuestError("dead")


def test_the_acceleration_is_emulation_where_there_is_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    said: list[str] = []
    assert guests.choose_acceleration(IMAGE, no_boot, tmp_path, said.append) == "tcg"
    assert said == []


def test_what_was_learnt_of_a_machine_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: True)
    boots: list[Machine] = []

    def boot(machine: Machine) -> contextlib.AbstractContextManager[guests.Guest]:
        boots.append(machine)
        return no_boot(machine)

    said: list[str] = []
    answers = [guests.choose_acceleration(IMAGE, boot, tmp_path, said.append) for _ in range(2)]
    assert answers == ["tcg", "tcg"]
    assert [machine.acceleration for machine in boots] == ["kvm"]
    (found,) = json.loads((tmp_path / "accelerations.json").read_text()).values()
    assert found == "tcg"


def test_the_payload_is_a_tar_of_the_project_and_what_is_added(tmp_path: Path) -> None:
    for tree in payload.PROJECT_TREES:
        (tmp_path / tree / "__pycache__").mkdir(parents=True)
        (tmp_path / tree / "a.py").write_text(tree)
        (tmp_path / tree / "__pycache__" / "a.pyc").write_text("no")
    extra = tmp_path / "lib.so"
    extra.write_text("lib")
    fd = payload.project_payload({"lib/lib.so": extra}, checkout=tmp_path)
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb") as file, tarfile.open(fileobj=file) as tar:
        assert tar.getnames() == [
            "o2cbd/a.py",
            "fakecluster/a.py",
            "integration/a.py",
            "lib/lib.so",
        ]
        assert os.fstat(file.fileno()).st_size % 512 == 0
