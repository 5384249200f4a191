"""The table of verbs of a manual page: `python -m fakecluster.scenario.page PAGE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fakecluster.verbs import VERBS, Argument, arguments_of

BEGIN = "<!-- verbs: made by `python -m fakecluster.scenario.page docs/exploration.md` -->\n"
END = "<!-- end of the verbs -->\n"


def verb_table() -> str:
    """Return the table of all verbs."""
    rows = []
    for name, verb in VERBS.items():
        arguments = [_shown(one) for one in arguments_of(verb) if one.spelled.in_file]
        rows.append(f"| `{name}` | {', '.join(arguments)} | {verb.about()} |\n")
    return "| do | with [optional] | what it does |\n|---|---|---|\n" + "".join(rows)


def _shown(one: Argument) -> str:
    note = f"; {one.spelled.note}" if one.spelled.note else ""
    text = f"`{one.name}`: {one.kind.value}{note}"
    return text if one.required else f"[{text}]"


def with_table(page: str) -> str:
    """Return a page with its table made anew.

    Raises:
        ValueError: the page has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the verbs")
    return f"{before}{BEGIN}\n{verb_table()}\n{END}{after}"


def main(arguments: Sequence[str]) -> None:
    """Make the table of a page anew."""
    path = Path(arguments[0])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
