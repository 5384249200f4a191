"""The stand-in's requests to the byte, and how replies come back as results and errnos."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import Any

import pytest

from fakecluster.testing.scripted_wire import ScriptedConversation, answering, reply, request
from tests.fakecluster.cman.standin.conftest import Library, Talk

# What is asked with plain numbers: function, arguments, command, body of the request.
NUMBERS: list[tuple[str, tuple[Any, ...], int, bytes]] = [
    ("cman_stop_notification", (), 0x02, b""),
    ("cman_stop_confchg", (), 0xC1, b""),
    ("cman_get_node_count", (), 0x07, b""),
    ("cman_get_subsys_count", (), 0x0D, b""),
    ("cman_is_active", (), 0x0B, b""),
    ("cman_is_quorate", (), 0x05, b""),
    ("cman_is_listening", (7, 11), 0x06, struct.pack("=B3xi", 11, 7)),
    ("cman_set_votes", (3, 9), 0x80000008, struct.pack("=ii", 9, 3)),
    ("cman_set_expected_votes", (5,), 0x80000004, struct.pack("=i", 5)),
    ("cman_set_dirty", (), 0x800000C2, b""),
    ("cman_set_debuglog", (4,), 0x800000C3, struct.pack("=i", 4)),
    ("cman_kill_node", (300,), 0x8000000C, struct.pack("=i", 300)),
    ("cman_leave_cluster", (3,), 0x800000B4, struct.pack("=i", 3)),
    ("cman_shutdown", (2,), 0x800000BB, struct.pack("=i", 2)),
    ("cman_register_quorum_device", (b"/dev/q", 2), 0x800000B5, b"\x02\0\0\0/dev/q\0"),
    ("cman_update_quorum_device", (b"/dev/q", 2), 0x800000B8, b"\x02\0\0\0/dev/q\0"),
    ("cman_unregister_quorum_device", (), 0x800000B6, b""),
    ("cman_poll_quorum_device", (1,), 0x800000B7, struct.pack("=i", 1)),
    (
        "cman_node_fenced",
        (2, 1_700_000_000, b"fence_x"),
        0x800000BD,
        struct.pack("=iIQ256s", 2, 0, 1_700_000_000, b"fence_x"),
    ),
]


@pytest.mark.parametrize("row", NUMBERS, ids=[row[0] for row in NUMBERS])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [(0, (0, None)), (1, (1, None)), (-1, (-1, errno.EPERM)), (-16, (-1, errno.EBUSY))],
)
def test_a_request_goes_out_to_the_byte_and_its_status_comes_back(
    library: Library,
    talk: Talk,
    row: tuple[str, tuple[Any, ...], int, bytes],
    status: int,
    outcome: tuple[int, int | None],
) -> None:
    name, arguments, command, body = row
    given = [library.ffi.new("char[]", a) if isinstance(a, bytes) else a for a in arguments]
    script = answering((request(command, body), reply(command, status)))
    with talk(script) as handle:
        got = getattr(library.c, name)(handle, *given)
        assert (got, library.fails(got)) == outcome


NODE = struct.Struct("=IiIIII255s128sxI4xqqB7x")


def wire_node(
    nodeid: int,
    name: bytes,
    *,
    state: int = 2,
    address: bytes = b"",
    addrlen: int | None = None,
    size: int = 440,
) -> bytes:
    length = len(address) if addrlen is None else addrlen
    return NODE.pack(size, nodeid, 0, 0, 12, state, name, address, length, 1700, 42, 3)


IPV4 = struct.pack("=HH4s8x", 2, 0, bytes([192, 0, 2, 1]))


def ask_nodes(
    library: Library,
    talk: Talk,
    answer: bytes,
    *,
    room: int = 8,
    function: str = "cman_get_nodes",
) -> tuple[int, int, Any]:
    script = answering((request(0x07), answer))
    nodes = library.ffi.new("cman_node_t[]", max(room, 1))
    count = library.ffi.new("int *", -7)
    with talk(script) as handle:
        result = getattr(library.c, function)(handle, room, count, nodes)
        return (result, library.ffi.errno if result < 0 else count[0], nodes)


def test_the_node_list_is_copied_whole(library: Library, talk: Talk) -> None:
    first = wire_node(1, b"n1", address=IPV4)
    absent = wire_node(70000, b"x" * 255, state=3)
    result, count, nodes = ask_nodes(library, talk, reply(0x07, 2, first + absent))
    assert (result, count) == (0, 2)
    assert [
        (
            node.cn_nodeid,
            library.ffi.string(node.cn_name),
            node.cn_member,
            node.cn_incarnation,
            node.cn_jointime.tv_sec,
            node.cn_jointime.tv_usec,
            node.cn_address.cna_addrlen,
            bytes(library.ffi.buffer(node.cn_address.cna_address)),
        )
        for node in nodes[0:2]
    ] == [
        (1, b"n1", 1, 12, 1700, 42, 16, IPV4.ljust(28, b"\0")),
        (70000, b"x" * 255, 0, 12, 1700, 42, 0, bytes(28)),
    ]


@pytest.mark.parametrize("state", [1, 3, 4, 5, 6])
def test_only_the_state_member_is_a_member(library: Library, talk: Talk, state: int) -> None:
    _, _, nodes = ask_nodes(library, talk, reply(0x07, 1, wire_node(1, b"n1", state=state)))
    assert nodes[0].cn_member == 0


def test_an_address_that_is_too_long_stays_within_its_field(library: Library, talk: Talk) -> None:
    long = wire_node(1, b"n1", address=b"\xaa" * 128, addrlen=128)
    _, _, nodes = ask_nodes(library, talk, reply(0x07, 1, long))
    assert (nodes[0].cn_address.cna_addrlen, library.ffi.string(nodes[0].cn_name)) == (28, b"n1")


def test_disallowed_nodes_are_those_in_state_5(library: Library, talk: Talk) -> None:
    answer = reply(0x07, 2, wire_node(1, b"n1") + wire_node(2, b"n2", state=5))
    result, count, nodes = ask_nodes(library, talk, answer, function="cman_get_disallowed_nodes")
    assert (result, count, nodes[0].cn_nodeid) == (0, 1, 2)


def test_an_empty_list_is_no_error(library: Library, talk: Talk) -> None:
    assert ask_nodes(library, talk, reply(0x07, 0))[:2] == (0, 0)


def test_a_list_that_does_not_fit_gives_einval_and_copies_nothing(
    library: Library, talk: Talk
) -> None:
    answer = reply(0x07, 2, wire_node(1, b"n1") + wire_node(2, b"n2"))
    result, error, nodes = ask_nodes(library, talk, answer, room=1)
    assert (result, error, nodes[0].cn_nodeid) == (-1, errno.EINVAL, 0)


@pytest.mark.parametrize(
    "payload",
    [wire_node(1, b"n1", size=439), wire_node(1, b"n1")[:-1], b""],
    ids=["first record's size", "cut short", "no records"],
)
def test_a_list_of_other_records_gives_einval(library: Library, talk: Talk, payload: bytes) -> None:
    assert ask_nodes(library, talk, reply(0x07, 1, payload))[:2] == (-1, errno.EINVAL)


def test_enoent_before_the_first_transition(library: Library, talk: Talk) -> None:
    assert ask_nodes(library, talk, reply(0x07, -2))[:2] == (-1, errno.ENOENT)


@pytest.mark.parametrize(("name", "nodeid"), [(b"", 300), (b"", -1), (b"n2", 0), (b"z" * 255, 0)])
def test_one_node_is_asked_for_by_name_or_by_id(
    library: Library, talk: Talk, name: bytes, nodeid: int
) -> None:
    asked = NODE.pack(440, nodeid, 0, 0, 0, 0, name, b"", 0, 0, 0, 0)
    script = answering((request(0x90, asked), reply(0x90, 0, wire_node(2, b"n2", address=IPV4))))
    node = library.ffi.new("cman_node_t *")
    node.cn_name = name
    with talk(script) as handle:
        assert library.c.cman_get_node(handle, nodeid, node) == 0
    assert (node.cn_nodeid, library.ffi.string(node.cn_name), node.cn_address.cna_addrlen) == (
        2,
        b"n2",
        16,
    )


def test_the_quorum_device_is_node_minus_one(library: Library, talk: Talk) -> None:
    asked = NODE.pack(440, -1, 0, 0, 0, 0, b"", b"", 0, 0, 0, 0)
    script = answering(
        (request(0x90, asked), reply(0x90, 0, wire_node(0, b"/dev/q"))),
        (request(0x90, asked), reply(0x90, -2)),
    )
    info = library.ffi.new("cman_qdev_info_t *")
    with talk(script) as handle:
        assert library.c.cman_get_quorum_device(handle, info) == 0
        assert (library.ffi.string(info.qi_name), info.qi_state, info.qi_votes) == (b"/dev/q", 2, 3)
        result = library.c.cman_get_quorum_device(handle, info)
        assert library.fails(result) == errno.ENOENT


def test_structs_that_are_sent_as_they_are(library: Library, talk: Talk) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.answer(request(0x09), reply(0x09, 0, struct.pack("=4I", 6, 2, 0, 41)))
        cluster = struct.pack("=17sxHI", b"alpha", 6865, 76)
        cman.answer(request(0x91), reply(0x91, 0, cluster))
        extra = struct.pack("=5i", 2, 2, 1, 3, 0)
        cman.answer(request(0xC5, struct.pack("=i", 2)), reply(0xC5, 0, extra))
        config = struct.pack("=4I", 6, 2, 0, 42)
        cman.answer(request(0x8000000A, config), reply(0x8000000A, 0))

    new = library.ffi.new
    version, cluster, extra = (
        new("cman_version_t *"),
        new("cman_cluster_t *"),
        new("cman_node_extra_t *"),
    )
    with talk(script) as handle:
        assert library.c.cman_get_version(handle, version) == 0
        assert library.c.cman_get_cluster(handle, cluster) == 0
        assert library.c.cman_get_node_extra(handle, 2, extra) == 0
        assert library.c.cman_set_version(handle, new("cman_version_t *", [6, 2, 0, 42])) == 0
    assert [version.cv_major, version.cv_minor, version.cv_patch, version.cv_config] == [
        6,
        2,
        0,
        41,
    ]
    assert (library.ffi.string(cluster.ci_name), cluster.ci_number, cluster.ci_generation) == (
        b"alpha",
        6865,
        76,
    )
    assert (extra.cnx_nodeid, extra.cnx_state, extra.cnx_expected_votes) == (2, 2, 3)


def extra_info(addresses: int) -> bytes:
    head = struct.pack("=7i32si", 2, 1, 1, 3, 3, 2, 3, b"", addresses)
    return head + bytes(2 * 128 * addresses)


def test_extra_info_comes_with_its_addresses(library: Library, talk: Talk) -> None:
    script = answering((request(0x92), reply(0x92, 0, extra_info(2))))
    space = library.ffi.new("char[]", 4096)
    info = library.ffi.cast("cman_extra_info_t *", space)
    with talk(script) as handle:
        assert library.c.cman_get_extra_info(handle, info, 4096) == 0
    assert (info.ei_flags, info.ei_members, info.ei_num_addresses) == (1, 3, 2)


def test_a_reply_over_the_buffer_is_dropped_and_its_status_returned(
    library: Library, talk: Talk
) -> None:
    """And the stream stays in step: the next request is answered rightly."""
    script = answering(
        (request(0x92), reply(0x92, 0, extra_info(1))), (request(0x05), reply(0x05, 1))
    )
    info = library.ffi.new("cman_extra_info_t *")
    with talk(script) as handle:
        assert library.c.cman_get_extra_info(handle, info, 68) == 0
        assert info.ei_node_state == 0
        assert library.c.cman_is_quorate(handle) == 1


def wire_addrs(*addresses: bytes) -> bytes:
    rows = [struct.pack("=i4x128s", len(address), address) for address in addresses]
    return struct.pack("=i4x", len(addresses)) + b"".join(rows)


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_more_addresses_than_room_are_counted(library: Library, talk: Talk, sent: int) -> None:
    def script(cman: ScriptedConversation) -> None:
        answer = reply(0xBF, 0, wire_addrs(*[IPV4] * sent))
        cman.answer(request(0xBF, struct.pack("=i", 2)), answer)

    count = library.ffi.new("int *", -7)
    found = library.ffi.new("cman_node_address_t[]", 2)
    with talk(script) as handle:
        assert library.c.cman_get_node_addrs(handle, 2, 2, count, found) == 0
    assert count[0] == sent
    assert [address.cna_addrlen for address in found] == [16 if i < sent else 0 for i in range(2)]


def test_a_count_of_addresses_that_were_not_sent_is_not_believed(
    library: Library, talk: Talk
) -> None:
    def script(cman: ScriptedConversation) -> None:
        answer = reply(0xBF, 0, struct.pack("=i4x", 10_000))
        cman.answer(request(0xBF, struct.pack("=i", 2)), answer)

    count = library.ffi.new("int *", -7)
    found = library.ffi.new("cman_node_address_t[]", 2)
    with talk(script) as handle:
        assert library.c.cman_get_node_addrs(handle, 2, 2, count, found) == 0
    assert count[0] == 0


@pytest.mark.parametrize(("flags", "fenced"), [(0, 0), (2, 1), (3, 1), (1, 0)])
def test_fence_info(library: Library, talk: Talk, flags: int, fenced: int) -> None:
    def script(cman: ScriptedConversation) -> None:
        answer = struct.pack("=iIQ256s", 2, flags, 1_700_000_000, b"f" * 255)
        cman.answer(request(0xBE, struct.pack("=i", 2)), reply(0xBE, 0, answer))

    when, flag = library.ffi.new("uint64_t *"), library.ffi.new("int *")
    agent = library.ffi.new("char[]", 255)
    with talk(script) as handle:
        assert library.c.cman_get_fenceinfo(handle, 2, when, flag, agent) == 0
    assert (when[0], flag[0], library.ffi.string(agent)) == (1_700_000_000, fenced, b"f" * 254)


@pytest.mark.parametrize("yesno", [0, 1])
def test_a_shutdown_answer_has_no_reply(library: Library, talk: Talk, yesno: int) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.expect(request(0xBC, struct.pack("=i", yesno)))
        cman.expect_end()

    with talk(script) as handle:
        assert library.c.cman_replyto_shutdown(handle, yesno) == 0


def test_data_is_sent_without_waiting(library: Library, talk: Talk) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.expect(request(0x100, struct.pack("=iI", 2, 11) + b"hello", flags=1))
        cman.expect_end()

    with talk(script) as handle:
        assert library.c.cman_send_data(handle, b"hello", 5, 1, 11, 2) == 33


def test_data_over_the_limit_is_not_sent(library: Library, talk: Talk) -> None:
    with talk(ScriptedConversation.expect_end) as handle:
        result = library.c.cman_send_data(handle, bytes(1501), 1501, 0, 11, 2)
        assert library.fails(result) == errno.EINVAL


def test_the_admin_socket_is_another(library: Library, talk: Talk) -> None:
    script = answering((request(0x800000BB, bytes(4)), reply(0x800000BB, -114)))
    with talk(script, admin=True) as handle:
        result = library.c.cman_shutdown(handle, 0)
        assert library.fails(result) == errno.EALREADY


# What is refused before anything is sent: function, arguments, errno.
REFUSED: list[tuple[str, Callable[[Any], tuple[Any, ...]], int]] = [
    ("cman_start_notification", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_start_confchg", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_start_recv_data", lambda f: (f.NULL, 1), errno.EINVAL),
    ("cman_getprivdata", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_get_nodes", lambda f: (1, f.NULL, f.new("cman_node_t *")), errno.EINVAL),
    ("cman_get_nodes", lambda f: (1, f.new("int *"), f.NULL), errno.EINVAL),
    (
        "cman_get_nodes",
        lambda f: (0, f.new("int *"), f.new("cman_node_t *")),
        errno.EINVAL,
    ),
    ("cman_get_node", lambda f: (1, f.NULL), errno.EINVAL),
    ("cman_get_node_extra", lambda f: (1, f.NULL), errno.EINVAL),
    ("cman_get_node_addrs", lambda f: (1, 1, f.new("int *"), f.NULL), errno.EINVAL),
    ("cman_get_version", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_get_cluster", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_get_extra_info", lambda f: (f.NULL, 68), errno.EINVAL),
    ("cman_get_extra_info", lambda f: (f.new("cman_extra_info_t *"), 67), errno.EINVAL),
    ("cman_get_fenceinfo", lambda f: (1, f.NULL, f.NULL, f.NULL), errno.EINVAL),
    ("cman_get_quorum_device", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_set_version", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_kill_node", lambda _f: (0,), errno.EINVAL),
    ("cman_node_fenced", lambda f: (1, 0, f.NULL), errno.EINVAL),
    ("cman_node_fenced", lambda f: (1, 0, f.new("char[]", b"a" * 255)), errno.EINVAL),
    ("cman_register_quorum_device", lambda f: (f.NULL, 1), errno.EINVAL),
    ("cman_update_quorum_device", lambda f: (f.new("char[]", b"q" * 256), 1), errno.EINVAL),
    ("cman_send_data", lambda f: (f.NULL, 1, 0, 1, 1), errno.EINVAL),
    ("cman_barrier_wait", lambda f: (f.NULL,), errno.EINVAL),
    ("cman_barrier_wait", lambda f: (f.new("char[]", b"b" * 34),), errno.EINVAL),
    ("cman_barrier_register", lambda f: (f.new("char[]", b"b"), 0, 1), errno.ENOSYS),
    ("cman_barrier_change", lambda f: (f.new("char[]", b"b"), 0, 1), errno.ENOSYS),
    ("cman_barrier_wait", lambda f: (f.new("char[]", b"b"),), errno.ENOSYS),
    ("cman_barrier_delete", lambda f: (f.new("char[]", b"b"),), errno.ENOSYS),
]


def test_bad_arguments_are_refused_before_anything_is_sent(library: Library, talk: Talk) -> None:
    with talk(ScriptedConversation.expect_end) as handle:
        for name, arguments, error in REFUSED:
            result = getattr(library.c, name)(handle, *arguments(library.ffi))
            assert (name, result, library.fails(result)) == (name, -1, error)
