"""The raw layer over a real C library, and CmanSource on top of it, against scripted bytes."""

from __future__ import annotations

import ast
import errno
import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakecluster.clock import VirtualClock
from fakecluster.testing.scripted_wire import (
    Script,
    ScriptedConversation,
    answering,
    event,
    reply,
    request,
    scripted,
)
from o2cbd.calls import CallBoard
from o2cbd.core.events import ConfigChange, ManagerLost, ShutdownAsked, StateChange
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership import _libcman_abi as committed
from o2cbd.membership import libcman_build
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcman import NODE_LAYOUT, load
from o2cbd.membership.libcman_table import DISPATCH_ALL, CmanError, LibcmanTable


@pytest.fixture
def socket_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMAN_SOCKET_DIR", str(tmp_path))
    return tmp_path


NOTIFY = request(0x01)
NOTIFIED = reply(0x01, 0)


@contextmanager
def connected(table: LibcmanTable, socket_dir: Path, script: Script) -> Iterator[MembershipSource]:
    def whole(cman: ScriptedConversation) -> None:
        cman.answer(NOTIFY, NOTIFIED)
        script(cman)

    with scripted(socket_dir / "cman_client", whole):
        source = connect_cman(table, CallBoard(VirtualClock()))
        try:
            yield source
        finally:
            source.close()


def wait(source: MembershipSource) -> None:
    poller = select.poll()
    poller.register(source.fileno(), select.POLLIN)
    assert poller.poll(10_000)


# -- the generated module and loading


def test_the_committed_interface_is_what_the_generator_writes(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.py"
    libcman_build.generate(fresh)
    kept = Path(str(committed.__file__))
    assert ast.dump(ast.parse(fresh.read_text())) == ast.dump(ast.parse(kept.read_text()))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("cman_node_address_t", 32),
        ("cman_node_t", 320),
        ("cman_cluster_t", 24),
        ("cman_extra_info_t", 68),
    ],
)
def test_layouts_have_libcmans_sizes(name: str, size: int) -> None:
    assert committed.ffi.sizeof(name) == size


def test_the_list_layout_is_the_struct() -> None:
    assert committed.ffi.sizeof("cman_node_t") == NODE_LAYOUT.size


def test_a_missing_library_is_elibacc_with_its_path() -> None:
    with pytest.raises(
        OSError, match=r"cannot load libcman.*give its path.*no-such-libcman\.so"
    ) as raised:
        load("no-such-libcman.so")
    assert (raised.value.errno, raised.value.filename) == (errno.ELIBACC, "no-such-libcman.so")


def test_another_library_is_elibacc_with_what_it_lacks() -> None:
    with pytest.raises(OSError, match=r"not a libcman 3.*cman_init") as raised:
        load("libc.so.6")
    assert (raised.value.errno, raised.value.filename) == (errno.ELIBACC, "libc.so.6")


def test_no_socket_is_enoent_by_the_calls_name(table: LibcmanTable, socket_dir: Path) -> None:
    with pytest.raises(CmanError, match="cman_init") as raised:
        table.init()
    assert (raised.value.errno, raised.value.call) == (errno.ENOENT, "cman_init")


# -- a whole reading, byte by byte

NODE = struct.Struct("=IiIIII255s128sxI4xqqB7x")
IPV4_1 = struct.pack("=HH4s8x", 2, 0, bytes([192, 0, 2, 1]))
IPV4_2 = struct.pack("=HH4s8x", 2, 0, bytes([192, 0, 2, 2]))
IPV6_2 = struct.pack("=HHI16sI", 10, 0, 0, b"\x20\x01\x0d\xb8" + bytes(11) + b"\x02", 2)


def row(nodeid: int, name: bytes, *, address: bytes, state: int = 2, incarnation: int = 8) -> bytes:
    return NODE.pack(440, nodeid, 0, 0, incarnation, state, name, address, len(address), 9, 0, 1)


