"""Older and newer kernels than the observed one, each difference by itself."""

from __future__ import annotations

import errno
import os

import pytest

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import (
    KERNEL_A,
    KERNEL_B,
    KERNEL_B_MISNAMED,
    KERNEL_C,
    KERNEL_D,
    OBSERVED_6_1,
    OBSERVED_6_12,
    VARIANTS,
    KernelVariant,
)
from fakecluster.conformance.refusal import refusal

C = "/cluster/c"
OLD = [KERNEL_A, KERNEL_B]
NEW = [KERNEL_C, KERNEL_D, OBSERVED_6_1, OBSERVED_6_12]


def by_name(variant: KernelVariant) -> str:
    return variant.name


def kernel(variant: KernelVariant) -> ConfigfsModel:
    model = ConfigfsModel(variant=variant)
    model.mkdir(C)
    return model


def put(model: ConfigfsModel, node: str, attribute: str, value: str) -> str:
    try:
        model.write_value(f"{C}/node/{node}/{attribute}", value.encode())
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def add(model: ConfigfsModel, node: str, num: int, *, local: bool = False) -> None:
    model.mkdir(f"{C}/node/{node}")
    values = {"ipv4_port": 7777, "ipv4_address": f"127.0.0.{num + 1}", "num": num}
    for attribute, value in (values | ({"local": 1} if local else {})).items():
        assert put(model, node, attribute, str(value)) == "ok"


def test_every_variant_is_named() -> None:
    assert set(VARIANTS) == {"6.1", "6.12", "A", "B", "B-misnamed", "C", "D"}


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_kernels_test_for_a_second_write_first(variant: KernelVariant) -> None:
    """Whatever the second write is, garbage and out of range too, it is EBUSY."""
    model = kernel(variant)
    add(model, "a", 1)
    answers = {
        (attribute, value): put(model, "a", attribute, value)
        for attribute, value in (
            ("num", "1"),
            ("num", "300"),
            ("ipv4_port", "x"),
            ("ipv4_address", "127.0.0.2"),
            ("ipv4_address", "x"),
        )
    }
    assert set(answers.values()) == {"EBUSY"}


@pytest.mark.parametrize("variant", NEW, ids=by_name)
def test_new_kernels_look_at_the_value_first(variant: KernelVariant) -> None:
    model = kernel(variant)
    add(model, "a", 1)
    assert put(model, "a", "num", "1") == "EEXIST"
    assert put(model, "a", "num", "300") == "ERANGE"
    assert put(model, "a", "ipv4_port", "x") == "EINVAL"
    assert put(model, "a", "ipv4_address", "127.0.0.2") == "EEXIST"


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_kernels_take_local_once(variant: KernelVariant) -> None:
    model = kernel(variant)
    add(model, "a", 1, local=True)
    assert put(model, "a", "local", "1") == "EBUSY"
    assert put(model, "a", "local", "0") == "EBUSY"


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_kernels_let_a_failed_local_be_tried_again(variant: KernelVariant) -> None:
    """Only a store that went well counts as the one."""
    model = kernel(variant)
    add(model, "a", 1)
    model.host.take_port(7777)
    assert put(model, "a", "local", "1") == "EADDRINUSE"
    model.host.free_port(7777)
    assert put(model, "a", "local", "1") == "ok"


def test_local_zero_leaves_the_claim_until_the_cluster_goes() -> None:
    model = kernel(KERNEL_C)
    add(model, "a", 1, local=True)
    assert put(model, "a", "local", "0") == "ok"
    assert put(model, "a", "local", "1") == "EBUSY"
    model.rmdir(f"{C}/node/a")
    add(model, "a", 1)
    assert put(model, "a", "local", "1") == "EBUSY"
    model.rmdir(f"{C}/node/a")
    model.rmdir(C)
    model.mkdir(C)
    add(model, "a", 1, local=True)


def test_the_newest_kernel_clears_the_claim() -> None:
    model = kernel(KERNEL_D)
    add(model, "a", 1, local=True)
    assert put(model, "a", "local", "0") == "ok"
    assert put(model, "a", "local", "1") == "ok"


