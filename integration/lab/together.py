"""Machines that were saved together, when they had become a cluster of one mind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.cache import Layer, Progress
from integration.lab.base import Base, SavedState, saved_state
from integration.lab.lab import Lab, saved_as

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
    on = [host for host in hosts if host not in off]

    def make(result: Path) -> Mapping[str, Any]:
        say(f"state: forming a cluster of {len(on)} to save it, {kind}")
        with (
            tempfile.TemporaryDirectory() as consoles,
            Lab.started(
                base, cache=cache, directory=Path(consoles), say=say, hosts=hosts, off=off
            ) as lab,
        ):
            facts = form(lab)
            lab.save(result)
        return facts

    _, below = saved_state(base, cache, say)
    layer = Layer(
        kind=f"{kind}{len(on)}",
        words=[below, repr(tuple(hosts)), repr(tuple(off)), *made_by],
        files=[Path(__file__), *made_in],
        make=make,
    )
    found = layer.kept(cache, say)
    return SavedCluster(
        states={
            host: SavedState(directory=saved_as(found.directory, host), anonymous=False)
            for host in on
        },
        facts=found.facts,
    )
