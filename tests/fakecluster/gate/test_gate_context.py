"""What the gate makes of a corosync: also of what no real one can be made to do."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest

from fakecluster.cman.answers import Confchg, FenceInfo, Notice, PortData, Version
from fakecluster.cman.client import SocketKind
from fakecluster.cman.constants import CmanState, LeaveReason, Reason, ShutdownFlag
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.outside import Sockets
from fakecluster.gate.context import HERE, LOOK_US, GatePhase
from fakecluster.gate.messages import (
    Fenced,
    PortChanged,
    PortMessage,
    PortsAsked,
    PortsTold,
    VotesChanged,
    decode_message,
    encode_message,
)
from fakecluster.gate.reading import cluster_number
from fakecluster.gate.table import (
    CS_ERR_EXIST,
    CS_ERR_INVALID_PARAM,
    SHUTDOWN_IMMEDIATE,
    SHUTDOWN_REGARDLESS,
    SHUTDOWN_REQUEST,
    Device,
)
from fakecluster.testing.scripted_corosync import ScriptedCorosync, block
from o2cbd.core.rules import SECOND_US
from o2cbd.membership.libcorosync_table import (
    CS_ERR_ACCESS,
    CS_ERR_LIBRARY,
    CS_ERR_TRY_AGAIN,
    CorosyncError,
)
from tests.fakecluster.gate.scripted_gate import ANSWER_S, LEAVE_US, ScriptedGate

CS_ERR_BUSY = 10
CS_ERR_NAME_NOT_FOUND = 17
LONG = 25
"""More attempts than a request makes."""

QUORATE = Notice(reason=Reason.STATE_CHANGE, arg=1)
INQUORATE = Notice(reason=Reason.STATE_CHANGE, arg=0)


def refused(call: Callable[[], object]) -> int:
    with pytest.raises(RequestRefusedError) as caught:
        call()
    return caught.value.code


# -- membership


def test_the_list_is_the_configuration_with_the_rings_members(gate: ScriptedGate) -> None:
    gate.corosync.form([1, 3])
    gate.turn()
    listed = gate.client().client.get_all_members()
    assert [(one.node_id, one.name, one.state) for one in listed] == [
        (1, "n1", CmanState.MEMBER),
        (2, "n2", CmanState.DEAD),
        (3, "n3", CmanState.MEMBER),
    ]


def test_a_node_that_was_never_there_has_no_incarnation_and_no_jointime() -> None:
    gate = ScriptedGate(ScriptedCorosync([block(1), block(2)], members=[1])).up()
    never = gate.client().client.get_node(2)
    assert (never.incarnation, never.jointime_us, never.state) == (0, 0, CmanState.DEAD)
    assert gate.client().client.get_node_addrs(2) == ()


def test_the_incarnation_is_the_ring_in_which_the_join_was_seen(gate: ScriptedGate) -> None:
    gate.corosync.form([1, 2])
    gate.corosync.form([1, 2, 3])
    gate.turn()
    client = gate.client().client
    assert [one.incarnation for one in client.get_all_members()] == [4, 4, 12]
    assert client.get_cluster().generation == 12


def test_each_ring_is_told_and_quorum_is_corosyncs_word(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.form([1, 2])
    gate.corosync.form([1], quorate=False)
    gate.turn()
    assert visitor.take() == [QUORATE, INQUORATE]
    assert not visitor.client.is_quorate()


def test_a_join_is_told_twice_and_its_ring_before_it(gate: ScriptedGate) -> None:
    gate.corosync.form([1, 2])
    gate.turn()
    visitor = gate.client()
    visitor.client.start_confchg()
    gate.corosync.form([1, 2, 3])
    gate.turn()
    ring = Confchg(members=(1, 2, 3), left=(), joined=(3,))
    assert visitor.take() == [ring, QUORATE, QUORATE]


def test_a_restart_within_one_ring_is_a_new_incarnation(gate: ScriptedGate) -> None:
    """Members are the same; corosync's count of joins is not."""
    visitor = gate.client()
    gate.corosync.keys["runtime.members.2.join_count"] = 2
    gate.corosync.form([1, 2, 3])
    gate.turn()
    assert [one.incarnation for one in visitor.client.get_all_members()] == [4, 8, 4]
    assert set(visitor.take()) == {QUORATE}


def test_a_ring_that_is_past_when_it_is_read_has_no_rejoin_in_it(gate: ScriptedGate) -> None:
    """What is read then is of the next ring, which has less members."""
    gate.corosync.keys["runtime.members.2.join_count"] = 1
    gate.corosync.form([1, 2, 3])
    gate.turn()
    visitor = gate.client()
    visitor.client.start_confchg()
    gate.corosync.form([1, 2])
    gate.corosync.form([1], quorate=False)
    gate.turn()
    rings = [one for one in visitor.take() if isinstance(one, Confchg)]
    assert [(one.left, one.joined) for one in rings] == [((3,), ()), ((2,), ())]
    assert visitor.members() == [1]
    assert not visitor.client.is_quorate()


def test_who_joins_and_leaves_at_once_leaves_no_judgement_behind(gate: ScriptedGate) -> None:
    gate.corosync.form([1], quorate=False)
    gate.turn()
    visitor = gate.client()
    gate.corosync.form([1, 2])
    gate.corosync.form([1], quorate=False)
    gate.turn()
    assert visitor.members() == [1]
    assert not visitor.client.is_quorate()


def test_a_new_ring_of_the_same_members_is_not_told(gate: ScriptedGate) -> None:
    """Corosyncs that begin to hear others form some, and cman is silent about them."""
    visitor = gate.client()
    gate.corosync.form([1, 2, 3])
    gate.turn()
    assert visitor.take() == []
    assert visitor.client.get_cluster().generation == 8


