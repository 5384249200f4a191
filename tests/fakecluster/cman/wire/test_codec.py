"""The codec of libcman's wire protocol, against captures and tables, in both directions."""

import io
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster.cman.wire.codec import (
    BODY_MAX_BYTES,
    HEADER_BYTES,
    MAGIC,
    NOISE_VERSION,
    REPLY_BIT,
    VERSION,
    AddressesStruct,
    BadRequest,
    ClusterStruct,
    ConfchgMessage,
    EventMessage,
    ExtraInfoStruct,
    FenceStruct,
    FrameHeader,
    MessageReader,
    NodeExtraStruct,
    NodeStruct,
    Opcode,
    Reply,
    Request,
    ShortPayloadError,
    VersionStruct,
    cut_request,
    decode_int,
    decode_listening,
    decode_request,
    decode_two_ints,
    encode_ints,
    encode_listening,
)
from fakecluster.testing.wire_fuzz import requests_in
from fakecluster.transport.sockaddrs import sockaddr, sockaddr_text

SYMBOLS = st.integers(0, 0xFFFFFFFF)
STATUS = st.integers(-(2**31), 2**31 - 1)


def test_a_bodyless_request_is_the_20_captured_bytes() -> None:
    """cman_is_active of the real library on x86_64."""
    expected = bytes.fromhex("4e414d43 03000010 14000000 0b000000 00000000")
    assert Request(command=Opcode.ISACTIVE).encode() == expected


def test_a_reply_is_header_with_the_reply_bit_and_status() -> None:
    """24 bytes and the payload; the version is what a client must not rely on."""
    expected = struct.pack("=5Ii", MAGIC, NOISE_VERSION, 24, 0x4000000B, 0, 1)
    assert Reply(command=Opcode.ISACTIVE, status=1).encode() == expected


def test_the_version_sent_by_the_daemon_is_not_the_protocols() -> None:
    """Real cman leaves that field uninitialised."""
    assert NOISE_VERSION not in {VERSION, 0}


def test_an_admin_reply_keeps_the_admin_bit() -> None:
    """0x800000bb | 0x40000000."""
    encoded = Reply(command=Opcode.TRY_SHUTDOWN, status=-16).encode()
    assert encoded[12:16] == struct.pack("=I", 0xC00000BB)


def test_an_event_is_28_bytes_without_the_reply_bit() -> None:
    """Reason at 20, arg at 24, command 0x102."""
    expected = struct.pack("=5I2i", MAGIC, NOISE_VERSION, 28, 0x102, 0, 1, 1)
    assert EventMessage(reason=1, arg=1).encode() == expected


def test_a_configuration_change_orders_members_left_joined() -> None:
    """Three counts at 20, 24, 28, then the ids as u32."""
    expected = struct.pack("=5I3i4I", MAGIC, NOISE_VERSION, 48, 0x103, 0, 2, 1, 1, 1, 2, 3, 4)
    assert ConfchgMessage(members=(1, 2), left=(3,), joined=(4,)).encode() == expected


@given(STATUS, st.binary(max_size=600), st.sampled_from(Opcode))
def test_replies_come_back_as_they_were_sent(status: int, payload: bytes, command: int) -> None:
    """Encode, then decode."""
    reply = Reply(command=command, status=status, payload=payload)
    assert list(MessageReader().feed(reply.encode())) == [reply]


@given(st.lists(SYMBOLS), st.lists(SYMBOLS), st.lists(SYMBOLS), STATUS, STATUS)
def test_notices_come_back_as_they_were_sent(
    members: list[int], left: list[int], joined: list[int], reason: int, arg: int
) -> None:
    """Encode, then decode, one after the other."""
    sent: list[ConfchgMessage | EventMessage] = [
        ConfchgMessage(members=tuple(members), left=tuple(left), joined=tuple(joined)),
        EventMessage(reason=reason, arg=arg),
    ]
    assert list(MessageReader().feed(b"".join(each.encode() for each in sent))) == sent


