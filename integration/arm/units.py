"""The units of a guest that a scenario starts and ends itself, and what systemd is told of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Final

UNIT: Final = "o2cbd.service"
DROP_IN: Final = f"/run/systemd/system/{UNIT}.d/scenario.conf"
_MANAGER: Final = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=no\n"
"""Whatever is killed and started again and again is no failure here, and nothing starts itself."""


def unit_files(options: Sequence[str], managers: Iterable[str]) -> dict[str, str]:
    """What systemd is told of the daemon's unit and its manager's, by path.

    Args:
        options: more words for `o2cbd run`.
        managers: the units of the manager.
    """
    files = {f"/run/systemd/system/{unit}.d/scenario.conf": _MANAGER for unit in managers}
    return {DROP_IN: drop_in(options), **files}


def drop_in(options: Sequence[str]) -> str:
    """The daemon's unit as a scenario wants it: it alone says when a daemon starts.

    Args:
        options: more words for `o2cbd run`.
    """
    lines = ["[Unit]", "StartLimitIntervalSec=0", "[Service]", "Restart=no"]
    if options:
        lines += ["ExecStart=", f"ExecStart=/usr/bin/o2cbd run {shlex.join(options)}"]
    return "\n".join(lines) + "\n"
