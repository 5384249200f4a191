"""ocfs2-tools' own services on this host: they manage the same tables and mounts from a file.

They are told of and never fought: the operator decides, and what they write is compared like
anything else that is found in configfs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from o2cbd import clusterconf
from o2cbd.clusterconf import ClusterFileError
from o2cbd.core.reports import Report
from o2cbd.service.reports import (
    ClusterFileThere,
    GlobalHeartbeat,
    MountServiceOn,
    TableServiceOn,
)

CLUSTER_FILE = "etc/ocfs2/cluster.conf"

OPTION_FILES = ("etc/sysconfig/o2cb", "etc/default/o2cb")
"""The first that is there counts, as in the script of ocfs2-tools."""

UNITS = "etc/systemd/system"
MASKED = "/dev/null"


def look(root: Path, *, followed: bool) -> tuple[Report, ...]:
    """Say which of them are on, and which file they read.

    Args:
        root: the host's root directory.
        followed: a file of this kind is the membership, so that it needs no notice.
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
    return (*reports, *_of_file(root / CLUSTER_FILE, followed=followed))


def _of_file(path: Path, *, followed: bool) -> Iterator[Report]:
    where = f"/{CLUSTER_FILE}"
    try:
        clusters = clusterconf.load(str(path))
    except OSError:
        return
    except ClusterFileError as error:
        if not followed:
            yield ClusterFileThere(where=where, clusters=(), problem=str(error))
        return
    if not followed:
        yield ClusterFileThere(where=where, clusters=tuple(each.name for each in clusters))
    for each in clusters:
        if each.heartbeat_mode == "global":
            yield GlobalHeartbeat(where=where, cluster=each.name, regions=len(each.regions))


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
