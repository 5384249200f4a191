"""BEHAVIOUR never: what is refused before any call is made."""

from __future__ import annotations

import errno

import pytest

from o2cbd.configfs.refusals import check_name, refuse
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode, SetAttribute


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "/a", "a\0", "\0"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(OSError, match="not a name") as caught:
        check_name(name)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", ["a", "...", ".a", "-", "a b", "ä", "\udcff", "x" * 255])
def test_what_the_kernel_may_take_is_not_ours_to_refuse(name: str) -> None:
    check_name(name)


@pytest.mark.row("never")
@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "00.000.0.0",
        " 0.0.0.0",
        "0. 0.0.0",
        "0.0.0.0trailing",
        "0.0.0.0:7777",
        "0.0.0.0001",
        "0.0.0.00x",
    ],
)
def test_whatever_the_kernel_would_scan_as_zero_is_refused(address: str) -> None:
    node = Node(name="n", num=1, address=address, port=7777)
    for step in (
        AddNode(cluster="c", node=node),
        SetAttribute(cluster="c", node="n", attribute="ipv4_address", value=address),
    ):
        with pytest.raises(OSError, match="never written") as caught:
            refuse(step)
        assert caught.value.errno == errno.EINVAL
        assert caught.value.filename == "node/n/ipv4_address"


@pytest.mark.parametrize("address", ["0.0.0.1", "0.0.0.01", "0.0.1.0", "10.0.0.0", "garbage", ""])
def test_other_addresses_are_the_kernels_to_judge(address: str) -> None:
    refuse(AddNode(cluster="c", node=Node(name="n", num=1, address=address, port=7777)))


@pytest.mark.row("never")
@pytest.mark.parametrize("value", ["0", "00", "0x0", "0\n", "", "2", "garbage"])
def test_only_one_is_ever_written_to_local(value: str) -> None:
    with pytest.raises(OSError, match="only local=1") as caught:
        refuse(SetAttribute(cluster="c", node="n", attribute="local", value=value))
    assert (caught.value.errno, caught.value.filename) == (errno.EINVAL, "node/n/local")


@pytest.mark.parametrize(
    "step",
    [
        CreateCluster(cluster="c1"),
        RemoveNode(cluster="c1", node="n1"),
        SetAttribute(cluster="c1", node="n1", attribute="local", value="1"),
        SetAttribute(cluster="c1", node="n1", attribute="num", value="0"),
        SetAttribute(cluster="c1", node=None, attribute="fence_method", value="panic"),
        SetAttribute(cluster="c1", node=None, attribute="heartbeat/mode", value="local"),
    ],
)
def test_what_the_daemon_wants_passes(
    step: CreateCluster | RemoveNode | SetAttribute,
) -> None:
    refuse(step)
