"""ocfs2-tools' /etc/ocfs2/cluster.conf: text to clusters or every problem with its line, and back.

What libo2cb's own parser takes is taken, and it takes all that is written here. More is refused
than there, since what is read may become the kernel's table: numbers, ports, addresses and names
that the kernel would not take, a node of no cluster, a file with fewer nodes than it says, and one
that ends within a value of a node: of 7777 there may be 777.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from o2cbd.core.frozen import frozen
from o2cbd.core.model import MAX_NUM, MAX_PORT
from o2cbd.core.names import address_problem, node_name_problem
from o2cbd.core.reports import spell

MAX_BYTES = 1 << 20
"""254 nodes take 30 kB."""

SHOWN_MAX = 10
"""A file that is none of this kind has a problem in each line."""

FILE_MODE = 0o644

_STANZA = re.compile(r"([A-Za-z0-9_]+):[ \t]*")
_VALUE = re.compile(r"[ \t]+([A-Za-z0-9_]+)[ \t]*=[ \t]*(.*?)[ \t]*")
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cluster": ("name", "node_count"),
        "node": ("name", "cluster", "number", "ip_address", "ip_port"),
        "heartbeat": ("cluster", "region"),
    }
)


@frozen
class FileNode:
    """A `node:` stanza."""

    name: str
    num: int
    address: str
    port: int


@frozen
class FileCluster:
    """A `cluster:` stanza, with the nodes and heartbeat regions that name it."""

    name: str
    nodes: tuple[FileNode, ...]
    """In the file's order."""
    heartbeat_mode: str = "local"
    """`local` or `global`."""
    regions: tuple[str, ...] = ()
    """Of the global heartbeat."""


