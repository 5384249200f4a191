"""ocfs2-tools' own services on this host: they manage the same tables and mounts from a file.

They are told of and never fought: the operator decides, and what they write is compared like
anything else that is found in configfs.
"""

from __future__ import annotations

import re
from pathlib import Path

from o2cbd.core.reports import Report
from o2cbd.service.reports import ClusterFileThere, MountServiceOn, TableServiceOn

CLUSTER_FILE = "etc/ocfs2/cluster.conf"

OPTION_FILES = ("etc/sysconfig/o2cb", "etc/default/o2cb")
"""The first that is there counts, as in the script of ocfs2-tools."""

UNITS = "etc/systemd/system"
MASKED = "/dev/null"

_CLUSTER_NAME = re.compile(r"^cluster:\s*\n(?:[ \t]+.*\n)*?[ \t]+name\s*=\s*(\S+)", re.MULTILINE)


def look(root: Path) -> tuple[Report, ...]:
    """Say which of them are on, and which file they read.

    Args:
        root: the host's root directory.
    """
    reports: list[Report] = []
    options = next((name for name in OPTION_FILES if (root / name).is_file()), OPTION_FILES[-1])
    given = _text(root / options) or ""
    if _option(given, "O2CB_ENABLED") == "true" and _starts(root, "o2cb"):
        cluster = _option(given, "O2CB_BOOTCLUSTER")
        reports.append(TableServiceOn(where=f"/{options}", cluster=cluster))
    link = _starts(root, "ocfs2")
    if link:
        reports.append(MountServiceOn(where=link))
    clusters = _text(root / CLUSTER_FILE)
    if clusters is not None:
        names = tuple(_CLUSTER_NAME.findall(clusters))
        reports.append(ClusterFileThere(where=f"/{CLUSTER_FILE}", clusters=names))
    return tuple(reports)


def _text(path: Path) -> str | None:
    """Return a file's text; None where there is none to be had, which nothing depends on."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _option(text: str, name: str) -> str:
    """Return what a shell script that reads this has in a variable; empty when it is not set."""
    found = re.findall(rf"""^\s*(?:export\s+)?{name}=["']?([^\s"'#;]*)""", text, re.MULTILINE)
    return found[-1] if found else ""


def _starts(root: Path, service: str) -> str:
    """Return the link by which a service is started at boot; empty where it is not."""
    unit = root / UNITS / f"{service}.service"
    if unit.is_symlink() and str(unit.readlink()) == MASKED:
        return ""
    wanting = [*root.glob(f"{UNITS}/*.wants"), *root.glob(f"{UNITS}/*.requires")]
    links = [directory / unit.name for directory in sorted(wanting)]
    links += sorted(root.glob(f"etc/rc[2345].d/S[0-9][0-9]{service}"))
    return next((f"/{link.relative_to(root)}" for link in links if link.is_symlink()), "")
