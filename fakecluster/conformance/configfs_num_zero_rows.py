"""Rows of the observed table "Num 0": a `num` of 0 that was written, and one that never was.

Both read `0`. What tells them apart without changing a written one is writing 0 again: EEXIST is
the answer of an entry that has it, as long as no other has. An entry that never got one takes it.
"""

from __future__ import annotations

from fakecluster.conformance.configfs_row import (
    ConfigfsRow,
    Steps,
    addressed,
    at,
    cluster,
    complete,
    host,
    lines,
    local_node,
    mkdir,
    put,
    rmdir,
    row,
)

_TABLE = "Num 0"
_A, _B, _C = (at(name, "num") for name in "abc")
_UNWRITTEN_B = addressed("b", address="10.77.0.9")


def _row(name: str, *parts: Steps, needs: tuple[str, ...] = ()) -> ConfigfsRow:
    return row(f"zero/{name}", _TABLE, cluster(), *parts, needs=needs)


def _unwritten() -> list[ConfigfsRow]:
    return [
        _row(
            "unwritten-takes-0-once",
            addressed("a"),
            lines("a", num="0"),
            put(_A, "0"),
            lines("a", num="0"),
            put(_A, "0", "EEXIST"),
        ),
        _row("unwritten-takes-a-free-num", addressed("a"), put(_A, "5"), lines("a", num="5")),
        _row(
            "unwritten-refuses-a-used-num",
            complete("b", 5),
            addressed("a"),
            put(_A, "5", "EEXIST"),
            lines("a", num="0"),
            put(_A, "0"),
        ),
        _row(
            "unwritten-cannot-be-local",
            addressed("a", address="127.0.0.1"),
            put(at("a", "local"), "1", "EINVAL"),
            put(at("a", "local"), "0", "EINVAL"),
        ),
        _row(
            "unwritten-stays-so-after-a-refusal",
            addressed("a"),
            put(_A, "255", "ERANGE"),
            put(_A, "x", "EINVAL"),
            put(at("a", "local"), "0", "EINVAL"),
            put(_A, "0"),
        ),
        _row(
            "incomplete-refuses-0-whoever-has-it",
            mkdir(at("a")),
            put(_A, "0", "EINVAL"),
            complete("b", 0),
            put(_A, "0", "EINVAL"),
        ),
        _row("newline-writes-0", addressed("a"), put(_A, "\n"), put(_A, "0", "EEXIST")),
    ]


def _written() -> list[ConfigfsRow]:
    return [
        _row(
            "written-refuses-every-num",
            complete("a", 0),
            complete("b", 5),
            put(_A, "0", "EEXIST"),
            put(_A, "7", "EBUSY"),
            put(_A, "5", "EEXIST"),
            lines("a", num="0"),
        ),
        _row(
            "written-takes-local-0",
            complete("a", 0),
            put(at("a", "local"), "0"),
            lines("a", local="0"),
        ),
    ]


def _two_entries() -> list[ConfigfsRow]:
    return [
        _row(
            "unwritten-refuses-0-beside-a-written",
            complete("a", 0),
            _UNWRITTEN_B,
            put(_B, "0", "EEXIST"),
            lines("a", num="0"),
            lines("b", num="0"),
            put(_B, "7"),
            lines("b", num="7"),
        ),
        _row(
            "one-of-two-unwritten-takes-0",
            addressed("a"),
            _UNWRITTEN_B,
            put(_B, "0"),
            put(_A, "0", "EEXIST"),
            put(_A, "7"),
        ),
        _row(
            "free-when-the-written-is-gone",
            complete("a", 0),
            _UNWRITTEN_B,
            rmdir(at("a")),
            put(_B, "0"),
        ),
        _row(
            "taken-when-the-unwritten-is-gone",
            complete("a", 0),
            _UNWRITTEN_B,
            rmdir(at("b")),
            addressed("c", address="10.77.0.9"),
            put(_C, "0", "EEXIST"),
            put(_A, "0", "EEXIST"),
        ),
    ]


def _local() -> list[ConfigfsRow]:
    local = local_node("a", 0)
    return [
        _row(
            "local",
            local,
            lines("a", num="0", local="1"),
            put(_A, "0", "EEXIST"),
            put(_A, "7", "EBUSY"),
            put(at("a", "local"), "1"),
            lines("a", num="0", local="1"),
        ),
        _row(
            "local-beside-an-unwritten",
            local,
            _UNWRITTEN_B,
            put(at("b", "local"), "1", "EINVAL"),
            put(_B, "0", "EEXIST"),
            put(_B, "7"),
            put(at("b", "local"), "1", "EBUSY"),
        ),
        _row(
            "local-listens-until-it-goes",
            local,
            _UNWRITTEN_B,
            rmdir(at("b")),
            host("listening", "7777", "=yes"),
            rmdir(at("a")),
            host("listening", "7777", "=no"),
            needs=("bind",),
        ),
        _row(
            "local-0-under-a-heartbeat",
            local,
            host("mount", "R"),
            host("live", "", "=0"),
            _UNWRITTEN_B,
            put(_B, "0", "EEXIST"),
            rmdir(at("b")),
            put(_A, "0", "EEXIST"),
            put(_A, "7", "EBUSY"),
            rmdir(at("a"), "EBUSY"),
            host("live", "", "=0"),
            host("umount", "R"),
            host("live"),
            rmdir(at("a")),
            needs=("mounted", "live"),
        ),
        _row(
            "remote-0-under-a-heartbeat",
            local_node("a", 1),
            complete("b", 0, address="10.77.0.9"),
            host("mount", "R"),
            host("live", "", "=1"),
            put(_B, "0", "EEXIST"),
            rmdir(at("b")),
            addressed("c", address="10.77.0.9"),
            put(_C, "0"),
            needs=("mounted", "live"),
        ),
    ]


NUM_ZERO = (*_unwritten(), *_written(), *_two_entries(), *_local())
