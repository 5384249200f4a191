"""Every value that a store may be given: what a kernel and the fake must read alike.

Standard library only. Never among them is an address that reads as `0.0.0.0`, which can crash a
kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fakecluster.conformance.configfs_row import Op

CLUSTER_NAME = "c"
CLUSTER = f"cluster/{CLUSTER_NAME}"

NUMBERS = (
    "", "\n", "\0", "0", "00", "0\n", "1", "5", "05", "08", "0x", "0xg", "0x1",
    "0X1F", "0x1\n", "0x 5", " 5", "5 ", "+5", "+", "-", "-5", "-1", "5x", "5_0",
    "0b1", "1e1", "x", "garbage\n", "\t5", "5\r\n", "5\n\n", "5\nx", "5\0x", "5\0\n",
    "254", "255", "256", "010", "0x1e61", "7777", "7777\n", "77x", "65534", "65535",
    "65536", "1999", "2000", "2001", "29999", "30000", "30001", "5000x", "4294967294",
    "4294967295", "4294967296", "4294967301", "0xffffffff", "18446744073709551615",
    "18446744073709551616", "18446744073709551621", "99999999999999999999999",
    "1" * 300, "0" * 300 + "5", "5\n" + "x" * 5000, "5" + "\n" * 4094, "5" + "\n" * 4095,
)  # fmt: skip

ADDRESSES = (
    "", "\n", "\0", "1.2.3.4", "1.2.3.4\n", "1.2.3", "1.2.3.", "1.2.3.4.5", "1.2.3.4x",
    " 1.2.3.4", "\n1.2.3.4", "\t1.2.3.4", "\r1.2.3.4", "\x0b1.2.3.4", "\x0c1.2.3.4",
    "\xa01.2.3.4", "\x851.2.3.4", "1 .2.3.4", "1. 2. 3. 4", "1.\n2.3.4", "1..3.4",
    "001.002.003.004", "0001.2.3.4", "01.2.3.4", "0x1.2.3.4", "1.2.3.256", "256.2.3.4",
    "999.1.1.1", "1000.1.1.1", "1.2.1000.4", "1.2.3.1000", "+1.2.3.4", "-1.2.3.4",
    "1.2.3.-4", "1.2.3.+4", "1.2.3.a", "a.b.c.d", "1,2,3,4", "1.2.3.4\0", "1.2.3.4 5",
    "10.77.0.1:7777", "127.0.0.1", "255.255.255.255", "::1", "1.2.3.4" + " " * 5000,
)  # fmt: skip

WORDS = (
    "", "\n", "\0", "l", "l\n", "l\0", "lo", "local", "local\n", "LOCAL", "Local\n",
    "local\0", "local\n\0", "local\n\n", "localx", "g", "glob\n", "global", "global\n",
    "global\0", "global\0\n", "global\nx", "globalx", " local", "reset", "reset\n",
    "RESET\n", "reset\n\n", "reset\n\0", "reset\0\n", "reset\nx", "panic", "panic\n",
    "PANIC\n", "Panic\n", "pan\n", " panic\n", "garbage\n",
)  # fmt: skip

NODE_VALUES = {"num": NUMBERS, "ipv4_port": NUMBERS, "local": NUMBERS, "ipv4_address": ADDRESSES}
CLUSTER_VALUES = {
    "idle_timeout_ms": NUMBERS,
    "keepalive_delay_ms": NUMBERS,
    "reconnect_delay_ms": NUMBERS,
    "heartbeat/dead_threshold": NUMBERS,
    "heartbeat/mode": WORDS,
    "fence_method": WORDS,
}
REGION_VALUES = {
    "block_bytes": (*NUMBERS, "511", "512", "513", "0x200", "1024", "4096", "8192"),
    "start_block": NUMBERS,
    "blocks": NUMBERS,
    "dev": ("", "0", "1", "99", "-1", "x"),
    "pid": ("", "5"),
}

_RESET = (
    ("idle_timeout_ms", "30000"),
    ("keepalive_delay_ms", "2000"),
    ("idle_timeout_ms", "30000"),
    ("reconnect_delay_ms", "2000"),
    ("heartbeat/dead_threshold", "31"),
    ("heartbeat/mode", "local"),
    ("fence_method", "reset\n"),
)


def op(call: str, path: str = "", *, data: str = "", to: str = "", handle: str = "") -> Op:
    """One call; what it answers is compared and not expected."""
    return Op(call=call, path=path, data=data, to=to, handle=handle)


def reset() -> Iterator[Op]:
    """Put every attribute back, those that are the module's and outlive the cluster too."""
    for name, value in _RESET:
        yield op("put", f"{CLUSTER}/{name}", data=value)


def values() -> Iterator[tuple[str, tuple[Op, ...]]]:
    """Every value to every attribute, each read back: the attribute, and what is done to it."""
    for name, texts in NODE_VALUES.items():
        yield name, _in_cluster(_node_value(name, data) for data in texts)
    for name, texts in CLUSTER_VALUES.items():
        path = f"{CLUSTER}/{name}"
        yield name, _in_cluster((*_put_and_get(path, data), *reset()) for data in texts)
    for name, texts in REGION_VALUES.items():
        yield name, _in_cluster(_region_value(name, data) for data in texts)


def _in_cluster(parts: Iterable[Iterable[Op]]) -> tuple[Op, ...]:
    return (op("mkdir", CLUSTER), *(one for part in parts for one in part), op("rmdir", CLUSTER))


