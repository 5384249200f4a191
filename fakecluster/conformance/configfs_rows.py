"""Every row of what a real kernel's o2cb configfs was seen to do, and what runs them.

Standard library only, so that the same file runs inside a guest:
`run_rows("/sys/kernel/config", ROWS, {"root", "not-root", ...})`.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable

from fakecluster.conformance.configfs_operator import OsOperator, RowOperator
from fakecluster.conformance.configfs_row import CAPABILITIES, OK, ConfigfsRow, Op, RowResult, named
from fakecluster.conformance.configfs_table import GOLDEN, SOURCE

__all__ = [
    "CAPABILITIES",
    "GOLDEN",
    "ROWS",
    "ConfigfsRow",
    "Op",
    "RowResult",
    "run_row",
    "run_rows",
]

ROWS: dict[str, ConfigfsRow] = named((*GOLDEN, *SOURCE))
"""All rows by name, those that were only read in sources too."""


_MODULE_WIDE = {"dead_threshold": "31", "threshold": "31", "mode": "local"}
"""What outlives a cluster, by the names that kernels have for it, and its default."""


def run_rows(
    root: str,
    rows: Iterable[ConfigfsRow],
    capabilities: Collection[str],
    *,
    operator: RowOperator | None = None,
) -> list[RowResult]:
    """Run rows one after the other; each begins and ends with an empty `cluster/`.

    Args:
        root: such as /sys/kernel/config.
        rows: of `ROWS`.
        capabilities: what this place offers, see `CAPABILITIES`.
        operator: does the operations; None: system calls below `root`.

    Raises:
        OSError: what was there before cannot be cleared away.
    """
    does = OsOperator(root) if operator is None else operator
    return [run_row(does, each, capabilities) for each in rows]


def run_row(operator: RowOperator, row: ConfigfsRow, capabilities: Collection[str]) -> RowResult:
    """Run one row and clean up after it.

    Raises:
        OSError: what was there before cannot be cleared away.
    """
    missing = sorted(row.needs.difference(capabilities))
    if missing:
        return _result(row, "not-run", (), f"needs {', '.join(missing)}")
    clear(operator)
    got = tuple(operator.do(op) for op in row.operations)
    why = next(
        (
            f"{op.call} {op.path or op.handle} {op.data!r}: {was}, expected {wanted}"
            for op, was, wanted in zip(row.operations, got, row.expected, strict=True)
            if was != wanted
        ),
        "",
    )
    try:
        clear(operator)
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, str(error.errno))
        why = why or f"cannot be cleared away: {code} {error.filename}"
    return _result(row, "differs" if why else "agrees", got, why)


def _result(row: ConfigfsRow, status: str, got: tuple[str, ...], why: str) -> RowResult:
    return RowResult(
        name=row.name,
        table=row.table,
        status=status,
        expected=row.expected,
        got=got,
        why=why,
    )


def clear(operator: RowOperator) -> None:
    """Empty `cluster/`, and set what is module-wide to its defaults.

    Raises:
        OSError: something cannot be removed.
    """
    operator.undo()
    for cluster in operator.names("cluster"):
        top = f"cluster/{cluster}"
        found = operator.names(f"{top}/heartbeat")
        for name in found:
            if name not in _MODULE_WIDE:
                _must(operator, Op(call="rmdir", path=f"{top}/heartbeat/{name}"))
        for name in operator.names(f"{top}/node"):
            _must(operator, Op(call="rmdir", path=f"{top}/node/{name}"))
        for name in _MODULE_WIDE.keys() & found:
            path = f"{top}/heartbeat/{name}"
            # A mode without write bits closes an attribute even to root.
            _must(operator, Op(call="chmod", path=path, data="0644"))
            _must(operator, Op(call="put", path=path, data=_MODULE_WIDE[name]))
        _must(operator, Op(call="rmdir", path=top))


def _must(operator: RowOperator, op: Op) -> None:
    given = operator.do(op)
    if given != OK:
        number = getattr(errno, given, errno.EIO)
        raise OSError(number, given, op.path)
