"""Which names and addresses o2cb can take."""

from __future__ import annotations

import tomllib

import pytest

from o2cbd.core.names import (
    address_problem,
    cluster_name_problem,
    is_ipv4,
    node_name_problem,
    nodes_section,
)


@pytest.mark.parametrize(
    "name",
    ["n1", "a" * 64, "with space", "-dash", "ü" * 32, "n1.example.org", "\udc80" * 64],
)
def test_a_node_name_that_the_kernel_takes_has_no_problem(name: str) -> None:
    assert node_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "empty"),
        (".", "cannot be a directory"),
        ("..", "cannot be a directory"),
        ("a/b", "slash or a control character"),
        ("/dev/qdisk0", "slash or a control character"),
        ("a\0b", "slash or a control character"),
        ("a\nb", "slash or a control character"),
        ("a\x7fb", "slash or a control character"),
        ("a\x85b", "slash or a control character"),
        ("a" * 65, "65 bytes (o2cb's limit is 64)"),
        ("ü" * 33, "66 bytes (o2cb's limit is 64)"),
        ("\udcff" * 65, "65 bytes (o2cb's limit is 64)"),
    ],
)
def test_a_node_name_that_cannot_be_is_refused_with_the_reason(name: str, told: str) -> None:
    assert told in (node_name_problem(name) or "")


@pytest.mark.parametrize("address", ["10.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.1"])
def test_an_address_of_a_node_has_no_problem(address: str) -> None:
    assert address_problem(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.01",
        "fe80::1",
        "host",
        "1.2.3.4.5",
        "1.2.3.٣",
        "-1.2.3.4",
    ],
)
def test_what_is_no_ipv4_address_is_named(address: str) -> None:
    assert address_problem(address) == f"{address!r} is not an IPv4 address"


def test_the_unset_address_is_ipv4_and_no_node_may_have_it() -> None:
    """0.0.0.0 can crash the kernel, so it is refused where it would be believed."""
    assert is_ipv4("0.0.0.0")
    assert "can crash the kernel" in (address_problem("0.0.0.0") or "")


@pytest.mark.parametrize("name", ["a", "alpha1", "A" * 16])
def test_a_cluster_name_that_ocfs2_takes_has_no_problem(name: str) -> None:
    assert cluster_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "has no cluster name"),
        ("a" * 17, "17 characters (OCFS2's limit is 16)"),
        ("my-cluster", "not alphanumeric"),
        ("ümlaut", "not alphanumeric"),
        ("a b", "not alphanumeric"),
    ],
)
def test_a_cluster_name_that_cannot_be_is_refused_with_the_reason(name: str, told: str) -> None:
    assert told in (cluster_name_problem(name) or "")


@pytest.mark.parametrize("name", ["alpha", "a-1_b", "alpha.example.com", 'a "b" \\ c', "ä"])
def test_heading_of_a_nodes_settings_is_toml(name: str) -> None:
    assert tomllib.loads(f"{nodes_section(name)}\nnum = 1\n") == {"nodes": {name: {"num": 1}}}
