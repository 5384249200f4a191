"""The codec of libcman's wire protocol, against captures and tables, in both directions."""

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
    BadRequest,
    ConfchgMessage,
    EventMessage,
    FrameHeader,
    MessageReader,
    Opcode,
    Reply,
    Request,
    RequestReader,
)

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


def test_requests_are_read_at_every_split_of_a_full_buffer() -> None:
    """Where the reader's own buffer ends nothing is cut, wherever that is."""
    stream = b"".join(each.encode() for each in TWO)
    for cut in range(1, len(stream)):
        reader = RequestReader()
        assert [*reader.feed(stream[:cut], more=True), *reader.feed(stream[cut:])] == TWO
    reader = RequestReader()
    pieces = [bytes([byte]) for byte in stream]
    assert [each for piece in pieces for each in reader.feed(piece, more=True)] == TWO


@pytest.mark.parametrize("cut", [20, 21, 459])
def test_a_request_in_two_parts_is_refused_and_loses_step(cut: int) -> None:
    """As a real cman does: its rest is read as headers, whatever comes right after it, too."""
    stream = b"".join(each.encode() for each in TWO)
    reader = RequestReader()
    assert list(reader.feed(stream[:cut])) == [BadRequest(command=Opcode.GETNODE)]
    rest = list(reader.feed(stream[cut:]))
    assert all(isinstance(each, BadRequest) for each in rest) is (cut != 20)
    assert list(reader.feed(TWO[1].encode())) == [TWO[1]]


def test_half_a_header_is_refused_at_once() -> None:
    """Of the command only what is there can be echoed."""
    header = Request(command=Opcode.ISQUORATE).encode()
    assert list(RequestReader().feed(header[:16])) == [BadRequest(command=Opcode.ISQUORATE)]
    assert list(RequestReader().feed(header[:12])) == [BadRequest(command=0)]


def test_several_requests_in_one_read_come_out_in_order() -> None:
    """A client may write ahead."""
    sent = [Request(command=Opcode.NOTIFY), Request(command=0x7777, body=b"x"), Request(command=5)]
    assert list(RequestReader().feed(b"".join(each.encode() for each in sent))) == sent


@pytest.mark.parametrize("field", [{"magic": MAGIC + 1}, {"version": VERSION + 1}])
def test_a_wrong_header_without_a_body_leaves_the_stream_in_step(field: dict[str, int]) -> None:
    """Cman consumes the header only; without a body nothing is lost."""
    data = FrameHeader(length=HEADER_BYTES, command=9, **field).encode()
    after = Request(command=Opcode.ISACTIVE)
    assert list(RequestReader().feed(data + after.encode())) == [BadRequest(command=9), after]


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
    """Twenty bytes at a time; what is written later is in step again."""
    reader = RequestReader()
    body = bytes(12) + (7).to_bytes(4, "little") + bytes(5)
    assert list(reader.feed(header.encode() + body)) == [
        BadRequest(command=9),
        BadRequest(command=7),
        BadRequest(command=0),
    ]
    after = Request(command=Opcode.ISACTIVE)
    assert list(reader.feed(after.encode())) == [after]


def test_the_longest_body_is_taken() -> None:
    """1500 bytes."""
    request = Request(command=Opcode.DATA, body=bytes(BODY_MAX_BYTES))
    assert list(RequestReader().feed(request.encode())) == [request]


def test_the_reply_bit_is_in_no_command() -> None:
    """Else a reply could not be told from a notice."""
    assert [each for each in Opcode if each & REPLY_BIT] == []
