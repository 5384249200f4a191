"""Layers: what is made once, its name, and who makes it; and the seats of a machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from integration import cache
from integration.cache import Layer, load, lock, seats
from integration.errors import CannotRunError, GuestError


def test_the_digest_changes_with_each_part_and_with_their_borders() -> None:
    digests = {cache.digest_of(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], [])}
    assert len(digests) == 4
    assert cache.digest_of(["ab", "c"]) == cache.digest_of(["ab", "c"])
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"O2CBD_VM_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/o2cbd-integration")),
        ({}, Path.home() / ".cache/o2cbd-integration"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environment: dict[str, str], expected: Path
) -> None:
    assert cache.cache_directory(environment) == expected


def layer(kind: str = "kind", word: str = "1", *files: Path) -> Layer:
    return Layer(kind=kind, words=[word], files=files, make=lambda _result: {"what": "x"})


def test_what_is_made_takes_its_name_when_it_is_complete(tmp_path: Path) -> None:
    def make(result: Path) -> dict[str, str]:
        (result / "made").write_text("")
        assert load(tmp_path / whole.name) is None
        return {"what": "x"}

    whole = replace(layer(), make=make)
    kept = whole.kept(tmp_path, print)
    assert (kept.directory, kept.facts["what"]) == (tmp_path / whole.name, "x")
    assert (kept.directory / "made").is_file()


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def make(result: Path) -> dict[str, str]:
        (result / "half").write_text("")
        raise GuestError("no")

    with contextlib.suppress(GuestError):
        replace(layer(), make=make).kept(tmp_path, print)
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]


def test_a_layer_is_made_once_and_each_making_has_an_identity_of_its_own(tmp_path: Path) -> None:
    first, again = layer().kept(tmp_path, print), layer().kept(tmp_path, print)
    assert first == again
    assert layer().kept(tmp_path, print, anew=True).identity != first.identity


def test_a_layer_changes_with_all_that_it_is_made_of(tmp_path: Path) -> None:
    maker = tmp_path / "maker.py"
    maker.write_text("a")
    first = layer("kind", "1", maker).name
    assert layer("kind", "1", maker).name == first
    maker.write_text("b")
    names = {first, layer("kind", "1", maker).name, layer("kind", "2", maker).name, layer().name}
    assert len(names) == 4
    maker.unlink()
    with pytest.raises(CannotRunError, match=r"cannot make kind: .*No such file"):
        assert layer("kind", "1", maker).name


def test_of_a_kind_the_last_used_are_kept(tmp_path: Path) -> None:
    layers = [layer("kind", str(number)) for number in range(cache._KEPT + 1)]
    other = layer("other").kept(tmp_path, print)
    for number, each in enumerate(layers[:-1]):
        os.utime(each.kept(tmp_path, print).directory, (number + 1, number + 1))
    layers[0].kept(tmp_path, print)  # is used, and stays
    layers[-1].kept(tmp_path, print)
    there = [load(tmp_path / each.name) is not None for each in layers]
    assert there == [True, False, *[True] * (cache._KEPT - 1)]
    assert other.directory.is_dir()


def test_what_a_killed_builder_left_goes_and_what_a_living_one_makes_stays(
    tmp_path: Path,
) -> None:
    dead, alive = tmp_path / "making-kind-1-abc", tmp_path / "making-kind-2-def"
    dead.mkdir()
    alive.mkdir()
    (tmp_path / "locks").mkdir()
    with (tmp_path / "locks/kind-2").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with lock(tmp_path, "kind-3", print):
            assert (dead.exists(), alive.exists()) == (False, True)


def test_seats_are_taken_all_at_once_and_shared_with_others(tmp_path: Path) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    sat = threading.Event()

    def sit_down() -> None:
        with seats(tmp_path, 3, 4, told.put):
            sat.set()

    other = threading.Thread(target=sit_down)
    with seats(tmp_path, 1, 4, told.put), seats(tmp_path, 2, 4, told.put):
        assert told.empty()
        other.start()
        assert "no room for 3 beside those of other runs" in told.get()
        assert not sat.is_set()
    other.join()
    assert sat.is_set()


def test_who_wants_more_seats_than_there_are_gets_all(tmp_path: Path) -> None:
    told: list[str] = []
    with seats(tmp_path, 9, 4, told.append):
        for number in range(4):
            seat = tmp_path / "locks" / f"seat-{number}"
            with seat.open("w") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert told == []
