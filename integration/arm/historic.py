"""A historic cman in guests: what is packed, where it goes, and how the arm handles it.

What a host of one needs is described once, for namespaces and for guests
(`fakecluster.historic.host`); here links stand in places where mounts stand there, and systemd
starts what the lab starts.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fakecluster.arms.values import VM_HISTORIC
from fakecluster.cman.topology import Topology
from fakecluster.historic.cluster_conf import cluster_conf, hosts_file
from fakecluster.historic.host import (
    EMPTY_DIRECTORIES,
    MULTICAST_ROUTE,
    corosync_script,
    join_words,
    places,
)
from fakecluster.historic.root import CmanRoot
from integration import deb
from integration.arm.managers import Hands, LibcmanOrders, Manager
from integration.guest import Guest
from integration.guest_modules import GUEST_DIRECTORY, inside
from integration.lab.base import Extra
from integration.lab.lab import SHARED_DEVICE

HISTORIC_ARM: Final = "vm-historic"
UNIT: Final = "cman.service"
DIRECTORY: Final = "/usr/lib/historic-cman"
"""Where a guest has what `--cman-root` holds."""
CONFIGURATION: Final = "/etc/cluster"
NAME_FILE: Final = "/etc/default/historic-cman"
"""Tells the unit the node's name."""

_LIBRARY_PATH: Final = ":".join(
    f"{DIRECTORY}/{name}" for name in ("lib", "lib64", "libexec/lcrso", "spare")
)
_JOIN: Final = f"{DIRECTORY}/join"
_UNIT_TEXT: Final = f"""\
[Unit]
Description=A historic cman

[Service]
Type=forking
EnvironmentFile={NAME_FILE}
ExecStart={_JOIN}
"""
_RELOAD_TIMEOUT_S: Final = 60
_PROVISION_TIMEOUT_S: Final = 900
"""The loader is asked for every file, a few times, on an emulated processor."""
_GUESTS_OWN: Final = frozenset({"libc.so.6", "ld-linux-x86-64.so.2"})
"""Never another machine's."""
_LOADED_LATER: Final[Mapping[str, tuple[str, ...]]] = {
    "libnss3.so": (
        "libsoftokn3.so",
        "libsoftokn3.chk",
        "libfreebl3.so",
        "libfreebl3.chk",
        "libfreeblpriv3.so",
        "libfreeblpriv3.chk",
    ),
}
"""What a library loads by name when it runs, from beside it; the loader does not tell."""


@functools.cache
def historic_manager(root: CmanRoot) -> Manager:
    """A real cman on corosync 1, which somebody brings along: one process, ordered by libcman."""
    return Manager(
        arm=HISTORIC_ARM,
        missing=VM_HISTORIC,
        source="cman",
        packages=(deb.DAEMON,),
        units=(UNIT,),
        whom="all",
        counts_anew=False,
        look="cman:look_historic",
        warm=(("sh", "-c", f"cd {DIRECTORY} && cat sbin/* lib/* libexec/lcrso/* >/dev/null"),),
        orders=LibcmanOrders(),
        files=functools.partial(_files, root),
        reload=_reload,
        extra=functools.partial(_extra, root),
    )


def _files(root: CmanRoot, host: int, topology: Topology, version: int) -> dict[str, str]:
    name = next(node.name or f"node{node.id}" for node in topology.nodes if node.id == host)
    return {
        f"{CONFIGURATION}/cluster.conf": cluster_conf(topology, version=version, udpu=root.udpu),
        "/etc/hosts": hosts_file(topology.nodes),
        NAME_FILE: f"NODENAME={shlex.quote(name)}\n",
    }


def _reload(hands: Hands, host: int, version: int) -> None:
    # The operator says which version is current.
    hands.ask_guest(host, "cman:set_version", version=version)


def _extra(root: CmanRoot) -> Extra:
    """What its guests are given besides packages."""
    spare = spare_files(root)
    arguments = placement(root, spare)
    modules = inside("historic")
    return Extra(
        files=(*packed_files(root), *spare_members(spare)),
        words=(repr(arguments), *(path.read_text("utf-8") for _, path in modules)),
        place=functools.partial(_place, arguments),
    )


def _place(arguments: Mapping[str, object], guest: Guest) -> None:
    guest.unpack(inside("historic"), GUEST_DIRECTORY)
    guest.call("historic:provision", arguments, _PROVISION_TIMEOUT_S)
    guest.check(["systemctl", "daemon-reload"], timeout_s=_RELOAD_TIMEOUT_S)


def packed_files(root: CmanRoot) -> list[tuple[str, Path]]:
    """Return everything of it that a guest is given: the name in the archive, and the path here."""
    return [(f"cman/{file.relative_to(root.directory)}", file) for file in root.files()]


def spare_files(root: CmanRoot) -> dict[str, list[Path]]:
    """Return libraries of this machine that a guest may lack, by name, with what goes with each."""
    found = root.linked().found
    return {
        name: [path, *(path.parent / other for other in _LOADED_LATER.get(name, ()))]
        for name, path in sorted(found.items())
        if name not in _GUESTS_OWN and not path.is_relative_to(root.directory)
    }


def placement(root: CmanRoot, spare: Mapping[str, list[Path]]) -> dict[str, Any]:
    """Return the arguments of the guest's part, `integration.inside.historic`."""
    seen = places(
        root, plugins=f"{DIRECTORY}/libexec/lcrso", corosync="", configuration=CONFIGURATION
    )
    links = {path: target for path, target in seen.items() if target not in {"", path}}
    script = corosync_script(f"{DIRECTORY}/sbin/corosync", _LIBRARY_PATH)
    return {
        "archive": SHARED_DEVICE,
        "directory": DIRECTORY,
        "spare": {
            name: [name, *(path.name for path in paths[1:] if path.is_file())]
            for name, paths in spare.items()
        },
        "directories": [*root.socket_directories, *EMPTY_DIRECTORIES, CONFIGURATION],
        "links": {**links, "/usr/lib/libcman.so.3": f"{DIRECTORY}/lib/libcman.so.3"},
        "files": {f"/etc/systemd/system/{UNIT}": _UNIT_TEXT},
        "programs": {**dict.fromkeys(root.corosync_paths, script), _JOIN: _join_script(root)},
    }


def spare_members(spare: Mapping[str, list[Path]]) -> list[tuple[str, Path]]:
    """Return the same for the archive; of two libraries that bring the same file one is enough."""
    members = {}
    for name, (path, *others) in spare.items():
        members[f"spare/{name}"] = path
        members |= {f"spare/{other.name}": other for other in others if other.is_file()}
    return sorted(members.items())


def _join_script(root: CmanRoot) -> str:
    return (
        f"#!/bin/sh -e\nip {MULTICAST_ROUTE}\n"
        f"LD_LIBRARY_PATH={_LIBRARY_PATH}\nPATH={DIRECTORY}/sbin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "export LD_LIBRARY_PATH PATH\n"
        f'exec cman_tool {shlex.join(join_words(root))} "$NODENAME"\n'
    )
