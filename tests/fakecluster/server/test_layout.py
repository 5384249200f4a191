"""Who owns the directory of a server, and what is cleaned up in it."""

import os
import socket
from pathlib import Path

import pytest

from fakecluster.server.layout import LOCK_NAME, InUseError, ServeDirectory


def test_a_made_directory_goes_again(tmp_path: Path) -> None:
    home = ServeDirectory(tmp_path / "a/b")
    assert (tmp_path / "a/b" / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    home.remove()
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_found_directory_stays(tmp_path: Path) -> None:
    ServeDirectory(tmp_path).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_second_owner_is_told_of_the_first(tmp_path: Path) -> None:
    home = ServeDirectory(tmp_path)
    with pytest.raises(InUseError, match=f"pid {os.getpid()}") as caught:
        ServeDirectory(tmp_path)
    assert caught.value.pid == os.getpid()
    home.remove()
    ServeDirectory(tmp_path).remove()


def test_an_owner_who_did_not_say_who_he_is(tmp_path: Path) -> None:
    home = ServeDirectory(tmp_path)
    (tmp_path / LOCK_NAME).write_text("")
    with pytest.raises(InUseError, match="pid unknown"):
        ServeDirectory(tmp_path)
    home.remove()


def test_leftovers_of_a_killed_server_are_swept(tmp_path: Path) -> None:
    places = ServeDirectory(tmp_path).places(3)
    places.make()
    places.configfs.mkdir()
    places.settings.write_text("x")
    places.mounts.write_text("x")
    (places.runtime / "lock").write_text("x")
    (places.debugfs / "o2hb").mkdir()
    for name in ("cman_client", "cman_admin"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(places.directory / name))
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "ctl.sock"))
    # The lock of a dead owner is free; here the descriptor's owner is this test.
    (tmp_path / LOCK_NAME).unlink()
    home = ServeDirectory(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [LOCK_NAME]
    home.remove()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "node1").mkdir()
    (tmp_path / "node1" / "precious").write_text("x")
    (tmp_path / "node1" / "cman_client").write_text("no socket")
    (tmp_path / "nodes").mkdir()
    (tmp_path / "node2").write_text("a file")
    (tmp_path / "node3").symlink_to("nodes")
    home = ServeDirectory(tmp_path)
    home.remove()
    found = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*"))
    assert found == [
        "node1",
        "node1/cman_client",
        "node1/precious",
        "node2",
        "node3",
        "nodes",
    ]


def test_where_a_nodes_things_are(tmp_path: Path) -> None:
    home = ServeDirectory(tmp_path)
    places = home.places(300)
    assert places.directory == tmp_path.resolve() / "node300"
    assert places.daemon_socket == places.runtime / "control.sock"
    places.make()
    assert places.runtime.stat().st_mode & 0o777 == 0o700
    home.remove()
    assert list(tmp_path.iterdir()) == []
