"""How true the fake configfs is, measured: random operations on it and on a guest's kernel."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration import guest as guests
from integration.backends import Backend, FakeBackend, GuestBackend
from integration.cache import Progress
from integration.differential import Agreement, EpisodeDifference, compare, shrunk
from integration.episode import Episode, EpisodeError, decode_operations, encode_operations, shown
from integration.errors import JSON_HELP, CannotRunError, GuestError
from integration.kernels import Family, UnknownKernelError, departures, family
from integration.random_ops import episodes, every_value
from integration.smoke_guest import prepare, smoke_machine

SHRUNK_MAX = 4
"""So many kinds of difference are cut down; the others are named as they were found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceOptions:
    """What a user may choose."""

    seed: str = "conformance"
    operations: int = 20_000
    """Random ones, beside every value to every attribute."""
    replay: Path | None = None
    """An episode's file, which is then all that is played."""
    failures: Path = Path()
    """Where episodes that differ are left."""
    suite: str = ""
    """The Debian release whose kernel it is, by its codename; empty: this machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceVerdict:
    """What a comparison found."""

    kernel: str
    family: Family
    acceleration: str
    seed: str
    found: Agreement
    differences: tuple[EpisodeDifference, ...]
    """One of each kind; the first ones cut down."""
    alarms: tuple[str, ...]
    """What the kernel's console complained of."""
    boot_s: float
    playing_s: float

    @property
    def good(self) -> bool:
        """True when something was compared and all of it agreed."""
        return self.found.good and not self.alarms

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        found = self.found
        return {
            "schema": 1,
            "good": self.good,
            "kernel": self.kernel,
            "variant": self.family.variant.name,
            "acceleration": self.acceleration,
            "seed": self.seed,
            "episodes": found.episodes,
            "operations": found.operations,
            "agreed": found.agreed,
            "by_call": dict(sorted(found.by_call.items())),
            "by_answer": dict(sorted(found.by_answer.items())),
            "mounts": found.mounts,
            "pins": found.pins,
            "differences": [
                {
                    "episode": each.episode.name,
                    "operations": [shown(one) for one in each.episode.operations],
                    "kernel": each.ours,
                    "fake": each.theirs,
                }
                for each in self.differences
            ],
            "alarms": self.alarms,
            "boot_s": round(self.boot_s, 1),
            "playing_s": round(self.playing_s, 1),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    usual = ConformanceOptions()
    parser.add_argument("what", choices=["configfs"], help="the fake that is measured")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    parser.add_argument("--seed", default=usual.seed, help="of the random operations")
    parser.add_argument(
        "--operations",
        type=int,
        default=usual.operations,
        metavar="N",
        help="how many random operations are compared at least (%(default)s)",
    )
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="play this episode and nothing else"
    )
    parser.add_argument(
        "--failures",
        type=Path,
        default=usual.failures,
        metavar="DIR",
        help="where episodes that differ are left, to be replayed (here)",
    )


def run(arguments: argparse.Namespace, cache: Path, say: Progress) -> ConformanceVerdict:
    """Compare as was asked for."""
    options = ConformanceOptions(
        seed=arguments.seed,
        operations=arguments.operations,
        replay=arguments.replay,
        failures=arguments.failures,
        suite=arguments.suite,
    )
    return conformance(cache, options, say)


def conformance(cache: Path, options: ConformanceOptions, say: Progress) -> ConformanceVerdict:
    """Compare the fake with the kernel of the guest's image.

    Raises:
        CannotRunError: this machine lacks something, or the file to replay is none.
        GuestError: the guest did not do its part.
    """
    chosen = chosen_episodes(options)
    with (
        smoke_machine(cache, say, suite=options.suite) as (machine, payload_fd),
        guests.started(machine, payload_fd) as guest,
    ):
        prepare(guest, say, "guest")
        kernels = _family(guest.kernel)
        say(f"fake: {_described(kernels)}")
        began = time.monotonic()
        agreement, differences = judged(
            chosen, GuestBackend(guest), FakeBackend(kernels.variant), say
        )
        verdict = ConformanceVerdict(
            kernel=guest.kernel,
            family=kernels,
            acceleration=machine.acceleration,
            seed=options.seed,
            found=agreement,
            differences=differences,
            alarms=tuple(guests.alarms(guest.qemu.console_text())),
            boot_s=guest.boot_s,
            playing_s=time.monotonic() - began,
        )
    for line in report(verdict, save(verdict.differences, options.failures)):
        say(line)
    return verdict


