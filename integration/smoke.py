"""The smoke: real kernels are booted, held against the fake, and followed by the real daemon.

Two guests at once, since mounting a volume takes ten seconds whatever the machine can do: one
runs the rows that mount, the other all else.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakecluster.cman.standin import BuildError, standin_library
from fakecluster.conformance.configfs_row import RowResult
from fakecluster.conformance.configfs_rows import ROWS
from integration import guest as guests
from integration import payload
from integration.backends import FakeBackend, GuestBackend
from integration.cache import Progress
from integration.compare import (
    RowComparison,
    compare_rows,
    row_report,
    rows_in,
    rows_on_the_fake,
    split_rows,
)
from integration.differential import Agreement, compare
from integration.errors import JSON_HELP, CannotRunError
from integration.follow import FollowResult, follow
from integration.guest import Guest
from integration.kernels import family
from integration.random_ops import every_value, ordinary_episodes
from integration.smoke_guest import prepare, smoke_machine

STANDIN = "lib/libcman.so.3"
"""The stand-in library's place in the payload."""

_SHOWN_DIFFERENCES = 20
_Findings = tuple[list[RowResult], Agreement, FollowResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """What a user may choose."""

    seed: str = "smoke"
    """Of the storm's random sequences."""
    sequences: int = 20
    suite: str = ""
    """The Debian release whose kernel it is, by its codename; empty: this machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeVerdict:
    """What the smoke found."""

    kernel: str
    acceleration: str
    rows: RowComparison
    storm: Agreement
    story: FollowResult
    alarms: tuple[str, ...]
    """What the kernels' consoles complained of."""
    seconds: float

    @property
    def good(self) -> bool:
        """True when all ran and agreed."""
        different = (*self.rows.differences, *self.alarms)
        return not different and self.story.good and self.rows.kernel > 0 and self.storm.good

    def as_json(self) -> Mapping[str, Any]:
        """The summary for programs."""
        return {
            "schema": 1,
            "good": self.good,
            "kernel": self.kernel,
            "acceleration": self.acceleration,
            "rows": {
                "kernel": self.rows.kernel,
                "fake": self.rows.fake,
                "tables": self.rows.tables,
                "differences": self.rows.differences,
                "not_shown": self.rows.not_shown,
                "kernel_alone": self.rows.kernel_alone,
            },
            "storm": {
                "operations": self.storm.operations,
                "differences": [each.text() for each in self.storm.differences],
            },
            "stages": self.story.as_json(),
            "alarms": self.alarms,
            "seconds": round(self.seconds, 1),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    usual = SmokeOptions()
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    parser.add_argument("--seed", default=usual.seed, help="of the random sequences of calls")
    parser.add_argument(
        "--sequences",
        type=int,
        default=usual.sequences,
        metavar="N",
        help="how many random sequences of calls are compared (%(default)s)",
    )


def run(arguments: argparse.Namespace, cache: Path, say: Progress) -> SmokeVerdict:
    """Run the smoke that was asked for."""
    options = SmokeOptions(
        seed=arguments.seed, sequences=arguments.sequences, suite=arguments.suite
    )
    return smoke(cache, options, say)


def standin() -> Path:
    """The stand-in libcman, compiled on this host.

    Raises:
        CannotRunError: there is no compiler.
    """
    try:
        return standin_library()
    except BuildError as error:
        raise CannotRunError(str(error)) from error


def _first_lane(guest: Guest, options: SmokeOptions, say: Progress) -> _Findings:
    """All that does not mount: the story, most rows, and the random operations."""
    prepare(guest, say, "first guest")
    story = follow(guest, f"{payload.DIRECTORY}/{STANDIN}", say)
    rows = rows_in(guest, split_rows()[0])
    say(f"first guest: {len(rows)} rows done")
    wind = (*every_value(), *ordinary_episodes(options.seed, options.sequences))
    storm = compare(wind, GuestBackend(guest), FakeBackend(family(guest.kernel).variant), say)
    return rows, storm, story


def _second_lane(guest: Guest, say: Progress) -> list[RowResult]:
    prepare(guest, say, "second guest")
    rows = rows_in(guest, split_rows()[1])
    say(f"second guest: {len(rows)} rows with a mounted volume done")
    return rows


def smoke(cache: Path, options: SmokeOptions, say: Progress) -> SmokeVerdict:
    """Run all of it, and say what was found.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: a guest did not do its part.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        ready = smoke_machine(cache, say, suite=options.suite, extra={STANDIN: standin()})
        machine, payload_fd = stack.enter_context(ready)
        # Guests end before the threads are waited for: their channels' end frees the threads.
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=2))
        first, second = (
            stack.enter_context(guests.started(machine, payload_fd, f"{name} guest"))
            for name in ("first", "second")
        )
        lanes = (
            pool.submit(_first_lane, first, options, say),
            pool.submit(_second_lane, second, say),
        )
        (rows, storm, story), mounted = lanes[0].result(), lanes[1].result()
        consoles = [guest.qemu.console_text() for guest in (first, second)]
        alarms = tuple(line for text in consoles for line in guests.alarms(text))
    verdict = SmokeVerdict(
        kernel=first.kernel,
        acceleration=machine.acceleration,
        rows=compare_rows([*rows, *mounted], rows_on_the_fake(), ROWS),
        storm=storm,
        story=story,
        alarms=tuple(alarms),
        seconds=time.monotonic() - began,
    )
    for line in report(verdict, options):
        say(line)
    return verdict


def report(verdict: SmokeVerdict, options: SmokeOptions) -> list[str]:
    """The end in words."""
    lines = row_report(verdict.rows, verdict.kernel)
    lines.append(f"storm {options.seed}: {verdict.storm.text()}")
    lines += [f"  {each.text()}" for each in verdict.storm.differences[:_SHOWN_DIFFERENCES]]
    lines += [f"the kernel complained: {line}" for line in verdict.alarms]
    word = "all ran and agreed" if verdict.good else "NOT all agreed"
    stages = len(verdict.story.stages)
    lines.append(f"smoke: {word} ({stages} stages followed, {verdict.seconds:.0f} s)")
    return lines
