"""Machines that were saved together, when they had become a cluster of one mind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from integration.image import Progress, identity_of, load_facts, lock, making, note_facts
from integration.lab.base import Base
from integration.lab.lab import Lab, saved_as
from integration.lab.state import SavedState, saved_state
from integration.recipe import text_digest


def saved_together(
    base: Base,
    *,
    cache: Path,
    say: Progress,
    hosts: Sequence[int],
    off: Sequence[int],
    form: Callable[[Lab], None],
    made_by: Sequence[str],
    made_in: Sequence[Path],
) -> Mapping[int, SavedState]:
    """The states of machines that were formed into a cluster, out of the cache or made now.

    Args:
        base: what the machines start from.
        cache: where the states are kept.
        say: takes progress.
        hosts: the numbers of all that there will be.
        off: those of them that have no power, and are not saved.
        form: makes a cluster of clones that have just come up; all that it writes is in `made_by`.
        made_by: changes when the cluster that is formed changes.
        made_in: the files of the program that form it.

    Returns:
        A state for each, by number.

    Raises:
        GuestError: a guest did not do its part.
        CannotRunError: this machine lacks something.
    """
    anyone = saved_state(base, cache, say)
    words = [identity_of(anyone.directory), repr(tuple(hosts)), repr(tuple(off)), *made_by]
    on = [host for host in hosts if host not in off]
    name = f"together{len(on)}-{text_digest(words, [Path(__file__), *made_in])}"
    with lock(cache, name, say):
        if load_facts(cache / name) is None:
            _make(base, cache, name, say, hosts, off, form)
        identity_of(cache / name)
    return {
        host: SavedState(directory=saved_as(cache / name, host), anonymous=False) for host in on
    }


def _make(  # noqa: PLR0917 - private, and all of it is needed
    base: Base,
    cache: Path,
    name: str,
    say: Progress,
    hosts: Sequence[int],
    off: Sequence[int],
    form: Callable[[Lab], None],
) -> None:
    say(f"state: forming a cluster of {len(hosts) - len(off)} to save it")
    began = time.monotonic()
    with making(cache, name) as result, tempfile.TemporaryDirectory(prefix="form-") as consoles:
        with Lab.started(
            base, cache=cache, directory=Path(consoles), say=say, hosts=hosts, off=off
        ) as lab:
            form(lab)
            formed = time.monotonic()
            lab.save(result)
        note_facts(result)
    ended = time.monotonic()
    say(f"state: {formed - began:.0f} s to form, {ended - formed:.1f} s to save")
