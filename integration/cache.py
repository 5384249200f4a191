"""What is made once and kept: whole directories under a name, with one maker at a time."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from integration.errors import CannotRunError
from integration.recipe import CACHE_VARIABLE

_KEPT = 4
_FACTS = "facts.json"
_MAKING = "making-"

Progress = Callable[[str], None]
"""Takes one line for the one who waits."""


def make_place(directory: Path) -> None:
    """Make a directory that takes what is kept; fine where it is there.

    Raises:
        CannotRunError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(
            f"{directory} cannot be made: {error.strerror}; say where else things may be kept,"
            f" with --output or ${CACHE_VARIABLE}"
        ) from error


def load_facts(directory: Path) -> dict[str, Any] | None:
    """What was noted of a directory in the cache; None when there is none. Marks it as used."""
    try:
        facts: dict[str, Any] = json.loads((directory / _FACTS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    os.utime(directory)
    return facts


def kept_facts(directory: Path) -> dict[str, Any]:
    """What was noted of a directory in the cache that must be there.

    Raises:
        CannotRunError: something else has taken it away.
    """
    facts = load_facts(directory)
    if facts is None:
        raise CannotRunError(f"{directory} vanished from the cache")
    return facts


def identity_of(directory: Path) -> str:
    """The identity of what was made in a directory in the cache.

    Raises:
        CannotRunError: something else has taken it away.
    """
    return str(kept_facts(directory)["identity"])


def note_facts(directory: Path, **facts: Any) -> None:
    """Note facts of what was built, and an identity that only this build has."""
    identity = {"identity": uuid.uuid4().hex}
    (directory / _FACTS).write_text(json.dumps(facts | identity, indent=1), "utf-8")


@contextlib.contextmanager
def lock(cache: Path, name: str, say: Progress) -> Iterator[None]:
    """One builder of a name at a time; what killed ones left of any name is taken away."""
    locks = cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as file:
        if not _locked(file):
            say(f"image: another run is making {name}, waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        for left in cache.glob(f"{_MAKING}*"):
            whose = left.name.removeprefix(_MAKING).rpartition("-")[0]
            with (locks / whose).open("w") as theirs:
                if whose == name or _locked(theirs):
                    shutil.rmtree(left)
        yield


@contextlib.contextmanager
def seats(cache: Path, wanted: int, there_are: int, say: Progress) -> Iterator[None]:
    """Some of a machine's seats, all at once, shared with every other run of the same cache.

    Args:
        cache: where runs meet.
        wanted: how many; all of them for one who wants more than there are.
        there_are: how many the machine has.
        say: takes a line if others have them.
    """
    locks = cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    wanted = min(wanted, there_are)
    with contextlib.ExitStack() as open_files:
        # One chooses at a time, or two would each wait for what the other has.
        with (locks / "seats").open("w") as choosing:
            fcntl.flock(choosing, fcntl.LOCK_EX)
            names = [locks / f"seat-{number}" for number in range(there_are)]
            all_of_them = [open_files.enter_context(name.open("w")) for name in names]
            free = (file for file in all_of_them if _locked(file))
            mine = list(itertools.islice(free, wanted))
            if len(mine) < wanted:
                say(f"guests: no room for {wanted} beside those of other runs, waiting for them")
            others = (file for file in all_of_them if file not in mine)
            for file in itertools.islice(others, wanted - len(mine)):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def scratch(cache: Path, name: str) -> Iterator[Path]:
    """A directory in the cache that is deleted at the end; only under `lock`.

    The next `lock` deletes what a killed process left.
    """
    with tempfile.TemporaryDirectory(prefix=f"{_MAKING}{name}-", dir=cache) as work:
        yield Path(work)


@contextlib.contextmanager
def making(cache: Path, name: str) -> Iterator[Path]:
    """A directory that takes its name in the cache when it is complete; only under `lock`.

    Of each kind (a name without its hash) the ones that were used last are kept; one that a guest
    runs from lives on until that ends.
    """
    with scratch(cache, name) as work:
        result = work / "result"
        result.mkdir()
        yield result
        if (cache / name).exists():
            shutil.rmtree(cache / name)
        result.rename(cache / name)
    kind = name.rpartition("-")[0]
    found = sorted(cache.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old)