@pytest.mark.parametrize(
    "data",
    [
        FrameHeader(length=20, command=Opcode.EVENT).encode(),
        FrameHeader(length=24, command=Opcode.EVENT).encode() + bytes(4),
        FrameHeader(length=24, command=Opcode.ISACTIVE).encode() + bytes(4),
    ],
)
def test_a_client_refuses_what_no_daemon_sends(data: bytes) -> None:
    """No status, a cut event, a message without the reply bit."""
    with pytest.raises(ValueError, match=r"message"):
        list(MessageReader().feed(data))


TWO = [Request(command=Opcode.GETNODE, body=bytes(440)), Request(command=Opcode.ISQUORATE)]


def test_one_request_is_read_and_the_next_one_left() -> None:
    """Whoever writes ahead has it in the socket, not here."""
    stream = io.BytesIO(b"".join(each.encode() for each in TWO))
    assert decode_request(cut_request(stream.read)) == TWO[0]
    assert stream.read() == TWO[1].encode()
    assert cut_request(stream.read) == b""


def test_nothing_there_is_for_the_caller_and_half_a_request_is_not() -> None:
    """Of a socket that does not block."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        with pytest.raises(BlockingIOError):
            cut_request(ours.recv)
        theirs.sendall(TWO[0].encode()[:HEADER_BYTES])
        assert decode_request(cut_request(ours.recv)) == BadRequest(command=Opcode.GETNODE)


@pytest.mark.parametrize("cut", [20, 21, 459])
def test_a_request_in_two_parts_is_refused_and_loses_step(cut: int) -> None:
    """As a real cman does: its rest is read as headers, whatever comes right after it, too."""
    stream = b"".join(each.encode() for each in TWO)
    assert list(requests_in(stream[:cut])) == [BadRequest(command=Opcode.GETNODE)]
    rest = list(requests_in(stream[cut:]))
    assert all(isinstance(each, BadRequest) for each in rest) is (cut != 20)


def test_half_a_header_is_refused_at_once() -> None:
    """Of the command only what is there can be echoed."""
    header = Request(command=Opcode.ISQUORATE).encode()
    assert list(requests_in(header[:16])) == [BadRequest(command=Opcode.ISQUORATE)]
    assert list(requests_in(header[:12])) == [BadRequest(command=0)]


def test_several_requests_in_one_read_come_out_in_order() -> None:
    """A client may write ahead."""
    sent = [Request(command=Opcode.NOTIFY), Request(command=0x7777, body=b"x"), Request(command=5)]
    assert list(requests_in(b"".join(each.encode() for each in sent))) == sent


@pytest.mark.parametrize("field", [{"magic": MAGIC + 1}, {"version": VERSION + 1}])
def test_a_wrong_header_without_a_body_leaves_the_stream_in_step(field: dict[str, int]) -> None:
    """Cman consumes the header only; without a body nothing is lost."""
    data = FrameHeader(length=HEADER_BYTES, command=9, **field).encode()
    after = Request(command=Opcode.ISACTIVE)
    assert list(requests_in(data + after.encode())) == [BadRequest(command=9), after]


@pytest.mark.parametrize(
    "header",
    [
        FrameHeader(magic=0, length=24, command=9),
        FrameHeader(version=0, length=24, command=9),
        FrameHeader(length=HEADER_BYTES + BODY_MAX_BYTES + 1, command=9),
        FrameHeader(length=0xFFFFFFFF, command=9),
        FrameHeader(length=19, command=9),
        FrameHeader(length=0, command=9),
    ],
)
def test_the_body_of_a_wrong_header_is_read_as_headers(header: FrameHeader) -> None:
    """Twenty bytes at a time."""
    body = bytes(12) + (7).to_bytes(4, "little") + bytes(5)
    assert list(requests_in(header.encode() + body)) == [
        BadRequest(command=9),
        BadRequest(command=7),
        BadRequest(command=0),
    ]


def test_the_longest_body_is_taken() -> None:
    """1500 bytes."""
    request = Request(command=Opcode.DATA, body=bytes(BODY_MAX_BYTES))
    assert list(requests_in(request.encode())) == [request]


def test_the_reply_bit_is_in_no_command() -> None:
    """Else a reply could not be told from a notice."""
    assert [each for each in Opcode if each & REPLY_BIT] == []


NODE = NodeStruct(
    node_id=0x01020304,
    us=True,
    leave_reason=3,
    incarnation=0xFFFFFFF0,
    state=2,
    name=b"node-b",
    address=sockaddr("10.1.2.3"),
    join_seconds=1_700_000_000,
    join_microseconds=999_999,
    votes=255,
)


@pytest.mark.parametrize(
    ("offset", "layout", "expected"),
    [
        (0, "=i", 440),
        (4, "=i", 0x01020304),
        (8, "=i", 1),
        (12, "=i", 3),
        (16, "=I", 0xFFFFFFF0),
        (20, "=i", 2),
        (24, "=7s", b"node-b\0"),
        (279, "=4s", b"\x02\0\0\0"),
        (283, "=4s", bytes([10, 1, 2, 3])),
        (408, "=i", 16),
        (416, "=q", 1_700_000_000),
        (424, "=q", 999_999),
        (432, "=B", 255),
    ],
)
def test_node_record_offset(offset: int, layout: str, expected: int | bytes) -> None:
    """Each field is where libcman reads it."""
    assert struct.unpack_from(layout, NODE.encode(), offset) == (expected,)


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (NODE, 440),
        (NodeStruct(node_id=-1, name=b"n" * 255, address=sockaddr("fe80::1")), 440),
        (ExtraInfoStruct(
            node_state=2, flags=33, node_votes=1, total_votes=3, expected_votes=4, quorum=2,
            members=3), 64),
        (ExtraInfoStruct(
            node_state=2, flags=0, node_votes=1, total_votes=3, expected_votes=4, quorum=2,
            members=3, multicasts=(bytes(128),), interfaces=(b"\x02" * 128,)), 320),
        (ClusterStruct(name=b"sixteen-chars-ok", number=6865, generation=2**32 - 1), 24),
        (VersionStruct(config=7), 16),
        (NodeExtraStruct(
            node_id=1, state=2, votes=3, expected_votes=4, leave_reason=5), 20),
        (FenceStruct(
            node_id=3, flags=2, fence_seconds=2**40, agent=b"a" * 255), 272),
        (AddressesStruct(addresses=()), 8),
        (AddressesStruct(addresses=(sockaddr("10.0.0.1"), sockaddr("fd00::1"))), 8 + 2 * 136),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_record_has_its_size_and_comes_back(record: NodeStruct, size: int) -> None:
    """Encode to the table's size, decode to the same value."""
    encoded = record.encode()
    assert len(encoded) == size
    assert type(record).decode(encoded) == record
    with pytest.raises(ShortPayloadError):
        type(record).decode(encoded[:-1])


