"""Plays episodes on two backends, compares them, and cuts a difference down to what it needs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fakecluster.conformance.configfs_row import OK, Op
from integration.backends import Answers, Backend, Operations
from integration.cache import Progress
from integration.episode import Episode, shown

BATCH_OPERATIONS = 4000
"""About so many operations go to the sides at once; a mount among them takes its time."""

NO_ANSWER = "no answer"
_PINS = frozenset({"EBUSY", "ENOTEMPTY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeDifference:
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

    def text(self) -> str:
        """Describe it in a line."""
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
    differences: list[EpisodeDifference] = field(default_factory=list)
    """The first one of each episode that has any."""

    @property
    def good(self) -> bool:
        """True when something was compared and all of it agreed."""
        return 0 < self.operations == self.agreed

    def text(self) -> str:
        """Describe it in a few words."""
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
            self.differences.append(
                EpisodeDifference(episode=episode, at=at, ours=our, theirs=their)
            )

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


def compare(
    episodes: Iterable[Episode], kernel: Backend, fake: Backend, say: Progress
) -> Agreement:
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


# ---- delta debugging

OPERATIONS_MAX = 400_000
"""So many operations a shrinking may play; then the smallest that was found is taken."""

Judge = Callable[[Sequence[Operations]], list[bool]]
"""Which of these still differ in the same way."""


def shrunk(difference: EpisodeDifference, kernel: Backend, fake: Backend) -> EpisodeDifference:
    """Return the difference in the shortest episode that was found to show it.

    Raises:
        GuestError: a side failed.
    """

    def alike(candidates: Sequence[Operations]) -> list[EpisodeDifference | None]:
        name = f"{difference.episode.name}, cut down"
        found = []
        for each, ours, theirs in zip(
            candidates, kernel.answers(candidates), fake.answers(candidates), strict=True
        ):
            one = Agreement()
            one.add(Episode(name=name, operations=each), ours, theirs)
            same = (other for other in one.differences if other.kind == difference.kind)
            found.append(next(same, None))
        return found

    # What comes after the first difference has no part in it.
    head = difference.episode.operations[: difference.at + 1]
    least = fewest(head, lambda candidates: [one is not None for one in alike(candidates)])
    return alike([least])[0] or difference


def fewest(operations: Operations, judge: Judge) -> Operations:
    """Leave out ever smaller runs of operations for as long as the judge says that it holds.

    A try costs little and a start of the guest's program costs much, so all cuts of one size are
    judged together, and those that hold are then made together where that holds too.
    """
    best, left = operations, OPERATIONS_MAX

    def holding(candidates: list[Operations]) -> list[bool]:
        nonlocal left
        left -= sum(map(len, candidates))
        return judge(candidates) if candidates else []

    size = max(1, len(best) // 2)
    while left > 0:
        runs = [range(at, min(at + size, len(best))) for at in range(0, len(best), size)]
        held = holding([_without(best, [run]) for run in runs])
        spare = list(itertools.compress(runs, held))
        if spare and left > 0:
            # One run that holds holds by itself; of ever more together the most that hold go.
            together = [_without(best, spare[:count]) for count in _ever_fewer(len(spare))]
            judged = itertools.compress(together, [*holding(together[:-1]), True])
            best = next(judged)
        elif size == 1:
            break
        else:
            size //= 2
    return best


def _ever_fewer(count: int) -> list[int]:
    """All, half of them, a quarter, down to one."""
    return [count >> shift for shift in range(count.bit_length())]


def _without(operations: Operations, runs: Sequence[range]) -> Operations:
    gone = {at for run in runs for at in run}
    return tuple(one for at, one in enumerate(operations) if at not in gone)
