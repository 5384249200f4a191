"""Requests beside the observed rows: ports, messages, fencing, versions, flags, counts."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial

import pytest

from fakecluster.cman.answers import FenceInfo, PortData, Version
from fakecluster.cman.constants import US, CmanState, ExtraFlag
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.timings import Profile
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.core.rules import SECOND_US


@pytest.fixture
def rig() -> EngineHarness:
    return EngineHarness(3).up()


def _errno(act: Callable[[], object]) -> int:
    with pytest.raises(RequestRefusedError) as caught:
        act()
    return caught.value.code


def test_notices_only_for_those_who_ask(rig: EngineHarness) -> None:
    silent = rig.engine.connect(1)
    asked, stopped = rig.listen(1), rig.listen(1)
    asked.client.start_notification()
    stopped.client.stop_notification()
    rig.engine.leave(3)
    rig.run()
    assert (asked.notices(), stopped.received) == ([1], [])  # asked for twice, told once
    silent.disconnect()
    silent.disconnect()


def test_configuration_changes_end_with_their_subscription(rig: EngineHarness) -> None:
    seen = rig.listen(1, confchg=True)
    seen.client.stop_confchg()
    rig.engine.leave(3)
    rig.run()
    assert seen.confchgs() == []


def test_a_disconnected_client_hears_nothing_and_cannot_ask(rig: EngineHarness) -> None:
    seen = rig.listen(1)
    seen.client.disconnect()
    rig.engine.leave(3)
    rig.run()
    assert (seen.received, seen.closed_us) == ([], None)
    assert _errno(seen.client.is_quorate) == errno.EHOSTDOWN


def test_a_client_that_went_while_cman_was_stopped_is_not_told_of_its_death(
    rig: EngineHarness,
) -> None:
    seen = rig.listen(1)
    rig.engine.stop(1)
    seen.client.disconnect()
    rig.engine.crash(1)
    assert seen.closed_us is None


def test_a_client_thrown_out_while_it_is_told(rig: EngineHarness) -> None:
    """What a delivery does to another client counts at once."""
    second = rig.engine.connect(1)
    first = rig.engine.connect(1, deliver=lambda _: victim.client.disconnect())
    first.start_notification()
    victim = rig.listen(1)
    rig.engine.leave(3)
    rig.run()
    assert (victim.received, second.get_join_count()) == ([], 2)


def test_the_count_of_connections(rig: EngineHarness) -> None:
    client, admin = rig.engine.connect(1), rig.admin(1)
    assert client.get_join_count() == 2
    admin.client.disconnect()
    assert client.get_join_count() == 1


def test_a_port_is_one_clients_and_freed_with_it(rig: EngineHarness) -> None:
    """A client may have several; 0 is cman's own."""
    one, two = rig.engine.connect(1), rig.engine.connect(1)
    one.bind(5)
    one.bind(6)
    codes = [_errno(lambda: two.bind(5)), _errno(lambda: one.bind(5)), _errno(lambda: two.bind(0))]
    assert codes == [errno.EADDRINUSE, errno.EADDRINUSE, errno.EINVAL]
    assert one.get_extra_info().ports == (0, 5, 6)
    one.disconnect()
    assert two.get_extra_info().ports == (0,)
    two.bind(5)


def test_another_nodes_ports_are_asked_for_once(rig: EngineHarness) -> None:
    """EBUSY until it has answered; from then on they are known, until it is another process."""
    seen, port = rig.listen(2).client, rig.engine.connect(1)
    port.bind(5)
    assert (seen.is_listening(0, US), seen.is_listening(5, 2)) == (True, False)
    assert _errno(lambda: seen.is_listening(5, 1)) == errno.EBUSY
    rig.run()
    assert [seen.is_listening(i, 1) for i in (0, 5, 6)] == [True, True, False]
    port.bind(6)
    rig.run()
    assert seen.is_listening(6, 1)
    port.disconnect()
    rig.run()
    assert not seen.is_listening(5, 1)
    rig.engine.leave(1)
    rig.run()
    rig.up()
    assert _errno(lambda: seen.is_listening(5, 1)) == errno.EBUSY


def test_who_listens_of_those_who_are_not_there(rig: EngineHarness) -> None:
    client = rig.engine.connect(1)
    rig.engine.kill(3)
    rig.run()
    assert _errno(lambda: client.is_listening(1, 3)) == errno.ENOTCONN
    assert _errno(lambda: client.is_listening(1, 9)) == errno.ENOENT


