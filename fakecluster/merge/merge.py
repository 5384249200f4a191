"""Merge the records of several hosts into one trace (docs/trace.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from fakecluster.merge.infer_kills import infer_kills
from fakecluster.merge.source import TraceSource, read_source
from fakecluster.merge.utc import utc_text, utc_us_of
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceFile, end_line
from o2cbd.core.records import Header, Value, ranges

_NO_OFFSETS: Final[Mapping[int, int]] = MappingProxyType({})


class MergeError(ValueError):
    """The records cannot be merged; `problems` has every reason, with the node it is about."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One trace of several hosts."""

    trace: TraceFile
    remarks: tuple[str, ...] = ()
    """What its reader should know: lines that were cut, records that were lost."""


def merge(
    records: Mapping[int, Iterable[str]],
    verb_log: TraceFile | None = None,
    *,
    offsets_us: Mapping[int, int] = _NO_OFFSETS,
    outcome: str | None = None,
) -> Merged:
    """Merge hosts' records and the harness's log of its verbs.

    Args:
        records: by node id, the lines of dumps and JSON logs of that host, one after the other.
        verb_log: what the harness did and saw; its clock is the one that the others are set by,
            and its header names cluster, arm and nodes.
        offsets_us: by node id, how far that host's wall clock is ahead of the verb log's.
        outcome: `good`, `crash`, `liveness` or `safety` where a run was judged; None: it was not,
            and the trace has no end.

    Raises:
        MergeError: something cannot be used, all of it at once.
        KeyError: there is no such outcome.
    """
    sources = {host: read_source(lines) for host, lines in sorted(records.items())}
    return merge_sources(sources, verb_log, offsets_us=offsets_us, outcome=outcome)


def merge_sources(
    sources: Mapping[int, TraceSource],
    verb_log: TraceFile | None = None,
    *,
    offsets_us: Mapping[int, int] = _NO_OFFSETS,
    outcome: str | None = None,
) -> Merged:
    """Merge sources that were read already, as `merge` does."""
    names = _names(sources, verb_log)
    wrong = [
        f"{names.get(host, f'node {host}')}: {problem}"
        for host, source in sources.items()
        for problem in source.problems
    ]
    wrong += [
        f"no records of node {host}, which an offset is given for"
        for host in sorted(set(offsets_us) - set(sources))
    ]
    lines: list[Line] = []
    if verb_log is not None:
        try:
            verbs_zero_us = utc_us_of(verb_log.header.utc or "")
        except ValueError:
            wrong.append(f"the verb log: utc {verb_log.header.utc!r} is no moment")
        else:
            lines += [replace(line, t_us=verbs_zero_us + line.t_us) for line in verb_log.lines]
    if wrong:
        raise MergeError(wrong)
    for host, source in sources.items():
        ahead_us = offsets_us.get(host, 0)
        lines += [replace(one, t_us=one.t_us - ahead_us, host=host) for one in source.records]
    # Stable: records of one time stay in their host's order, verbs before all.
    lines.sort(key=lambda line: line.t_us)
    zero_us = lines[0].t_us if lines else 0
    lines = [
        replace(line, t_us=line.t_us - zero_us, seq=seq)
        for seq, line in enumerate(infer_kills(lines), start=1)
    ]
    if outcome is not None:
        end_us = lines[-1].t_us if lines else 0
        violations = sum(line.kind == "check" for line in lines)
        lines.append(end_line(outcome, end_us, len(lines), violations))
    header = _header(sources, verb_log, names, utc_text(zero_us))
    remarks = [
        f"{names[host]}: {remark}" for host, source in sources.items() for remark in source.remarks
    ]
    clusters = sorted({name for source in sources.values() for name in source.clusters})
    if len(clusters) > 1:
        remarks.append(f"the cluster has several names in it: {', '.join(clusters)}")
    return Merged(trace=TraceFile(header=header, lines=tuple(lines)), remarks=tuple(remarks))


def _names(sources: Mapping[int, TraceSource], verb_log: TraceFile | None) -> dict[int, str]:
    """Return every node's name; where they differ, the verb log's, then the lowest host's."""
    names = {} if verb_log is None else dict(verb_log.header.nodes)
    for source in sources.values():
        names = source.names | names
    return {host: f"node {host}" for host in sources if host not in names} | names


def _header(
    sources: Mapping[int, TraceSource],
    verb_log: TraceFile | None,
    names: Mapping[int, str],
    utc: str,
) -> Header:
    clusters = [name for source in sources.values() for name in source.clusters]
    rules = next((source.rules for source in sources.values() if source.rules), {})
    options: dict[str, Value] = {"hosts": ranges(sources)}
    found = Header(
        cluster=clusters[-1] if clusters else "",
        nodes=tuple(sorted(names.items())),
        arm="daemon",
        rules=rules,
        options=options,
        utc=utc,
        lost=sum(source.lost for source in sources.values()),
    )
    if verb_log is None:
        return found
    return replace(
        found,
        cluster=verb_log.header.cluster or found.cluster,
        arm=verb_log.header.arm,
        rules=verb_log.header.rules or rules,
    )
