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
