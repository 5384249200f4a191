"""Rows of the observed table "Values"."""

from __future__ import annotations

from fakecluster.conformance.configfs_row import (
    OK,
    ConfigfsRow,
    Steps,
    addressed,
    at,
    cluster,
    complete,
    do,
    host,
    lines,
    local_node,
    mkdir,
    put,
    rmdir,
    row,
)

_TABLE = "Values"
HUGE = "99999999999999"


def _row(name: str, *parts: Steps, needs: tuple[str, ...] = ()) -> ConfigfsRow:
    return row(f"values/{name}", _TABLE, cluster(), *parts, needs=needs)


def _empty() -> list[ConfigfsRow]:
    rows = [
        _row(
            f"empty-{attribute}",
            complete("a", 1),
            put(at("a", attribute), "", "EFAULT"),
            lines("a", num="1", local="0"),
            needs=("empty-write",),
        )
        for attribute in ("num", "ipv4_port", "ipv4_address", "local")
    ]
    rows.append(
        _row(
            "empty-to-a-handle-for-reading",
            mkdir(at("a")),
            do("open", at("a", "num"), handle="fd", data="r"),
            do("write", "", "EBADF", handle="fd", data=""),
        )
    )
    return rows


def _num_case(name: str, data: str, answer: str, reads: str) -> ConfigfsRow:
    return _row(
        f"num-{name}", addressed("a"), put(at("a", "num"), data, answer), lines("a", num=reads)
    )


def _num() -> list[ConfigfsRow]:
    num = at("a", "num")
    return [
        _row("num-first", mkdir(at("a")), put(num, "1", "EINVAL"), lines("a", num="0")),
        _row(
            "num-without-address",
            mkdir(at("a")),
            put(at("a", "ipv4_port"), "7777"),
            put(num, "1", "EINVAL"),
        ),
        _row(
            "num-without-port",
            mkdir(at("a")),
            put(at("a", "ipv4_address"), "10.77.0.1"),
            put(num, "1", "EINVAL"),
        ),
        _row(
            "num-failed-can-be-retried",
            mkdir(at("a")),
            put(num, "1", "EINVAL"),
            put(at("a", "ipv4_port"), "7777"),
            put(at("a", "ipv4_address"), "10.77.0.1"),
            put(num, "1"),
            lines("a", num="1"),
        ),
        _num_case("0", "0", OK, "0"),
        _num_case("1", "1", OK, "1"),
        _num_case("254", "254", OK, "254"),
        _num_case("255", "255", "ERANGE", "0"),
        _num_case("256", "256", "ERANGE", "0"),
        _num_case("huge", HUGE, "ERANGE", "0"),
        _num_case("minus-1", "-1", "EINVAL", "0"),
        _num_case("1x", "1x", "EINVAL", "0"),
        _num_case("garbage", "garbage", "EINVAL", "0"),
        _row(
            "num-of-another",
            complete("a", 1),
            addressed("b", address="10.77.0.9"),
            put(at("b", "num"), "1", "EEXIST"),
            lines("b", num="0"),
        ),
        _row("num-of-itself", complete("a", 1), put(num, "1", "EEXIST"), lines("a", num="1")),
        _row("num-0-of-itself", complete("a", 0), put(num, "0", "EEXIST"), lines("a", num="0")),
        _row("num-rewritten", complete("a", 1), put(num, "2", "EBUSY"), lines("a", num="1")),
        _row("num-free-again", complete("a", 1), rmdir(at("a")), complete("b", 1)),
    ]


def _port_case(name: str, data: str, answer: str, reads: str = "0") -> ConfigfsRow:
    return _row(
        f"port-{name}",
        mkdir(at("a")),
        put(at("a", "ipv4_port"), data, answer),
        lines("a", ipv4_port=reads),
    )


def _port() -> list[ConfigfsRow]:
    refused = {
        "0": "0",
        "minus-1": "-1",
        "garbage": "garbage",
        "77x": "77x",
        "leading-space": " 7777",
        "trailing-space": "7777 ",
        "plus": "+7777",
        "newline": "\n",
    }
    ranged = {"65535": "65535", "65536": "65536", "huge": HUGE}
    taken = {
        "1": ("1", "1"),
        "65534": ("65534", "65534"),
        "hexadecimal": ("0x1e61", "7777"),
        "octal": ("010", "8"),
        "without-newline": ("7777", "7777"),
        "with-newline": ("7777\n", "7777"),
        "two-lines": ("7777\n8888\n", "7777"),
        "nul": ("7777\0", "7777"),
    }
    return [
        *(_port_case(name, data, "EINVAL") for name, data in refused.items()),
        *(_port_case(name, data, "ERANGE") for name, data in ranged.items()),
        *(_port_case(name, data, OK, reads) for name, (data, reads) in taken.items()),
        *(
            _row(
                f"port-rewritten-{name}",
                mkdir(at("a")),
                put(at("a", "ipv4_port"), "7777"),
                put(at("a", "ipv4_port"), port, "EBUSY"),
                lines("a", ipv4_port="7777"),
            )
            for name, port in (("same", "7777"), ("other", "7778"))
        ),
    ]


