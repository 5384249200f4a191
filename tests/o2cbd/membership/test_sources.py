"""The settings' choice of a manager: what is loaded, and who hears that there is no vote."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from fakecluster.testing.scripted_corosync import ScriptedCorosync, block
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership import libcorosync
from o2cbd.membership.sources import make_connect, open_unheard
from o2cbd.settings import DaemonSettings, Source

COROSYNC = DaemonSettings(source=Source.COROSYNC)


def board() -> CallBoard:
    return CallBoard(MonotonicClock())


@pytest.fixture
def corosync(monkeypatch: pytest.MonkeyPatch) -> ScriptedCorosync:
    fake = ScriptedCorosync([block(1), block(2)])
    monkeypatch.setattr(libcorosync, "load", lambda: fake)
    return fake


def test_corosync_is_connected_to_as_a_voter(corosync: ScriptedCorosync) -> None:
    source = make_connect(COROSYNC, board(), lambda: pytest.fail("there is a vote"))()
    assert [member.name for member in source.snapshot().members] == ["n1", "n2"]
    assert "corosync_cfg_trackstart" in corosync.calls


def test_a_library_without_the_vote_is_told_of_once(corosync: ScriptedCorosync) -> None:
    corosync.can_vote = False
    told: list[str] = []
    connect = make_connect(COROSYNC, board(), lambda: told.append("no vote"))
    for _ in range(2):
        connect().close()
    assert told == ["no vote"]


def test_corosync_is_read_without_becoming_a_voter(corosync: ScriptedCorosync) -> None:
    source = open_unheard(COROSYNC, board())
    assert [member.name for member in source.snapshot().members] == ["n1", "n2"]
    assert "corosync_cfg_trackstart" not in corosync.calls
    source.close()


def test_libraries_are_tried_anew_until_they_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.ELIBACC, "cannot load libquorum.so.5", "libquorum.so.5")

    monkeypatch.setattr(libcorosync, "load", refuse)
    connect = make_connect(COROSYNC, board(), lambda: None)
    for _ in range(2):
        with pytest.raises(OSError, match="cannot load libquorum"):
            connect()


@pytest.mark.parametrize(
    ("source", "other"),
    [
        ("CMAN", "libcorosync"),
        ("COROSYNC", "libcman"),
        ("STATIC", "libcorosync"),
        ("STATIC", "libcman"),
        ("CMAN", "file_watch"),
    ],
)
def test_the_other_managers_code_is_never_loaded(source: str, other: str) -> None:
    """Memory and start time."""
    code = (
        "import sys\n"
        "from o2cbd.calls import CallBoard\n"
        "from o2cbd.clock import MonotonicClock\n"
        "from o2cbd.membership.sources import make_connect\n"
        "from o2cbd.settings import DaemonSettings, Source\n"
        f"settings = DaemonSettings(source=Source.{source})\n"
        "make_connect(settings, CallBoard(MonotonicClock()), lambda: None)\n"
        f"print('o2cbd.membership.{other}' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
