"""What a client was seen to get from a cman that dies or does not answer."""

from __future__ import annotations

import errno

import pytest

from fakecluster.cman.answers import Delivery, Notice
from fakecluster.cman.client import Client
from fakecluster.cman.errors import ConnectionGoneError, ManagerStuckError, RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.testing.cman_engine import EngineHarness


def _gone(client: Client) -> list[int]:
    codes = []
    for act in (client.get_all_members, client.get_node_count, client.is_active):
        with pytest.raises(ConnectionGoneError) as caught:
            act()
        codes.append(caught.value.code)
    return codes


@pytest.mark.parametrize("profile", [Profile.A, Profile.B])
def test_death_with_an_unread_request(profile: Profile) -> None:
    """What lay unread resets the stream: ECONNRESET once, then EHOSTDOWN."""
    rig = EngineHarness(1, profile=profile).up()
    client = rig.listen(1).client
    rig.engine.stop(1)
    with pytest.raises(ManagerStuckError):
        client.is_quorate()
    rig.engine.crash(1)
    assert _gone(client) == [errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTDOWN]


def test_an_answered_request_resets_nothing() -> None:
    """Where the stopped cman went on and answered, its later death is an ordinary one."""
    rig = EngineHarness(1).up()
    client = rig.listen(1).client
    rig.engine.stop(1)
    with pytest.raises(ManagerStuckError):
        client.is_quorate()
    rig.engine.cont(1)
    assert client.is_quorate()
    rig.engine.crash(1)
    assert _gone(client) == [errno.EHOSTDOWN] * 3


def test_an_answer_waits_in_the_socket_of_a_stopped_cman() -> None:
    """A shutdown reply is never answered, so it does not block; it counts when cman goes on."""
    rig = EngineHarness(1).up()
    client, admin = rig.listen(1), rig.admin(1)
    admin.shutdown()
    rig.engine.stop(1)
    client.client.reply_shutdown(False)
    assert admin.replies == []
    rig.engine.cont(1)
    assert [status for _, status in admin.replies] == [-errno.EBUSY]


def test_row_reading_inside_a_callback(profile: Profile) -> None:
    """A reading inside a delivery works, and shows what the notice is about."""
    rig = EngineHarness(2, profile=profile).up()
    seen: list[tuple[bool, ...]] = []

    def read(delivery: Delivery) -> None:
        assert isinstance(delivery, Notice)
        seen.append(tuple(entry.is_member for entry in client.get_all_members()))

    client = rig.engine.connect(1, deliver=read)
    client.start_notification()
    rig.engine.leave(2)
    rig.run()
    assert seen == [(True, False)]


def test_failing_reads_fail_as_often_as_told() -> None:
    """Only readings of the list fail, with that errno, and then no more."""
    rig = EngineHarness(2).up()
    client = rig.listen(1).client
    rig.engine.fail_read(1, errno.EIO, count=2)
    codes = []
    for _ in range(2):
        with pytest.raises(RequestRefusedError) as caught:
            client.get_all_members()
        codes.append(caught.value.code)
        assert client.is_quorate()
    assert codes == [errno.EIO, errno.EIO]
    assert len(client.get_all_members()) == 2
