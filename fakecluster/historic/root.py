"""The directory that holds a historic cman, and the places where its programs look for files.

Those places are compiled into the programs, so they are read from there: `/usr/libexec/lcrso` in
one build is `/usr/lib/lcrso` in another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from fakecluster.historic.libraries import LinkedLibraries, linked_libraries

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
_ELF: Final = b"\x7fELF"
_SCRIPT: Final = b"#!"
_OF_COROSYNC_1: Final = (b"COROSYNC_DEFAULT_CONFIG_IFACE", b"lcrso")
"""corosync 1 looks for plug-ins, and is told which of them reads its configuration."""
_OF_CMAN: Final = b"cman_client"
_OURSELVES: Final = Path("/proc/self/exe")


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
    def library_path(self) -> str:
        """LD_LIBRARY_PATH of its programs."""
        return ":".join(map(str, self._library_directories()))

    def _library_directories(self) -> list[Path]:
        directories = (self.directory / "lib", self.directory / "lib64", self.plugins)
        return [each for each in directories if each.is_dir()]

    def files(self) -> Iterator[Path]:
        """Give all of it that its programs may need at run time, links as what they are to."""
        yield from sorted(each for each in (self.directory / "sbin").iterdir() if each.is_file())
        for directory in self._library_directories():
            yield from sorted(each for each in directory.iterdir() if _is_library(each))

    def linked(self) -> LinkedLibraries:
        """Return the libraries that its programs are linked to, in the directory or outside."""
        return linked_libraries(self.files(), self.library_path)

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need in their environment."""
        path = f"{self.directory / 'sbin'}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"LD_LIBRARY_PATH": self.library_path, "PATH": path}

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Check a directory, and find what is compiled into its programs.

        Raises:
            CmanRootError: something is not there, or is not what it should be.
        """
        directory = Path(os.path.abspath(directory))  # noqa: PTH100 - as the user names it
        _refuse(directory, list(_problems(directory)))
        data = b"\0".join(path.read_bytes() + b"\0" for path in sorted(_files(directory)))
        found = {match.group().decode() for match in _PATH.finditer(data)}
        chosen = {
            "plugin_directories": {path for path in found if path.endswith("/lcrso")},
            "corosync_paths": {path for path in found if path.endswith("/sbin/corosync")},
            "configuration_directories": _parents(found, "cluster.conf"),
            "socket_directories": _parents(found, "cman_client"),
        }
        places = {name: tuple(sorted(paths)) for name, paths in chosen.items() if paths}
        root = cls(directory=directory, udpu=_UDPU in data, validates=_VALIDATOR in data, **places)
        _refuse(directory, list(root._unlinked()))
        return root

    def _unlinked(self) -> Iterator[str]:
        """What no cman starts without; a plug-in that nobody asks for may lack what it wants."""
        needed = (self.cman_tool, self.corosync, self.libcman, *_cman_plugins(self.plugins))
        for name, file in linked_libraries(needed, self.library_path).missing.items():
            where = file.relative_to(self.directory)
            yield f"{where}: needs {name}, which is neither in lib/ nor on this machine"


def _problems(directory: Path) -> Iterator[str]:
    if not directory.is_dir():
        yield "it is no directory"
        return
    for name in _PROGRAMS:
        if problem := _program_problem(directory / name):
            yield f"{name}: {problem}"
    library = directory / _LIBRARY
    if not library.is_file():
        yield f"{_LIBRARY}: not there"
    elif not _is_ours(library.read_bytes()):
        yield f"{_LIBRARY}: no library of this machine"
    if not any((directory / _PLUGINS).glob("*.lcrso")):
        yield f"{_PLUGINS}/*.lcrso: not there"
    elif not _cman_plugins(directory / _PLUGINS):
        yield f"{_PLUGINS}/*.lcrso: none of them is cman's"


def _program_problem(path: Path) -> str | None:
    if not path.is_file():
        return "not there"
    if not os.access(path, os.X_OK):
        return f"not executable: chmod +x {path}"
    data = path.read_bytes()
    if data.startswith(_SCRIPT):
        return None
    if not _is_ours(data):
        return "no program of this machine"
    if path.name == "corosync" and not any(each in data for each in _OF_COROSYNC_1):
        return "no corosync 1.x"
    return None


def _refuse(directory: Path, problems: Sequence[str]) -> None:
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise CmanRootError(
            f"--cman-root {directory} holds no historic cman:{lines}\nIt must hold:\n{LAYOUT}"
        )


def _is_ours(data: bytes) -> bool:
    """Return whether a file with these bytes is for this machine, by its class and processor."""
    with _OURSELVES.open("rb") as program:
        ours = program.read(20)
    return data.startswith(_ELF) and (data[4:6], data[18:20]) == (ours[4:6], ours[18:20])


def _cman_plugins(directory: Path) -> list[Path]:
    """Return those of cman, by their names or the socket that is in one of them."""
    return [
        each
        for each in sorted(directory.glob("*.lcrso"))
        if "cman" in each.name or _OF_CMAN in each.read_bytes()
    ]


def _is_library(path: Path) -> bool:
    return path.is_file() and (".so" in path.suffixes or path.suffix == ".lcrso")


def _files(directory: Path) -> Iterator[Path]:
    yield from (directory / name for name in (*_PROGRAMS, _LIBRARY))
    yield from (directory / _PLUGINS).glob("*.lcrso")


def _parents(found: set[str], name: str) -> set[str]:
    return {os.path.dirname(path) for path in found if path.endswith(f"/{name}")}  # noqa: PTH120 - text stays text
