"""`fakecluster merge -o TRACE NODE=FILE ...`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from fakecluster.merge.merge import MergeError, merge_sources
from fakecluster.merge.source import TraceSource, read_source
from fakecluster.report.cli import ShowError, UnreadableError, load
from fakecluster.trace.file import TraceFile
from o2cbd.output import open_output

_MAX_ID: Final = 2**32 - 1


@click.command("merge")
@click.argument("records", nargs=-1, required=True, metavar="NODE=FILE...")
@click.option("-o", "--output", required=True, metavar="TRACE", help="Write the trace there.")
@click.option("--verbs", metavar="FILE", help="The verbs done to the cluster, as a trace.")
@click.option(
    "--offset",
    "offsets",
    multiple=True,
    metavar="NODE=US",
    help="Microseconds by which that node's clock is ahead (negative: behind); repeatable.",
)
def merge_command(
    *, records: tuple[str, ...], output: str, verbs: str | None, offsets: tuple[str, ...]
) -> int:
    """Merge the records of several nodes into one TRACE, for `replay` and `compare`.

    NODE is a node id, or a name that one of the dumps knows. FILE is the output of `o2cbd dump
    --output` there, or the node's log: `journalctl -u o2cbd -o json`, or the lines of `[log]
    format = "json"`. A node may have several files: where they overlap, the dump is taken.
    """
    files: dict[str, list[str]] = {}
    for node, path in _pairs(records, "NODE=FILE"):
        files.setdefault(node, []).append(path)
    ahead = dict(_pairs(offsets, "NODE=US"))
    verb_log = None if verbs is None else load(verbs)
    read = {node: read_source(*map(_lines_of, paths)) for node, paths in files.items()}
    names = _names(read.values(), verb_log)
    ids = _ids(read, names)
    its = _ids(ahead, names)
    _check_hosts(read, ids)
    try:
        merged = merge_sources(
            {ids[node]: source for node, source in read.items()},
            verb_log,
            offsets_us={its[node]: _microseconds(text) for node, text in ahead.items()},
        )
    except MergeError as error:
        raise ShowError(f"cannot be merged:\n{error}") from None
    with open_output(output) as file:
        file.write(merged.trace.as_text())
    for remark in merged.remarks:
        click.echo(remark, err=True)
    return 0


def _pairs(words: Iterable[str], form: str) -> list[tuple[str, str]]:
    parts = [(word, *word.partition("=")) for word in words]
    wrong = [word for word, name, equals, value in parts if not (name and equals and value)]
    if wrong:
        raise click.UsageError(f"not {form}: {', '.join(wrong)}")
    return [(name, value) for _, name, _, value in parts]


def _lines_of(path: str) -> list[str]:
    """Return a file's lines; one that is cut in its last line ends with it."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from None
    return text.decode("utf-8", "backslashreplace").split("\n")


def _names(sources: Iterable[TraceSource], verb_log: TraceFile | None) -> dict[str, int]:
    """Return the id of every node that has a name in the records."""
    found = {} if verb_log is None else {name: node for node, name in verb_log.header.nodes}
    for source in sources:
        found = {name: node for node, name in source.names.items()} | found
    return found


def _ids(words: Iterable[str], names: Mapping[str, int]) -> dict[str, int]:
    """Return which node each word means.

    Raises:
        ShowError: there is no such node, or two words mean one; all problems at once.
    """
    ids: dict[str, int] = {}
    wrong: list[str] = []
    for word in dict.fromkeys(words):
        node_id = int(word) if word.isdecimal() and int(word) <= _MAX_ID else names.get(word)
        if node_id is None:
            wrong.append(f"unknown node {word!r}: no record has its id; give ID=FILE")
            continue
        other = next((one for one, its in ids.items() if its == node_id), None)
        if other is not None:
            wrong.append(f"{other!r} and {word!r} are the same node: use one name for it")
        ids[word] = node_id
    if wrong:
        raise ShowError("\n".join(wrong))
    return ids


def _check_hosts(read: Mapping[str, TraceSource], ids: Mapping[str, int]) -> None:
    """Check that no node is given another one's dump.

    Raises:
        ShowError: one is; all problems at once.
    """
    wrong = [
        f"node {word}: its dump is of node {', '.join(map(str, sorted(source.hosts)))}"
        for word, source in read.items()
        if source.hosts and source.hosts != {ids[word]}
    ]
    if wrong:
        raise ShowError("\n".join(wrong))


def _microseconds(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise click.UsageError(f"invalid offset {text!r}: must be microseconds") from None
