"""An IPv4 subnet, as `10.77.0.0/16`."""

from __future__ import annotations

from dataclasses import dataclass

from o2cbd.core.names import is_ipv4

IPV4_BITS = 32


@dataclass(frozen=True, slots=True)
class Subnet:
    """A range of addresses; `address in subnet` tells of canonical IPv4 text."""

    network: int
    prefix: int
    """So many leading bits are the network's."""

    def __contains__(self, address: str) -> bool:
        return (_number(address) ^ self.network) >> (IPV4_BITS - self.prefix) == 0

    def __str__(self) -> str:
        octets = self.network.to_bytes(4, "big")
        return f"{'.'.join(map(str, octets))}/{self.prefix}"


def parse_subnet(text: str) -> Subnet:
    """Read `network/prefix`.

    Raises:
        ValueError: it is none; the text says what would be.
    """
    network, slash, bits = text.partition("/")
    plain = bits.isascii() and bits.isdecimal() and len(bits) <= len(str(IPV4_BITS))
    if not (slash and is_ipv4(network) and plain and int(bits) <= IPV4_BITS):
        raise ValueError(f'{text!r} must be an IPv4 subnet like "10.77.0.0/16"')
    number, prefix = _number(network), int(bits)
    host_bits = IPV4_BITS - prefix
    if number != number >> host_bits << host_bits:
        right = Subnet(number >> host_bits << host_bits, prefix)
        raise ValueError(f"{text} has host bits set: the subnet is {right}")
    return Subnet(number, prefix)


def _number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.split("."))), "big")
