"""Which scenarios an arm skips: exactly these, and each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fakecluster.arms.page import SUITE, scenarios, why_not
from fakecluster.arms.values import ARMS, MISSING, arm_in_namespaces
from fakecluster.capabilities import Capability

_CMAN = MISSING["process-cman"]
_NETNS = MISSING["process-corosync"]
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
    "pins: host whose disk stalls fences itself": _CANNOT[Capability.STALLED_DISK],
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
    "process-corosync": {
        "addresses: quorum disk with id 0 is left out": _NETNS[Capability.QUORUM_DISK],
        "addresses: first ipv4 address counts": _NETNS[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the settings wins": _NETNS[Capability.SEVERAL_ADDRESSES],
        "addresses: address in the subnet": _NETNS[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the ring": _NETNS[Capability.SEVERAL_ADDRESSES],
        "addresses: duplicate id in the configuration": _NETNS[Capability.DUPLICATE_ID],
        "addresses: scope configured without an address": _NETNS[
            Capability.SILENCE_ABOUT_ABSENTEES
        ],
        "manager: manager that dies with a failed read": _NETNS[Capability.FAILING_READS],
        "membership: leave for good": _NETNS[Capability.LEAVING_FOR_GOOD],
        "membership: fast rejoin that nobody saw": _NETNS[Capability.NOTICE_FAULTS],
        "membership: notices of votes": _NETNS[Capability.VOTES_NOTICE],
        "membership: notices that are not as they should be": _NETNS[Capability.NOTICE_FAULTS],
        "membership: two hosts with different views": _NETNS[Capability.NOTICE_FAULTS],
        "membership: failed read between a death and the next notice": _NETNS[
            Capability.FAILING_READS
        ],
        "pins: host whose disk stalls fences itself": _NETNS[Capability.STALLED_DISK],
        "quorum: two node death and fencing": _NETNS[Capability.FENCING_NOTICE],
        "quorum: lowered expected votes and a fencing": _NETNS[Capability.FENCING_NOTICE],
        "quorum: quorum disk keeps the last host quorate and proves nothing": _NETNS[
            Capability.QUORUM_DISK
        ],
        "quorum: half of the nodes and a fencing": (
            f"{_NETNS[Capability.QUORUM_DISK]}; {_NETNS[Capability.FENCING_NOTICE]}"
        ),
        "scale: 255 nodes joining": _NETNS[Capability.MANY_NODES],
        "scale: sixteen hosts boot together": _NETNS[Capability.MANY_NODES],
        "shutdown: asked with remove": _NETNS[Capability.LEAVING_FOR_GOOD],
        "start: cluster name that changes is never a second cluster": _NETNS[
            Capability.RENAMED_CLUSTER
        ],
    },
    "process-cman": {
        "addresses: address change": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: ipv6 only node is left out": _CMAN[Capability.IPV6_ONLY],
        "addresses: node with the address 0 0 0 0 is left out": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: own node without an address is never in sync": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: first ipv4 address counts": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the settings wins": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address in the subnet": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the ring": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: duplicate id in the configuration": _CMAN[Capability.DUPLICATE_ID],
        "daemon: killed in each call of a replacement": _CMAN[Capability.FREE_ADDRESSES],
        "manager: manager that dies with a failed read": _CMAN[Capability.FAILING_READS],
        "membership: fast rejoin that nobody saw": _CMAN[Capability.NOTICE_FAULTS],
        "membership: notices that are not as they should be": _CMAN[Capability.NOTICE_FAULTS],
        "membership: two hosts with different views": _CMAN[Capability.NOTICE_FAULTS],
        "membership: failed read between a death and the next notice": _CMAN[
            Capability.FAILING_READS
        ],
        "pins: pinned entry is not replaced halfway": _CMAN[Capability.FREE_ADDRESSES],
        "pins: our own node is never removed under a region": _CMAN[Capability.FREE_ADDRESSES],
        "pins: host whose disk stalls fences itself": _CMAN[Capability.STALLED_DISK],
        "scale: 255 nodes joining": _CMAN[Capability.MANY_NODES],
        "scale: sixteen hosts boot together": _CMAN[Capability.MANY_NODES],
        "start: cluster name that changes is never a second cluster": _CMAN[
            Capability.RENAMED_CLUSTER
        ],
    },
    "vm-corosync": {
        **_ON_GUESTS,
        "addresses: quorum disk with id 0 is left out": _CANNOT[Capability.QUORUM_DISK],
        "addresses: scope configured without an address": _CANNOT[
            Capability.SILENCE_ABOUT_ABSENTEES
        ],
        "membership: leave for good": _CANNOT[Capability.LEAVING_FOR_GOOD],
        "membership: notices of votes": _CANNOT[Capability.VOTES_NOTICE],
        "quorum: two node death and fencing": _CANNOT[Capability.FENCING_NOTICE],
        "quorum: lowered expected votes and a fencing": _CANNOT[Capability.FENCING_NOTICE],
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
    "vm-historic": {
        **_ON_GUESTS,
        "addresses: address change": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: ipv6 only node is left out": _CMAN[Capability.IPV6_ONLY],
        "addresses: node with the address 0 0 0 0 is left out": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: own node without an address is never in sync": _CMAN[Capability.FREE_ADDRESSES],
        "addresses: first ipv4 address counts": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the settings wins": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address in the subnet": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: address of the ring": _CMAN[Capability.SEVERAL_ADDRESSES],
        "addresses: duplicate id in the configuration": _CMAN[Capability.DUPLICATE_ID],
        "daemon: killed in each call of a replacement": (
            f"{_CMAN[Capability.FREE_ADDRESSES]}; {_BY_HAND}"
        ),
        "pins: pinned entry is not replaced halfway": (
            f"{_CMAN[Capability.FREE_ADDRESSES]}; {_PINS}"
        ),
        "pins: our own node is never removed under a region": _CMAN[Capability.FREE_ADDRESSES],
        "start: cluster name that changes is never a second cluster": _CMAN[
            Capability.RENAMED_CLUSTER
        ],
    },
}


@pytest.mark.parametrize("arm", ARMS)
def test_skips_are_known(pytestconfig: pytest.Config, arm: str) -> None:
    found = {
        f"{each.file}: {each.name}": reason
        for each in scenarios(pytestconfig.rootpath / SUITE)
        if (reason := why_not(each, arm))
    }
    assert found == SKIPS[arm]


@pytest.mark.parametrize(
    ("arm", "there"),
    [
        ("vm-corosync", "process-corosync"),
        ("process-corosync", "process-corosync"),
        ("vm-cman", "process-cman"),
    ],
)
def test_real_managers_run_in_namespaces_too(arm: str, there: str) -> None:
    assert arm_in_namespaces(arm) == there


@pytest.mark.parametrize("arm", ["sim", "process", "vm-historic", "vm-other"])
def test_what_is_not_real_does_not(arm: str) -> None:
    with pytest.raises(ValueError, match=f"the managers of {arm} do not run in namespaces"):
        arm_in_namespaces(arm)
