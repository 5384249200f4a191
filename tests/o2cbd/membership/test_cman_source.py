"""CmanSource over a scripted function table: what libcman says, and what is believed of it."""

from __future__ import annotations

import errno

import pytest

from fakecluster.clock import VirtualClock
from fakecluster.sim.engine_table import SOCKET_FD, ZERO_FD
from fakecluster.testing.scripted_libcman import (
    ScriptedCman,
    ScriptedHandle,
    node,
)
from o2cbd.calls import CallBoard
from o2cbd.core.events import ConfigChange, ManagerLost, ShutdownAsked, StateChange
from o2cbd.core.model import Absentee, Member, Membership, Quorum
from o2cbd.membership.cman import NODE_HEADROOM, READ_ATTEMPTS, CmanSource, connect_cman
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcman_table import (
    EXTRA_FLAG_2NODE,
    REASON_CONFIG_UPDATE,
    REASON_PORTCLOSED,
    REASON_PORTOPENED,
    REASON_STATECHANGE,
    REASON_TRY_SHUTDOWN,
    EventCallback,
    FenceRecord,
    NodeRecord,
)


def board() -> CallBoard:
    return CallBoard(VirtualClock())


def connect(cman: ScriptedCman) -> MembershipSource:
    return connect_cman(cman, board())


def names(membership: Membership) -> list[str]:
    return [member.name for member in membership.members]


# -- connecting


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (errno.ENOENT, "cman is not running: its socket cman_client does not exist"),
        (errno.ECONNREFUSED, "cman is not running: its socket exists"),
        (errno.EACCES, "only root may open"),
        (errno.EMFILE, "cman_init: Too many open files"),
    ],
)
def test_a_refused_connection_has_the_librarys_errno_and_what_it_means(
    error: int, meaning: str
) -> None:
    cman = ScriptedCman()
    cman.fail("cman_init", error)
    with pytest.raises(OSError, match=meaning) as raised:
        connect(cman)
    assert raised.value.errno == error


@pytest.mark.parametrize("error", [errno.EHOSTDOWN, errno.ECONNRESET])
def test_a_dying_listener_accepts_and_the_next_call_fails(error: int) -> None:
    cman = ScriptedCman()
    cman.die(error)
    with pytest.raises(ManagerGoneError, match="ended during the connect") as raised:
        connect(cman)
    assert raised.value.errno == error
    assert cman.finished == 1


def test_a_refused_subscription_gives_the_connection_back() -> None:
    cman = ScriptedCman()
    cman.fail("cman_start_notification", errno.EINVAL)
    with pytest.raises(OSError, match="cman_start_notification") as raised:
        connect(cman)
    assert (raised.value.errno, cman.finished) == (errno.EINVAL, 1)


# -- descriptors and events


def test_the_descriptor_is_asked_for_each_time() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    assert source.fileno() == SOCKET_FD
    cman.send_during("cman_get_nodes", REASON_STATECHANGE, 1)
    source.snapshot()
    assert source.fileno() == ZERO_FD
    assert source.dispatch() == (StateChange(quorate=True),)
    assert source.fileno() == SOCKET_FD


def test_events_queued_during_the_subscription_are_not_lost() -> None:
    cman = ScriptedCman([node(1)])
    cman.send_during("cman_start_notification", REASON_TRY_SHUTDOWN, 0)
    source = connect(cman)
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)


def test_a_spurious_wake_up_gives_nothing() -> None:
    source = connect(ScriptedCman([node(1)]))
    assert source.dispatch() == ()


def test_all_events_come_at_once_and_in_order() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.send(REASON_STATECHANGE, 1)
    cman.send(REASON_CONFIG_UPDATE, 7)
    cman.send(REASON_STATECHANGE, 0)
    assert source.dispatch() == (
        StateChange(quorate=True),
        ConfigChange(version=7),
        StateChange(quorate=False),
    )
    assert source.dispatch() == ()


