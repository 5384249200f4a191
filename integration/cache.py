"""What is made once and kept: layers, each under a hash of all that it is made of.

A guest starts from a pile of them, each made from the one below:

| layer | what it is | made by |
|---|---|---|
| `smoke-image`, `cluster-image` | Debian packages as a kernel, an initrd and a disk | `image.py` |
| `installed` | its disk, with packages installed by a guest's own apt | `lab/base.py` |
| `state` | one guest of it that has booted: memory and disk | `lab/base.py` |
| `<arm>-formed`, `<arm>-up` | a cluster of its clones, saved at one moment | `lab/together.py` |
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from integration.errors import CannotRunError

CACHE_VARIABLE = "O2CBD_VM_CACHE"
SUITE_VARIABLE = "O2CBD_VM_SUITE"
"""The codename of the Debian release that guests are made of, where no option says it."""

_KEPT = 4
_FACTS = "facts.json"
_MAKING = "making-"

Progress = Callable[[str], None]
"""Takes one line for the one who waits."""


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Where images and what was learnt of this machine are kept between runs."""
    if given := environment.get(CACHE_VARIABLE):
        return Path(given)
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "o2cbd-integration"


def chosen_suite(environment: Mapping[str, str]) -> str:
    """The Debian release that guests are made of; empty: this machine's own."""
    return environment.get(SUITE_VARIABLE, "")


def digest_of(parts: Iterable[str | bytes]) -> str:
    """16 hexadecimal digits that change with any part, and with where one part ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A layer in the cache."""

    directory: Path
    facts: Mapping[str, Any]
    """What was noted when it was made."""

    @property
    def identity(self) -> str:
        """Another one for each making, of the same layer too."""
        return str(self.facts["identity"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Something that is made once, and made anew when anything that it is made of changes."""

    kind: str
    """Of each kind the ones that were used last are kept."""
    words: Sequence[str]
    """What it is made of, beside files; the identity of the layer below is one of them."""
    files: Sequence[Path]
    """What is in it, or decides what it looks like."""
    make: Callable[[Path], Mapping[str, Any]]
    """Fills an empty directory; what it returns is noted."""

    @property
    def name(self) -> str:
        """Its directory in the cache.

        New versions of Debian packages do not change it: an image is kept until `--anew`.

        Raises:
            CannotRunError: a file cannot be read.
        """
        try:
            contents = [path.read_bytes() for path in self.files]
        except OSError as error:
            raise CannotRunError(f"cannot make {self.kind}: {error}") from error
        return f"{self.kind}-{digest_of([self.kind, *self.words, *contents])}"

    def kept(self, cache: Path, say: Progress, *, anew: bool = False) -> Kept:
        """Return it, out of the cache or made now.

        Args:
            cache: where it is kept.
            say: takes progress.
            anew: make it even if there is one.

        Raises:
            CannotRunError: it cannot be made, or vanished from the cache.
        """
        name = self.name
        with lock(cache, name, say):
            if anew or load(cache / name) is None:
                began = time.monotonic()
                with _making(cache, name) as result:
                    facts = {**self.make(result), "identity": uuid.uuid4().hex}
                    (result / _FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
                say(f"cache: {name} made in {time.monotonic() - began:.0f} s")
            found = load(cache / name)
        if found is None:
            raise CannotRunError(f"{cache / name} was deleted from the cache")
        return found


def load(directory: Path) -> Kept | None:
    """A layer in the cache, None when it is not there or not finished; marks it as used."""
    try:
        facts = json.loads((directory / _FACTS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    os.utime(directory)
    return Kept(directory=directory, facts=facts)


def make_place(directory: Path) -> None:
    """Make a directory that takes what is kept; fine where it is there.

    Raises:
        CannotRunError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(
            f"cannot create {directory} ({error.strerror}); choose another directory"
            f" with --output or ${CACHE_VARIABLE}"
        ) from error


@contextlib.contextmanager
def lock(cache: Path, name: str, say: Progress) -> Iterator[None]:
    """One builder of a name at a time; what killed ones left of any name is taken away."""
    locks = cache / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as file:
        if not _locked(file):
            say(f"cache: another run is making {name}, waiting for it")
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
def _making(cache: Path, name: str) -> Iterator[Path]:
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
