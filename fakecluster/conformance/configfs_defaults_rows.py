"""Rows of the observed tables "Defaults" and "What shapes the daemon", and of the sources."""

from __future__ import annotations

from fakecluster.conformance.configfs_row import (
    MODE,
    THRESHOLD,
    C,
    ConfigfsRow,
    addressed,
    at,
    cluster,
    complete,
    do,
    get,
    host,
    lines,
    local_node,
    mkdir,
    put,
    rmdir,
    row,
)

_DEFAULTS = {
    f"{C}/fence_method": "reset\n",
    f"{C}/idle_timeout_ms": "30000\n",
    f"{C}/keepalive_delay_ms": "2000\n",
    f"{C}/reconnect_delay_ms": "2000\n",
    f"{C}/heartbeat/dead_threshold": "31\n",
    f"{C}/heartbeat/mode": "local\n",
    at("a", "ipv4_address"): "0.0.0.0\n",
    at("a", "ipv4_port"): "0\n",
    at("a", "num"): "0\n",
    at("a", "local"): "0\n",
    f"{C}/heartbeat/R/block_bytes": "0\n",
    f"{C}/heartbeat/R/blocks": "0\n",
    f"{C}/heartbeat/R/start_block": "0\n",
    f"{C}/heartbeat/R/dev": "",
    f"{C}/heartbeat/R/pid": "",
}
_ALL = [*cluster(), *mkdir(at("a")), *mkdir(f"{C}/heartbeat/R")]


def _slug(path: str) -> str:
    short = path.removeprefix(f"{C}/")
    return short.replace("node/a/", "node-").replace("R/", "region-").replace("/", "-")


def _default_values() -> list[ConfigfsRow]:
    return [
        row(f"defaults/{_slug(path)}", "Defaults", _ALL, get(path, value))
        for path, value in _DEFAULTS.items()
    ]


def _default_stats() -> list[ConfigfsRow]:
    directories = ("cluster", C, f"{C}/node", f"{C}/heartbeat", at("a"), f"{C}/heartbeat/R")
    files = [path for path in _DEFAULTS if not path.endswith("/pid")]
    needs = ["root"]
    return [
        row(
            "defaults/modes-of-directories",
            "Defaults",
            _ALL,
            *(do("stat", path, "=dir 0755 0") for path in directories),
            needs=needs,
        ),
        row(
            "defaults/modes-and-sizes-of-attributes",
            "Defaults",
            _ALL,
            *(do("stat", path, "=file 0644 0 4096") for path in files),
            needs=needs,
        ),
        row(
            "defaults/pid-is-read-only",
            "Defaults",
            _ALL,
            do("stat", f"{C}/heartbeat/R/pid", "=file 0444 0 4096"),
            needs=needs,
        ),
    ]


def _default_names() -> list[ConfigfsRow]:
    return [
        row(
            "defaults/names-in-a-cluster",
            "Defaults",
            _ALL,
            do(
                "kinds",
                C,
                "=fence_method heartbeat/ idle_timeout_ms keepalive_delay_ms node/"
                " reconnect_delay_ms",
            ),
        ),
        row("defaults/names-in-node", "Defaults", _ALL, do("kinds", f"{C}/node", "=a/")),
        row(
            "defaults/names-in-heartbeat",
            "Defaults",
            _ALL,
            do("kinds", f"{C}/heartbeat", "=R/ dead_threshold mode"),
        ),
        row(
            "defaults/names-in-a-node",
            "Defaults",
            _ALL,
            do("kinds", at("a"), "=ipv4_address ipv4_port local num"),
        ),
        row(
            "defaults/names-in-a-region",
            "Defaults",
            _ALL,
            do("kinds", f"{C}/heartbeat/R", "=block_bytes blocks dev pid start_block"),
        ),
    ]


DEFAULTS = (*_default_values(), *_default_stats(), *_default_names())

_DAEMON = "What shapes the daemon"

