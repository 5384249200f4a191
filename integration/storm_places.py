"""The names, paths and short values that random operations choose from; standard library only."""

from __future__ import annotations

from integration.storm_values import CLUSTER

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