@pytest.mark.parametrize("reason", [REASON_PORTCLOSED, REASON_PORTOPENED, 5, -1, 2**31 - 1])
def test_other_reasons_are_ignored(reason: int) -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.send(reason, 3)
    assert source.dispatch() == ()


@pytest.mark.parametrize(
    ("argument", "forced", "removed"),
    [(0, False, False), (1, True, False), (2, False, True), (3, True, True)],
)
def test_the_shutdown_argument_is_a_bit_mask(argument: int, forced: bool, removed: bool) -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.send(REASON_TRY_SHUTDOWN, argument)
    assert source.dispatch() == (ShutdownAsked(forced=forced, removed=removed),)


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EINTR])
def test_an_interrupted_dispatch_is_no_loss(error: int) -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.fail("cman_dispatch", error)
    cman.send(REASON_STATECHANGE, 1)
    assert source.dispatch() == ()
    assert source.dispatch() == (StateChange(quorate=True),)


@pytest.mark.parametrize("error", [errno.EHOSTDOWN, errno.ECONNRESET, errno.ENOMEM])
def test_a_dead_connection_gives_one_last_notice_after_the_events(error: int) -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.send(REASON_STATECHANGE, 1)
    cman.die(error)
    assert source.dispatch() == (StateChange(quorate=True), ManagerLost(errno=error))
    assert source.dispatch() == ()


def test_what_the_callback_raises_does_not_vanish() -> None:
    class Broken(ScriptedCman):
        def deliver(self, callback: EventCallback, *, all_of_them: bool) -> int:
            raise MemoryError

    source = connect(Broken([node(1)]))
    with pytest.raises(MemoryError):
        source.dispatch()


# -- reading


def test_a_snapshot_holds_all_that_cman_says() -> None:
    cman = ScriptedCman([node(1), node(2, incarnation=12), node(3, member=False)], local_id=2)
    cman.votes[3] = 7
    assert connect(cman).snapshot() == Membership(
        cluster="alpha",
        local_id=2,
        quorum=Quorum.QUORATE,
        two_node=False,
        members=(
            Member(id=1, name="n1", incarnation=4, addresses=("192.0.2.1",)),
            Member(id=2, name="n2", incarnation=12, addresses=("192.0.2.2",)),
        ),
        absentees=(Absentee(id=3, name="n3", votes=7),),
        member_votes=2,
    )


def test_a_name_has_255_bytes_and_need_not_be_text() -> None:
    raw = b"\xff" + b"x" * 254
    membership = connect(ScriptedCman([node(1, raw)])).snapshot()
    assert membership.members[0].name == "\udcff" + "x" * 254


def test_a_name_without_its_nul_ends_with_the_field() -> None:
    membership = connect(ScriptedCman([node(1, b"y" * 256)])).snapshot()
    assert membership.members[0].name == "y" * 256


def test_what_follows_the_nul_is_no_name() -> None:
    membership = connect(ScriptedCman([node(1, b"n1\0rest")])).snapshot()
    assert names(membership) == ["n1"]


def test_nodes_are_sorted_by_id() -> None:
    cman = ScriptedCman([node(1), node(300, "far", "192.0.2.9"), node(0, "/dev/qdisk0"), node(2)])
    assert names(connect(cman).snapshot()) == ["/dev/qdisk0", "n1", "n2", "far"]


def test_an_inquorate_partition_is_told() -> None:
    cman = ScriptedCman([node(1)])
    cman.quorate = 0
    assert connect(cman).snapshot().quorum is Quorum.INQUORATE


def test_quorum_is_read_after_the_nodes() -> None:
    cman = ScriptedCman([node(1)])
    connect(cman).snapshot()
    assert cman.calls.index("cman_get_nodes") < cman.calls.index("cman_is_quorate")