NODES = (
    row(1, b"n1", address=IPV4_1)
    + row(2, b"n\xc3\xb6de2", address=IPV6_2, incarnation=2**32 - 1)
    + row(3, b"n3", address=IPV6_2, state=3)
    + row(0, b"/dev/qdisk0", address=IPV6_2, incarnation=0)
)
EXTRA = struct.pack("=7i32si", 2, 1, 1, 3, 3, 2, 2, b"", 1) + bytes(256)
ADDRS = struct.pack("=i4x", 2) + b"".join(
    struct.pack("=i4x128s", len(each), each) for each in (IPV6_2, IPV4_2)
)
ASKED_US = NODE.pack(440, 0, 0, 0, 0, 0, b"", b"", 0, 0, 0, 0)


def a_reading(cman: ScriptedConversation) -> None:
    cman.answer(request(0x91), reply(0x91, 0, struct.pack("=17sxHI", b"alpha", 6865, 8)))
    cman.answer(request(0x90, ASKED_US), reply(0x90, 0, row(1, b"n1", address=IPV4_1)))
    cman.answer(request(0x07), reply(0x07, 4, NODES))
    cman.answer(request(0x07), event(1, 1) + reply(0x07, 4, NODES))
    cman.answer(request(0x05), reply(0x05, 1))
    cman.answer(request(0x92), reply(0x92, 0, EXTRA))
    for nodeid in (1, 2, 3):
        votes = struct.pack("=5i", nodeid, 2, nodeid, 6, 0)
        cman.answer(request(0xC5, struct.pack("=i", nodeid)), reply(0xC5, 0, votes))
    cman.answer(request(0xBF, struct.pack("=i", 2)), reply(0xBF, 0, ADDRS))
    fence = struct.pack("=iIQ256s", 3, 2, 1_700_000_000, b"fence_x")
    cman.answer(request(0xBE, struct.pack("=i", 3)), reply(0xBE, 0, fence))


def test_a_whole_reading(table: LibcmanTable, socket_dir: Path) -> None:
    def script(cman: ScriptedConversation) -> None:
        a_reading(cman)
        cman.expect_end()

    with connected(table, socket_dir, script) as source:
        before = source.fileno()
        assert source.snapshot() == Membership(
            cluster="alpha",
            local_id=1,
            quorum=Quorum.QUORATE,
            two_node=True,
            members=(
                Member(id=0, name="/dev/qdisk0", incarnation=0, addresses=()),
                Member(id=1, name="n1", incarnation=8, addresses=("192.0.2.1",)),
                Member(
                    id=2,
                    name="nöde2",
                    incarnation=2**32 - 1,
                    addresses=("2001:db8::2", "192.0.2.2"),
                ),
            ),
            absentees=(Absentee(id=3, name="n3", votes=3, fenced=True),),
            member_votes=3,
        )
        held_back = source.fileno()
        assert held_back != before
        wait(source)
        assert source.dispatch() == (StateChange(quorate=True),)
        assert source.fileno() == before


def test_ids_are_positive_32_bit_numbers_both_ways(table: LibcmanTable, socket_dir: Path) -> None:
    highest = b"\xff\xff\xff\xff"
    asked = b"\xb8\x01\0\0" + highest + ASKED_US[8:]
    script = answering(
        (request(0x90, asked), reply(0x90, 0, row(-1, b"far", address=IPV4_1))),
        (request(0xBF, highest), reply(0xBF, 0, bytes(8))),
        (request(0xBE, highest), reply(0xBE, -errno.EINVAL)),
    )
    with scripted(socket_dir / "cman_client", script):
        handle = table.init()
        assert handle.get_node(2**32 - 1).nodeid == 2**32 - 1
        assert handle.get_node_addrs(2**32 - 1) == ()
        with pytest.raises(CmanError, match="cman_get_fenceinfo"):
            handle.get_fenceinfo(2**32 - 1)
        handle.finish()