@frozen
class LineProblem:
    """One thing that is wrong with the file."""

    line: int
    """From 1; 0 for the file as a whole."""
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class ClusterFileError(Exception):
    """The file cannot be used; all its problems are here at once."""

    def __init__(self, problems: tuple[LineProblem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def lines(self) -> tuple[str, ...]:
        """Return a line for each problem, of very many the first ones."""
        shown = [str(problem) for problem in self.problems[:SHOWN_MAX]]
        more = len(self.problems) - len(shown)
        return (*shown, *([f"and {more} more"] if more else []))

    def __str__(self) -> str:
        return "; ".join(self.lines())


def read(path: str) -> bytes:
    """Read the whole file.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ClusterFileError: it is too big to be one of this kind.
    """
    with open(path, "rb", opener=_open_regular) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ClusterFileError((LineProblem(line=0, text=f"over {MAX_BYTES} bytes"),))
    return data


def _open_regular(path: str, flags: int) -> int:
    # Not to wait for whoever writes, where it is a pipe.
    fd = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file", path)


def parse(data: bytes) -> tuple[FileCluster, ...]:
    """Return the clusters of a file, in its order.

    Raises:
        ClusterFileError: something in it is wrong; it names all that is.
    """
    reader = _Reader(data)
    if reader.problems:
        raise ClusterFileError(
            tuple(sorted(reader.problems, key=lambda problem: (problem.line, problem.text)))
        )
    return reader.clusters


def load(path: str) -> tuple[FileCluster, ...]:
    """Read and parse a file.

    Raises:
        OSError: as `read`.
        ClusterFileError: as `parse`.
    """
    return parse(read(path))


def choose(clusters: tuple[FileCluster, ...], name: str | None) -> FileCluster:
    """Return the cluster of this name; None: the only one.

    Raises:
        ClusterFileError: it is not there, or there are several.
    """
    if name is None and len(clusters) == 1:
        return clusters[0]
    for cluster in clusters:
        if cluster.name == name:
            return cluster
    there = ", ".join(spell(cluster.name) for cluster in clusters)
    if name is None:
        text = f'several clusters ({there}): name the one with [cluster] name = "..."'
    else:
        text = f"no cluster {spell(name)}, only {there}"
    raise ClusterFileError((LineProblem(line=0, text=text),))


def node_of_host(cluster: FileCluster, host: str) -> FileNode | None:
    """Return the node that ocfs2-tools take for this host: by its name, whole or up to a dot.

    Upper and lower case are one. Of several such nodes the one with the longest name is taken,
    where ocfs2-tools fail.
    """
    whole = f"{host.lower()}."
    own = [node for node in cluster.nodes if whole.startswith(f"{node.name.lower()}.")]
    return max(own, key=lambda node: len(node.name), default=None)


def render(cluster: FileCluster) -> str:
    """Write a file of one cluster.

    Its stanza comes last, so that a file that was cut off never looks whole.

    Raises:
        ClusterFileError: a value would not be read back as it is.
    """
    stanzas = [
        _stanza(
            "node",
            name=node.name,
            cluster=cluster.name,
            number=node.num,
            ip_address=node.address,
            ip_port=node.port,
        )
        for node in cluster.nodes
    ]
    stanzas += [
        _stanza("heartbeat", cluster=cluster.name, region=region) for region in cluster.regions
    ]
    plain = cluster.heartbeat_mode == "local" and not cluster.regions
    mode = {} if plain else {"heartbeat_mode": cluster.heartbeat_mode}
    stanzas.append(_stanza("cluster", name=cluster.name, node_count=len(cluster.nodes), **mode))
    text = "\n".join(stanzas)
    if parse(os.fsencode(text)) != (cluster,):
        problem = "cannot write a name with leading or trailing blanks or a trailing backslash"
        raise ClusterFileError((LineProblem(line=0, text=problem),))
    return text


def write(path: str, text: str) -> None:
    """Put a new file in the place of the old one at once, or leave that as it is.

    Links are followed; what is no regular file (a pipe, a device) is written to.

    Raises:
        OSError: it cannot be written.
    """
    special = os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113 - text stays text
    path = path if special else os.path.realpath(path)
    new = path if special else f"{path}.{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CLOEXEC | (0 if special else os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(os.open(new, flags, FILE_MODE), "wb") as file:
            file.write(os.fsencode(text))
            file.flush()
            if not special:
                os.fchmod(file.fileno(), FILE_MODE)  # whatever the umask
                os.fsync(file.fileno())
        if not special:
            os.rename(new, path)  # noqa: PTH104 - text stays text
    except OSError as error:
        if not special:
            with contextlib.suppress(OSError):
                os.unlink(new)  # noqa: PTH108 - text stays text
        raise OSError(error.errno, error.strerror, path) from None


def _stanza(name: str, /, **values: object) -> str:
    return "".join([f"{name}:\n", *(f"\t{key} = {value}\n" for key, value in values.items())])


@dataclass(slots=True)
class _Stanza:
    name: str
    line: int
    values: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Each with its line; of one that is given twice the last."""


class _Reader:
    """Reads a file, collecting problems."""

    def __init__(self, data: bytes) -> None:
        self.problems: list[LineProblem] = []
        self.clusters: tuple[FileCluster, ...] = ()
        for mark, what in (
            (b"\0", "not a text file: it has a NUL byte"),
            (b"\r", "Windows line endings"),
        ):
            if mark in data:
                self._problem(data[: data.index(mark)].count(b"\n") + 1, what)
                return
        stanzas = list(self._stanzas(os.fsdecode(data)))
        whole = [stanza for stanza in stanzas if self._is_whole(stanza)]
        self._take(whole, certain=not self.problems)

    def _problem(self, line: int, text: str) -> None:
        self.problems.append(LineProblem(line=line, text=text))

    # --- lines

    def _stanzas(self, text: str) -> Iterator[_Stanza]:
        """Split into the stanzas that mean something; others are passed over, as libo2cb does."""
        stanza: _Stanza | None = None
        lines = text.split("\n")
        for number, line in enumerate(lines, start=1):
            if line.startswith("#"):
                continue
            if not line.strip(" \t"):
                stanza = None
            elif head := _STANZA.fullmatch(line):
                stanza = _Stanza(head[1], number)
                if stanza.name in _REQUIRED:
                    yield stanza
                elif stanza.name.lower() in _REQUIRED:
                    self._problem(number, f"{line.strip()} is written {stanza.name.lower()}:")
            elif value := _VALUE.fullmatch(line):
                self._take_value(stanza, number, value[1], value[2])
            else:
                self._problem(
                    number, f"neither a stanza like `node:` nor an indented `key = value`: {line!r}"
                )
        if stanza is not None and stanza.name == "node" and _VALUE.fullmatch(lines[-1]):
            text = "no newline after a node's value: is the file half-written? if not, end the line"
            self._problem(len(lines), text)

    def _take_value(self, stanza: _Stanza | None, number: int, key: str, value: str) -> None:
        if stanza is None:
            self._problem(number, f"{key} is outside of any stanza: an empty line ends one")
        elif value.endswith("\\"):
            self._problem(
                number,
                f"{key} continues on the next line (trailing backslash), which is not supported",
            )
        else:
            stanza.values[key] = (value, number)

    # --- stanzas

    def _is_whole(self, stanza: _Stanza) -> bool:
        """Note what is missing."""
        missing = [key for key in _REQUIRED[stanza.name] if not stanza.values.get(key, ("",))[0]]
        if missing:
            name = stanza.values.get("name", ("",))[0]
            of = f" of {spell(name)}" if name else ""
            self._problem(stanza.line, f"{stanza.name}:{of} has no {', no '.join(missing)}")
        return not missing

    def _take(self, stanzas: Iterable[_Stanza], *, certain: bool) -> None:
        """Put clusters together; `certain`: no stanza is missing because of its own problems."""
        by_name: dict[str, _Stanza] = {}
        below: dict[str, dict[str, list[_Stanza]]] = {}
        for stanza in stanzas:
            if stanza.name == "cluster":
                name = stanza.values["name"][0]
                if name in by_name:
                    self._problem(
                        stanza.line, (f"cluster {spell(name)} is also in line {by_name[name].line}")
                    )
                by_name.setdefault(name, stanza)
            else:
                name = stanza.values["cluster"][0]
                below.setdefault(name, {}).setdefault(stanza.name, []).append(stanza)
        if not by_name and certain:
            self._problem(0, "no cluster: stanza: the file is empty or half-written")
        for name in below.keys() - by_name.keys() if by_name and certain else ():
            for stanza in (each for kind in below[name].values() for each in kind):
                line = stanza.values["cluster"][1]
                self._problem(line, f"no cluster: stanza has the name {spell(name)}")
        clusters = []
        for name, stanza in by_name.items():
            found = below.get(name, {})
            nodes = self._nodes(found.get("node", []))
            self._check_count(stanza, len(found.get("node", [])), certain=certain)
            clusters.append(
                FileCluster(
                    name=name,
                    nodes=nodes,
                    heartbeat_mode=self._mode(stanza),
                    regions=self._regions(found.get("heartbeat", [])),
                )
            )
        self.clusters = tuple(clusters)

    def _check_count(self, cluster: _Stanza, there: int, *, certain: bool) -> None:
        """Refuse fewer nodes than are counted: half of a file, or a node that nobody took out."""
        counted = self._number(cluster, "node_count", MAX_NUM + 1)
        if counted is not None and there < counted and certain:
            line = cluster.values["node_count"][1]
            text = f"node_count = {counted}, and {there} of its nodes are in the file"
            self._problem(
                line, (f"{text}: is the file half-written? if not, set node_count = {there}")
            )

    def _mode(self, cluster: _Stanza) -> str:
        value, line = cluster.values.get("heartbeat_mode", ("local", 0))
        if value.lower() not in {"local", "global"}:
            self._problem(line, f"invalid heartbeat_mode {value!r}: must be local or global")
        return value.lower()

    def _regions(self, stanzas: Iterable[_Stanza]) -> tuple[str, ...]:
        lines: dict[str, int] = {}
        for stanza in stanzas:
            region, line = stanza.values["region"]
            if lines.setdefault(region, line) != line:
                self._problem(line, f"region {region} is also in line {lines[region]}")
        return tuple(lines)

    def _nodes(self, stanzas: Iterable[_Stanza]) -> tuple[FileNode, ...]:
        lines: dict[tuple[str, object], int] = {}
        nodes = []
        for stanza in stanzas:
            node = self._node(stanza)
            if node is None:
                continue
            nodes.append(node)
            for key, value in (
                ("name", node.name),
                ("number", node.num),
                ("ip_address", node.address),
            ):
                line = stanza.values[key][1]
                first = lines.setdefault((key, value), line)
                if first != line:
                    self._problem(line, f"{key} {value} is also in line {first}")
        return tuple(nodes)

    def _node(self, stanza: _Stanza) -> FileNode | None:
        name, name_line = stanza.values["name"]
        address, address_line = stanza.values["ip_address"]
        for line, problem in (
            (name_line, node_name_problem(name)),
            (address_line, address_problem(address)),
        ):
            if problem is not None:
                self._problem(line, problem)
        number = self._number(stanza, "number", MAX_NUM)
        port = self._number(stanza, "ip_port", MAX_PORT, least=1)
        if number is None or port is None:
            return None
        return FileNode(name=name, num=number, address=address, port=port)

    def _number(self, stanza: _Stanza, key: str, most: int, *, least: int = 0) -> int | None:
        text, line = stanza.values[key]
        number = int(text) if _NUMBER.fullmatch(text) else -1
        if least <= number <= most:
            return number
        self._problem(line, f"{key} {text!r} is not a number from {least} to {most}")
        return None
