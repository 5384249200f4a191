"""The directory that holds a historic cman, and the places where its programs look for files.

Those places are compiled into the programs, so they are read from there: `/usr/libexec/lcrso` in
one build is `/usr/lib/lcrso` in another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

LAYOUT: Final = """\
  sbin/cman_tool          the administrator's tool
  sbin/corosync           corosync 1.x
  lib/libcman.so.3        the client library
  lib/*.so*               the libraries of corosync 1.x
  libexec/lcrso/*.lcrso   its plug-ins, those of cman among them
"""
"""What the directory must hold, for a person."""

_PROGRAMS: Final = ("sbin/cman_tool", "sbin/corosync")
_LIBRARY: Final = "lib/libcman.so.3"
_PLUGINS: Final = "libexec/lcrso"
_PATH: Final = re.compile(
    rb"/[\w.+/-]*/(?:lcrso|sbin/corosync|cluster\.conf|cman_client)(?=[\0\s:])"
)
_UDPU: Final = b"udpu\0"
_VALIDATOR: Final = b"ccs_config_validate"


class CmanRootError(Exception):
    """The directory does not hold what it must; the text names everything at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CmanRoot:
    """A checked directory; make it with `read`."""

    directory: Path
    plugin_directories: tuple[str, ...] = ("/usr/lib/lcrso", "/usr/libexec/lcrso")
    """Where corosync looks for its plug-ins."""
    corosync_paths: tuple[str, ...] = ("/usr/sbin/corosync",)
    """What cman_tool starts."""
    configuration_directories: tuple[str, ...] = ("/etc/cluster",)
    """Where cluster.conf is read."""
    socket_directories: tuple[str, ...] = ("/var/run",)
    """Where cman's sockets are, for itself and its clients."""
    udpu: bool = False
    """Corosync can do without multicast."""
    validates: bool = False
    """cman_tool has the configuration validated by a program that is not there."""

    @property
    def cman_tool(self) -> Path:
        """The administrator's tool."""
        return self.directory / _PROGRAMS[0]

    @property
    def corosync(self) -> Path:
        """The manager itself."""
        return self.directory / _PROGRAMS[1]

    @property
    def libcman(self) -> Path:
        """The client library."""
        return self.directory / _LIBRARY

    @property
    def plugins(self) -> Path:
        """Corosync's plug-ins."""
        return self.directory / _PLUGINS

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need in their environment."""
        libraries = (self.directory / "lib", self.directory / "lib64", self.plugins)
        found = ":".join(str(each) for each in libraries if each.is_dir())
        path = f"{self.directory / 'sbin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"LD_LIBRARY_PATH": found, "PATH": path}

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Check a directory, and find what is compiled into its programs.

        Raises:
            CmanRootError: something is not there, or is not what it should be.
        """
        directory = Path(os.path.abspath(directory))  # noqa: PTH100 - as the user names it
        problems = list(_problems(directory))
        if problems:
            lines = "".join(f"\n  {problem}" for problem in problems)
            raise CmanRootError(
                f"--cman-root {directory} holds no historic cman:{lines}\nIt must hold:\n{LAYOUT}"
            )
        data = b"\0".join(path.read_bytes() + b"\0" for path in sorted(_files(directory)))
        found = {match.group().decode() for match in _PATH.finditer(data)}
        chosen = {
            "plugin_directories": {path for path in found if path.endswith("/lcrso")},
            "corosync_paths": {path for path in found if path.endswith("/sbin/corosync")},
            "configuration_directories": _parents(found, "cluster.conf"),
            "socket_directories": _parents(found, "cman_client"),
        }
        places = {name: tuple(sorted(paths)) for name, paths in chosen.items() if paths}
        return cls(directory=directory, udpu=_UDPU in data, validates=_VALIDATOR in data, **places)


def _problems(directory: Path) -> Iterator[str]:
    if not directory.is_dir():
        yield "it is no directory"
        return
    for name in _PROGRAMS:
        path = directory / name
        if not path.is_file():
            yield f"{name}: not there"
        elif not os.access(path, os.X_OK):
            yield f"{name}: not executable: chmod +x {path}"
    if not (directory / _LIBRARY).is_file():
        yield f"{_LIBRARY}: not there"
    if not any((directory / _PLUGINS).glob("*.lcrso")):
        yield f"{_PLUGINS}/*.lcrso: not there"


def _files(directory: Path) -> Iterator[Path]:
    yield from (directory / name for name in (*_PROGRAMS, _LIBRARY))
    yield from (directory / _PLUGINS).glob("*.lcrso")


def _parents(found: set[str], name: str) -> set[str]:
    return {os.path.dirname(path) for path in found if path.endswith(f"/{name}")}  # noqa: PTH120 - text stays text
