"""Random numbers of a simulation: one seed, a stream of its own for each concern."""

from __future__ import annotations

import hashlib
import random


def rng_for(seed: int, concern: str) -> random.Random:
    """Return the stream of one concern.

    A draw in one concern shifts no other: each stream's seed is the sha256 of the run's seed and
    the concern's name. Draw only with `random`, `getrandbits` and `randrange`, whose results are
    the same on every Python version and machine.
    """
    digest = hashlib.sha256(f"{seed}\0{concern}".encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - a simulation draws reproducibly