def test_messages_go_to_whoever_has_the_port(rig: EngineHarness) -> None:
    got: dict[int, list[object]] = {2: [], 3: []}
    for node_id, seen in got.items():
        rig.engine.connect(node_id, deliver=seen.append).bind(7)
    sender = rig.engine.connect(1)
    sender.send_data(2, 7, b"one")
    sender.send_data(0, 7, b"all")
    sender.send_data(2, 8, b"nobody")
    own = rig.listen(1)
    own.client.bind(7)
    own.client.send_data(1, 7, b"to self")
    rig.run()
    assert [each for _, each in own.received if isinstance(each, PortData)] == []
    one, all_ = (PortData(from_node_id=1, port=7, payload=p) for p in (b"one", b"all"))
    assert got == {2: [one, all_], 3: [all_]}
    rig.engine.leave(2)
    rig.run()
    sender.send_data(2, 7, b"to the dead")
    rig.run()
    assert len(got[2]) == 2
    assert _errno(lambda: sender.send_data(9, 7, b"")) == errno.ENOTCONN


def test_fencing_is_told_everywhere_and_ends_with_the_return(rig: EngineHarness) -> None:
    seen, admin = rig.engine.connect(1), rig.admin(2).client
    rig.engine.kill(3)
    rig.run()
    assert seen.get_fence_info(3) == FenceInfo(node_id=3)
    admin.update_fence_info(FenceInfo(node_id=3, time_s=77, agent="fence_x"))
    rig.run()
    assert seen.get_fence_info(3) == FenceInfo(node_id=3, fenced=True, time_s=77, agent="fence_x")
    rig.up()
    assert seen.get_fence_info(3) == FenceInfo(node_id=3, time_s=77, agent="fence_x")
    assert [_errno(partial(seen.get_fence_info, i)) for i in (0, 9)] == [errno.EINVAL] * 2
    assert _errno(lambda: admin.update_fence_info(FenceInfo(node_id=9))) == errno.EINVAL


@pytest.mark.parametrize(
    ("age_s", "profile", "kept"),
    [
        (119, Profile.B, True),
        (121, Profile.B, False),
        (121, Profile.A, True),
    ],
)
def test_a_fencing_before_the_death_is_old_news(age_s: int, profile: Profile, kept: bool) -> None:
    """3.1.8 forgets at the death what is older than two minutes; time and agent stay."""
    rig = EngineHarness(3, profile=profile).up()
    rig.admin(1).client.update_fence_info(FenceInfo(node_id=3, time_s=77, agent="fence_x"))
    rig.run(age_s * SECOND_US)
    seen = rig.listen(1)
    rig.engine.leave(3)
    rig.run(SECOND_US)
    assert not seen.entry(3).is_member
    expected = FenceInfo(node_id=3, fenced=kept, time_s=77, agent="fence_x")
    assert seen.client.get_fence_info(3) == expected


def test_a_kill_needs_a_member(rig: EngineHarness) -> None:
    admin = rig.admin(1).client
    rig.engine.leave(3)
    rig.run()
    assert [_errno(partial(admin.kill_node, i)) for i in (0, 3, 9)] == [errno.EINVAL] * 3


def test_a_node_may_have_itself_killed(rig: EngineHarness) -> None:
    admin = rig.admin(1)
    admin.client.kill_node(1)
    rig.run(1000)
    assert (admin.closed_us is not None, rig.connect_errno(1)) == (True, errno.ENOENT)


@pytest.mark.parametrize("version", [(5, 2, 0), (6, 1, 0), (6, 2, 1)])
def test_only_version_6_2_0_is_taken(rig: EngineHarness, version: tuple[int, int, int]) -> None:
    major, minor, patch = version
    admin = rig.admin(1).client
    asked = Version(major=major, minor=minor, patch=patch, config=2)
    assert _errno(lambda: admin.set_version(asked)) == errno.EINVAL


def test_the_extra_information(rig: EngineHarness) -> None:
    client, admin = rig.listen(1), rig.admin(1)
    info = client.client.get_extra_info()
    assert (info.node_state, info.node_votes, info.members) == (CmanState.MEMBER, 1, 3)
    assert (info.interfaces, info.multicasts) == (("10.0.0.1",), ("239.192.26.209",))
    assert info.flags == 0
    admin.client.set_dirty()
    admin.client.set_debuglog(3)
    admin.shutdown()
    assert client.client.get_extra_info().flags == ExtraFlag.DIRTY | ExtraFlag.SHUTDOWN
    assert rig.log[-2].detail == "3"
    client.client.reply_shutdown(False)
    assert client.client.get_extra_info().flags == ExtraFlag.DIRTY


def test_a_leaver_says_so_in_the_extra_information(rig: EngineHarness) -> None:
    client = rig.engine.connect(1)
    rig.engine.leave(1)
    rig.run(1000)
    assert client.get_extra_info().node_state is CmanState.LEAVING


def test_the_multicast_group_of_ipv6() -> None:
    rig = EngineHarness(1)
    rig.engine.set_address(1, ["fd00::1"])
    rig.up()
    assert rig.engine.connect(1).get_extra_info().multicasts == ("ff15::1ad1",)