def _put_and_get(path: str, data: str) -> Iterator[Op]:
    yield op("put", path, data=data)
    yield op("get", path)


def _node_value(name: str, data: str) -> Iterator[Op]:
    node = f"{CLUSTER}/node/n"
    yield op("mkdir", node)
    if name in {"num", "local"}:
        yield op("put", f"{node}/ipv4_port", data="7777")
        yield op("put", f"{node}/ipv4_address", data="127.0.0.9")
    if name == "local":
        yield op("put", f"{node}/num", data="7")
    yield from _put_and_get(f"{node}/{name}", data)
    yield op("rmdir", node)


def _region_value(name: str, data: str) -> Iterator[Op]:
    region = f"{CLUSTER}/heartbeat/r"
    yield op("mkdir", region)
    yield from _put_and_get(f"{region}/{name}", data)
    yield op("rmdir", region)


# ---- names, paths and short values

NODES = ("n0", "n1", "n2", "n3")
ODD_NODES = (
    "-n", "n 5", "ü", "x" * 64, "x" * 65, "x" * 255, "x" * 256, "ü" * 32, "ü" * 32 + "x",
    "%d%s", ".n", "num", "node", "N0", "n0\n", "\t", "\x7f", "\u2028",
)  # fmt: skip
REGIONS = ("r0", "r1", "r" * 32, "r" * 33, "%s%n", "pid")
CLUSTERS = ("cluster/d", "cluster/" + "x" * 255, "cluster/" + "x" * 256, "cluster/ü")

NODE_ATTRIBUTES = ("num", "ipv4_port", "ipv4_address", "local", "nothing")
CLUSTER_ATTRIBUTES = (
    "idle_timeout_ms", "keepalive_delay_ms", "reconnect_delay_ms", "fence_method",
    "heartbeat/dead_threshold", "heartbeat/mode",
)  # fmt: skip
REGION_ATTRIBUTES = ("block_bytes", "start_block", "blocks", "dev", "pid")

SHORT_VALUES = {
    "num": ("0", "1", "2", "2\n", "254", "255", "x", ""),
    "ipv4_port": ("7777", "7777\n", "7778", "0", "65535", ""),
    "ipv4_address": ("10.77.0.1", "10.77.0.1\n", "10.77.0.2", "127.0.0.3", "9.9.9", ""),
    "local": ("1", "1\n", "0", "2", "x", ""),
    "nothing": ("1",),
    "idle_timeout_ms": ("30000", "2000", "2001", "60000\n", "0", "x"),
    "keepalive_delay_ms": ("2000", "1", "29999", "30000", "x"),
    "reconnect_delay_ms": ("2000", "1\n", "0", "4294967295"),
    "fence_method": ("reset\n", "panic\n", "panic", "Reset\n"),
    "heartbeat/dead_threshold": ("31", "2", "3", "61\n", "x"),
    "heartbeat/mode": ("local", "global\n", "x"),
    "block_bytes": ("512", "4096\n", "513", "8192"),
    "start_block": ("1", "0x10\n", "x"),
    "blocks": ("1", "255", "256", "0"),
    "dev": ("0", "99", "x"),
    "pid": ("1",),
}
"""Attribute -> what it is mostly given, good and bad."""

HARMLESS_VALUES = {
    "local": ("1", "1\n", "2", "x"),
    "heartbeat/dead_threshold": ("31", "32\n", "61", "2", "x", ""),
    "heartbeat/mode": ("local", "loc\n", "x"),
}
"""The same where a heartbeat runs or will run: no `local` of 0, which can crash the kernel, and no
threshold so low that a busy machine fences itself."""

HANDLE_VALUES = (
    "1", "7777", "x", "2\n", "10.77.0.2", "77", "", "5\n6", "7" * 4095, "7" * 4096, "8" * 5000,
)  # fmt: skip

_PLACES = ("", "/node", "/heartbeat", "/foo", "/fence_method", "/node/n0", "/node/n1",
           "/node/n0/num", "/node/n1/ipv4_port", "/node/n0/x", "/node/n0/num/x",
           "/node/n2/ipv4_address", "/heartbeat/mode", "/heartbeat/r0", "/heartbeat/r0/pid",
           "/heartbeat/r0/blocks")  # fmt: skip
TARGETS = (*(CLUSTER + place for place in _PLACES), "cluster", "cluster/d", "cluster/nowhere/at")

FILE_FLAGS = (
    "r", "w", "rw", "rw", "rw", "rw,append", "rw,truncate", "w,append", "r,truncate", "rw,create",
    "w,create,exclusive", "r,create", "r,directory", "r,nofollow",
)  # fmt: skip
DIRECTORY_FLAGS = (
    "r", "r,directory", "r,directory", "w", "rw", "r,create", "r,truncate", "r,append",
    "r,create,exclusive", "r,directory,nofollow",
)  # fmt: skip
SEEKS = ("set 0", "set 0", "set 1", "set 3", "set 4096", "set -1", "current 0", "current 1",
         "current -1", "end 0", "end -4096", "end -1")  # fmt: skip
MODES = ("0644", "0666", "0600", "0444", "0222", "0000", "0777", "0755", "0700", "1777")
"""None that means more than access: the kernel takes such bits away by rules of its own."""
OWNERS = ("65534 65534", "65534 -1", "-1 65534", "0 0", "1000 1000")