def _address_case(name: str, data: str, answer: str, reads: str = "0.0.0.0") -> ConfigfsRow:
    return _row(
        f"address-{name}",
        mkdir(at("a")),
        put(at("a", "ipv4_address"), data, answer),
        lines("a", ipv4_address=reads),
    )


def _address() -> list[ConfigfsRow]:
    refused = {"garbage": "garbage", "three-octets": "10.77.0", "minus": "-1.2.3.4"}
    ranged = {"octet-256": "10.77.0.256", "octet-999": "999.77.0.1"}
    taken = {
        "fourth-digit": ("1.2.3.1000", "1.2.3.100"),
        "leading-space": (" 10.77.0.1", "10.77.0.1"),
        "trailing-text": ("10.77.0.1trailing", "10.77.0.1"),
        "trailing-port": ("10.77.0.1:7777", "10.77.0.1"),
        "trailing-newline": ("10.77.0.1\n", "10.77.0.1"),
        "loopback": ("127.0.0.1", "127.0.0.1"),
        "broadcast": ("255.255.255.255", "255.255.255.255"),
    }
    address, used = (
        at("b", "ipv4_address"),
        [*mkdir(at("b")), *complete("a", 1, address="10.77.0.1")],
    )
    return [
        *(_address_case(name, data, "EINVAL") for name, data in refused.items()),
        *(_address_case(name, data, "ERANGE") for name, data in ranged.items()),
        *(_address_case(name, data, OK, reads) for name, (data, reads) in taken.items()),
        _row(
            "address-in-use",
            used,
            put(address, "10.77.0.1", "EEXIST"),
            lines("b", ipv4_address="0.0.0.0"),
        ),
        _row(
            "address-in-use-other-port",
            used,
            put(at("b", "ipv4_port"), "7778"),
            put(address, "10.77.0.1", "EEXIST"),
        ),
        _row("address-its-own-again", used, put(at("a", "ipv4_address"), "10.77.0.1", "EEXIST")),
        _row(
            "address-another",
            used,
            put(at("a", "ipv4_address"), "10.77.0.2", "EBUSY"),
            lines("a", ipv4_address="10.77.0.1"),
        ),
        _row("address-free-again", used, rmdir(at("a")), put(address, "10.77.0.1")),
    ]


def _local() -> list[ConfigfsRow]:
    local = at("a", "local")
    elsewhere = "192.0.2.7"
    return [
        _row("local-first", mkdir(at("a")), put(local, "1", "EINVAL"), lines("a", local="0")),
        _row("local-before-num", addressed("a"), put(local, "1", "EINVAL"), lines("a", local="0")),
        _row("local-garbage", complete("a", 1), put(local, "x", "EINVAL"), lines("a", local="0")),
        _row("local-1", local_node("a", 1), lines("a", local="1")),
        _row(
            "local-elsewhere",
            complete("a", 1, address=elsewhere),
            put(local, "1", "EADDRNOTAVAIL"),
            lines("a", local="0"),
        ),
        _row(
            "local-elsewhere-until-the-address-is-there",
            complete("a", 1, address=elsewhere),
            put(local, "1", "EADDRNOTAVAIL"),
            host("add-address", elsewhere),
            put(local, "1"),
            lines("a", local="1"),
            needs=("second-address",),
        ),
        _row(
            "local-port-taken",
            complete("a", 1, address="127.0.0.1"),
            host("take-port", "7777"),
            put(local, "1", "EADDRINUSE"),
            lines("a", local="0"),
            host("free-port", "7777"),
            put(local, "1"),
            lines("a", local="1"),
            needs=("bind",),
        ),
        _row("local-1-again", local_node("a", 1), put(local, "1"), lines("a", local="1")),
        _row(
            "local-2", complete("a", 1, address="127.0.0.1"), put(local, "2"), lines("a", local="1")
        ),
        _row("local-2-again", local_node("a", 1), put(local, "2"), lines("a", local="1")),
        _row(
            "local-on-a-second-node",
            local_node("a", 1),
            complete("b", 2, address="127.0.0.2", port="7778"),
            put(at("b", "local"), "1", "EBUSY"),
            lines("b", local="0"),
        ),
        _row(
            "local-0-on-another-node",
            local_node("a", 1),
            complete("b", 2),
            put(at("b", "local"), "0"),
            lines("a", local="1"),
        ),
        _row(
            "local-0-on-the-local-node", local_node("a", 1), put(local, "0"), lines("a", local="0")
        ),
        _row(
            "local-0-closes-the-listener",
            local_node("a", 1),
            host("listening", "7777", "=yes"),
            put(local, "0"),
            host("listening", "7777", "=no"),
            needs=("bind",),
        ),
        _row(
            "local-1-after-0",
            local_node("a", 1),
            put(local, "0"),
            put(local, "1"),
            lines("a", local="1"),
        ),
        _row(
            "local-stays-when-the-address-goes",
            host("add-address", elsewhere),
            local_node("a", 1, address=elsewhere),
            host("remove-address", elsewhere),
            lines("a", local="1"),
            needs=("second-address",),
        ),
    ]


VALUES = (*_empty(), *_num(), *_port(), *_address(), *_local())
