"""The control socket: one line in, one line out, whatever a client does."""

from __future__ import annotations

import errno
import json
import selectors
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fakecluster.clock import VirtualClock
from o2cbd.service.control import (
    MAX_CLIENTS,
    MAX_REQUEST_BYTES,
    PATIENCE_US,
    BadRequestError,
    ControlServer,
)


class Served:
    """A server in a selector of its own, pumped by hand, so that each moment is the test's."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "control.sock"
        self.clock = VirtualClock(1_000_000)
        self.selector = selectors.PollSelector()
        self.serial = 0
        self.server = ControlServer(self.path, self._answer, self.clock, self.selector)

    def _answer(self, request: Mapping[str, object], last: bool) -> Mapping[str, object] | None:
        match request.get("request"):
            case "serial":
                if request.get("after") == self.serial and not last:
                    return None
                return {"serial": self.serial}
            case "much":
                return {"much": "x" * 4_000_000}
            case other:
                raise BadRequestError(f"unknown request {other!r}")

    def pump(self) -> None:
        """Serve until nothing is left to do."""
        while ready := self.selector.select(0):
            for key, events in ready:
                key.data(events)

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(10)
        client.connect(str(self.path))
        self.pump()
        return client

    def exchange(self, client: socket.socket, data: bytes) -> bytes:
        client.sendall(data)
        self.pump()
        return client.recv(65536)

    @property
    def clients(self) -> int:
        return len(self.selector.get_map()) - 1


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.server.close()
    served.selector.close()


ASK = b'{"request":"serial"}\n'


def test_one_request_one_reply_a_line(served: Served) -> None:
    """A request line is answered by exactly one line of JSON."""
    with served.client() as client:
        assert served.exchange(client, ASK) == b'{"serial":0}\n'


def test_a_connection_serves_many_requests(served: Served) -> None:
    """Requests on one connection are answered in order, also when they come together."""
    with served.client() as client:
        assert served.exchange(client, ASK * 3) == b'{"serial":0}\n' * 3


def test_a_request_may_come_in_bytes(served: Served) -> None:
    """A line may be split anywhere."""
    with served.client() as client:
        for byte in ASK[:-1]:
            client.sendall(bytes([byte]))
            served.pump()
        assert served.exchange(client, ASK[-1:]) == b'{"serial":0}\n'


def test_half_closed_client_gets_its_reply(served: Served) -> None:
    """Who says that nothing more comes is still answered, and then disconnected."""
    with served.client() as client:
        client.sendall(ASK)
        client.shutdown(socket.SHUT_WR)
        served.pump()
        assert client.recv(100) == b'{"serial":0}\n'
        assert client.recv(100) == b""
    assert served.clients == 0


def test_socket_is_its_owners_only(served: Served) -> None:
    """Nobody else may connect."""
    assert stat.S_IMODE(served.path.stat().st_mode) == 0o600


def test_stale_socket_is_replaced_and_taken_away(tmp_path: Path) -> None:
    """A socket left by a killed daemon is in nobody's way; a closed server leaves none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    served = Served(tmp_path)
    with served.client() as client:
        assert served.exchange(client, ASK) == b'{"serial":0}\n'
    served.server.close()
    served.server.close()
    served.selector.close()

    assert list(tmp_path.iterdir()) == []


def test_path_too_long_is_refused(tmp_path: Path) -> None:
    """A path that AF_UNIX has no room for is never cut."""
    deep = tmp_path / ("d" * 110)
    deep.mkdir()
    with pytest.raises(OSError) as caught:  # noqa: PT011 - Python gives it no errno
        Served(deep)
    assert caught.value.args == ("AF_UNIX path too long",)
    assert caught.value.filename == f"{deep}/control.sock"
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"\n", "a request is one line of JSON"),
        (b"\xff\xfe\n", "a request is one line of JSON"),
        (b"[" * 4000 + b"\n", "a request is one line of JSON"),
        (b"[1]\n", "a request is a JSON object"),
        (b"{}\n", "unknown request None"),
        (b'{"request":["status"]}\n', "unknown request ['status']"),
    ],
)
def test_wrong_request_gets_an_error_and_the_next_one_its_reply(
    served: Served, line: bytes, error: str
) -> None:
    """A line that is no request costs nothing but its own answer."""
    with served.client() as client:
        reply = json.loads(served.exchange(client, line))
        assert reply == {"schema": 1, "error": error}
        assert served.exchange(client, ASK) == b'{"serial":0}\n'


