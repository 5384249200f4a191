"""A client's stream and a daemon's listening socket, below every meaning of the bytes."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.transport.listener import PATH_MAX_BYTES, Listener, PathTooLongError
from fakecluster.transport.poller import Poller
from fakecluster.transport.stream import Stream

MAX_QUEUED = 128


class Ends:
    """Both ends of a connection, and what happened at the server's."""

    def __init__(self) -> None:
        self.poller = Poller()
        ours, self.client = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.client.settimeout(5)
        self.sock = ours
        self.received: list[bytes] = []
        self.closed = 0
        self.stream = Stream(
            ours,
            self.poller,
            received=self.received.append,
            closed=self._on_closed,
            max_queued=MAX_QUEUED,
        )

    def _on_closed(self) -> None:
        self.closed += 1

    def turn(self) -> None:
        """Serve what is ready now."""
        self.poller.wait(0)

    def drain(self) -> bytes:
        """All that the client still gets, up to the end of the stream."""
        received = b""
        while data := self.client.recv(1 << 20):
            received += data
        return received


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connected pair."""
    made = Ends()
    yield made
    made.stream.close()
    made.client.close()


def test_bytes_arrive_and_a_message_goes_out(ends: Ends) -> None:
    """The plain way."""
    ends.client.sendall(b"ask")
    ends.turn()
    assert ends.received == [b"ask"]
    ends.stream.send(b"answer")
    assert ends.client.recv(100) == b"answer"


def test_the_peers_pid_is_known(ends: Ends) -> None:
    """Of the process that connected."""
    assert ends.stream.peer_pid == os.getpid()


def test_a_client_that_goes_away_is_closed_once(ends: Ends) -> None:
    """What it sent before is still heard."""
    ends.client.sendall(b"last words")
    ends.client.close()
    ends.turn()
    ends.turn()
    ends.stream.close()
    assert (ends.received, ends.closed) == ([b"last words"], 1)


def test_over_128_queued_messages_end_the_stream(ends: Ends) -> None:
    """The client sees an end after the bytes that were already on their way."""
    ends.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    sent = 0
    while not ends.stream.queued:
        ends.stream.send(b"%8d" % sent)
        sent += 1
    for _ in range(MAX_QUEUED - 1):
        ends.stream.send(b"one more")
    assert (ends.stream.queued, ends.stream.open) == (MAX_QUEUED, True)
    ends.stream.send(b"too much")
    assert (ends.stream.open, ends.closed) == (False, 1)
    assert ends.drain() == b"".join(b"%8d" % number for number in range(sent - 1))


def test_a_send_to_a_client_that_has_gone_ends_the_stream(ends: Ends) -> None:
    """Without SIGPIPE and without an exception."""
    ends.client.close()
    ends.stream.send(b"x")
    ends.stream.send(b"y")
    assert (ends.stream.open, ends.closed) == (False, 1)


def test_what_was_queued_goes_out_in_order_and_whole(ends: Ends) -> None:
    """Long messages are cut by the socket, never by us."""
    sent = [bytes([number]) * 20_000 for number in range(100)]
    for each in sent:
        ends.stream.send(each)
    received = b""
    while len(received) < 20_000 * len(sent):
        received += ends.client.recv(4096)
        ends.turn()
    assert received == b"".join(sent)


def test_a_hang_up_delivers_what_was_sent_before(ends: Ends) -> None:
    """Later messages do not go out."""
    ends.stream.send(b"refused")
    ends.stream.hang_up()
    ends.stream.send(b"more")
    assert (ends.drain(), ends.closed) == (b"refused", 1)


def test_a_hang_up_waits_for_a_slow_client(ends: Ends) -> None:
    """The stream ends when the last queued byte is gone; nothing more is read."""
    long = bytes(range(256)) * 4096
    ends.stream.send(long)
    ends.stream.hang_up()
    ends.client.sendall(b"ask")
    ends.turn()
    assert (ends.stream.open, ends.received) == (True, [])
    received = b""
    while len(received) < len(long):
        received += ends.client.recv(1 << 20)
        ends.turn()
    assert (received, ends.closed) == (long, 1)


def test_a_frozen_stream_neither_reads_nor_writes(ends: Ends) -> None:
    """A stopped daemon: all of it happens after the thaw."""
    ends.stream.freeze(frozen=True)
    ends.client.sendall(b"ask")
    ends.stream.send(b"answer")
    ends.turn()
    assert ends.received == []
    ends.client.settimeout(0)
    with pytest.raises(BlockingIOError):
        ends.client.recv(1)
    ends.stream.freeze(frozen=False)
    ends.turn()
    assert (ends.received, ends.client.recv(100)) == ([b"ask"], b"answer")


class Door:
    """A listener and the streams that came in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.poller = Poller()
        self.streams: list[socket.socket] = []
        self.listener = Listener(path, mode=0o660, poller=self.poller, accepted=self.streams.append)

    def knock(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            client.connect(str(self.path))
        except OSError:
            client.close()
            raise
        return client


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A listener at a fresh path."""
    made = Door(tmp_path / "s")
    yield made
    made.listener.close(stale=False)
    for each in made.streams:
        each.close()


def test_a_listener_takes_clients_with_its_mode(door: Door) -> None:
    """The permission bits are exactly those asked for, whatever the umask."""
    with door.knock(), door.knock():
        for _ in range(2):  # one a turn
            door.poller.wait(0)
        assert len(door.streams) == 2
    assert door.path.stat().st_mode & 0o7777 == 0o660


@pytest.mark.parametrize(("stale", "expected"), [(True, errno.ECONNREFUSED), (False, errno.ENOENT)])
def test_a_closed_listener(door: Door, stale: bool, expected: int) -> None:
    """Crashed: the file stays and refuses. Down: the file is gone."""
    door.listener.close(stale=stale)
    with pytest.raises(OSError, match=r".") as caught:
        door.knock()
    assert caught.value.errno == expected


def test_a_stale_socket_is_replaced(door: Door) -> None:
    """As a restarted cman does."""
    door.listener.close(stale=True)
    again = Door(door.path)
    with again.knock():
        again.poller.wait(0)
    assert len(again.streams) == 1
    again.streams[0].close()
    again.listener.close(stale=False)


def test_a_frozen_listener_leaves_newcomers_in_the_backlog(door: Door) -> None:
    """They are connected and nobody has taken them yet."""
    door.listener.freeze(frozen=True)
    with door.knock():
        door.poller.wait(0)
        assert door.streams == []
        door.listener.freeze(frozen=False)
        door.poller.wait(0)
        assert len(door.streams) == 1


def test_a_path_that_does_not_fit_is_refused_not_cut(tmp_path: Path) -> None:
    """107 bytes fit, 108 do not."""
    room = PATH_MAX_BYTES - len(os.fsencode(tmp_path)) - 1
    fits = Door(tmp_path / ("s" * room))
    fits.listener.close(stale=False)
    with pytest.raises(PathTooLongError, match="choose a shorter directory") as caught:
        Door(tmp_path / ("s" * (room + 1)))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    """A file of the user's at that path stays."""
    (tmp_path / "s").write_text("precious")
    with pytest.raises(FileExistsError):
        Door(tmp_path / "s")
    assert (tmp_path / "s").read_text() == "precious"


def test_without_descriptors_newcomers_wait(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """EMFILE stops the accepting, so that the loop does not spin; `resume` goes on."""

    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(errno.EMFILE, "no descriptors")

    with door.knock():
        real = door.listener._sock
        door.listener._sock = Exhausted(fileno=real.fileno())
        door.poller.wait(0)
        door.poller.wait(0)
        assert door.streams == []
        door.listener._sock.detach()
        door.listener._sock = real
        door.poller.wait(0)
        assert door.streams == []
        door.listener.resume()
        door.poller.wait(0)
        assert len(door.streams) == 1
