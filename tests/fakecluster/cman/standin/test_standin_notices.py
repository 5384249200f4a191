"""The stand-in's events: queues, descriptors, dispatch, and the death of cman."""

from __future__ import annotations

import errno
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from fakecluster.testing.scripted_wire import (
    Script,
    ScriptedConversation,
    answering,
    event,
    message,
    reply,
    request,
)
from tests.fakecluster.cman.standin.conftest import Library, Talk

ONE, ALL, BLOCKING = 0, 1, 2
IGNORE_REPLY, IGNORE_DATA, IGNORE_EVENT = 4, 8, 16

NOTIFY = request(0x01)
NOTIFIED = reply(0x01, 0)
QUORATE = request(0x05)


class Subscriber:
    """A connection whose events are written down."""

    def __init__(self, library: Library, handle: Any) -> None:
        self.c: Any = library.c
        self.ffi: Any = library.ffi
        self.handle = handle
        self.seen: list[tuple[int, int]] = []
        self._callback = self.ffi.callback("cman_callback_t", self._event)

    def _event(self, _handle: Any, _priv: Any, reason: int, argument: int) -> None:
        self.seen.append((reason, argument))

    def subscribe(self) -> None:
        assert self.c.cman_start_notification(self.handle, self._callback) == 0

    def fd(self) -> int:
        fd: int = self.c.cman_get_fd(self.handle)
        return fd

    def wait(self) -> None:
        """Wait until there is something to dispatch."""
        poller = select.poll()
        poller.register(self.fd(), select.POLLIN)
        assert poller.poll(10_000)

    def dispatch(self, flags: int) -> tuple[int, int | None]:
        result: int = self.c.cman_dispatch(self.handle, flags)
        return result, self.ffi.errno if result < 0 else None


Subscribe = Callable[[Script], AbstractContextManager[Subscriber]]


@pytest.fixture
def subscribed(library: Library, talk: Talk) -> Subscribe:
    @contextmanager
    def opening(script: Script) -> Iterator[Subscriber]:
        def whole(cman: ScriptedConversation) -> None:
            cman.answer(NOTIFY, NOTIFIED)
            script(cman)

        with talk(whole) as handle:
            subscriber = Subscriber(library, handle)
            subscriber.subscribe()
            yield subscriber

    return opening


def is_zero(fd: int) -> bool:
    return os.path.sameopenfile(fd, ZERO)


ZERO = os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC)


