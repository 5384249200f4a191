"""Plays episodes on two sides and compares them, operation by operation."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fakecluster.conformance.configfs_row import OK, Op
from integration.cache import Progress
from integration.episode import Episode, shown
from integration.sides import Answers, Operations, Side

BATCH_OPERATIONS = 4000
"""About so many operations go to the sides at once; a mount among them takes its time."""

NO_ANSWER = "no answer"
_PINS = frozenset({"EBUSY", "ENOTEMPTY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first operation of an episode that the sides answered differently."""

    episode: Episode
    at: int
    """Its index."""
    ours: str
    """The kernel's answer."""
    theirs: str
    """The fake's."""

    @property
    def operation(self) -> Op:
        """The operation."""
        return self.episode.operations[self.at]

    @property
    def kind(self) -> tuple[str, str, str]:
        """What differences have in common that are about the same thing."""
        return self.operation.call, _answer_kind(self.ours), _answer_kind(self.theirs)

    def told(self) -> str:
        """Say it in a line."""
        one = shown(self.operation)
        return f"{self.episode.name}, operation {self.at + 1}: {one}: {self.sides()}"

    def sides(self) -> str:
        """What both said."""
        return f"kernel {self.ours!r}, fake {self.theirs!r}"


@dataclass(slots=True, kw_only=True)
class Agreement:
    """What comparing found; grows as episodes are compared."""

    episodes: int = 0
    operations: int = 0
    agreed: int = 0
    """Operations that both sides answered alike."""
    by_call: Counter[str] = field(default_factory=Counter)
    by_answer: Counter[str] = field(default_factory=Counter)
    """The kernel's answers: `ok`, `read`, or an errno."""
    mounts: int = 0
    """Volumes that were mounted."""
    pins: int = 0
    """Removals that a running heartbeat forbade."""
    differences: list[Difference] = field(default_factory=list)
    """The first one of each episode that has any."""

    @property
    def good(self) -> bool:
        """True when something was compared and all of it agreed."""
        return 0 < self.operations == self.agreed

    def told(self) -> str:
        """Say it in a few words."""
        return f"{self.agreed} of {self.operations} operations on kernel and fake agree"

    def add(self, episode: Episode, ours: Answers, theirs: Answers) -> None:
        """Compare one episode."""
        self.episodes += 1
        self.operations += len(episode.operations)
        self.by_call.update(one.call for one in episode.operations)
        self.by_answer.update(_answer_kind(answer) for answer in ours)
        self._count_pins(episode.operations, ours)
        different = list(_different(episode.operations, ours, theirs))
        self.agreed += len(episode.operations) - len(different)
        if different:
            at, our, their = different[0]
            self.differences.append(Difference(episode=episode, at=at, ours=our, theirs=their))

    def _count_pins(self, operations: Operations, answers: Answers) -> None:
        mounted = False
        for one, answer in zip(operations, answers, strict=False):
            if one.call == "host" and answer == OK:
                mounted = one.path == "mount"
                self.mounts += mounted
            elif mounted and one.call == "rmdir" and answer in _PINS:
                self.pins += 1


def _answer_kind(answer: str) -> str:
    return "read" if answer.startswith("=") else answer


def _different(
    operations: Operations, ours: Answers, theirs: Answers
) -> Iterator[tuple[int, str, str]]:
    for at, our, their in itertools.zip_longest(
        range(len(operations)), ours[: len(operations)], theirs[: len(operations)]
    ):
        if our != their:
            yield at, our or NO_ANSWER, their or NO_ANSWER


def batches(episodes: Iterable[Episode]) -> Iterator[list[Episode]]:
    """Put episodes together to what is played at once."""
    batch: list[Episode] = []
    count = 0
    for episode in episodes:
        batch.append(episode)
        count += len(episode.operations)
        if count >= BATCH_OPERATIONS:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def compare(episodes: Iterable[Episode], kernel: Side, fake: Side, say: Progress) -> Agreement:
    """Play all of them on both sides.

    Raises:
        GuestError: a side failed.
    """
    found = Agreement()
    for batch in batches(episodes):
        operations = [episode.operations for episode in batch]
        for episode, ours, theirs in zip(
            batch, kernel.answers(operations), fake.answers(operations), strict=True
        ):
            found.add(episode, ours, theirs)
        say(f"  {found.agreed} of {found.operations} operations agree ({found.episodes} episodes)")
    return found


def differences(operations: Sequence[Operations], kernel: Side, fake: Side) -> list[Agreement]:
    """Play each by itself; what was found in each.

    Raises:
        GuestError: a side failed.
    """
    found = []
    pairs = zip(kernel.answers(operations), fake.answers(operations), strict=True)
    for each, (ours, theirs) in zip(operations, pairs, strict=True):
        agreement = Agreement()
        agreement.add(Episode(name="", operations=each), ours, theirs)
        found.append(agreement)
    return found