def test_a_new_ring_of_the_same_members_with_other_votes_is_told_once(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.table.votes[2] = 3
    gate.corosync.form([1, 2, 3])
    gate.table.tell_votes()
    gate.turn()
    assert visitor.take() == [QUORATE]
    assert visitor.client.get_extra_info().total_votes == 5


def test_the_same_ring_judged_anew_is_told_and_nobody_has_joined(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.quorate = False
    gate.corosync.tell_again()
    gate.turn()
    assert visitor.take() == [INQUORATE]
    assert [one.incarnation for one in visitor.client.get_all_members()] == [4, 4, 4]


def test_a_member_that_is_in_no_list_is_called_by_its_id(gate: ScriptedGate) -> None:
    gate.corosync.links[9] = ["192.0.2.9"]
    gate.corosync.form([1, 2, 3, 9])
    gate.turn()
    assert gate.client().client.get_node(9).name == "Node9"
    gate.corosync.form([1, 2, 3])
    gate.turn()
    assert gate.client().client.get_node(9).state is CmanState.DEAD
    gate.corosync.reload()
    gate.turn()
    assert refused(lambda: gate.client().client.get_node(9)) == errno.ENOENT


def test_all_rings_addresses_are_given_and_unknown_ones_left_out() -> None:
    blocks = [block(1, ring1_addr="10.1.0.1"), block(2, ring1_addr="nobody.invalid")]
    client = ScriptedGate(ScriptedCorosync(blocks)).up().client().client
    assert client.get_node_addrs(1) == ("192.0.2.1", "10.1.0.1")
    assert client.get_node_addrs(2) == ("192.0.2.2",)


def test_o2cbs_own_address_comes_first() -> None:
    """Whoever asks for a node's address for OCFS2 takes the first that the manager gives."""
    blocks = [
        block(1, o2cb_address="10.0.0.1"),
        block(2, o2cb_address="192.0.2.2", ring1_addr="10.1.0.2"),
        block(3, o2cb_address="no-address"),
    ]
    gate = ScriptedGate(ScriptedCorosync(blocks)).up()
    client = gate.client().client
    assert client.get_node(1).address == "10.0.0.1"
    assert client.get_node_addrs(1) == ("10.0.0.1", "192.0.2.1")
    assert client.get_node_addrs(2) == ("192.0.2.2", "10.1.0.2")
    assert client.get_node_addrs(3) == ("192.0.2.3",)

    gate.corosync.blocks[1] = block(2, o2cb_address="10.0.0.22")
    gate.corosync.reload()
    gate.turn()
    assert client.get_node_addrs(2) == ("10.0.0.22", "192.0.2.2")


def test_without_a_provider_all_is_quorate_and_votes_are_the_configurations() -> None:
    corosync = ScriptedCorosync([block(1), block(2)], members=[1])
    corosync.quorum_type = 0
    gate = ScriptedGate(corosync).up()
    client = gate.client().client
    assert client.is_quorate()
    assert (client.get_extra_info().total_votes, client.get_extra_info().expected_votes) == (1, 2)
    assert refused(lambda: gate.admin().client.set_expected_votes(1)) == errno.ENOENT


# -- identity


def test_the_clusters_number_is_made_of_its_name(gate: ScriptedGate) -> None:
    info = gate.client().client.get_cluster()
    assert (info.name, info.number) == ("alpha", 3169)


@pytest.mark.parametrize(("name", "number"), [("", 0), ("a", 97), ("o2", 272), ("z" * 16, 65414)])
def test_numbers_of_names(name: str, number: int) -> None:
    """Twice what was, and a byte, in 16 bits."""
    assert cluster_number(name) == number


def test_votes_and_quorum_are_votequorums(gate: ScriptedGate) -> None:
    gate.table.votes[2] = 5
    gate.table.expected = 7
    gate.corosync.tell_again()
    gate.turn()
    info = gate.client().client.get_extra_info()
    assert (info.total_votes, info.expected_votes, info.quorum) == (7, 7, 4)
    assert gate.client().client.get_node_extra(2).votes == 5


def test_corosyncs_quorum_device_is_listed_as_a_quorum_disk(gate: ScriptedGate) -> None:
    visitor = gate.client()
    for votes_now, state, total in ((False, CmanState.DEAD, 3), (True, CmanState.MEMBER, 5)):
        gate.table.device = Device(name="Qdevice", votes=2, votes_now=votes_now)
        gate.turn()
        listed = visitor.client.get_all_members()[-1]
        assert (listed.node_id, listed.name, listed.state) == (0, "Qdevice", state)
        assert visitor.client.get_extra_info().total_votes == total
    assert refused(lambda: gate.admin().client.register_quorum_device("other", 1)) == errno.EBUSY
    gate.table.device = None
    gate.turn()
    assert [one.node_id for one in visitor.client.get_all_members()] == [1, 2, 3]
    assert visitor.take() == [QUORATE] * 3


def test_what_votequorum_tells_nobody_is_noticed_without_a_question(gate: ScriptedGate) -> None:
    """Its quorum device, and fewer votes that somebody else has set."""
    visitor = gate.client()
    gate.table.device = Device(name="Qdevice", votes=2, votes_now=True)
    gate.run(LOOK_US)
    gate.table.votes[2] = 0
    gate.run(LOOK_US)
    assert visitor.take() == [QUORATE] * 2
    assert visitor.client.get_extra_info().total_votes == 4
    gate.run(4 * LOOK_US)
    assert visitor.take() == []


def test_another_nodes_quorum_device_is_not_noticed(gate: ScriptedGate) -> None:
    """As with cman, where the clients of its own node hear of it."""
    visitor = gate.client()
    gate.table.devices[2] = Device(name="Qdevice", votes=0, votes_now=True)
    gate.table.tell_votes()
    gate.turn()
    assert (visitor.take(), len(visitor.client.get_all_members())) == ([], 3)


def test_a_quorum_devices_jointime_is_when_it_was_last_found(gate: ScriptedGate) -> None:
    times = []
    for votes_now in (False, True, True, False, True):
        gate.table.device = Device(name="Qdevice", votes=2, votes_now=votes_now)
        gate.turn()
        times.append(gate.client().client.get_all_members()[-1].jointime_us)
    assert times[0] == 0
    assert 0 < times[1] == times[2] == times[3] < times[4]


@pytest.mark.parametrize("votes_now", [True, False])
@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.poll_quorum_device(available=False),
        lambda client: client.unregister_quorum_device(),
        lambda client: client.update_quorum_device("/dev/mine", 9),
        lambda client: client.register_quorum_device("Qdevice", 9),
    ],
)
def test_corosyncs_quorum_device_is_not_the_clients_to_change(
    gate: ScriptedGate, act: Callable[[object], None], *, votes_now: bool
) -> None:
    gate.table.device = Device(name="Qdevice", votes=2, votes_now=votes_now)
    gate.turn()
    admin = gate.admin().client
    before = admin.get_all_members()
    assert refused(lambda: act(admin)) == errno.EBUSY
    assert admin.get_all_members() == before


