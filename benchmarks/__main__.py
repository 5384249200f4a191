"""`python -m benchmarks count|first-fill|join|footprint|guests|instructions|simulate|wakeups`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import tables
from benchmarks.counting import count
from benchmarks.filling import first_fill, one_more_join
from benchmarks.footprint import footprint, machine
from benchmarks.simulating import simulate
from benchmarks.waking import RESYNC_S, wakeups
from integration.errors import EXIT_CANNOT_RUN, CannotRunError, missing_library_text

if TYPE_CHECKING:
    from benchmarks.guests import Guests
    from benchmarks.instructions import Cost


_MOST = 255
_MOST_GUESTS = 5
"""A guest takes 400 MiB, and a processor that is emulated."""


def _sizes(text: str, most: int = _MOST) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in text.split(","))
    # One host is ours, one the bare loop's, and another one comes and goes.
    if not all(3 <= size <= most for size in sizes):
        raise argparse.ArgumentTypeError(f"a size is 3 to {most}")
    return sizes


def _guest_sizes(text: str) -> tuple[int, ...]:
    return _sizes(text, _MOST_GUESTS)


def _drawn_or_sizes(text: str) -> tuple[int, ...]:
    head, _, rest = text.partition(",")
    if head != "0":
        return _sizes(text)
    return (0, *_sizes(rest)) if rest else (0,)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("rounds are at least 1")
    return int(text)


_SIZES = {"guests": _guest_sizes, "count": _drawn_or_sizes}
"""How the sizes of some commands are read."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure o2cbd against the least that could be; see docs/benchmarks.md.",
    )
    commands = top.add_subparsers(dest="command", required=True)

    def add(name: str, sizes: str, rounds: int | None, words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument(
            "--members",
            type=_SIZES.get(name, _sizes),
            default=sizes,
            metavar="N[,N...]",
            help=f"members of the cluster ({sizes})",
        )
        if rounds is not None:
            command.add_argument(
                "--rounds", type=_count, default=rounds, metavar="N", help="(%(default)s)"
            )
        command.add_argument("--json", action="store_true", help="one JSON line a size")
        return command

    add("first-fill", "3,32,255", 11, "an empty configfs at a state change, against a bare loop")
    add("join", "3,32,255", 21, "one more member, against one scandir, one reading and 13 calls")
    add("footprint", "3,255", 9, "how soon a daemon is ready, and its memory")
    add("guests", "3", 3, "emulated machines, and a join and a death on their kernels")
    add("instructions", "3,32,128,254", 5, "what the daemon executes, counted in an emulated guest")
    add("count", "0,3,32,255", None, "what histories cost, counted; 0: drawn ones")
    add("simulate", "3,32,64,128,255", None, "a cluster in virtual time against the clock")
    span = add("wakeups", "3", None, "what an idle daemon wakes for")
    span.add_argument(
        "--span",
        type=float,
        default=2 * RESYNC_S + 5,
        metavar="SECONDS",
        help="how long to watch (%(default)s)",
    )
    return top


def _one(row: Callable[[Any], Sequence[str]]) -> Callable[[Any], Sequence[Sequence[str]]]:
    return lambda measured: [row(measured)]


# Imported where they are run: they need the dependency group `vm`, which the others do not.


def _guests(members: int, rounds: int) -> Guests:
    try:
        from benchmarks.guests import guests  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CannotRunError(missing_library_text(error)) from error
    return guests(members, rounds)


def _instructions(members: int, rounds: int) -> Cost:
    try:
        from benchmarks.instructions import cost  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CannotRunError(missing_library_text(error)) from error
    return cost(members, rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0, whatever the figures are; 77: this machine lacks something."""
    arguments = parser().parse_args(argv)
    measure: dict[
        str, tuple[Callable[[int], Any], Callable[[Any], Sequence[Sequence[str]]], Sequence[str]]
    ] = {
        "first-fill": (
            lambda size: first_fill(size, arguments.rounds),
            _one(tables.compared_row),
            tables.COMPARED,
        ),
        "join": (
            lambda size: one_more_join(size, arguments.rounds),
            _one(tables.compared_row),
            tables.COMPARED,
        ),
        "footprint": (
            lambda size: footprint(size, arguments.rounds),
            _one(tables.footprint_row),
            tables.FOOTPRINT,
        ),
        "guests": (
            lambda size: _guests(size, arguments.rounds),
            tables.guests_rows,
            tables.GUESTS,
        ),
        "count": (count, _one(tables.counted_row), tables.COUNTED),
        "instructions": (
            lambda size: _instructions(size, arguments.rounds),
            tables.cost_rows,
            tables.COST,
        ),
        "simulate": (simulate, _one(tables.simulated_row), tables.SIMULATED),
        "wakeups": (
            lambda size: wakeups(size, arguments.span),
            _one(tables.idle_row),
            tables.IDLE,
        ),
    }
    run, rows_of, heads = measure[arguments.command]
    print(machine(), file=sys.stderr, flush=True)
    rows: list[Sequence[str]] = []
    for size in arguments.members:
        try:
            measured = run(size)
        except CannotRunError as error:
            print(f"could not run: {error}", file=sys.stderr)
            return EXIT_CANNOT_RUN
        if arguments.json:
            print(json.dumps(dataclasses.asdict(measured), sort_keys=True), flush=True)
        rows += rows_of(measured)
    if not arguments.json:
        print(tables.render(heads, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