def test_endless_request_is_cut_off(served: Served) -> None:
    """A line beyond the limit is answered with an error, and the connection closed."""
    with served.client() as client:
        reply = json.loads(served.exchange(client, b"x" * (MAX_REQUEST_BYTES + 1)))
        assert reply["error"] == f"a request has at most {MAX_REQUEST_BYTES} bytes"
        assert client.recv(100) == b""
    assert served.clients == 0


def test_silent_client_is_disconnected(served: Served) -> None:
    """A connection without a request ends when patience ends, and not before."""
    with served.client() as client:
        assert served.server.next_deadline_us() == served.clock.now_us() + PATIENCE_US
        served.clock.advance_by(PATIENCE_US - 1)
        served.server.expire()
        assert served.clients == 1
        served.clock.advance_by(1)
        served.server.expire()
        assert client.recv(100) == b""
    assert served.server.next_deadline_us() is None


def test_dribbling_client_gains_no_time(served: Served) -> None:
    """Bytes that complete no request are no sign of life."""
    with served.client() as client:
        served.clock.advance_by(PATIENCE_US - 1)
        client.sendall(b"{")
        served.pump()
        served.clock.advance_by(1)
        served.server.expire()
    assert served.clients == 0


def test_reader_that_does_not_read_blocks_nobody(served: Served) -> None:
    """A reply that nobody takes waits, others are served, and in the end it is dropped."""
    with served.client() as slow, served.client() as other:
        slow.sendall(b'{"request":"much"}\n' * 3)
        served.pump()
        assert served.exchange(other, ASK) == b'{"serial":0}\n'
        served.clock.advance_by(PATIENCE_US)
        other.sendall(ASK)
        served.pump()
        served.server.expire()
        assert served.clients == 1


def test_large_reply_arrives_whole(served: Served) -> None:
    """A reply that does not fit the socket is sent as it is taken."""
    with served.client() as client:
        client.sendall(b'{"request":"much"}\n')
        received = b""
        while not received.endswith(b"\n"):
            served.pump()
            received += client.recv(1_000_000)
    assert len(received) == len('{"much":""}\n') + 4_000_000


def test_one_client_too_many_costs_the_one_silent_longest(served: Served) -> None:
    """The number of connections is bounded, and the newest is served."""
    clients = []
    for _ in range(MAX_CLIENTS + 1):
        served.clock.advance_by(1)
        clients.append(served.client())
    assert served.clients == MAX_CLIENTS
    assert clients[0].recv(100) == b""
    assert served.exchange(clients[-1], ASK) == b'{"serial":0}\n'
    for client in clients:
        client.close()


def test_client_that_vanishes_is_forgotten(served: Served) -> None:
    """A connection that is reset, with a request on its way or without, leaves nothing."""
    with served.client() as client:
        client.sendall(ASK * 50)
    with served.client():
        pass
    served.pump()
    assert served.clients == 0


def test_reply_waits_for_a_change(served: Served) -> None:
    """Who knows the newest is answered when there is something newer."""
    with served.client() as client:
        client.sendall(b'{"request":"serial","after":0,"within_s":5}\n')
        served.pump()
        served.server.changed()
        served.serial = 1
        served.server.changed()
        assert client.recv(100) == b'{"serial":1}\n'


