"""`python -m fakecluster.corosync.shapes [--write FILE]`: the manual's page about real files.

Run it in the project's directory. What it says is held by the tests that run every shape.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path("tests/process/data/corosync")

IN_SYNC = "synced"

_HEAD = f"""\
# Shapes of corosync.conf

<!-- Made by `python -m fakecluster.corosync.shapes --write docs/shapes.md`; tests hold it true. -->

Files as people run them, with other names and addresses (`{DATA}`), and what `o2cbd`
does with each where its settings have nothing but `source = "corosync"`. The lines to write are
those that `o2cbd status`, `o2cbd plan` and the log propose, all at once; with them in
`/etc/o2cbd/o2cbd.toml` on all nodes, and o2cbd restarted, it is in sync with the table that is
shown. Each row was run on a real corosync 3.1.7.

| in corosync.conf | by default | to write | node table |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfShape:
    """A corosync.conf, and what the daemon does with it on the host of its first node."""

    file: str
    what: str
    id: int
    addresses: Sequence[str]
    state: str = IN_SYNC
    reason: str = ""
    write: Sequence[str] = ()
    values: Sequence[str] = ()
    table: Sequence[str] = ()
    refused: str = ""

    @property
    def default(self) -> str:
        """What it does with default settings, in words."""
        if self.refused:
            return f"corosync 3 does not start (*{self.refused}*): `{self.state}`, {self.reason}"
        return "in sync" if self.state == IN_SYNC else f"`{self.state}`: {self.reason}"


def shapes(directory: Path = DATA) -> tuple[ConfShape, ...]:
    """Read the shapes."""
    with (directory / "shapes.toml").open("rb") as file:
        return tuple(ConfShape(**each) for each in tomllib.load(file)["shape"])


def shapes_page(known: Sequence[ConfShape]) -> str:
    """Return the whole page."""
    return _HEAD + "".join(_rows(known))


def _rows(known: Sequence[ConfShape]) -> Iterator[str]:
    for shape in known:
        lines = "<br>".join(f"`{line}`" for line in shape.write) or "—"
        nodes = "<br>".join(shape.table) or "—"
        yield f"| {shape.what} | {shape.default} | {lines} | {nodes} |\n"


def main(words: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m fakecluster.corosync.shapes")
    parser.add_argument("--write", type=Path, metavar="FILE", help="else it is printed")
    target: Path | None = parser.parse_args(words).write
    text = shapes_page(shapes())
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
