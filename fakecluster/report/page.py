"""The timeline as one HTML file that needs nothing else: no network, no other file.

What a trace holds may be hostile (node names come from elsewhere): texts go into the page as JSON
whose angle brackets and ampersands are escaped, and the script only ever sets text. The page's
policy lets run this one script and no other.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from fakecluster.report.timeline import timeline_of
from fakecluster.report.timeline_data import as_data
from fakecluster.report.words import shown
from fakecluster.trace.events import Line
from o2cbd.core.records import Header

_PARTS = ("model.js", "paint.js", "list.js", "page.js")
"""The script, in this order."""


def write_page(out: TextIO, header: Header, lines: Sequence[Line]) -> None:
    """Write the timeline of a trace."""
    out.write(page_of(header, lines))


def page_of(header: Header, lines: Sequence[Line]) -> str:
    """Return the page; the same trace gives the same bytes."""
    title = f"{header.cluster or 'cluster'}: timeline"
    return page_from(as_data(timeline_of(header, shown(lines))), title)


def page_from(content: Mapping[str, Any], title: str) -> str:
    """Return the page that draws this: what `as_data` makes, and `compare` where there are two.

    Args:
        content: what there is to draw.
        title: of the page.
    """
    data = json.dumps(
        content,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    # What could end the element, or begin a comment in it, is spelled otherwise in JSON.
    for char in "<>&":
        data = data.replace(char, f"\\u{ord(char):04x}")
    style, script = _part("page.css"), "".join(_part(name) for name in _PARTS)
    script = f'(function () {{\n"use strict";\n{script}}})();\n'
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none';"
        f" style-src {_source(style)}; script-src {_source(script)}"
    )
    parts = {
        "policy": policy,
        "title": html.escape(title),
        "style": style,
        "data": data,
        "script": script,
    }
    return re.sub(r"@(\w+)@", lambda mark: parts[mark[1]], _part("page.html"))


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _part(name: str) -> str:
    return importlib.resources.files("fakecluster.report").joinpath(name).read_text("utf-8")