def test_reply_comes_without_a_change_when_its_time_is_over(served: Served) -> None:
    """A wait is as long as was asked for, and ends with an answer."""
    with served.client() as client:
        client.sendall(b'{"request":"serial","after":0,"within_s":5}\n')
        served.pump()
        served.clock.advance_by(5_000_000 - 1)
        served.server.expire()
        client.settimeout(0)
        with pytest.raises(BlockingIOError):
            client.recv(100)
        served.clock.advance_by(1)
        served.server.expire()
        assert client.recv(100) == b'{"serial":0}\n'
        assert served.exchange(client, ASK) == b'{"serial":0}\n'


@pytest.mark.parametrize("within", ["-1", "1e9", "NaN", '"x"', "null"])
def test_absurd_waits_get_the_usual_patience(served: Served, within: str) -> None:
    """No client chooses a deadline outside the server's bounds."""
    with served.client() as client:
        client.sendall(f'{{"request":"serial","after":0,"within_s":{within}}}\n'.encode())
        served.pump()
        assert served.server.next_deadline_us() == served.clock.now_us() + PATIENCE_US


def test_client_that_leaves_while_waiting_is_forgotten(served: Served) -> None:
    """A wait ends with its client."""
    with served.client() as client:
        client.sendall(b'{"request":"serial","after":0,"within_s":5}\n')
        served.pump()
        assert served.clients == 1
    served.pump()
    assert served.clients == 0


def test_flood_behind_a_wait_is_cut_off(served: Served) -> None:
    """What comes behind a request that waits is bounded, too."""
    with served.client() as client:
        client.sendall(b'{"request":"serial","after":0,"within_s":5}\n')
        served.pump()
        reply = json.loads(served.exchange(client, b"x" * (2 * MAX_REQUEST_BYTES)))
        assert reply["error"] == f"a request has at most {MAX_REQUEST_BYTES} bytes"
    assert served.clients == 0


def test_client_that_leaves_its_reply_unread_is_forgotten(served: Served) -> None:
    """The kernel then reports a reset connection, which is an end like any other."""
    with served.client() as client:
        client.sendall(ASK)
        served.pump()
    served.pump()
    assert served.clients == 0


def test_wake_up_for_nothing_is_harmless(served: Served) -> None:
    """poll may report what is gone by the time it is looked at."""
    served.server._accept(selectors.EVENT_READ)
    with served.client() as client:
        served.server._serve(served.server._clients[0], selectors.EVENT_READ)
        assert served.exchange(client, ASK) == b'{"serial":0}\n'


def test_a_client_that_waits_for_a_change_is_not_the_most_silent(served: Served) -> None:
    """Its time may be over sooner than that of those who say nothing at all."""
    silent = [served.client() for _ in range(MAX_CLIENTS - 1)]
    served.clock.advance_by(1_000_000)
    waiter = served.client()
    waiter.sendall(b'{"request":"serial","after":0,"within_s":1}\n')
    served.pump()
    newcomer = served.client()
    assert silent[0].recv(10) == b""
    served.serial = 1
    served.server.changed()
    served.pump()
    assert json.loads(waiter.recv(100)) == {"serial": 1}
    assert served.clients == MAX_CLIENTS
    for client in (*silent, waiter, newcomer):
        client.close()


def test_without_a_descriptor_the_most_silent_client_makes_room(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the newcomer would wake the daemon for ever, and nobody new could ask."""
    silent = served.client()
    accept = socket.socket.accept
    failures = [OSError(errno.EMFILE, "Too many open files")]

    def fail_once(listener: socket.socket) -> object:
        if failures:
            raise failures.pop()
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", fail_once)
    newcomer = served.client()
    assert silent.recv(10) == b""
    assert json.loads(served.exchange(newcomer, b'{"request":"serial"}\n')) == {"serial": 0}
    silent.close()
    newcomer.close()


def test_another_daemons_socket_is_left_alone_at_the_end(tmp_path: Path) -> None:
    """The runtime directory was taken away and made anew by somebody else."""
    served = Served(tmp_path)
    served.path.unlink()
    other = Served(tmp_path)
    served.server.close()
    assert served.path.exists()
    other.server.close()
    assert not served.path.exists()
    for one in (served, other):
        one.selector.close()