def test_extra_info_offsets() -> None:
    """Ports at 28, the number of addresses at 60, multicast addresses before interfaces."""
    record = ExtraInfoStruct(
        node_state=1, flags=2, node_votes=3, total_votes=4, expected_votes=5, quorum=6, members=7,
        ports=bytes([3]) + bytes(31),
        multicasts=(sockaddr("239.1.1.1"), sockaddr("239.1.1.2")),
        interfaces=(sockaddr("10.0.0.1"), sockaddr("10.1.0.1")),
    )  # fmt: skip
    encoded = record.encode()
    assert struct.unpack_from("=7i", encoded) == (1, 2, 3, 4, 5, 6, 7)
    assert encoded[28:29] == b"\x03"
    assert struct.unpack_from("=i", encoded, 60) == (2,)
    found = [sockaddr_text(encoded[at : at + 128]) for at in range(64, len(encoded), 128)]
    assert found == ["239.1.1.1", "239.1.1.2", "10.0.0.1", "10.1.0.1"]


def test_cluster_offsets() -> None:
    """Name at 0 with its NUL at 16, number at 18, generation at 20."""
    encoded = ClusterStruct(name=b"a" * 20, number=6865, generation=48).encode()
    assert encoded[:18] == b"a" * 16 + b"\0\0"
    assert struct.unpack_from("=HI", encoded, 18) == (6865, 48)