def test_oldest_kernel_says_no_memory() -> None:
    """For a second cluster, and for names that only o2cb finds too long."""
    model = kernel(KERNEL_A)
    assert refusal(model.mkdir, "/cluster/d") == "ENOMEM"
    assert refusal(model.mkdir, f"{C}/node/{'x' * 65}") == "ENOMEM"
    assert refusal(model.mkdir, f"{C}/heartbeat/{'x' * 33}") == "ENOMEM"
    assert refusal(model.mkdir, f"{C}/node/{'x' * 256}") == "ENAMETOOLONG"


def test_oldest_kernel_has_fewer_attributes() -> None:
    model = kernel(KERNEL_A)
    assert {entry.name for entry in model.scandir(C)} == {
        "idle_timeout_ms",
        "keepalive_delay_ms",
        "reconnect_delay_ms",
        "node",
        "heartbeat",
    }
    assert [entry.name for entry in model.scandir(f"{C}/heartbeat")] == ["dead_threshold"]
    assert refusal(model.read_value, f"{C}/fence_method") == "ENOENT"


def test_misnamed_threshold() -> None:
    model = kernel(KERNEL_B_MISNAMED)
    assert {entry.name for entry in model.scandir(f"{C}/heartbeat")} == {"threshold", "mode"}
    model.write_value(f"{C}/heartbeat/threshold", b"61")
    assert model.read_value(f"{C}/heartbeat/threshold") == b"61\n"


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_defaults(variant: KernelVariant) -> None:
    model = kernel(variant)
    assert model.read_value(f"{C}/idle_timeout_ms") == b"10000\n"
    assert model.read_value(f"{C}/keepalive_delay_ms") == b"5000\n"


@pytest.mark.parametrize(
    ("variant", "answer"),
    [(KERNEL_A, "ok"), (KERNEL_B, "ok"), (KERNEL_C, "ok"), (KERNEL_D, "EBUSY")],
    ids=lambda value: getattr(value, "name", value),
)
def test_rmdir_of_a_heartbeating_remote(variant: KernelVariant, answer: str) -> None:
    """Older trees allow it, and the disk heartbeat goes on seeing the node."""
    model = kernel(variant)
    add(model, "a", 1, local=True)
    add(model, "b", 2)
    model.heartbeat.start("R", pid=7)
    model.heartbeat.see({1, 2})
    assert refusal(model.rmdir, f"{C}/node/b") == answer
    assert model.heartbeat.live_nums == {1, 2}
    assert refusal(model.rmdir, f"{C}/node/a") == "EBUSY"


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_half_made_node_stands_for_num_0(variant: KernelVariant) -> None:
    """Its rmdir stops the local node 0, which has been reported to panic."""
    model = kernel(variant)
    add(model, "zero", 0, local=True)
    model.mkdir(f"{C}/node/half")
    model.rmdir(f"{C}/node/half")
    assert model.host.listener is None
    assert [each.what for each in model.poisoned] == [
        "rmdir of a node without num, local node is 0"
    ]


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_half_made_node_harms_no_other_local_node(variant: KernelVariant) -> None:
    model = kernel(variant)
    add(model, "one", 1, local=True)
    model.mkdir(f"{C}/node/half")
    model.rmdir(f"{C}/node/half")
    assert model.host.listener == ("127.0.0.2", 7777)
    assert model.poisoned == ()


@pytest.mark.parametrize("variant", NEW, ids=by_name)
def test_new_kernels_know_a_half_made_node(variant: KernelVariant) -> None:
    model = kernel(variant)
    add(model, "zero", 0, local=True)
    model.mkdir(f"{C}/node/half")
    model.rmdir(f"{C}/node/half")
    assert model.host.listener == ("127.0.0.1", 7777)
    assert model.poisoned == ()


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_handles_outlive_their_item(variant: KernelVariant) -> None:
    model = kernel(variant)
    add(model, "a", 1)
    handle = model.open(f"{C}/node/a/num", os.O_RDWR)
    model.rmdir(f"{C}/node/a")
    assert model.read(handle, 100) == b"1\n"


@pytest.mark.parametrize("variant", OLD, ids=by_name)
def test_old_kernels_ignore_an_empty_write(variant: KernelVariant) -> None:
    model = kernel(variant)
    assert model.write_value(f"{C}/idle_timeout_ms", b"") == 0
