"""Rows of the observed table "Cluster attributes"."""

from __future__ import annotations

from fakecluster.conformance.configfs_row import (
    MODE,
    OK,
    THRESHOLD,
    C,
    ConfigfsRow,
    Steps,
    cluster,
    complete,
    do,
    get,
    host,
    local_node,
    mkdir,
    put,
    row,
)

_TABLE = "Cluster attributes"
_DEFAULT_MS = {"idle_timeout_ms": 30000, "keepalive_delay_ms": 2000, "reconnect_delay_ms": 2000}
_IDLE, _KEEPALIVE, _RECONNECT = (f"{C}/{name}" for name in _DEFAULT_MS)
_FENCE = f"{C}/fence_method"
_REGION = f"{C}/heartbeat/R"


def _row(name: str, *parts: Steps, needs: tuple[str, ...] = ()) -> ConfigfsRow:
    return row(f"attributes/{name}", _TABLE, cluster(), *parts, needs=needs)


def _bad_milliseconds() -> list[ConfigfsRow]:
    cases = {
        "0": ("0", "EINVAL"),
        "minus-1": ("-1", "EINVAL"),
        "garbage": ("garbage", "EINVAL"),
        "5000x": ("5000x", "EINVAL"),
        "4294967295": ("4294967295", "ERANGE"),
        "4294967296": ("4294967296", "ERANGE"),
        "huge": ("99999999999999", "ERANGE"),
    }
    return [
        _row(
            f"{attribute}-{name}",
            put(f"{C}/{attribute}", data, answer),
            get(f"{C}/{attribute}", f"{default}\n"),
        )
        for attribute, default in _DEFAULT_MS.items()
        for name, (data, answer) in cases.items()
    ]


def _set(path: str, data: str, answer: str, reads: str) -> Steps:
    return [*put(path, data, answer), *get(path, f"{reads}\n")]


def _milliseconds() -> list[ConfigfsRow]:
    return [
        _row("idle-below-keepalive", _set(_IDLE, "1999", "EINVAL", "30000")),
        _row("idle-equal-to-keepalive", _set(_IDLE, "2000", "EINVAL", "30000")),
        _row("idle-above-keepalive", _set(_IDLE, "2001", OK, "2001")),
        _row("keepalive-above-idle", _set(_KEEPALIVE, "30001", "EINVAL", "2000")),
        _row("keepalive-equal-to-idle", _set(_KEEPALIVE, "30000", "EINVAL", "2000")),
        _row("keepalive-below-idle", _set(_KEEPALIVE, "29999", OK, "29999")),
        _row(
            "reconnect-any", _set(_RECONNECT, "1", OK, "1"), _set(_RECONNECT, "99999", OK, "99999")
        ),
        _row(
            "idle-with-nodes-and-no-peer",
            local_node("a", 1),
            complete("b", 2),
            _set(_IDLE, "10000", OK, "10000"),
        ),
        _row(
            "keepalive-with-nodes-and-no-peer",
            local_node("a", 1),
            complete("b", 2),
            _set(_KEEPALIVE, "1000", OK, "1000"),
        ),
        *(
            _row(
                f"{name}-with-a-peer",
                local_node("a", 1),
                complete("b", 2),
                host("mount", "R"),
                host("connect", "2"),
                _set(path, value, answer, reads),
                needs=("mounted", "peers"),
            )
            for name, path, value, answer, reads in (
                ("idle", _IDLE, "10000", "EINVAL", "30000"),
                ("keepalive", _KEEPALIVE, "1000", "EINVAL", "2000"),
                ("reconnect", _RECONNECT, "1000", OK, "1000"),
            )
        ),
    ]


def _fence_method() -> list[ConfigfsRow]:
    taken = {"panic": "panic\n", "reset": "reset\n", "capital-panic": "PANIC\n"}
    refused = {"panic-without-newline": "panic", "reset-without-newline": "reset", "other": "off\n"}
    return [
        *(
            _row(f"fence-method-{name}", _set(_FENCE, data, OK, data.strip().lower()))
            for name, data in taken.items()
        ),
        *(
            _row(f"fence-method-{name}", _set(_FENCE, data, "EINVAL", "reset"))
            for name, data in refused.items()
        ),
        _row(
            "fence-method-mounted",
            local_node("a", 1),
            host("mount", "R"),
            _set(_FENCE, "panic\n", OK, "panic"),
            needs=("mounted",),
        ),
    ]


def _heartbeat() -> list[ConfigfsRow]:
    return [
        _row("dead-threshold-3", _set(THRESHOLD, "3", OK, "3")),
        _row("dead-threshold-61", _set(THRESHOLD, "61", OK, "61")),
        *(
            _row(f"dead-threshold-{value}-is-ignored", _set(THRESHOLD, value, OK, "31"))
            for value in ("0", "1", "2")
        ),
        _row(
            "dead-threshold-with-a-region-is-ignored",
            mkdir(_REGION),
            _set(THRESHOLD, "61", OK, "31"),
        ),
        _row("mode-global", _set(MODE, "global", OK, "global")),
        _row("mode-back-to-local", put(MODE, "global\n"), _set(MODE, "local\n", OK, "local")),
        _row("mode-garbage", _set(MODE, "garbage", "EINVAL", "local")),
        _row("mode-with-a-region-is-ignored", mkdir(_REGION), _set(MODE, "global", OK, "local")),
    ]


def _handles() -> list[ConfigfsRow]:
    old = f"{C}/reconnect_delay_ms"
    return [
        _row(
            "old-handle-gives-the-old-value",
            do("open", old, handle="fd", data="r"),
            do("read", "", "=2000\n", handle="fd"),
            put(old, "77"),
            do("rewind", "", handle="fd"),
            do("read", "", "=2000\n", handle="fd"),
            get(old, "77\n"),
        ),
        _row(
            "value-is-made-at-the-first-read",
            do("open", old, handle="fd", data="r"),
            put(old, "77"),
            do("read", "", "=77\n", handle="fd"),
            do("read", "", "=", handle="fd"),
        ),
    ]


def _empty() -> list[ConfigfsRow]:
    attributes = (*_DEFAULT_MS, "fence_method", "heartbeat/dead_threshold", "heartbeat/mode")
    return [
        _row(
            f"empty-{attribute.replace('/', '-')}",
            put(f"{C}/{attribute}", "", "EFAULT"),
            needs=("empty-write",),
        )
        for attribute in attributes
    ]


ATTRIBUTES = (
    *_bad_milliseconds(),
    *_milliseconds(),
    *_fence_method(),
    *_heartbeat(),
    *_handles(),
    *_empty(),
)