def _family(release: str) -> Family:
    try:
        return family(release)
    except UnknownKernelError as error:
        raise CannotRunError(str(error)) from error


def _described(kernels: Family) -> str:
    variant = kernels.variant
    other = ", ".join(f"{name}={value}" for name, value in departures(variant).items())
    ways = f", not as 6.1: {other}" if other else ""
    return f"variant {variant.name}, known by {kernels.known_by}{ways}"


def chosen_episodes(options: ConformanceOptions) -> Iterator[Episode]:
    """The episodes that these options ask for.

    Raises:
        CannotRunError: the file to replay cannot be read; raised at once.
    """
    if options.replay is None:
        return itertools.chain(episodes(options.seed, options.operations), every_value())
    try:
        operations = decode_operations(options.replay.read_text("utf-8"))
    except (OSError, EpisodeError) as error:
        raise CannotRunError(f"{options.replay} cannot be replayed: {error}") from error
    return iter([Episode(name=options.replay.stem, operations=operations)])


def judged(
    chosen: Iterator[Episode], kernel: Backend, fake: Backend, say: Progress
) -> tuple[Agreement, tuple[EpisodeDifference, ...]]:
    """Compare the sides, and cut down one difference of each kind.

    Raises:
        GuestError: a side failed.
    """
    agreement = compare(chosen, kernel, fake, say)
    kinds = {each.kind: each for each in reversed(agreement.differences)}
    found = sorted(kinds.values(), key=lambda each: len(each.episode.operations))
    for number, difference in enumerate(found[:SHRUNK_MAX]):
        say(f"cutting down {difference.text()}")
        try:
            found[number] = shrunk(difference, kernel, fake)
        except GuestError as error:
            say(f"the guest failed while cutting: {error}")
            break
    return agreement, tuple(found)


def save(differences: Sequence[EpisodeDifference], directory: Path) -> list[Path]:
    """Leave each difference's episode as a file to replay."""
    paths = []
    for number, difference in enumerate(differences, start=1):
        path = directory / f"conformance-difference-{number}.json"
        text = encode_operations(difference.episode.operations)
        path.write_text(text.replace("},{", "},\n{") + "\n", "utf-8")
        paths.append(path)
    return paths


def _counts(counter: Mapping[str, int]) -> str:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered)


def report(verdict: ConformanceVerdict, saved: Sequence[Path]) -> list[str]:
    """The end in words."""
    found = verdict.found
    lines = [
        f"operations: {_counts(found.by_call)}",
        f"the kernel answered: {_counts(found.by_answer)}",
        f"heartbeat: {found.mounts} mounts, {found.pins} removals forbidden by it",
    ]
    for difference, path in zip(verdict.differences, saved, strict=True):
        lines += [f"DIFFERENCE in {difference.text()}", *_sequence(difference)]
        lines.append(f"  replay: python -m integration conformance configfs --replay {path}")
    if verdict.differences:
        lines.append(f"  all of it: --seed {verdict.seed}")
    lines += [f"the kernel complained: {line}" for line in verdict.alarms]
    word = "all agree" if verdict.good else "NOT all agree"
    lines.append(
        f"conformance: {found.agreed} of {found.operations} operations on kernel "
        f"{verdict.kernel} and fake {verdict.family.variant.name}: {word} "
        f"({found.episodes} episodes, {verdict.playing_s:.0f} s)"
    )
    return lines


_OPERATIONS_SHOWN = 30


def _sequence(difference: EpisodeDifference) -> list[str]:
    operations = difference.episode.operations[: difference.at + 1]
    lines = [f"    {shown(one)}" for one in operations[-_OPERATIONS_SHOWN:]]
    if len(operations) > _OPERATIONS_SHOWN:
        lines.insert(0, f"    ... {len(operations) - _OPERATIONS_SHOWN} before")
    return lines
