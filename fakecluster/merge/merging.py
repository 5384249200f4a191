"""Merging what several hosts told into one trace of the written schema (docs/trace.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from fakecluster.merge.lives import with_deaths
from fakecluster.merge.source import Source, read_source
from fakecluster.merge.told import Told, utc_text, utc_us_of
from fakecluster.trace import Line
from fakecluster.trace_file import TraceFile, end_line
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
    """What whoever reads it should know: lines that were cut, records that were lost."""


def merge(
    records: Mapping[int, Iterable[str]],
    account: TraceFile | None = None,
    *,
    offsets_us: Mapping[int, int] = _NO_OFFSETS,
    outcome: str | None = None,
) -> Merged:
    """Merge hosts' records and the harness's account of its verbs.

    Args:
        records: by node id, the lines of dumps and JSON journals of that host, one after the other.
        account: what the harness did and saw; its clock is the one that the others are set by, and
            its header names cluster, arm and nodes.
        offsets_us: by node id, by how much that host's wall clock is ahead of the account's.
        outcome: `good`, `crash`, `liveness` or `safety` where a run was judged; None: it was not,
            and the trace has no end.

    Raises:
        MergeError: something cannot be used, all of it at once.
        KeyError: there is no such outcome.
    """
    sources = {host: read_source(lines) for host, lines in sorted(records.items())}
    return merge_sources(sources, account, offsets_us=offsets_us, outcome=outcome)


def merge_sources(
    sources: Mapping[int, Source],
    account: TraceFile | None = None,
    *,
    offsets_us: Mapping[int, int] = _NO_OFFSETS,
    outcome: str | None = None,
) -> Merged:
    """Merge what was read already; see `merge`."""
    names = _names(sources, account)
    wrong = [
        f"{names.get(host, f'node {host}')}: {problem}"
        for host, source in sources.items()
        for problem in source.problems
    ]
    wrong += [f"no records of node {host}, which an offset is given for" for host in
              sorted(set(offsets_us) - set(sources))]  # fmt: skip
    told: list[tuple[int, int, Told]] = []
    if account is not None:
        try:
            told += _of_account(account)
        except ValueError:
            wrong.append(f"the account: utc {account.header.utc!r} is no moment")
    if wrong:
        raise MergeError(wrong)
    for host, source in sources.items():
        ahead_us = offsets_us.get(host, 0)
        told += [(one.utc_us - ahead_us, host, one) for one in source.told]
    # Stable: what has one time stays in the order in which its host told it, verbs before all.
    told.sort(key=lambda one: one[0])
    zero_us = told[0][0] if told else 0
    lines = with_deaths([_line(utc_us - zero_us, host, one) for utc_us, host, one in told])
    lines = [replace(line, seq=seq) for seq, line in enumerate(lines, start=1)]
    if outcome is not None:
        end_us = lines[-1].t_us if lines else 0
        violations = sum(line.kind == "check" for line in lines)
        lines.append(end_line(outcome, end_us, len(lines), violations))
    header = _header(sources, account, names, utc_text(zero_us))
    remarks = [
        f"{names[host]}: {remark}" for host, source in sources.items() for remark in source.remarks
    ]
    clusters = sorted({name for source in sources.values() for name in source.clusters})
    if len(clusters) > 1:
        remarks.append(f"the cluster has several names in it: {', '.join(clusters)}")
    return Merged(trace=TraceFile(header=header, lines=tuple(lines)), remarks=tuple(remarks))


def _line(t_us: int, host: int, told: Told) -> Line:
    return Line(t_us=t_us, seq=0, host=host, kind=told.kind, what=told.what, detail=told.detail)


def _of_account(account: TraceFile) -> list[tuple[int, int, Told]]:
    zero_us = utc_us_of(account.header.utc or "")
    return [
        (
            zero_us + line.t_us,
            line.host,
            Told(utc_us=zero_us + line.t_us, kind=line.kind, what=line.what, detail=line.detail),
        )
        for line in account.lines
    ]


def _names(sources: Mapping[int, Source], account: TraceFile | None) -> dict[int, str]:
    """Return every node's name; where they differ, the account's, then the lowest host's."""
    names = {} if account is None else dict(account.header.nodes)
    for source in sources.values():
        names = source.names | names
    return {host: f"node {host}" for host in sources if host not in names} | names


def _header(
    sources: Mapping[int, Source], account: TraceFile | None, names: Mapping[int, str], utc: str
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
    if account is None:
        return found
    return replace(
        found,
        cluster=account.header.cluster or found.cluster,
        arm=account.header.arm,
        rules=account.header.rules or rules,
    )
