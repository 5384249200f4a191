"""What a real kernel answered, held against what the fake answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cattrs import structure

from fakecluster.conformance.configfs_row import ConfigfsRow, RowResult
from fakecluster.conformance.configfs_rows import ROWS, run_rows
from integration.backends import CAPABILITIES, fake_operator
from integration.episode import shown
from integration.errors import GuestError
from integration.guest import Guest

ROWS_TIMEOUT_S = 900
AGREES, NOT_RUN = "agrees", "not-run"
_SHOWN_DIFFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RowComparison:
    """All rows on both sides."""

    kernel: int
    """How many rows ran on the kernel."""
    fake: int
    tables: Mapping[str, int]
    """Table of the observations -> how many of its rows ran on the kernel."""
    differences: tuple[str, ...]
    """Each with the row's name."""
    not_shown: Mapping[str, str]
    """Rows that one guest cannot show -> why."""
    kernel_alone: tuple[str, ...]
    """Rows that the fake has no say in without a mount."""


def compare_rows(
    kernel: Sequence[RowResult], fake: Sequence[RowResult], rows: Mapping[str, ConfigfsRow]
) -> RowComparison:
    """Compare the results of rows; a row without a result is a difference."""
    on_kernel = {result.name: result for result in kernel}
    on_fake = {result.name: result for result in fake}
    differences: list[str] = []
    for name, row in rows.items():
        differences += _row_differences(row, on_kernel.get(name), on_fake.get(name))
    ran = [result for result in kernel if result.status != NOT_RUN]
    return RowComparison(
        kernel=len(ran),
        fake=sum(result.status != NOT_RUN for result in fake),
        tables=dict(sorted(Counter(result.table for result in ran).items())),
        differences=tuple(differences),
        not_shown={result.name: result.why for result in kernel if result.status == NOT_RUN},
        kernel_alone=tuple(
            result.name
            for result in fake
            if result.status == NOT_RUN and result.name not in _names(kernel, NOT_RUN)
        ),
    )


def _names(results: Iterable[RowResult], status: str) -> set[str]:
    return {result.name for result in results if result.status == status}


def _row_differences(
    row: ConfigfsRow, kernel: RowResult | None, fake: RowResult | None
) -> list[str]:
    found: list[str] = []
    for side, result in (("the kernel", kernel), ("the fake", fake)):
        if result is None:
            found.append(f"{row.name}: {side} gave no result")
        elif result.status not in {AGREES, NOT_RUN}:
            found.append(f"{row.name}: on {side}, {result.why}")
    if kernel and fake and NOT_RUN not in {kernel.status, fake.status}:
        found += [
            f"{row.name}: {shown(one)}: kernel {ours}, fake {theirs}"
            for one, ours, theirs in zip(row.operations, kernel.got, fake.got, strict=False)
            if ours != theirs
        ]
    return found


def split_rows() -> tuple[list[str], list[str]]:
    """The names of the rows: the quick ones, and those that mount a volume (10 s each)."""
    slow = [name for name, row in ROWS.items() if "mounted" in row.needs]
    return [name for name in ROWS if name not in slow], slow


def rows_in(guest: Guest, names: Sequence[str]) -> list[RowResult]:
    """Run rows in a guest.

    Raises:
        GuestError: the guest failed; a row that differs is none.
    """
    result = guest.run(
        ["python3", "-m", "integration.inside.configfs", "rows", *names], timeout_s=ROWS_TIMEOUT_S
    )
    if result.rc != 0:
        raise GuestError(f"running rows ended with {result.rc}: {result.err}")
    return [structure(json.loads(line), RowResult) for line in result.out.splitlines()]


def rows_on_the_fake() -> list[RowResult]:
    """Run all rows on the model."""
    return run_rows("", ROWS.values(), CAPABILITIES, operator=fake_operator())


def row_report(found: RowComparison, kernel: str) -> list[str]:
    """The comparison of rows in words."""
    tables = ", ".join(f"{table} {count}" for table, count in found.tables.items())
    counts = f"{found.kernel} on kernel {kernel}, {found.fake} on the fake"
    lines = [f"rows: {counts}, {len(found.differences)} differences ({tables})"]
    lines += [f"  {difference}" for difference in found.differences[:_SHOWN_DIFFERENCES]]
    lines += [f"  not shown by one guest: {name} ({why})" for name, why in found.not_shown.items()]
    lines += [
        f"  on the kernel alone (the model has no mount here): {name}"
        for name in found.kernel_alone
    ]
    return lines
