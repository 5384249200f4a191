"""Figures as the rows of a Markdown table, ready for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from benchmarks.counting import Counted
from benchmarks.filling import Measured
from benchmarks.footprint import Footprint
from benchmarks.simulating import Simulated
from benchmarks.waking import Idle

if TYPE_CHECKING:
    from benchmarks.guests import Guests
    from benchmarks.instructions import Cost

COMPARED = (
    "members",
    "nodes written",
    "o2cbd, ms",
    "bare, ms",
    "ratio",
    "quartiles",
    "at most",
    "where, ms",
)
FOOTPRINT = (
    "members",
    "ready, s (fastest)",
    "on a processor, s",
    "imports",
    "`python3 -c pass`, s",
    "`python3 -I -S -c pass`, s",
    "RssAnon, MiB",
    "VmRSS, MiB",
)
COST = ("members", "what", "million instructions", "spread, %", "aim", "floor", "ratio")
GUESTS = ("members", "what", "median, s", "fastest, s", "at least, s", "by whom")
COUNTED = ("members", "history", "calls", "bytecode instructions")
IDLE = ("members", "span, s", "woke at, s", "switches in all", "resyncs due", "nothing else")

SIMULATED = (
    "members",
    "history",
    "simulated, s",
    "on a processor, s",
    "times real",
    "manager alone, s",
    "a host and change, us",
    "where, %",
    "a loop's turn, ns",
)


def compared_row(measured: Measured) -> Sequence[str]:
    """Render one comparison."""
    compared = measured.compared
    low, high = compared.quartiles
    parts = ", ".join(
        f"{name} {spent_ms:.1f}"
        for name, spent_ms in sorted(measured.parts_ms.items(), key=lambda item: -item[1])
    )
    return (
        str(measured.members),
        str(measured.nodes),
        f"{compared.ours_ms:.1f}",
        f"{compared.bare_ms:.1f}",
        f"{compared.ratio:.2f}",
        f"{low:.2f}-{high:.2f}",
        "-" if measured.target is None else f"{measured.target:g}",
        parts,
    )


def counted_row(counted: Counted) -> Sequence[str]:
    """Render one count."""
    return (
        str(counted.members or "drawn"),
        counted.history,
        str(counted.calls),
        "-" if counted.instructions is None else str(counted.instructions),
    )


def footprint_row(found: Footprint) -> Sequence[str]:
    """Render one footprint."""
    return (
        str(found.members),
        f"{found.ready_s:.2f} ({found.fastest_s:.2f})",
        f"{found.processor_s:.2f}",
        f"{100 * found.import_share:.0f} %",
        f"{found.pass_s:.3f}",
        f"{found.bare_pass_s:.3f}",
        f"{found.anon_kib / 1024:.1f}",
        f"{found.rss_kib / 1024:.1f}",
    )


def guests_rows(measured: Guests) -> Sequence[Sequence[str]]:
    """Render what guests took, a row a span."""
    return [
        (
            str(measured.members),
            figure.what,
            f"{figure.median_s:.1f}",
            f"{min(figure.seconds):.1f}",
            "-" if figure.floor is None else f"{figure.floor.seconds:g}",
            "-" if figure.floor is None else figure.floor.whose,
        )
        for figure in measured.figures
    ]


def idle_row(idle: Idle) -> Sequence[str]:
    """Render one idle span."""
    return (
        str(idle.members),
        f"{idle.span_s:g}",
        ", ".join(f"{moment_s:.1f}" for moment_s in idle.bursts_s) or "never",
        str(idle.switches),
        str(idle.resyncs),
        "yes" if idle.silent else "no",
    )


def render(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table as Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def simulated_row(measured: Simulated) -> Sequence[str]:
    """Render one simulated history."""
    where = sorted(measured.where.items(), key=lambda item: -item[1])
    return (
        str(measured.members),
        measured.history,
        f"{measured.simulated_s:.0f}",
        f"{measured.processor_s:.2f}",
        f"{measured.speed:.0f}",
        f"{measured.floor_s:.2f}",
        f"{measured.host_change_us:.0f}",
        ", ".join(f"{name} {share * 100:.0f}" for name, share in where),
        f"{measured.spin_ns:.0f}",
    )


def cost_rows(found: Cost) -> Sequence[Sequence[str]]:
    """Render what one size costs, and the daemon's memory."""
    rows = [
        (
            str(found.members),
            figure.what,
            f"{figure.median / 1e6:.2f}",
            f"{figure.spread_percent:.1f}",
            "-" if figure.aim is None else f"{figure.aim:g}",
            "-" if figure.floor is None else f"{figure.floor[0]}: {figure.floor[1] / 1e6:.2f}",
            "-" if figure.floor is None else f"{figure.median / figure.floor[1]:.1f}",
        )
        for figure in found.figures
    ]
    memory = ", ".join(f"{name} {kib / 1024:.1f}" for name, kib in found.memory_kib.items())
    return [*rows, (str(found.members), f"MiB: {memory}", "-", "-", "-", "-", "-")]
