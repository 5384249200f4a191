"""Make o2cbd.toml(5) from docs/settings.md: `python3 settings_page.py docs/settings.md`.

Tables become lists, since a terminal is narrow; links become their text. What comes out is
Markdown for go-md2man. The package's build runs this, so it needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HEADER = """\
% "O2CBD.TOML" "5" "" "o2cbd" "File formats"

# NAME
o2cbd.toml - settings of o2cbd

# SYNOPSIS
/etc/o2cbd/o2cbd.toml

# DESCRIPTION
"""
FOOTER = """
# FILES
*/etc/o2cbd/o2cbd.toml*
: As it is installed, corosync is followed, and every node of its list is in the table.
The rest is commented out.

# SEE ALSO
**o2cbd**(8)
"""

ROW = re.compile(r"^\| `(?P<key>\w+)` \| (?P<default>.*?) \| (?P<values>.*?) \| (?P<text>.*) \|$")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
NOT_FOR_OPERATORS = re.compile(r"^`tests/")
"""Paragraphs about how the page is kept true."""


def inline(text: str) -> str:
    """Return running text as the converter wants it: keys bold, links as their text."""
    return CODE.sub(r"**\1**", LINK.sub(r"\1", text)).replace("<", r"\<")


def key(row: re.Match[str]) -> str:
    """Return one key as an item of a list."""
    values = f"Values: {inline(row['values'])}. " if row["values"] else ""
    return f"**{row['key']}**\n: {inline(row['text'])} {values}Default: {inline(row['default'])}.\n"


def converted(page: str) -> Iterator[str]:
    """Yield the lines of the manual page's body."""
    fenced = False
    for line in page.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            yield "```"
        elif fenced:
            yield line
        elif row := ROW.match(line):
            yield key(row)
        elif line.startswith("## "):
            title = line[3:].strip("`")
            yield f"# {title if title.startswith('[') else title.upper()}"
        elif not line.startswith(("# ", "|")) and not NOT_FOR_OPERATORS.match(line):
            yield inline(line) + "\n" if line else line


def main() -> None:
    """Print the page for the file that is named."""
    page = Path(sys.argv[1]).read_text(encoding="utf-8")
    print(HEADER + "\n".join(converted(page)) + FOOTER, end="")


if __name__ == "__main__":
    main()
