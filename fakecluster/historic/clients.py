"""The original's own clients, run against anything that serves cman's sockets, and compared.

A client has its sockets' place compiled in, so it runs on a host whose `/var/run/cman_client` and
`cman_admin` are somebody else's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fakecluster.cman.wire.codec import ExtraInfoStruct, Opcode
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.corosync.namespaces import Namespace
from fakecluster.historic.root import CmanRoot

SOCKETS: Final = ("cman_client", "cman_admin")
_OWN_DIRECTORIES: Final = ("/run",)
_TOOL_TIMEOUT_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRow:
    """One command of `cman_tool` on node 1 of three, and what is waited for before the next."""

    words: tuple[str, ...]
    members: int = 3
    """How many node 1 sees then; 0: its cman has gone."""


ROWS: Final = (
    ToolRow(words=("version",)),
    ToolRow(words=("status",)),
    ToolRow(words=("nodes",)),
    ToolRow(words=("wait", "-q", "-t", "60")),
    ToolRow(words=("expected", "-e", "3")),
    ToolRow(words=("expected", "-e", "9")),
    ToolRow(words=("status",)),
    ToolRow(words=("kill", "-n", "node3"), members=2),
    ToolRow(words=("nodes",), members=2),
    ToolRow(words=("status",), members=2),
    ToolRow(words=("leave",), members=0),
    ToolRow(words=("status",), members=0),
)
"""In this order, each after the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What differs between two runs of the very same programs."""

    name: str
    """Stands in its place."""
    pattern: str
    """A regular expression; its group `masked` is hidden."""
    reason: str


MASKS: Final = (
    Mask(
        name="time",
        pattern=r"(?P<masked>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",
        reason="when a node joined, by the clock of this machine",
    ),
    Mask(
        name="ring",
        pattern=r"^Cluster Generation: +(?P<masked>\d+)",
        reason="the sequence number of the ring counts what came before",
    ),
    Mask(
        name="ring",
        pattern=r"^ *\d+ +[A-Za-z]+(?P<masked> +\d+) ",
        reason="an incarnation is the ring in which a node joined",
    ),
    Mask(
        name="count",
        pattern=r"^Active subsystems: +(?P<masked>\d+)",
        reason="connections, those of whoever looks on among them",
    ),
    Mask(
        name="address",
        pattern=r"^Multicast addresses: *(?P<masked>.*?) *$",
        reason="made of the cluster's number, or none where nothing goes by multicast",
    ),
    Mask(
        name="pid",
        pattern=r"\bpid[ :=]+(?P<masked>\d+)",
        reason="a number that is another one each time",
    ),
)
"""All that is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """A difference that remains."""

    words: tuple[str, ...]
    """The command in whose output it is."""
    pattern: str
    """Found in one of the two lines that differ."""
    reason: str


KNOWN: Final[Sequence[KnownDifference]] = ()
"""What a historic cman says and our servers do not; each with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one command came to."""

    words: tuple[str, ...]
    code: int
    lines: tuple[str, ...]
    """Masked."""


class ToolHost(Protocol):
    """Node 1 of a cluster of three, whose `cman_tool` is run."""

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; standard error goes with its output."""
        ...

    def members(self) -> int:
        """Return how many members node 1 counts in its ring; 0: its cman has gone.

        A node that an order killed is in the ring until its death is noticed, and in the count of
        `cman_tool status`; the list of nodes is without it at once.
        """
        ...


def member_count(connect: Callable[[], RawClient]) -> int:
    """Return how many members a cman counts in its ring; 0: it has gone."""
    try:
        with connect() as client:
            return ExtraInfoStruct.decode(client.ask(Opcode.GETEXTRAINFO).payload).members
    except (OSError, HungUpError):
        return 0


def masked(text: str) -> str:
    """Return a text in which every mask stands for what it hides."""
    for mask in MASKS:
        text = re.sub(mask.pattern, _hide(mask), text, flags=re.MULTILINE)
    return text


def _hide(mask: Mask) -> Callable[[re.Match[str]], str]:
    def hidden(match: re.Match[str]) -> str:
        start, end = (at - match.start() for at in match.span("masked"))
        return f"{match.group()[:start]}<{mask.name}>{match.group()[end:]}"

    return hidden


def transcript(
    host: ToolHost, until: Callable[[str, Callable[[], bool]], None], rows: Sequence[ToolRow] = ROWS
) -> tuple[Said, ...]:
    """Run every row.

    Args:
        host: on which.
        until: waits until something is so; it is told what.
        rows: which.
    """
    said = []
    for row in rows:
        done = host.tool(*row.words)
        lines = tuple(line.rstrip() for line in masked(done.stdout).splitlines())
        said.append(Said(words=row.words, code=done.returncode, lines=lines))
        until(
            f"node 1 sees {row.members} members after cman_tool {' '.join(row.words)}",
            lambda row=row: host.members() == row.members,  # type: ignore[misc]
        )
    return tuple(said)


def transcript_differences(
    ours: Sequence[Said], theirs: Sequence[Said], known: Sequence[KnownDifference] = KNOWN
) -> list[str]:
    """Return what two transcripts of the same rows differ in, beside what is known."""
    return [
        f"cman_tool {' '.join(one.words)}: {line}"
        for one, other in zip(ours, theirs, strict=True)
        for line in _of(one, other)
        if not any(each.words == one.words and re.search(each.pattern, line) for each in known)
    ]


def _of(one: Said, other: Said) -> Iterator[str]:
    if one.code != other.code:
        yield f"ends with {one.code}, not with {other.code}"
    for number in range(max(len(one.lines), len(other.lines))):
        pair = [each.lines[number : number + 1] for each in (one, other)]
        if pair[0] != pair[1]:
            shown = [repr(lines[0]) if lines else "nothing" for lines in pair]
            yield f"line {number + 1} is {shown[0]}, not {shown[1]}"


@contextmanager
def host_with_sockets(directory: Path) -> Iterator[Namespace]:
    """Make a host whose cman sockets are those in a directory of this machine.

    Raises:
        OSError: namespaces are not allowed here.
    """
    with closing(Namespace(_OWN_DIRECTORIES)) as host:
        for name in SOCKETS:
            host.run("ln", "-s", str(directory / name), f"/var/run/{name}")
        yield host


def run_client(root: CmanRoot, host: Namespace, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `cman_tool` on a host to its end; standard error goes with its output."""
    environment = [f"{name}={value}" for name, value in root.environment.items()]
    return subprocess.run(
        host.command("env", *environment, str(root.cman_tool), *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_TOOL_TIMEOUT_S,
        check=False,
    )
