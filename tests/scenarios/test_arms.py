"""Which scenarios an arm skips: exactly these, and each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fakecluster.arms.page import SUITE, cell, scenarios
from fakecluster.arms.values import ARMS, MISSING, Capability

_CANNOT = MISSING["vm-corosync"]
_BY_HAND = _CANNOT[Capability.CALL_FAULTS]
_PINS = _CANNOT[Capability.PINS_BY_HAND]

_ON_GUESTS: Mapping[str, str] = {
    "addresses: node with id 300 is left out": _CANNOT[Capability.ANY_ID],
    "addresses: ipv6 only node is left out": _CANNOT[Capability.IPV6_ONLY],
    "addresses: first ipv4 address counts": _CANNOT[Capability.SEVERAL_ADDRESSES],
    "addresses: address of the settings wins": _CANNOT[Capability.SEVERAL_ADDRESSES],
    "addresses: address in the subnet": _CANNOT[Capability.SEVERAL_ADDRESSES],
    "addresses: address of the ring": _CANNOT[Capability.SEVERAL_ADDRESSES],
    "addresses: duplicate num in the kernel": _PINS,
    "addresses: duplicate id in the configuration": _CANNOT[Capability.DUPLICATE_ID],
    "daemon: killed in each call of the adds": _BY_HAND,
    "daemon: killed in each call of the removes": _BY_HAND,
    "daemon: killed in each call of a replacement": _BY_HAND,
    "daemon: killed while a removal is pending": _PINS,
    "daemon: sigterm while a step is pending": _PINS,
    "manager: manager that dies with a failed read": _BY_HAND,
    "membership: fast rejoin that nobody saw": _BY_HAND,
    "membership: notices that are not as they should be": _BY_HAND,
    "membership: two hosts with different views": _BY_HAND,
    "membership: failed read between a death and the next notice": _BY_HAND,
    "pins: pinned then unpinned": _PINS,
    "pins: back again while the removal is pinned": _PINS,
    "pins: add waits for a pending removal": _PINS,
    "pins: pinned entry is not replaced halfway": _PINS,
    "pins: add that fails is tried again": _BY_HAND,
    "pins: value that is refused leaves no half made node": _BY_HAND,
    "scale: 255 nodes joining": _CANNOT[Capability.MANY_NODES],
    "scale: sixteen hosts boot together": _CANNOT[Capability.MANY_NODES],
    "shutdown: asked while facts are unreadable": _BY_HAND,
    "shutdown: asked while a removal is pinned": _PINS,
    "start: our own node comes first and each value in one write": _CANNOT[Capability.CALL_ORDER],
    "start: cluster name that changes is never a second cluster": _CANNOT[
        Capability.RENAMED_CLUSTER
    ],
}
"""Whatever manages them."""

_NO_DISK = MISSING["vm-cman"][Capability.QUORUM_DISK]

SKIPS: Mapping[str, Mapping[str, str]] = {
    "sim": {},
    "process": {},
    "vm-corosync": {
        **_ON_GUESTS,
        "addresses: quorum disk with id 0 is left out": _CANNOT[Capability.QUORUM_DISK],
        "addresses: scope configured without an address": _CANNOT[
            Capability.SILENCE_ABOUT_ABSENTEES
        ],
        "membership: leave for good": _CANNOT[Capability.LEAVING_FOR_GOOD],
        "quorum: two node death and fencing": _CANNOT[Capability.FENCING_NOTICE],
        "quorum: quorum disk keeps the last host quorate and proves nothing": _CANNOT[
            Capability.QUORUM_DISK
        ],
        "quorum: half of the nodes and a fencing": (
            f"{_CANNOT[Capability.QUORUM_DISK]}; {_CANNOT[Capability.FENCING_NOTICE]}"
        ),
        "shutdown: asked with remove": _CANNOT[Capability.LEAVING_FOR_GOOD],
    },
    "vm-cman": {
        **_ON_GUESTS,
        "addresses: quorum disk with id 0 is left out": _NO_DISK,
        "quorum: quorum disk keeps the last host quorate and proves nothing": _NO_DISK,
        "quorum: half of the nodes and a fencing": _NO_DISK,
    },
}


@pytest.mark.parametrize("arm", ARMS)
def test_skips_are_known(pytestconfig: pytest.Config, arm: str) -> None:
    found = {
        f"{each.file}: {each.name}": cell(each, arm)
        for each in scenarios(pytestconfig.rootpath / SUITE)
        if cell(each, arm) != "runs"
    }
    assert found == SKIPS[arm]