def test_one_delivers_one_and_returns_the_bodys_length(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(event(1, 1) + event(4, 9))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        assert client.dispatch(ONE) == (8, None)
        assert client.seen == [(1, 1)]
        assert client.dispatch(BLOCKING) == (8, None)
        assert client.seen == [(1, 1), (4, 9)]


def test_all_delivers_all_and_returns_0_with_eagain_left_behind(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(event(1, 1) + event(3, 2) + event(1, 0))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        assert client.dispatch(ALL) == (0, None)
        assert client.ffi.errno == errno.EAGAIN
        assert client.seen == [(1, 1), (3, 2), (1, 0)]


@pytest.mark.parametrize("flags", [ONE, ALL])
def test_nothing_there_is_0_and_eagain(subscribed: Subscribe, flags: int) -> None:
    with subscribed(ScriptedConversation.expect_end) as client:
        assert client.dispatch(flags) == (0, None)
        assert client.ffi.errno == errno.EAGAIN


def test_blocking_waits_for_one_message(subscribed: Subscribe) -> None:
    waiting = threading.Event()

    def script(cman: ScriptedConversation) -> None:
        assert waiting.wait(10)
        cman.send(event(1, 1))
        cman.expect_end()

    with subscribed(script) as client:
        waiting.set()
        assert client.dispatch(BLOCKING) == (8, None)
        assert client.seen == [(1, 1)]


def test_events_before_a_reply_are_queued_under_another_descriptor(subscribed: Subscribe) -> None:
    script = answering((QUORATE, event(1, 0) + event(1, 1) + reply(0x05, 1)))
    with subscribed(script) as client:
        socket_fd = client.fd()
        assert not is_zero(socket_fd)
        assert client.c.cman_is_quorate(client.handle) == 1
        assert client.seen == []
        assert is_zero(client.fd())
        assert client.dispatch(ONE) == (8, None)
        assert client.seen == [(1, 0)]
        assert is_zero(client.fd())
        assert client.dispatch(ONE) == (8, None)
        assert client.seen == [(1, 0), (1, 1)]
        assert client.fd() == socket_fd


def test_events_before_the_subscriptions_reply_are_kept(library: Library, talk: Talk) -> None:
    """A shutdown question may come before the reply of NOTIFY, when no callback is stored yet."""
    script = answering((NOTIFY, event(3, 1) + NOTIFIED))
    with talk(script) as handle:
        client = Subscriber(library, handle)
        client.subscribe()
        assert client.seen == []
        assert client.dispatch(ALL) == (0, None)
        assert client.seen == [(3, 1)]


def test_a_refused_subscription_stores_no_callback(library: Library, talk: Talk) -> None:
    script = answering((NOTIFY, reply(0x01, -22) + event(1, 1)))
    with talk(script, admin=True) as handle:
        client = Subscriber(library, handle)
        result = library.c.cman_start_notification(handle, client._callback)
        assert library.fails(result) == errno.EINVAL
        client.wait()
        assert client.dispatch(ONE) == (8, None)
        assert client.seen == []


def test_no_event_after_the_subscription_ends(subscribed: Subscribe) -> None:
    script = answering((request(0x02), event(1, 1) + reply(0x02, 0)))
    with subscribed(script) as client:
        assert client.c.cman_stop_notification(client.handle) == 0
        assert client.dispatch(ALL) == (0, None)
        assert client.seen == []
        assert not is_zero(client.fd())


@pytest.mark.parametrize("ignore", [IGNORE_EVENT, IGNORE_EVENT | IGNORE_DATA | IGNORE_REPLY])
def test_ignored_events_wait(subscribed: Subscribe, ignore: int) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(event(1, 1))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        assert client.dispatch(ALL | ignore) == (0, None)
        assert client.seen == []
        assert is_zero(client.fd())
        assert client.dispatch(ALL | ignore) == (0, None)
        assert client.seen == []
        assert client.dispatch(ALL) == (0, None)
        assert client.seen == [(1, 1)]


def test_a_reply_that_nobody_waits_for_is_dropped(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(reply(0x800000BB, 0, b"more") + event(1, 1))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        assert client.dispatch(ALL) == (0, None)
        assert client.seen == [(1, 1)]


def test_a_reply_is_matched_by_its_bit_and_not_by_its_command(subscribed: Subscribe) -> None:
    script = answering((QUORATE, reply(0x0B, 1)))
    with subscribed(script) as client:
        assert client.c.cman_is_quorate(client.handle) == 1


def test_an_unknown_message_is_skipped(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(message(0x1FF, bytes(9999)) + event(1, 1))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        assert client.dispatch(BLOCKING) == (9999, None)
        assert client.dispatch(BLOCKING) == (8, None)
        assert client.seen == [(1, 1)]


def test_a_message_in_pieces_is_put_together(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.send(*[bytes([byte]) for byte in event(1, 1)])
        cman.answer(QUORATE, *[bytes([byte]) for byte in reply(0x05, 1)])
        cman.expect_end()

    with subscribed(script) as client:
        assert client.dispatch(BLOCKING) == (8, None)
        assert client.c.cman_is_quorate(client.handle) == 1
        assert client.seen == [(1, 1)]


def test_a_request_inside_the_callback_queues_what_comes_meanwhile(
    library: Library, talk: Talk
) -> None:
    script = answering(
        (NOTIFY, NOTIFIED + event(1, 0)),
        (QUORATE, event(1, 1) + reply(0x05, 1)),
        (QUORATE, reply(0x05, 0)),
    )
    answers: list[int] = []
    with talk(script) as handle:

        def asking(given: Any, _priv: Any, reason: int, argument: int) -> None:
            answers.append(argument)
            answers.append(library.c.cman_is_quorate(given))

        callback = library.ffi.callback("cman_callback_t", asking)
        assert library.c.cman_start_notification(handle, callback) == 0
        while len(answers) < 4:
            assert library.c.cman_dispatch(handle, ONE | BLOCKING) == 8
    assert answers == [0, 1, 1, 0]


def test_a_callback_may_finish_its_connection(
    library: Library, socket_dir: Any, talk: Talk
) -> None:
    script = answering((NOTIFY, NOTIFIED + event(1, 1) + event(1, 1)))
    calls: list[int] = []
    with talk(script) as handle:

        def finish(given: Any, _priv: Any, reason: int, argument: int) -> None:
            calls.append(library.c.cman_finish(given))

        callback = library.ffi.callback("cman_callback_t", finish)
        assert library.c.cman_start_notification(handle, callback) == 0
        assert library.c.cman_dispatch(handle, ALL | BLOCKING) == 8
        assert calls == [0]
        assert library.fails(library.c.cman_get_fd(handle)) == errno.EINVAL


def test_the_private_pointer_comes_with_each_event(subscribed: Subscribe) -> None:
    confchg = message(0x103, struct.pack("=iii6I", 3, 1, 2, 1, 2, 300, 9, 2, 300))
    script = answering((request(0xC0), reply(0xC0, 0) + confchg))
    seen: list[Any] = []
    with subscribed(script) as client:
        private = client.ffi.new("int *", 5)
        back = client.ffi.new("void **")
        assert client.c.cman_setprivdata(client.handle, private) == 0
        assert client.c.cman_getprivdata(client.handle, back) == 0
        assert back[0] == private

        def changed(_h: Any, priv: Any, *lists: Any) -> None:
            seen.append(client.ffi.cast("int *", priv)[0])
            seen.extend(list(lists[i][0 : lists[i + 1]]) for i in (0, 2, 4))

        callback = client.ffi.callback("cman_confchgcallback_t", changed)
        assert client.c.cman_start_confchg(client.handle, callback) == 0
        assert client.dispatch(BLOCKING) == (12 + 24, None)
    assert seen == [5, [1, 2, 300], [9], [2, 300]]


def test_a_confchg_that_lies_about_its_counts_is_not_delivered(subscribed: Subscribe) -> None:
    def script(cman: ScriptedConversation) -> None:
        cman.answer(request(0xC0), reply(0xC0, 0))
        cman.send(message(0x103, struct.pack("=iii1I", 2**31 - 1, 2**31 - 1, 2, 1)))
        cman.send(message(0x103, struct.pack("=iii1I", -1, 1, 1, 1)))
        cman.send(message(0x103, b"\1"), message(0x102, b"\1"), event(1, 1))
        cman.expect_end()

    seen: list[Any] = []
    with subscribed(script) as client:
        callback = client.ffi.callback("cman_confchgcallback_t", lambda *given: seen.append(given))
        assert client.c.cman_start_confchg(client.handle, callback) == 0
        while not client.seen:
            assert client.dispatch(BLOCKING)[1] is None
    assert (seen, client.seen) == ([], [(1, 1)])


def test_data_goes_before_events_and_has_a_queue_of_its_own(subscribed: Subscribe) -> None:
    data = message(0x100, struct.pack("=iI", 2, 11) + b"hello")

    def script(cman: ScriptedConversation) -> None:
        bound = reply(0x101, 0)
        cman.answer(request(0x101, struct.pack("=i", 11)), event(1, 1) + data + bound)
        cman.expect_end()

    seen: list[Any] = []
    with subscribed(script) as client:

        def received(_h: Any, _p: Any, text: Any, length: int, port: int, nodeid: int) -> None:
            seen.append((bytes(client.ffi.buffer(text, length)), port, nodeid, len(client.seen)))

        callback = client.ffi.callback("cman_datacallback_t", received)
        assert client.c.cman_start_recv_data(client.handle, callback, 11) == 0
        assert client.dispatch(ALL | IGNORE_DATA | IGNORE_EVENT) == (0, None)
        assert client.dispatch(ALL) == (0, None)
        assert client.c.cman_end_recv_data(client.handle) == 0
    assert (seen, client.seen) == ([(b"hello", 11, 2, 0)], [(1, 1)])


def test_a_refusal_of_data_goes_to_the_data_callback_and_is_nobodys_reply(
    subscribed: Subscribe,
) -> None:
    """Its status stands where the sender does, as with the real library."""

    def script(cman: ScriptedConversation) -> None:
        cman.answer(request(0x101, struct.pack("=i", 11)), reply(0x101, 0))
        sent = request(0x100, struct.pack("=iI", 9, 11) + b"hello")
        cman.answer(sent, reply(0x100, -errno.ENOTCONN))
        cman.answer(request(0x05), reply(0x100, -errno.ENOTCONN) + reply(0x05, 1))
        cman.expect_end()

    seen: list[Any] = []
    with subscribed(script) as client:

        def received(_h: Any, _p: Any, _text: Any, length: int, port: int, nodeid: int) -> None:
            seen.append((length, port, nodeid))

        callback = client.ffi.callback("cman_datacallback_t", received)
        assert client.c.cman_start_recv_data(client.handle, callback, 11) == 0
        assert client.c.cman_send_data(client.handle, b"hello", 5, 0, 11, 9) == 33
        while not seen:
            assert client.dispatch(BLOCKING)[1] is None
        assert client.c.cman_is_quorate(client.handle) == 1
        assert client.dispatch(ALL) == (0, None)
    assert seen == [(-4, 0, -errno.ENOTCONN)] * 2


# -- the end


def test_a_closed_connection_is_ehostdown_each_time(subscribed: Subscribe) -> None:
    with subscribed(lambda _cman: None) as client:
        client.wait()
        for _ in range(2):
            assert client.dispatch(ALL) == (-1, errno.EHOSTDOWN)
            for name in ("cman_get_node_count", "cman_is_active", "cman_is_quorate"):
                result = getattr(client.c, name)(client.handle)
                assert (name, result, client.ffi.errno) == (name, -1, errno.EHOSTDOWN)
            assert client.c.cman_replyto_shutdown(client.handle, 1) == 0
        assert client.c.cman_finish(client.handle) == 0


def test_events_before_the_end_are_delivered(subscribed: Subscribe) -> None:
    with subscribed(lambda cman: cman.send(event(1, 0))) as client:
        client.wait()
        while client.dispatch(ALL) == (0, None):
            client.wait()
        assert client.seen == [(1, 0)]
        assert client.dispatch(ALL) == (-1, errno.EHOSTDOWN)


def test_a_request_left_unread_is_econnreset_once(subscribed: Subscribe) -> None:
    with subscribed(lambda cman: cman.leave_unread(len(QUORATE))) as client:
        result = client.c.cman_is_quorate(client.handle)
        assert (result, client.ffi.errno) == (-1, errno.ECONNRESET)
        result = client.c.cman_is_quorate(client.handle)
        assert (result, client.ffi.errno) == (-1, errno.EHOSTDOWN)


@pytest.mark.parametrize("cut", [10, 20, 22, 24, 30])
def test_cman_dying_in_the_middle_of_a_reply_is_ehostdown(subscribed: Subscribe, cut: int) -> None:
    half = reply(0x92, 0, bytes(100))[:cut]
    with subscribed(lambda cman: cman.answer(request(0x92), half)) as client:
        space = client.ffi.new("char[]", 200)
        info = client.ffi.cast("cman_extra_info_t *", space)
        result = client.c.cman_get_extra_info(client.handle, info, 200)
        assert (result, client.ffi.errno) == (-1, errno.EHOSTDOWN)


@pytest.mark.parametrize("length", [0, 19, 2**31, 2**32 - 1])
def test_an_impossible_length_ends_the_connection(subscribed: Subscribe, length: int) -> None:
    """Nothing tells where the next message begins, so what follows is never taken for one."""

    def script(cman: ScriptedConversation) -> None:
        cman.send(struct.pack("=5I", 0, 0, length, 0x102, 0) + event(1, 1))
        cman.expect_end()

    with subscribed(script) as client:
        client.wait()
        for _ in range(2):
            assert client.dispatch(ALL) == (-1, errno.EHOSTDOWN)
        assert client.seen == []


def test_a_reply_without_a_status_ends_the_connection(subscribed: Subscribe) -> None:
    script = answering((QUORATE, message(0x05 | 0x40000000, b"\0\0\0")))
    with subscribed(script) as client:
        result = client.c.cman_is_quorate(client.handle)
        assert (result, client.ffi.errno) == (-1, errno.EHOSTDOWN)