@pytest.mark.row("address")
def test_the_stale_address_of_a_non_member_is_never_used() -> None:
    cman = ScriptedCman([node(1), node(2, address="192.0.2.1", member=False)])
    assert connect(cman).snapshot().absentees == (Absentee(id=2, name="n2", addresses=(), votes=1),)


def test_the_quorum_disk_is_a_member_without_its_stale_address() -> None:
    cman = ScriptedCman([node(1), node(0, "/dev/qdisk0", "192.0.2.1", incarnation=0)])
    membership = connect(cman).snapshot()
    assert membership.members[0] == Member(id=0, name="/dev/qdisk0", incarnation=0, addresses=())
    assert "cman_get_node_addrs" not in cman.calls


def test_an_unpolled_quorum_disk_is_absent_and_never_asked_for_fencing() -> None:
    cman = ScriptedCman([node(1), node(0, "/dev/qdisk0", member=False)])
    cman.extra_flags = EXTRA_FLAG_2NODE
    assert connect(cman).snapshot().absentees == (Absentee(id=0, name="/dev/qdisk0"),)
    assert "cman_get_fenceinfo" not in cman.calls


def test_a_member_with_ipv4_is_not_asked_for_more() -> None:
    cman = ScriptedCman([node(1)])
    cman.interfaces[1] = ["192.0.2.1", "198.51.100.1"]
    assert connect(cman).snapshot().members[0].addresses == ("192.0.2.1",)
    assert "cman_get_node_addrs" not in cman.calls


def test_a_member_with_ipv6_first_is_asked_for_its_other_interfaces() -> None:
    cman = ScriptedCman([node(1, address="2001:db8::1")])
    cman.interfaces[1] = ["2001:db8::1", "192.0.2.1"]
    assert connect(cman).snapshot().members[0].addresses == ("2001:db8::1", "192.0.2.1")


def test_interfaces_are_asked_for_each_time() -> None:
    cman = ScriptedCman([node(1, address="2001:db8::1")])
    cman.interfaces[1] = ["2001:db8::1", "192.0.2.1"]
    source = connect(cman)
    source.snapshot()
    cman.interfaces[1] = ["2001:db8::1", "198.51.100.1"]
    assert source.snapshot().members[0].addresses == ("2001:db8::1", "198.51.100.1")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (node(1, incarnation=8), Member(id=1, name="n1", incarnation=8, addresses=("192.0.2.1",))),
        (node(1, "new"), Member(id=1, name="new", incarnation=4, addresses=("192.0.2.1",))),
        (
            node(1, address="192.0.2.9"),
            Member(id=1, name="n1", incarnation=4, addresses=("192.0.2.9",)),
        ),
    ],
)
def test_a_member_that_changed_is_read_anew(changed: NodeRecord, expected: Member) -> None:
    cman = ScriptedCman([node(1), node(2)])
    source = connect(cman)
    before = source.snapshot().members
    cman.nodes[0] = changed
    after = source.snapshot().members
    assert after == (expected, before[1])


def test_every_address_that_is_wanted_stands_at_its_place_and_is_asked_for_each_time() -> None:
    cman = ScriptedCman([node(1), node(2), node(0, "/dev/qdisk0")])
    cman.interfaces[1] = ["192.0.2.1", "2001:db8::1", "192.0.2.1"]
    cman.interfaces[2] = []
    source = connect_cman(cman, board(), every_address=True)
    disk, first, second = source.snapshot().members
    assert first.addresses == ("192.0.2.1", "2001:db8::1", "192.0.2.1")
    assert second.addresses == ("192.0.2.2",)
    assert disk.addresses == ()
    cman.interfaces[1] = ["192.0.2.1", "198.51.100.1"]
    assert source.snapshot().members[1].addresses == ("192.0.2.1", "198.51.100.1")


def test_a_member_without_any_address_stays_a_member() -> None:
    bare = node(1)._replace(address_length=0)
    cman = ScriptedCman([bare])
    assert connect(cman).snapshot().members[0].addresses == ()