def test_fence_offsets() -> None:
    """Node id, flags, time at 8, agent at 16."""
    encoded = FenceStruct(node_id=3, flags=2, fence_seconds=5, agent=b"apc").encode()
    assert struct.unpack_from("=iIQ", encoded) == (3, 2, 5)
    assert encoded[16:20] == b"apc\0"


def test_address_list_offsets() -> None:
    """A count in 8 bytes, each length at 0 and sockaddr at 8 of its 136 bytes."""
    encoded = AddressesStruct(addresses=(sockaddr("10.0.0.1"),)).encode()
    assert struct.unpack_from("=i", encoded) == (1,)
    assert struct.unpack_from("=i", encoded, 8) == (16,)
    assert encoded[16:24] == bytes([2, 0, 0, 0, 10, 0, 0, 1])


def test_sockaddr_ipv4() -> None:
    """Length 16, family 2, port 0."""
    assert sockaddr("10.1.2.3") == struct.pack("=H", socket.AF_INET) + bytes(
        [0, 0, 10, 1, 2, 3]
    ) + bytes(8)


def test_sockaddr_ipv6() -> None:
    """Length 28, family 10, port 0, scope id always 2."""
    encoded = sockaddr("fd00::1")
    assert len(encoded) == 28
    assert struct.unpack_from("=H", encoded) == (socket.AF_INET6,)
    assert encoded[8:24] == socket.inet_pton(socket.AF_INET6, "fd00::1")
    assert struct.unpack_from("=I", encoded, 24) == (2,)


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::1", "255.255.255.255"])
def test_sockaddr_comes_back(address: str) -> None:
    """To sockaddr and back to text."""
    assert sockaddr_text(sockaddr(address)) == address


def test_sockaddr_text_of_nothing_and_of_another_family() -> None:
    """A non-member has no address; AF_UNIX is none of ours."""
    assert sockaddr_text(b"") == ""
    with pytest.raises(ValueError, match="family 1"):
        sockaddr_text(struct.pack("=H", socket.AF_UNIX) + bytes(26))


def test_an_address_over_28_bytes_is_never_sent() -> None:
    """libcman copies addrlen bytes without a check."""
    with pytest.raises(ValueError, match="29 bytes"):
        NodeStruct(node_id=1, address=bytes(29)).encode()


def test_a_records_junk_length_is_no_error() -> None:
    """GETNODE's question is a record with junk in it: an addrlen below 0 or over the field."""
    for junk in (-1, 2**31 - 1):
        data = bytearray(NODE.encode())
        data[408:412] = struct.pack("=i", junk)
        assert NodeStruct.decode(bytes(data)).name == b"node-b"


def test_a_name_of_255_bytes_has_no_nul() -> None:
    """The field is 255 bytes; the reader must not look for a NUL behind it."""
    record = NodeStruct(node_id=1, name=b"x" * 255)
    assert NodeStruct.decode(record.encode()).name == b"x" * 255


def test_plain_numbers() -> None:
    """int, two ints, and ISLISTENING's u8 at 0 with its int at 4."""
    assert decode_int(encode_ints(-7)) == -7
    assert decode_two_ints(encode_ints(1, -2)) == (1, -2)
    assert encode_listening(192, 3) == b"\xc0\0\0\0\x03\0\0\0"
    assert decode_listening(b"\xc0\xff\xff\xff\x03\0\0\0") == (192, 3)
    with pytest.raises(ShortPayloadError):
        decode_two_ints(bytes(7))