def test_a_device_that_a_client_registers_is_listed_and_counts_nowhere(
    gate: ScriptedGate,
) -> None:
    """It needs polls, as any of cman's."""
    admin = gate.admin().client
    admin.register_quorum_device("/dev/qdisk0", 1)
    admin.poll_quorum_device(available=True)
    assert admin.get_extra_info().total_votes == 3
    gate.corosync.form([1], quorate=False)
    gate.turn()
    client = gate.client().client
    assert client.get_extra_info().total_votes == 1
    assert client.get_all_members()[-1].state is CmanState.MEMBER
    assert not client.is_quorate()


def test_two_node_mode_is_a_flag(gate: ScriptedGate) -> None:
    gate.corosync.keys["runtime.votequorum.two_node"] = 1
    gate.corosync.reload()
    gate.turn()
    assert gate.client().client.get_extra_flags() == 1


# -- configuration


def test_a_reload_is_told_with_the_files_version(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.reload([block(1), block(2), block(3), block(4)], version=7)
    gate.turn()
    assert visitor.take() == [QUORATE, Notice(reason=Reason.CONFIG_UPDATE, arg=7)]
    assert visitor.client.get_version().config == 7
    assert visitor.client.get_node(4).state is CmanState.DEAD


def test_where_nobody_counts_versions_reloads_are_counted(gate: ScriptedGate) -> None:
    visitor = gate.client()
    assert visitor.client.get_version().config == 1
    gate.corosync.reload()
    gate.corosync.reload()
    gate.turn()
    versions = [one.arg for one in visitor.take() if one.reason is Reason.CONFIG_UPDATE]  # type: ignore[union-attr]
    assert versions == [2, 3]


def test_set_version_has_every_corosync_read_its_file(gate: ScriptedGate) -> None:
    """The reply comes when every node has read it; until then others are answered."""
    admin, reloads = gate.admin(), threading.Event()
    gate.table.reload = lambda: reloads.wait(ANSWER_S)
    admin.client.set_version(Version(config=2), admin.replies.append)
    assert (admin.replies, admin.members()) == ([], [1, 2, 3])
    reloads.set()
    gate.answered()
    assert (gate.table.ordered, admin.replies) == ([("reload_config", 0)], [0])


def test_a_version_that_is_older_equal_or_nowhere(gate: ScriptedGate) -> None:
    gate.corosync.reload(version=5)
    gate.turn()
    admin = gate.admin()
    assert refused(lambda: admin.client.set_version(Version(config=4))) == errno.EPERM
    admin.client.set_version(Version(config=5), admin.replies.append)
    assert (gate.table.ordered, admin.replies) == ([], [0])
    admin.client.set_version(Version(config=6), admin.replies.append)
    gate.answered()
    assert admin.replies == [0, -errno.ENOENT]


def test_a_reload_that_corosync_does_not_take_is_refused(gate: ScriptedGate) -> None:
    def refuse() -> None:
        raise CorosyncError(CS_ERR_INVALID_PARAM, "corosync_cfg_reload_config")

    gate.table.reload = refuse
    admin = gate.admin()
    admin.client.set_version(Version(config=2), admin.replies.append)
    gate.answered()
    assert admin.replies == [-errno.EINVAL]


# -- corosync away, busy, back


def test_a_corosync_that_is_not_there_is_looked_for() -> None:
    gate = ScriptedGate()
    gate.corosync.fail("quorum_model_initialize", CS_ERR_LIBRARY, 2)
    gate.up()
    assert (gate.phases, gate.shown) == ([GatePhase.AWAY], [])
    gate.run()
    assert gate.serving
    assert gate.phases == [GatePhase.AWAY, GatePhase.AWAY, GatePhase.SERVING]


def test_a_corosync_that_lets_nobody_in_ends_the_gate() -> None:
    gate = ScriptedGate()
    gate.corosync.fail("quorum_model_initialize", CS_ERR_ACCESS)
    with pytest.raises(OSError, match="uidgid") as caught:
        gate.world.connect_corosync()
    assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize(
    "call",
    [
        "quorum_trackstart",
        "corosync_cfg_local_get",
        "votequorum_initialize",
        "cpg_join",
        "cmap_get",
    ],
)
def test_a_corosync_that_ends_while_it_is_connected_to_is_looked_for(call: str) -> None:
    """And nothing of the half-made connection stays."""
    gate = ScriptedGate()
    gate.corosync.fail(call, CS_ERR_LIBRARY)
    gate.up()
    assert (gate.phases, gate.shown) == ([GatePhase.AWAY], [])
    assert (gate.corosync.open, gate.table.groups) == ([], [])
    gate.run()
    assert gate.serving


def test_who_is_disconnected_finds_no_socket_any_more(gate: ScriptedGate) -> None:
    found: list[bool] = []
    gate.world.connect(
        HERE, SocketKind.CLIENT, deliver=lambda _: None, closed=lambda: found.append(gate.serving)
    )
    gate.corosync.die()
    gate.turn()
    assert found == [False]


def test_with_its_corosync_the_clients_and_the_sockets_go(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.die()
    gate.turn()
    assert visitor.closed
    assert gate.shown == [Sockets.LISTENING, Sockets.ABSENT]
    assert refused(visitor.client.is_quorate) == errno.EHOSTDOWN
    assert (gate.watched, gate.phases[-1]) == ((), GatePhase.AWAY)


def test_a_corosync_that_comes_back_is_served_with_new_incarnations(gate: ScriptedGate) -> None:
    gate.corosync.die()
    gate.turn()
    gate.corosync.come_back()
    gate.corosync.ring = 40
    gate.run()
    assert gate.serving
    assert [one.incarnation for one in gate.client().client.get_all_members()] == [40, 40, 40]


@pytest.mark.parametrize("call", ["cmap_get", "cmap_iter_next", "votequorum_getinfo"])
def test_while_corosync_is_too_busy_to_be_read_clients_wait(gate: ScriptedGate, call: str) -> None:
    """The ring is not lost: the reading is made again, and told then."""
    visitor = gate.client()
    gate.corosync.fail(call, CS_ERR_TRY_AGAIN, LONG)
    gate.corosync.form([1, 2])
    gate.turn()
    assert (gate.is_stopped, gate.watched, visitor.take()) == (True, (), [])
    assert gate.phases[-1:] == [GatePhase.BUSY]
    gate.run()
    assert (gate.is_stopped, visitor.take(), visitor.members()) == (False, [QUORATE], [1, 2])
    assert gate.phases[-1:] == [GatePhase.SERVING]
    assert gate.watched != ()


def test_a_busy_corosync_that_goes_is_gone(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.fail("cmap_get", CS_ERR_TRY_AGAIN, LONG)
    gate.corosync.form([1, 2])
    gate.turn()
    gate.corosync.die()
    gate.run(100_000)
    gate.turn()
    assert (gate.is_stopped, visitor.closed, gate.shown[-1]) == (False, True, Sockets.ABSENT)


def test_a_corosync_that_goes_before_the_daemons_end_is_gone(gate: ScriptedGate) -> None:
    """It has agreed to a leave, is busy with that when the daemon's end is due, and then gone."""
    visitor, admin = gate.client(), gate.admin()
    admin.client.leave_cluster(0)
    gate.take_job()
    gate.corosync.fail("votequorum_getinfo", CS_ERR_TRY_AGAIN, LONG)
    gate.world.refresh()
    assert gate.is_stopped
    gate.timeline.run_until(gate.timeline.now_us() + LEAVE_US)
    gate.corosync.die()
    gate.turn()
    assert (visitor.closed, gate.is_stopped) == (True, False)
    assert gate.shown == [Sockets.LISTENING, Sockets.ABSENT]


def test_a_member_whose_corosync_goes_first_never_shows_its_sockets() -> None:
    """Its first transition is due while corosync is too busy to be read."""
    gate = ScriptedGate()
    gate.world.connect_corosync()
    gate.corosync.fail("votequorum_getinfo", CS_ERR_TRY_AGAIN, LONG)
    gate.turn()
    gate.corosync.die()
    gate.turn()
    assert Sockets.LISTENING not in gate.shown


def test_a_reading_that_finds_corosync_gone_is_its_end(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.form([1, 2])
    gate.corosync.fail("cmap_iter_next", CS_ERR_LIBRARY)
    gate.turn()
    assert visitor.closed


# -- shutdown


def test_a_client_is_asked_first_and_then_corosync(gate: ScriptedGate) -> None:
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(ShutdownFlag.REMOVED, admin.replies.append)
    assert visitor.take() == [Notice(reason=Reason.TRY_SHUTDOWN, arg=2)]
    assert gate.table.ordered == []
    visitor.client.reply_shutdown(yes=True)
    gate.answered()
    assert gate.table.ordered == [("try_shutdown", SHUTDOWN_REQUEST)]
    assert (admin.replies, visitor.closed, gate.shown[-1]) == ([0], True, Sockets.ABSENT)


def test_a_no_of_a_client_never_reaches_corosync(gate: ScriptedGate) -> None:
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(0, admin.replies.append)
    visitor.client.reply_shutdown(yes=False)
    assert (admin.replies, gate.table.ordered) == ([-errno.EBUSY], [])


@pytest.mark.parametrize(
    ("code", "status"), [(CS_ERR_BUSY, errno.EBUSY), (CS_ERR_EXIST, errno.EALREADY)]
)
@pytest.mark.parametrize("listens", [True, False])
def test_a_no_of_corosyncs_keeps_the_node(
    gate: ScriptedGate, code: int, status: int, *, listens: bool
) -> None:
    """Also where no client listens, whom a cman would not wait for."""

    def refuse() -> None:
        raise CorosyncError(code, "corosync_cfg_try_shutdown")

    gate.table.shutdown = refuse
    visitor = gate.client() if listens else None
    admin = gate.admin()
    for _ in range(2):
        admin.client.try_shutdown(0, admin.replies.append)
        if visitor is not None:
            visitor.client.reply_shutdown(yes=True)
        gate.answered()
    assert admin.replies == [-status, -status]
    assert gate.serving
    assert admin.members() == [1, 2, 3]


def test_force_overrules_corosync_and_leave_asks_nobody(gate: ScriptedGate) -> None:
    gate.client()
    admin = gate.admin()
    admin.client.try_shutdown(ShutdownFlag.ANYWAY, admin.replies.append)
    gate.run(6 * SECOND_US)
    gate.answered()
    assert (gate.table.ordered, admin.replies) == ([("try_shutdown", SHUTDOWN_REGARDLESS)], [0])
    gate.corosync.die()
    gate.turn()
    gate.corosync.come_back()
    gate.run()
    gate.admin().client.leave_cluster(0)
    gate.answered()
    assert gate.table.ordered[1:] == [("try_shutdown", SHUTDOWN_IMMEDIATE)]


@pytest.mark.parametrize("code", [CS_ERR_BUSY, CS_ERR_LIBRARY])
def test_a_leave_is_answered_when_corosync_has_answered(gate: ScriptedGate, code: int) -> None:
    """It may fail, for want of descriptors, too; whoever waits keeps nobody else waiting."""

    def refuse() -> None:
        raise CorosyncError(code, "corosync_cfg_try_shutdown")

    gate.table.shutdown = refuse
    visitor, admin, other = gate.client(), gate.admin(), gate.admin()
    admin.client.leave_cluster(0, admin.replies.append)
    other.client.leave_cluster(0, other.replies.append)
    assert (admin.replies, visitor.members()) == ([], [1, 2, 3])
    gate.answered()
    assert (admin.replies, other.replies) == ([-errno.EBUSY], [-errno.EBUSY])
    assert (gate.serving, visitor.take()) == (True, [])

    gate.table.shutdown = lambda: None
    admin.client.leave_cluster(0, admin.replies.append)
    gate.take_job()
    other.client.leave_cluster(0, other.replies.append)
    assert (admin.replies[1:], other.replies[1:]) == ([0], [0])
    gate.run(LEAVE_US)
    assert (gate.serving, visitor.closed) == (False, True)


def test_a_leave_is_answered_by_corosyncs_end(gate: ScriptedGate) -> None:
    """It has agreed, and is gone before it says so."""
    admin = gate.admin()
    admin.client.leave_cluster(0, admin.replies.append)
    gate.wait_for_order()
    gate.corosync.die()
    gate.turn()
    assert (admin.replies, admin.closed) == ([0], True)


def test_corosync_that_is_gone_before_its_answer_has_agreed(gate: ScriptedGate) -> None:
    admin = gate.admin()
    admin.client.try_shutdown(0, admin.replies.append)
    gate.corosync.die()
    gate.turn()
    assert (admin.replies, admin.closed) == ([0], True)
    gate.answered()  # of the corosync that is gone
    gate.corosync.come_back()
    gate.run()
    assert gate.serving


def test_a_library_without_descriptors_is_no_corosync_that_has_ended(gate: ScriptedGate) -> None:
    """It fails alike; what the link says of corosync decides."""

    def fail() -> None:
        raise CorosyncError(CS_ERR_LIBRARY, "corosync_cfg_initialize")

    gate.table.shutdown = fail
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(0, admin.replies.append)
    visitor.client.reply_shutdown(yes=True)
    gate.answered()
    gate.run(10 * SECOND_US)
    assert (admin.replies, gate.serving, visitor.closed) == ([-errno.EBUSY], True, False)
    assert GatePhase.ENDING not in gate.phases
    gate.corosync.form([1, 2])
    gate.turn()
    assert visitor.members() == [1, 2]


def test_a_busy_corosync_is_asked_again(gate: ScriptedGate) -> None:
    """To end, to reload, and to kill."""
    busy = [CorosyncError(CS_ERR_TRY_AGAIN, "corosync_cfg_try_shutdown")] * LONG

    def answer() -> None:
        if busy:
            raise busy.pop()

    gate.corosync.fail("corosync_cfg_kill_node", CS_ERR_TRY_AGAIN, 3)
    admin = gate.admin()
    admin.client.kill_node(3)
    gate.table.shutdown = answer
    admin.client.try_shutdown(0, admin.replies.append)
    gate.answered()
    assert (admin.replies, gate.shown[-1]) == ([0], Sockets.ABSENT)


def test_a_leave_overtakes_a_shutdown_that_corosync_may_refuse(gate: ScriptedGate) -> None:
    """It asks nobody, so it does not wait for another tracker's answer; that one is for nobody."""
    answered = threading.Event()

    def wait() -> None:
        if gate.table.ordered[-1] == ("try_shutdown", SHUTDOWN_REQUEST):
            answered.wait(ANSWER_S)
            raise CorosyncError(CS_ERR_BUSY, "corosync_cfg_try_shutdown")

    gate.table.shutdown = wait
    first, second = gate.admin(), gate.admin()
    first.client.try_shutdown(0, first.replies.append)
    gate.wait_for_order()
    second.client.leave_cluster(0)
    second.client.leave_cluster(0)
    gate.answered()
    assert [flags for _, flags in gate.table.ordered] == [SHUTDOWN_REQUEST, SHUTDOWN_IMMEDIATE]
    assert (first.replies, gate.serving) == ([0], False)
    answered.set()
    gate.answered()
    assert first.replies == [0]


def test_corosyncs_question_about_our_own_request_is_a_yes(gate: ScriptedGate) -> None:
    """The clients were asked before."""
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(0, admin.replies.append)
    visitor.client.reply_shutdown(yes=True)
    visitor.take()
    gate.corosync.ask_shutdown()
    gate.turn()
    assert (gate.corosync.answers, visitor.take()) == ([1], [])
    gate.answered()


@pytest.mark.parametrize(("yes", "answer"), [(True, 1), (False, 0)])
def test_corosyncs_question_is_answered_by_the_clients(
    gate: ScriptedGate, answer: int, *, yes: bool
) -> None:
    visitor = gate.client()
    gate.corosync.ask_shutdown()
    gate.turn()
    assert visitor.take() == [Notice(reason=Reason.TRY_SHUTDOWN, arg=0)]
    assert gate.corosync.answers == []
    visitor.client.reply_shutdown(yes=yes)
    assert gate.corosync.answers == [answer]
    assert gate.serving  # corosync ends when it ends
    assert gate.table.ordered == []


@pytest.mark.parametrize(("forced", "answer"), [(False, 0), (True, 1)])
def test_silence_is_answered_before_corosyncs_own_time_out(
    gate: ScriptedGate, answer: int, *, forced: bool
) -> None:
    """A later answer would count for the next question."""
    gate.corosync.keys["cfg.shutdown_timeout"] = 1000
    visitor = gate.client()
    gate.corosync.ask_shutdown(forced=forced)
    gate.turn()
    assert visitor.take() == [Notice(reason=Reason.TRY_SHUTDOWN, arg=int(forced))]
    gate.run(799_999)
    assert gate.corosync.answers == []
    gate.run(1)
    assert gate.corosync.answers == [answer]
    visitor.client.reply_shutdown(yes=True)
    assert gate.corosync.answers == [answer]


def test_without_clients_corosyncs_question_is_a_yes(gate: ScriptedGate) -> None:
    gate.corosync.ask_shutdown()
    gate.turn()
    assert gate.corosync.answers == [1]


def test_while_a_clients_question_is_out_corosyncs_is_a_no(gate: ScriptedGate) -> None:
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(0, admin.replies.append)
    gate.corosync.ask_shutdown()
    gate.turn()
    assert (gate.corosync.answers, len(visitor.take())) == ([0], 1)


def test_while_corosyncs_question_is_out_a_clients_is_ealready(gate: ScriptedGate) -> None:
    gate.client()
    gate.corosync.ask_shutdown()
    gate.turn()
    admin = gate.admin()
    assert refused(lambda: admin.client.try_shutdown(0, admin.replies.append)) == errno.EALREADY


def test_a_question_that_was_taken_back_makes_room_for_the_next(gate: ScriptedGate) -> None:
    """Corosync says nothing of that, but never has two."""
    visitor = gate.client()
    gate.corosync.ask_shutdown()
    gate.turn()
    gate.corosync.ask_shutdown()
    gate.turn()
    assert len(visitor.take()) == 2
    visitor.client.reply_shutdown(yes=True)
    assert gate.corosync.answers == [1]
    gate.run(10 * SECOND_US)
    assert gate.corosync.answers == [1]


def test_a_gate_that_ends_while_corosync_asks_says_no(gate: ScriptedGate) -> None:
    """Without an answer corosync would take its end for a yes, which no client has said."""
    visitor = gate.client()
    gate.corosync.ask_shutdown()
    gate.turn()
    gate.world.close()
    assert (gate.corosync.answers, visitor.closed) == ([0], True)


@pytest.mark.parametrize("flags", [0, ShutdownFlag.ANYWAY])
def test_an_asker_that_dies_takes_its_time_out_with_it(gate: ScriptedGate, flags: int) -> None:
    """Cman's goes on, ends the next question, and then crashes or leaves."""
    visitor, admin = gate.client(), gate.admin()
    admin.client.try_shutdown(flags, admin.replies.append)
    admin.client.disconnect()
    gate.run(4 * SECOND_US)
    gate.corosync.ask_shutdown(forced=True)
    gate.turn()
    gate.run(2 * SECOND_US)
    assert gate.corosync.answers == []
    visitor.client.reply_shutdown(yes=False)
    assert gate.corosync.answers == [1]
    gate.run(10 * SECOND_US)
    assert gate.serving
    assert (visitor.members(), gate.table.ordered) == ([1, 2, 3], [])
    assert not any("crash" in line for line in gate.lines)


# -- what admins change


def test_a_kill_is_corosyncs_and_ours_at_once(gate: ScriptedGate) -> None:
    visitor, admin = gate.client(), gate.admin()
    admin.client.kill_node(3)
    assert gate.table.ordered == [("kill_node", 3)]
    assert (visitor.members(), visitor.take()) == ([1, 2], [])
    assert visitor.client.get_node_extra(3).leave_reason is LeaveReason.KILLED
    gate.corosync.form([1, 2])
    gate.turn()
    assert visitor.take() == [QUORATE]


def test_expected_votes_and_votes_are_votequorums_and_told(gate: ScriptedGate) -> None:
    """Votes twice where they were set: at once, and when they have come round."""
    visitor, admin = gate.client(), gate.admin()
    admin.client.set_expected_votes(5)
    gate.turn()
    admin.client.set_votes(2, 2)
    gate.turn()
    info = visitor.client.get_extra_info()
    assert (info.expected_votes, info.total_votes) == (5, 4)
    assert visitor.take() == [QUORATE, QUORATE, QUORATE]


def test_fewer_votes_are_told_by_the_gate_that_was_asked(gate: ScriptedGate) -> None:
    """Votequorum says nothing of them."""
    admin = gate.admin()
    admin.client.set_votes(2, 3)
    gate.turn()
    visitor = gate.client()
    gate.table.sent.clear()
    admin.client.set_votes(2, 1)
    assert list(map(decode_message, gate.table.sent)) == [VotesChanged()]
    gate.table.deliver(1, gate.table.sent[0])
    gate.turn()
    assert visitor.client.get_extra_info().total_votes == 3
    assert visitor.take() == [QUORATE, QUORATE]


def test_fewer_votes_that_another_gate_was_asked_for_are_read(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.table.votes[2] = 0
    gate.table.deliver(2, encode_message(VotesChanged()))
    gate.turn()
    assert visitor.client.get_extra_info().total_votes == 2
    assert visitor.take() == [QUORATE]


def test_votequorums_word_on_a_ring_is_no_news_of_its_own(gate: ScriptedGate) -> None:
    """It comes before or after libquorum's; the ring is told once."""
    visitor = gate.client()
    gate.table.tell_votes()
    gate.corosync.form([1, 2])
    gate.turn()
    gate.table.tell_votes()
    gate.turn()
    assert visitor.take() == [QUORATE]


def test_votes_of_a_node_that_was_never_seen_are_enoent() -> None:
    """votequorum knows no such name."""
    corosync = ScriptedCorosync([block(1), block(2), block(3)], members=[1, 2])
    gate = ScriptedGate(corosync).up()
    corosync.fail("votequorum_setvotes", CS_ERR_NAME_NOT_FOUND)
    assert refused(lambda: gate.admin().client.set_votes(3, 1)) == errno.ENOENT


def test_what_votequorum_refuses_is_einval(gate: ScriptedGate) -> None:
    gate.corosync.fail("votequorum_setexpected", 7)
    assert refused(lambda: gate.admin().client.set_expected_votes(3)) == errno.EINVAL


@pytest.mark.parametrize(
    ("call", "act"),
    [
        ("corosync_cfg_kill_node", lambda client: client.kill_node(3)),
        ("votequorum_setvotes", lambda client: client.set_votes(2, 2)),
        ("cpg_mcast_joined", lambda client: client.update_fence_info(FenceInfo(node_id=3))),
    ],
)
def test_a_request_that_finds_corosync_gone_says_so(
    gate: ScriptedGate, call: str, act: Callable[[object], None]
) -> None:
    gate.corosync.fail(call, CS_ERR_LIBRARY)
    assert refused(lambda: act(gate.admin().client)) == errno.EHOSTDOWN


# -- the other gates


def test_fencing_is_told_to_all_gates_and_heard_from_them(gate: ScriptedGate) -> None:
    info = FenceInfo(node_id=3, fenced=True, time_s=5, agent="xvm")
    gate.admin().client.update_fence_info(info)
    assert list(map(decode_message, gate.table.sent)) == [Fenced(info=info)]
    gate.table.deliver(2, gate.table.sent[0])
    gate.turn()
    assert gate.client().client.get_fence_info(3) == info


def test_ports_of_others_are_asked_for_and_followed(gate: ScriptedGate) -> None:
    """The first question is EBUSY, as with cman."""
    visitor = gate.client()
    visitor.client.bind(11)
    gate.table.sent.clear()
    assert refused(lambda: visitor.client.is_listening(11, 2)) == errno.EBUSY
    assert list(map(decode_message, gate.table.sent)) == [PortsAsked(to=2)]
    gate.table.deliver(2, encode_message(PortsTold(to=1, ports=(0, 12))))
    gate.table.deliver(3, encode_message(PortsTold(to=2, ports=(0, 13))))
    gate.table.deliver(2, encode_message(PortChanged(port=11, opened=True)))
    gate.turn()
    known = [port for port in (11, 12, 13) if visitor.client.is_listening(port, 2)]
    assert known == [11, 12]
    assert visitor.take() == [Notice(reason=Reason.PORT_OPENED, arg=2)]


def test_a_client_that_asks_without_end_floods_no_group(gate: ScriptedGate) -> None:
    """The node is asked once, and again a while later where it has not answered."""
    visitor = gate.client()
    gate.table.sent.clear()
    for _ in range(2):
        for _ in range(100):
            assert refused(lambda: visitor.client.is_listening(11, 2)) == errno.EBUSY
        gate.run()
    assert list(map(decode_message, gate.table.sent)) == [PortsAsked(to=2)] * 2


def test_a_client_may_bind_sixteen_ports(gate: ScriptedGate) -> None:
    """Of the 255; that a port is taken is told first, and another client has its own sixteen."""
    visitor, other = gate.client(), gate.client()
    for port in range(1, 17):
        visitor.client.bind(port)
    assert refused(lambda: visitor.client.bind(17)) == errno.EMFILE
    assert refused(lambda: visitor.client.bind(16)) == errno.EADDRINUSE
    other.client.bind(17)
    visitor.client.disconnect()
    for port in range(1, 16):
        other.client.bind(port)
    assert refused(lambda: other.client.bind(16)) == errno.EMFILE


def test_our_ports_are_told_when_they_change_and_to_who_asks(gate: ScriptedGate) -> None:
    visitor = gate.client()
    visitor.client.bind(11)
    gate.table.deliver(3, encode_message(PortsAsked(to=2)))
    gate.table.deliver(3, encode_message(PortsAsked(to=1)))
    gate.turn()
    visitor.client.disconnect()
    assert list(map(decode_message, gate.table.sent)) == [
        PortChanged(port=11, opened=True),
        PortsTold(to=3, ports=(0, 11)),
        PortChanged(port=11, opened=False),
    ]


def test_what_the_group_does_not_take_is_sent_later(gate: ScriptedGate) -> None:
    """In order, the last of each port and node; nobody waits for it."""
    visitor = gate.client()
    visitor.client.bind(11)
    gate.table.sent.clear()
    gate.corosync.fail("cpg_mcast_joined", CS_ERR_TRY_AGAIN, 3)
    visitor.client.bind(12)
    for _ in range(2):
        assert refused(lambda: visitor.client.is_listening(11, 2)) == errno.EBUSY
    visitor.client.disconnect()
    assert (gate.table.sent, gate.paused_us) == ([], 0)
    gate.run()
    assert list(map(decode_message, gate.table.sent)) == [
        PortsAsked(to=2),
        PortChanged(port=11, opened=False),
        PortChanged(port=12, opened=False),
    ]


def test_what_the_group_refuses_is_logged(gate: ScriptedGate) -> None:
    visitor = gate.client()
    gate.corosync.fail("cpg_mcast_joined", CS_ERR_LIBRARY)
    visitor.client.bind(11)
    assert any("do not learn" in line for line in gate.lines)
    visitor.client.bind(12)
    assert list(map(decode_message, gate.table.sent)) == [PortChanged(port=12, opened=True)]


def test_data_that_the_group_does_not_take_is_the_senders_to_send_again(
    gate: ScriptedGate,
) -> None:
    visitor = gate.client()
    gate.corosync.fail("cpg_mcast_joined", CS_ERR_TRY_AGAIN)
    assert refused(lambda: visitor.client.send_data(0, 7, b"x")) == errno.EAGAIN
    assert gate.paused_us == 0
    visitor.client.send_data(0, 7, b"x")
    assert len(gate.table.sent) == 1


@pytest.mark.parametrize("asked", [True, False])
def test_the_ports_of_a_gate_that_has_ended_are_closed(gate: ScriptedGate, *, asked: bool) -> None:
    """Also for who has heard of them without asking; then they are unknown, as at first."""
    visitor = gate.client()
    visitor.client.bind(11)
    told = PortsTold(to=1 if asked else 3, ports=(0, 11, 12))
    gate.table.deliver(2, encode_message(told))
    gate.table.deliver(3, encode_message(PortChanged(port=11, opened=True)))
    gate.turn()
    visitor.take()
    gate.table.leave(2)
    gate.turn()
    assert visitor.take() == [Notice(reason=Reason.PORT_CLOSED, arg=2)]
    assert refused(lambda: visitor.client.is_listening(11, 2)) == errno.EBUSY
    gate.table.leave(2)
    gate.table.leave(1)
    gate.turn()
    assert visitor.take() == []
    assert visitor.client.is_listening(11, 1)


def test_data_goes_to_a_node_or_to_all_and_reaches_who_has_the_port(gate: ScriptedGate) -> None:
    visitor = gate.client()
    visitor.client.bind(11)
    gate.table.sent.clear()
    visitor.client.send_data(2, 7, b"\0to two")
    visitor.client.send_data(0, 7, b"to all")
    assert list(map(decode_message, gate.table.sent)) == [
        PortMessage(to=2, port=7, payload=b"\0to two"),
        PortMessage(to=0, port=7, payload=b"to all"),
    ]
    for to in (1, 2, 0):
        gate.table.deliver(3, encode_message(PortMessage(to=to, port=11, payload=bytes([to]))))
        gate.table.deliver(1, encode_message(PortMessage(to=to, port=11, payload=b"our own")))
    gate.turn()
    assert visitor.take() == [
        PortData(from_node_id=3, port=11, payload=b"\1"),
        PortData(from_node_id=3, port=11, payload=b"\0"),
    ]


GARBAGE = (
    b"",
    b"\xff\xfe",
    b"[]",
    b"1",
    b"null",
    b"{}",
    b'{"kind": "no such"}',
    b'{"kind": "ports"}',
    b'{"kind": "ports", "to": 1, "ports": 7}',
    b'{"kind": "ports", "to": 1, "ports": [-1]}',
    b'{"kind": "ports", "to": 1, "ports": [4294967296]}',
    b'{"kind": "ports", "to": 1, "ports": [true]}',
    b'{"kind": "port", "port": 1, "opened": []}',
    b'{"kind": "ports asked", "to": -1}',
    b'{"kind": "data", "to": 0, "port": 1, "payload": "?"}',
    b'{"kind": "data", "to": "0", "port": 1, "payload": ""}',
    b'{"kind": "fenced", "node": 1, "time_s": 18446744073709551616, "agent": ""}',
    b'{"kind": "fenced", "node": 1, "time_s": 1, "agent": 1}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("raw", GARBAGE, ids=lambda raw: repr(raw[:24]))
def test_garbage_in_the_group_is_logged_and_changes_nothing(gate: ScriptedGate, raw: bytes) -> None:
    visitor = gate.client()
    gate.table.deliver(2, raw)
    gate.turn()
    assert "node 2" in gate.lines[-1]
    assert (visitor.take(), visitor.members()) == ([], [1, 2, 3])


def test_a_client_that_comes_when_there_is_no_daemon_is_refused(gate: ScriptedGate) -> None:
    gate.corosync.die()
    gate.turn()
    with pytest.raises(OSError, match="no corosync") as caught:
        gate.world.connect(0, SocketKind.CLIENT, deliver=lambda _: None, closed=lambda: None)
    assert caught.value.errno == errno.ECONNREFUSED