def test_a_member_that_vanished_since_the_list_has_no_further_address() -> None:
    cman = ScriptedCman([node(1, address="2001:db8::1")])
    cman.fail("cman_get_node_addrs", errno.EINVAL)
    assert connect(cman).snapshot().members[0].addresses == ("2001:db8::1",)


def test_another_failure_of_the_addresses_fails_the_reading() -> None:
    cman = ScriptedCman([node(1, address="2001:db8::1")])
    cman.fail("cman_get_node_addrs", errno.ENOMEM)
    with pytest.raises(OSError, match="cman_get_node_addrs") as raised:
        connect(cman).snapshot()
    assert raised.value.errno == errno.ENOMEM


def test_votes_are_asked_for_while_a_node_is_away_and_never_of_the_disk() -> None:
    cman = ScriptedCman([node(0, "/dev/qdisk0"), node(1), node(2)])
    source = connect(cman)
    assert source.snapshot().member_votes is None
    assert "cman_get_node_extra" not in cman.calls
    cman.nodes[2] = node(2, member=False)
    cman.votes[1] = 3
    membership = source.snapshot()
    assert membership.member_votes == 3
    assert membership.absentees == (Absentee(id=2, name="n2", votes=1),)
    assert "cman_get_fenceinfo" not in cman.calls
    cman.votes[1] = 5
    assert source.snapshot().member_votes == 5


def test_members_are_the_same_values_whether_a_node_is_away_or_not() -> None:
    """Else a node that leaves or joins would have the whole table thought over."""
    cman = ScriptedCman([node(1), node(2), node(3)])
    source = connect(cman)
    before = source.snapshot().members
    cman.nodes[2] = node(3, member=False)
    away = source.snapshot().members
    cman.nodes[2] = node(3)
    after = source.snapshot().members
    assert all(one is other for one, other in zip(before, away, strict=False))
    assert all(one is other for one, other in zip(before, after[:2], strict=False))


def test_node_that_cman_forgot_since_the_list_was_read_has_no_votes() -> None:
    cman = ScriptedCman([node(1), node(2, member=False)])
    cman.fail("cman_get_node_extra", errno.EINVAL)
    assert connect(cman).snapshot().member_votes is None


def test_two_node_mode_is_told_and_fencing_asked_for_the_absent_only() -> None:
    cman = ScriptedCman([node(1), node(2, member=False)])
    cman.extra_flags = EXTRA_FLAG_2NODE | 16
    cman.fenced[2] = FenceRecord(fenced=1, time_s=1_700_000_000)
    membership = connect(cman).snapshot()
    assert membership.two_node
    assert membership.absentees == (Absentee(id=2, name="n2", votes=1, fenced=True),)
    assert cman.calls.count("cman_get_fenceinfo") == 1


def test_fencing_is_not_asked_for_where_a_majority_decides() -> None:
    cman = ScriptedCman([node(1), node(2, member=False), node(3)])
    cman.fenced[2] = FenceRecord(fenced=1, time_s=1_700_000_000)
    assert connect(cman).snapshot().absentees == (Absentee(id=2, name="n2", votes=1, fenced=False),)
    assert "cman_get_fenceinfo" not in cman.calls


def test_fencing_is_asked_for_where_half_of_the_nodes_are_members() -> None:
    """The quorum disk's vote is no node's."""
    cman = ScriptedCman([node(0, "/dev/qdisk0"), node(1), node(2, member=False)])
    cman.fenced[2] = FenceRecord(fenced=1, time_s=1_700_000_000)
    assert connect(cman).snapshot().absentees == (Absentee(id=2, name="n2", votes=1, fenced=True),)


def test_a_refused_fence_question_vouches_for_nothing() -> None:
    cman = ScriptedCman([node(1), node(2, member=False)])
    cman.extra_flags = EXTRA_FLAG_2NODE
    cman.fail("cman_get_fenceinfo", errno.EINVAL)
    assert connect(cman).snapshot().absentees == (Absentee(id=2, name="n2", votes=1, fenced=False),)


