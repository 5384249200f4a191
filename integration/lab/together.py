"""Machines that were saved together, when they had become a cluster of one mind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.cache import (
    Progress,
    identity_of,
    kept_facts,
    load_facts,
    lock,
    making,
    note_facts,
)
from integration.lab.base import Base
from integration.lab.lab import Lab, saved_as
from integration.lab.state import SavedState, saved_state
from integration.recipe import text_digest

Form = Callable[[Lab], Mapping[str, Any]]
"""Makes a cluster of clones that have just come up; what it returns is kept with the states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCluster:
    """Machines that stand still at one moment."""

    states: Mapping[int, SavedState]
    """Of each, by number."""
    facts: Mapping[str, Any]
    """What `Form` returned."""


def saved_together(
    base: Base,
    *,
    kind: str,
    cache: Path,
    say: Progress,
    hosts: Sequence[int],
    off: Sequence[int],
    form: Form,
    made_by: Sequence[str],
    made_in: Sequence[Path],
) -> SavedCluster:
    """Machines that were formed into a cluster, out of the cache or made now.

    Args:
        base: what the machines start from.
        kind: a word for what they have become; of each kind the last ones are kept.
        cache: where the states are kept.
        say: takes progress.
        hosts: the numbers of all that there will be.
        off: those of them that have no power, and are not saved.
        form: see `Form`.
        made_by: words that change when what is formed changes.
        made_in: the files of the program that form it.

    Raises:
        GuestError: a guest did not do its part.
        CannotRunError: this machine lacks something.
    """
    anyone = saved_state(base, cache, say)
    words = [identity_of(anyone.directory), repr(tuple(hosts)), repr(tuple(off)), *made_by]
    digest = text_digest(words, [Path(__file__), *made_in])
    on = [host for host in hosts if host not in off]
    name = f"{kind}{len(on)}-{digest}"
    with lock(cache, name, say):
        if load_facts(cache / name) is None:
            say(f"state: forming a cluster of {len(on)} to save it, {kind}")
            with making(cache, name) as result, tempfile.TemporaryDirectory() as consoles:
                lab = Lab.started(
                    base, cache=cache, directory=Path(consoles), say=say, hosts=hosts, off=off
                )
                note_facts(result, **_formed(lab, form, result, say))
        facts = kept_facts(cache / name)
    states = {
        host: SavedState(directory=saved_as(cache / name, host), anonymous=False) for host in on
    }
    return SavedCluster(states=states, facts=facts)


def _formed(
    starting: AbstractContextManager[Lab], form: Form, result: Path, say: Progress
) -> Mapping[str, Any]:
    began = time.monotonic()
    with starting as lab:
        facts = form(lab)
        formed = time.monotonic()
        lab.save(result)
    ended = time.monotonic()
    say(f"state: {formed - began:.0f} s to form, {ended - formed:.1f} s to save")
    return facts