SHAPES = (
    row(
        "daemon/order-port-address-num-local",
        _DAEMON,
        cluster(),
        local_node("a", 7),
        lines("a", ipv4_port="7777", ipv4_address="127.0.0.1", num="7", local="1"),
    ),
    row(
        "daemon/order-address-port-num-local",
        _DAEMON,
        cluster(),
        mkdir(at("a")),
        put(at("a", "ipv4_address"), "127.0.0.1"),
        put(at("a", "ipv4_port"), "7777"),
        put(at("a", "num"), "7"),
        put(at("a", "local"), "1"),
        lines("a", ipv4_port="7777", ipv4_address="127.0.0.1", num="7", local="1"),
    ),
    row(
        "daemon/change-is-rmdir-and-mkdir",
        _DAEMON,
        cluster(),
        complete("a", 7),
        rmdir(at("a")),
        complete("a", 8),
        lines("a", num="8", ipv4_address="10.77.0.9"),
    ),
    row(
        "daemon/two-writes-are-two-stores",
        _DAEMON,
        cluster(),
        mkdir(at("a")),
        do("open", at("a", "ipv4_port"), handle="port", data="w"),
        do("write", "", handle="port", data="7"),
        do("write", "", "EBUSY", handle="port", data="777\n"),
        lines("a", ipv4_port="7"),
    ),
    row(
        "daemon/module-wide-values-survive",
        _DAEMON,
        cluster(),
        put(THRESHOLD, "11"),
        put(MODE, "global"),
        rmdir(C),
        cluster(),
        get(THRESHOLD, "11\n"),
        get(MODE, "global\n"),
    ),
    row(
        "daemon/cluster-values-reset",
        _DAEMON,
        cluster(),
        put(f"{C}/idle_timeout_ms", "40000"),
        put(f"{C}/keepalive_delay_ms", "3000"),
        put(f"{C}/reconnect_delay_ms", "4000"),
        rmdir(C),
        cluster(),
        get(f"{C}/idle_timeout_ms", "30000\n"),
        get(f"{C}/keepalive_delay_ms", "2000\n"),
        get(f"{C}/reconnect_delay_ms", "2000\n"),
    ),
    row(
        "daemon/inode-stays",
        _DAEMON,
        cluster(),
        mkdir(at("a")),
        do("remember-inode", at("a"), handle="a"),
        put(at("a", "ipv4_port"), "7777"),
        put(at("a", "ipv4_address"), "10.77.0.1"),
        put(at("a", "num"), "7"),
        mkdir(at("b")),
        do("compare-inode", at("a"), "=same", handle="a"),
    ),
    row(
        "daemon/inode-is-new-for-each-mkdir",
        _DAEMON,
        cluster(),
        mkdir(at("a")),
        do("remember-inode", at("a"), handle="a"),
        rmdir(at("a")),
        mkdir(at("a")),
        do("compare-inode", at("a"), "=other", handle="a"),
    ),
    row(
        "daemon/heartbeating-remote-is-pinned-until-dead",
        _DAEMON,
        cluster(),
        local_node("a", 1),
        complete("b", 2),
        host("mount", "R"),
        host("see", "1,2"),
        rmdir(at("b"), "EBUSY"),
        host("see", "1"),
        rmdir(at("b")),
        needs=["mounted", "heartbeat"],
    ),
    row(
        "daemon/configfs-magic",
        _DAEMON,
        do("magic", "cluster", "=configfs"),
        needs=["statfs"],
    ),
)

_SOURCE = "source"

SOURCE = (
    row(
        "source/newest-first",
        _SOURCE,
        cluster(),
        *(mkdir(at(name)) for name in ("b", "a", "c")),
        do("order", f"{C}/node", "=c a b"),
    ),
    row(
        "source/at-most-4095-bytes-a-write",
        _SOURCE,
        cluster(),
        put(f"{C}/reconnect_delay_ms", "77\n" + " " * 5000, "=short 4095"),
        get(f"{C}/reconnect_delay_ms", "77\n"),
    ),
    row(
        "source/value-anew-after-a-write",
        _SOURCE,
        cluster(),
        do("open", f"{C}/reconnect_delay_ms", handle="fd", data="rw"),
        do("read", "", "=2000\n", handle="fd"),
        do("write", "", handle="fd", data="77"),
        do("rewind", "", handle="fd"),
        do("read", "", "=77\n", handle="fd"),
    ),
    row(
        "source/pid-cannot-be-written",
        _SOURCE,
        cluster(),
        mkdir(f"{C}/heartbeat/R"),
        put(f"{C}/heartbeat/R/pid", "1", "EACCES"),
    ),
    row("source/mkdir-at-the-root", _SOURCE, mkdir("foo", "EPERM")),
    row("source/rmdir-of-the-subsystem", _SOURCE, rmdir("cluster", "EPERM")),
    row(
        "source/mkdir-in-a-region",
        _SOURCE,
        cluster(),
        mkdir(f"{C}/heartbeat/R"),
        mkdir(f"{C}/heartbeat/R/x", "EPERM"),
    ),
    row(
        "source/hexadecimal-needs-a-digit",
        _SOURCE,
        cluster(),
        mkdir(at("a")),
        put(at("a", "ipv4_port"), "0x", "EINVAL"),
        put(at("a", "ipv4_port"), "08", "EINVAL"),
    ),
    row(
        "source/dead-threshold-is-decimal",
        _SOURCE,
        cluster(),
        put(THRESHOLD, "0x20", "EINVAL"),
        put(THRESHOLD, "010"),
        get(THRESHOLD, "10\n"),
    ),
    row(
        "source/region-needs-a-local-node",
        _SOURCE,
        cluster(),
        mkdir(f"{C}/heartbeat/R"),
        put(f"{C}/heartbeat/R/dev", "0", "EINVAL"),
    ),
    row(
        "source/region-values",
        _SOURCE,
        cluster(),
        mkdir(f"{C}/heartbeat/R"),
        put(f"{C}/heartbeat/R/block_bytes", "511", "ERANGE"),
        put(f"{C}/heartbeat/R/block_bytes", "8192", "ERANGE"),
        put(f"{C}/heartbeat/R/block_bytes", "513", "EINVAL"),
        put(f"{C}/heartbeat/R/block_bytes", "512"),
        put(f"{C}/heartbeat/R/blocks", "0", "ERANGE"),
        put(f"{C}/heartbeat/R/blocks", "256", "ERANGE"),
        put(f"{C}/heartbeat/R/blocks", "255"),
        put(f"{C}/heartbeat/R/start_block", "7x", "EINVAL"),
        put(f"{C}/heartbeat/R/start_block", "7"),
        get(f"{C}/heartbeat/R/block_bytes", "512\n"),
        get(f"{C}/heartbeat/R/blocks", "255\n"),
        get(f"{C}/heartbeat/R/start_block", "7\n"),
    ),
    row(
        "source/read-before-rmdir-keeps-the-value",
        _SOURCE,
        cluster(),
        addressed("a"),
        do("open", at("a", "ipv4_port"), handle="fd", data="r"),
        do("read", "", "=7777\n", handle="fd"),
        rmdir(at("a")),
        do("rewind", "", handle="fd"),
        do("read", "", "=7777\n", handle="fd"),
    ),
)
