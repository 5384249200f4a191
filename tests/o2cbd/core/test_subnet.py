"""IPv4 subnets: what is one, and what is in it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2cbd.core.subnet import Subnet, parse_subnet

ADDRESSES = st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number)))


@given(ADDRESSES, st.integers(0, 32), ADDRESSES)
def test_it_is_what_the_standard_library_says(inside: str, prefix: int, other: str) -> None:
    network = ipaddress.IPv4Network((inside, prefix), strict=False)
    subnet = parse_subnet(str(network))
    assert str(subnet) == str(network)
    assert inside in subnet
    assert (other in subnet) == (ipaddress.IPv4Address(other) in network)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0/8",
        "a/8",
        "fd00::/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        "10.0.0.0/\u0668",
        "10.0.0.0/008",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be an IPv4 subnet like"):
        parse_subnet(text)


def test_bits_behind_the_prefix_are_a_mistake_and_the_right_one_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.1\.2\.3/8 .*: the subnet is 10\.0\.0\.0/8"):
        parse_subnet("10.1.2.3/8")
    assert parse_subnet("10.0.0.0/8") == Subnet(10 << 24, 8)
