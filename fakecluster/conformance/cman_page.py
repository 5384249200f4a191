"""`python -m fakecluster.conformance.cman_page [--write FILE]`: the page that compares engines.

It is made from the rows and from the listed differences; that these are true is tested row by row.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from fakecluster.cman.timings import Profile
from fakecluster.conformance.cman_row import CmanRow
from fakecluster.conformance.cman_rows import DIFFERENCES, ENGINES, ROWS, difference

_HEAD = """\
# Engines compared

<!-- Made by `python -m fakecluster.conformance.cman_page --write docs/engines.md`; a test holds it
true. -->

What real cman clusters were seen to do, row by row: 3.0.12 on corosync 1.2.8 and 3.1.8 on corosync
1.4.10. Each row is acted on each engine, over cman's sockets or through a `libcman.so.3`
(`fakecluster/conformance/cman_rows*.py`), and what must be seen is compared as text: statuses,
errnos, the args of notices, node ids; `gone` is a connection that cman closed, `S1` a state change
with arg 1, `C2` a new configuration 2, `T0` a shutdown question, `ring` a configuration change.
Several possibilities are separated by *or*. The gate is [`fakecluster gate`](gate.md) over a real
corosync 3 (`tests/process/gate_rows.py`); it is held to what 3.1.8 shows.

| cell | meaning |
|---|---|
| = | shows what that version shows |
| ? | not observed on a real cman; nothing is claimed |
| — | cannot be brought about; the reason stands below |
| a number | differs; the reason stands below |
"""


def engines_page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *_tables(), *_reasons()]) + "\n"


def _tables() -> Iterator[str]:
    for section, rows in groupby(ROWS, key=lambda row: row.section):
        yield f"## {section}\n"
        yield f"| row | what is done | 3.0.12 | 3.1.8 | {' | '.join(ENGINES)} |"
        yield "|---" * (4 + len(ENGINES)) + "|"
        for row in rows:
            seen = [_seen(row, profile) for profile in Profile]
            cells = [_cell(row, engine) for engine in ENGINES]
            yield f"| `{row.name}` | {' | '.join([row.done, *seen, *cells])} |"
        yield ""


def _seen(row: CmanRow, profile: Profile) -> str:
    return " *or* ".join(row.seen[profile]) or "?"


def _cell(row: CmanRow, engine: str) -> str:
    listed = difference(row, engine)
    if listed is not None:
        return str(DIFFERENCES.index(listed) + 1)
    if row.act is None:
        return "—"
    return "=" if row.seen[ENGINES[engine]] else "?"


def _reasons() -> Iterator[str]:
    yield "## What differs\n"
    for number, one in enumerate(DIFFERENCES, start=1):
        yield f"{number}. `{one.row}`, {one.engine}: shows {' *or* '.join(one.shows)}. {one.reason}"
    if not DIFFERENCES:
        yield "Nothing."
    yield "\n## What cannot be brought about\n"
    for row in ROWS:
        if row.act is None:
            yield f"- `{row.name}`: {row.why_not}."


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    path = parser.parse_args().write
    if path is None:
        print(engines_page(), end="")
    else:
        path.write_text(engines_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