def test_a_dropped_extra_info_is_no_reading(table: LibcmanTable, socket_dir: Path) -> None:
    """More addresses than fit: libcman calls it a success and has written nothing."""
    script = answering((request(0x92), reply(0x92, 0, EXTRA + bytes(10_000))))
    with scripted(socket_dir / "cman_client", script):
        handle = table.init()
        with pytest.raises(CmanError, match="cman_get_extra_info") as raised:
            handle.get_extra_flags()
        assert raised.value.errno == errno.EMSGSIZE
        handle.finish()


def test_the_longest_cluster_name_is_whole(table: LibcmanTable, socket_dir: Path) -> None:
    script = answering((request(0x91), reply(0x91, 0, struct.pack("=17sxHI", b"c" * 17, 1, 8))))
    with scripted(socket_dir / "cman_client", script):
        handle = table.init()
        assert handle.get_cluster().name == b"c" * 17
        handle.finish()


def test_events_come_through_c_in_order(table: LibcmanTable, socket_dir: Path) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(event(1, 0) + event(3, 3) + event(4, 17) + event(0, 5))
        cman.expect_end()

    with connected(table, socket_dir, script) as source:
        wait(source)
        assert source.dispatch() == (
            StateChange(quorate=False),
            ShutdownAsked(forced=True, removed=True),
            ConfigChange(version=17),
        )
        assert source.dispatch() == ()


def test_an_answer_goes_out_once(table: LibcmanTable, socket_dir: Path) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.expect(request(0xBC, struct.pack("=i", 1)))
        cman.expect_end()

    with connected(table, socket_dir, script) as source:
        source.reply_shutdown(True)


def test_a_death_is_told_after_the_events(table: LibcmanTable, socket_dir: Path) -> None:
    with connected(table, socket_dir, lambda cman: cman.send(event(1, 0))) as source:
        notices: list[object] = []
        while ManagerLost(errno=errno.EHOSTDOWN) not in notices:
            wait(source)
            notices += source.dispatch()
        assert notices == [StateChange(quorate=False), ManagerLost(errno=errno.EHOSTDOWN)]


def test_a_death_with_a_request_unread_is_gone_with_econnreset(
    table: LibcmanTable, socket_dir: Path
) -> None:
    with (
        connected(table, socket_dir, lambda cman: cman.leave_unread(20)) as source,
        pytest.raises(ManagerGoneError, match="cman_get_cluster") as raised,
    ):
        source.snapshot()
    assert raised.value.errno == errno.ECONNRESET


def test_a_dying_listener_accepts_and_the_subscription_fails(
    table: LibcmanTable, socket_dir: Path
) -> None:
    with (
        scripted(socket_dir / "cman_client", lambda cman: cman.leave_unread(20)),
        pytest.raises(ManagerGoneError, match="ended during the connect"),
    ):
        connect_cman(table, CallBoard(VirtualClock()))


def test_what_a_callback_raises_comes_out_of_dispatch(
    table: LibcmanTable, socket_dir: Path
) -> None:
    script = answering((NOTIFY, NOTIFIED + event(1, 1)))

    def broken(_reason: int, _argument: int) -> None:
        raise MemoryError("no room for an event")

    with scripted(socket_dir / "cman_client", script):
        handle = table.init()
        handle.start_notification(broken)
        poller = select.poll()
        poller.register(handle.get_fd(), select.POLLIN)
        assert poller.poll(10_000)
        with pytest.raises(MemoryError, match="no room"):
            handle.dispatch(DISPATCH_ALL)
        assert handle.dispatch(DISPATCH_ALL) == 0
        handle.finish()


def test_a_finished_connection_is_handed_to_c_no_more(
    table: LibcmanTable, socket_dir: Path
) -> None:
    with scripted(socket_dir / "cman_client", ScriptedConversation.expect_end):
        handle = table.init()
        handle.finish()
        handle.finish()
        with pytest.raises(CmanError, match="cman_get_fd") as raised:
            handle.get_fd()
        assert raised.value.errno == errno.EINVAL