# -- the buffer


def test_nodes_that_appear_after_the_count_find_room() -> None:
    cman = ScriptedCman([node(1)])
    late = [node(100 + i, address="192.0.2.9") for i in range(NODE_HEADROOM - 1)]
    cman.late_nodes.append(late)
    assert len(connect(cman).snapshot().members) == NODE_HEADROOM
    assert cman.calls.count("cman_get_nodes") == 1


@pytest.mark.parametrize("old_memory", [False, True])
@pytest.mark.parametrize("extra", [0, 1])
def test_a_buffer_that_is_too_small_or_full_is_tried_again(old_memory: bool, extra: int) -> None:
    """EINVAL, a success with an earlier answer's memory, or a list that just fits: all doubted."""
    cman = ScriptedCman([node(1)])
    cman.old_memory = old_memory
    late = [node(100 + i, address="192.0.2.9") for i in range(NODE_HEADROOM + extra)]
    cman.late_nodes.append(late)
    membership = connect(cman).snapshot()
    assert names(membership) == ["n1"] + [f"n{100 + i}" for i in range(NODE_HEADROOM + extra)]
    assert cman.calls.count("cman_get_nodes") == 2


def test_the_headroom_grows_with_each_attempt() -> None:
    cman = ScriptedCman([node(1)])
    for grown in (NODE_HEADROOM + 1, 2 * NODE_HEADROOM - 1):
        cman.late_nodes.append([node(1000, address="192.0.2.9")] * grown)
    assert len(connect(cman).snapshot().members) == 1 + 3 * NODE_HEADROOM
    assert cman.calls.count("cman_get_nodes") == 2


@pytest.mark.parametrize("count", [-1, 10_000])
def test_an_impossible_count_is_not_believed(count: int) -> None:
    class Lying(ScriptedHandle):
        def get_nodes(self, max_nodes: int) -> tuple[int, tuple[NodeRecord, ...]]:
            return count, super().get_nodes(max_nodes)[1]

    with pytest.raises(OSError, match="cman_get_nodes") as raised:
        CmanSource(Lying(ScriptedCman([node(1)])), board()).snapshot()
    assert raised.value.errno == errno.EINVAL


@pytest.mark.parametrize("old_memory", [False, True])
def test_a_list_that_outgrows_every_buffer_fails_the_reading(old_memory: bool) -> None:
    cman = ScriptedCman([node(1)])
    cman.old_memory = old_memory
    for attempt in range(READ_ATTEMPTS):
        grown = NODE_HEADROOM * 2**attempt + 1
        cman.late_nodes.append([node(1000, address="192.0.2.9")] * grown)
    source = connect(cman)
    with pytest.raises(OSError, match="cman_get_nodes") as raised:
        source.snapshot()
    assert raised.value.errno == errno.EINVAL
    assert cman.calls.count("cman_get_nodes") == READ_ATTEMPTS
    assert len(source.snapshot().members) == len(cman.nodes)


# -- failures of single requests

REQUESTS = [
    "cman_get_cluster",
    "cman_get_node",
    "cman_get_node_count",
    "cman_get_nodes",
    "cman_is_quorate",
    "cman_get_extra_info",
    "cman_get_node_extra",
    "cman_get_node_addrs",
    "cman_get_fenceinfo",
]


def all_asked() -> ScriptedCman:
    """A cman for whose snapshot every request is made."""
    cman = ScriptedCman([node(1, address="2001:db8::1"), node(2, member=False)])
    cman.extra_flags = EXTRA_FLAG_2NODE
    return cman


@pytest.mark.parametrize("call", REQUESTS)
@pytest.mark.parametrize("error", [errno.EHOSTDOWN, errno.ECONNRESET, errno.EPIPE])
def test_a_connection_that_dies_in_a_request_is_gone(call: str, error: int) -> None:
    cman = all_asked()
    source = connect(cman)
    cman.fail(call, error)
    with pytest.raises(ManagerGoneError, match=call) as raised:
        source.snapshot()
    assert raised.value.errno == error
    assert source.dispatch() == ()


@pytest.mark.parametrize("call", [call for call in REQUESTS if call != "cman_get_fenceinfo"])
def test_a_failed_request_fails_the_reading_only(call: str) -> None:
    cman = all_asked()
    source = connect(cman)
    cman.fail(call, errno.EIO)
    with pytest.raises(OSError, match=call) as raised:
        source.snapshot()
    assert (type(raised.value) is ManagerGoneError, raised.value.errno) == (False, errno.EIO)
    assert len(source.snapshot().members) == 1


@pytest.mark.parametrize("call", ["cman_get_node", "cman_get_node_count", "cman_get_nodes"])
def test_before_the_first_transition_the_connection_lives(call: str) -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.fail(call, errno.ENOENT)
    with pytest.raises(OSError, match=call) as raised:
        source.snapshot()
    assert (type(raised.value) is ManagerGoneError, raised.value.errno) == (False, errno.ENOENT)
    assert names(source.snapshot()) == ["n1"]


def test_cluster_and_local_id_are_asked_for_once_a_connection() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    source.snapshot()
    source.snapshot()
    assert (cman.calls.count("cman_get_cluster"), cman.calls.count("cman_get_node")) == (1, 1)
    assert cman.calls.count("cman_get_nodes") == 2


# -- answering and closing


@pytest.mark.parametrize(("yes", "sent"), [(True, 1), (False, 0)])
def test_an_answer_is_sent_exactly_once(yes: bool, sent: int) -> None:
    cman = ScriptedCman([node(1)])
    connect(cman).reply_shutdown(yes)
    assert cman.answers == [sent]


def test_an_answer_into_a_dead_connection_says_so_where_the_library_does() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.fail("cman_replyto_shutdown", errno.EHOSTDOWN)
    with pytest.raises(ManagerGoneError):
        source.reply_shutdown(True)


def test_close_gives_the_connection_back_once() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    source.close()
    source.close()
    assert (cman.finished, cman.calls.count("cman_finish")) == (1, 1)


def test_close_never_raises() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    cman.fail("cman_finish", errno.EINVAL)
    source.close()
    assert cman.calls[-1] == "cman_finish"


def test_a_closed_source_calls_the_library_no_more() -> None:
    cman = ScriptedCman([node(1)])
    source = connect(cman)
    source.close()
    assert source.dispatch() == ()
    assert cman.calls[-1] == "cman_finish"


# -- declared calls


def test_every_call_is_declared_by_its_c_name() -> None:
    """While a call is under way the board names it; in between it names none."""
    calls = board()
    seen: list[tuple[str, str | None]] = []

    class Watched(ScriptedCman):
        def note(self, call: str) -> None:
            seen.append((call, None if calls.current is None else calls.current.name))
            super().note(call)

    cman = Watched([node(1, address="2001:db8::1"), node(2, member=False)])
    cman.extra_flags = EXTRA_FLAG_2NODE
    source = connect_cman(cman, calls)
    source.fileno()
    source.dispatch()
    source.snapshot()
    source.reply_shutdown(False)
    source.close()
    assert [call for call, _ in seen] == [declared for _, declared in seen]
    assert {call for call, _ in seen} == {
        "cman_init",
        "cman_start_notification",
        "cman_get_fd",
        "cman_dispatch",
        "cman_get_node_extra",
        "cman_replyto_shutdown",
        "cman_finish",
        *REQUESTS,
    }
    assert (calls.current, calls.count) == (None, len(seen))


def test_the_source_is_a_membership_source() -> None:
    source: MembershipSource = CmanSource(ScriptedCman().init(), board())
    assert source.dispatch() == ()
