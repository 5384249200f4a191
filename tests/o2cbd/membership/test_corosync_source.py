"""CorosyncSource over scripted function tables: what the libraries say, and what is believed."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Mapping

import pytest

from fakecluster.clock import VirtualClock
from fakecluster.testing.scripted_corosync import Block, ScriptedCorosync, block
from o2cbd.calls import CallBoard
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import Absentee, Advice, Member, Membership, Quorum
from o2cbd.membership.corosync import READ_ATTEMPTS, connect_corosync, open_corosync
from o2cbd.membership.corosync_calls import TRY_AGAIN_ATTEMPTS, TRY_AGAIN_PAUSE_US
from o2cbd.membership.interface import ManagerGoneError, MembershipSource
from o2cbd.membership.libcorosync_table import (
    CS_ERR_ACCESS,
    CS_ERR_INTERRUPT,
    CS_ERR_LIBRARY,
    CS_ERR_TRY_AGAIN,
    CorosyncError,
)


class Pauses:
    """Counts instead of waiting."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def __call__(self, duration_us: int) -> None:
        self.taken.append(duration_us)


def connect(corosync: ScriptedCorosync, pauses: Pauses | None = None) -> MembershipSource:
    return connect_corosync(corosync, CallBoard(VirtualClock()), pauses or Pauses())


def three() -> ScriptedCorosync:
    return ScriptedCorosync([block(1), block(2), block(3)])


def readable(source: MembershipSource) -> bool:
    poller = select.poll()
    poller.register(source.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def ids(membership: Membership) -> list[int]:
    return [member.id for member in membership.members]


# -- connecting


@pytest.mark.parametrize(
    "call", ["quorum_model_initialize", "cmap_initialize", "corosync_cfg_initialize"]
)
@pytest.mark.parametrize(
    ("code", "number", "meaning"),
    [
        (CS_ERR_LIBRARY, errno.ECONNREFUSED, "corosync is not running"),
        (CS_ERR_TRY_AGAIN, errno.EAGAIN, "not ready yet"),
        (CS_ERR_ACCESS, errno.EACCES, "uidgid"),
        (8, errno.ENOMEM, r"CS_ERR_NO_MEMORY \(8\)"),
        (77, errno.EIO, r"unknown cs_error_t \(77\)"),
    ],
)
def test_a_refused_connection_has_an_errno_and_what_it_means(
    call: str, code: int, number: int, meaning: str
) -> None:
    corosync = three()
    corosync.fail(call, code, TRY_AGAIN_ATTEMPTS)
    with pytest.raises(OSError, match=meaning) as raised:
        connect(corosync)
    assert raised.value.errno == number


@pytest.mark.parametrize(
    ("call", "given_back"),
    [
        ("quorum_model_initialize", []),
        ("cmap_initialize", ["quorum"]),
        ("corosync_cfg_initialize", ["cmap", "quorum"]),
        ("cmap_track_add", ["quorum", "cmap", "corosync_cfg"]),
        ("quorum_trackstart", ["quorum", "cmap", "corosync_cfg"]),
        ("corosync_cfg_trackstart", ["quorum", "cmap", "corosync_cfg"]),
    ],
)
def test_whatever_fails_all_that_was_opened_is_given_back(call: str, given_back: list[str]) -> None:
    corosync = three()
    corosync.fail(call, 8)
    with pytest.raises(OSError, match=f"{call}: CS_ERR_NO_MEMORY"):
        connect(corosync)
    assert corosync.finalized == given_back


def test_a_corosync_that_ends_while_it_is_connected_to_is_gone() -> None:
    corosync = three()
    corosync.fail("quorum_trackstart", CS_ERR_LIBRARY)
    with pytest.raises(ManagerGoneError, match="ended during the connect") as raised:
        connect(corosync)
    assert raised.value.errno == errno.EHOSTDOWN


def test_a_busy_corosync_is_asked_again_after_a_pause() -> None:
    corosync, pauses = three(), Pauses()
    corosync.fail("cmap_initialize", CS_ERR_TRY_AGAIN, 2)
    corosync.fail("cmap_iter_next", CS_ERR_TRY_AGAIN, 3)
    assert ids(connect(corosync, pauses).snapshot()) == [1, 2, 3]
    assert pauses.taken == [TRY_AGAIN_PAUSE_US] * 5


def test_one_that_stays_busy_fails_the_reading_and_lives() -> None:
    corosync, pauses = three(), Pauses()
    source = connect(corosync, pauses)
    corosync.fail("cmap_get", CS_ERR_TRY_AGAIN, TRY_AGAIN_ATTEMPTS)
    with pytest.raises(OSError, match=r"cmap_get: CS_ERR_TRY_AGAIN \(6\)") as raised:
        source.snapshot()
    assert raised.value.errno == errno.EAGAIN
    assert not isinstance(raised.value, ManagerGoneError)
    assert len(pauses.taken) == TRY_AGAIN_ATTEMPTS - 1
    assert ids(source.snapshot()) == [1, 2, 3]


def test_whoever_connects_is_not_told_what_he_reads_anyway() -> None:
    source = connect(three())
    assert not readable(source)
    assert source.dispatch() == ()


def test_the_vote_comes_last() -> None:
    """Nobody is asked who could not answer."""
    corosync = three()
    connect(corosync)
    assert corosync.calls[-1] == "corosync_cfg_trackstart"


def test_a_library_without_the_question_runs_without_the_vote() -> None:
    corosync = three()
    corosync.can_vote = False
    source = connect(corosync)
    assert "corosync_cfg_trackstart" not in corosync.calls
    assert ids(source.snapshot()) == [1, 2, 3]


def test_who_only_reads_is_no_voter_and_told_of_no_ring() -> None:
    corosync = three()
    source = open_corosync(corosync, CallBoard(VirtualClock()), Pauses())
    assert ids(source.snapshot()) == [1, 2, 3]
    corosync.form([1])
    corosync.reload()
    corosync.ask_shutdown()
    assert source.dispatch() == (ConfigChange(version=0),)
    assert "corosync_cfg_trackstart" not in corosync.calls
    source.close()
    assert corosync.finalized == ["quorum", "cmap", "corosync_cfg"]


# -- model 0


def test_an_old_libquorum_tells_of_members_too() -> None:
    corosync = three()
    corosync.model = 0
    source = connect(corosync)
    corosync.form([1, 2])
    assert source.dispatch() == (StateChange(quorate=True),)
    assert ids(source.snapshot()) == [1, 2]


def test_an_old_libquorum_without_a_provider_would_tell_of_nothing() -> None:
    corosync = three()
    corosync.model, corosync.quorum_type = 0, 0
    with pytest.raises(OSError, match="provider: corosync_votequorum") as raised:
        connect(corosync)
    assert raised.value.errno == errno.ENOTSUP
    assert corosync.finalized == ["quorum"]


# -- descriptors and events


def test_one_descriptor_for_all_three_libraries() -> None:
    corosync = three()
    source = connect(corosync)
    fd = source.fileno()
    events: tuple[tuple[Callable[[], object], tuple[Notice, ...]], ...] = (
        (lambda: corosync.form([1, 2]), (StateChange(quorate=True),)),
        (corosync.reload, (ConfigChange(version=0),)),
        (corosync.ask_shutdown, (ShutdownAsked(forced=False, removed=False),)),
    )
    for happens, notices in events:
        assert not readable(source)
        happens()
        assert readable(source)
        assert source.dispatch() == notices
    assert not readable(source)
    assert source.fileno() == fd


def test_what_comes_during_a_reading_wakes_and_is_told() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.form([1], quorate=False)
    membership = source.snapshot()
    assert (ids(membership), membership.quorum) == ([1], Quorum.INQUORATE)
    assert readable(source)
    assert source.dispatch() == (StateChange(quorate=False),)
    assert not readable(source)
    assert source.dispatch() == ()


def test_what_is_queued_stays_queued_over_two_readings() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.form([1, 2])
    source.snapshot()
    source.snapshot()
    assert readable(source)
    assert source.dispatch() == (StateChange(quorate=True),)


def test_a_reading_takes_no_shutdown_question_away() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.ask_shutdown(forced=True)
    source.snapshot()
    assert readable(source)
    assert source.dispatch() == (ShutdownAsked(forced=True, removed=False),)


def test_a_failed_reading_keeps_what_it_was_told() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.form([1, 2])
    corosync.fail("cmap_get", 8)
    with pytest.raises(CorosyncError):
        source.snapshot()
    assert readable(source)
    assert source.dispatch() == (StateChange(quorate=True),)


@pytest.mark.parametrize("call", ["quorum_dispatch", "cmap_dispatch", "corosync_cfg_dispatch"])
@pytest.mark.parametrize("code", [CS_ERR_TRY_AGAIN, CS_ERR_INTERRUPT])
def test_an_interrupted_dispatch_is_no_loss(call: str, code: int) -> None:
    corosync = three()
    source = connect(corosync)
    corosync.form([1, 2])
    corosync.reload()
    corosync.fail(call, code)
    told = [*source.dispatch(), *source.dispatch()]
    assert sorted(map(str, told)) == sorted(
        map(str, [StateChange(quorate=True), ConfigChange(version=0)])
    )


@pytest.mark.parametrize("call", ["quorum_dispatch", "cmap_dispatch", "corosync_cfg_dispatch"])
@pytest.mark.parametrize(
    ("code", "number"), [(CS_ERR_LIBRARY, errno.EHOSTDOWN), (9, errno.EBADF), (8, errno.ENOMEM)]
)
def test_a_dead_connection_gives_one_last_notice(call: str, code: int, number: int) -> None:
    """Whatever a dispatch says, its stream cannot be trusted any more."""
    corosync = three()
    source = connect(corosync)
    corosync.fail(call, code)
    assert source.dispatch() == (ManagerLost(errno=number),)
    assert source.dispatch() == ()


def test_a_death_wakes_and_what_came_before_it_in_a_reading_is_told_first() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.form([1, 2])
    source.snapshot()
    corosync.die()
    assert readable(source)
    assert source.dispatch() == (StateChange(quorate=True), ManagerLost(errno=errno.EHOSTDOWN))


@pytest.mark.parametrize(
    "call",
    ["quorum_dispatch", "cmap_get", "cmap_iter_next", "cmap_dispatch", "corosync_cfg_local_get"],
)
def test_a_request_finds_corosync_gone(call: str) -> None:
    corosync = three()
    source = connect(corosync)
    corosync.fail(call, CS_ERR_LIBRARY)
    with pytest.raises(ManagerGoneError) as raised:
        source.snapshot()
    assert raised.value.errno == errno.EHOSTDOWN
    assert source.dispatch() == ()


def test_what_a_callback_raises_does_not_vanish() -> None:
    corosync = three()
    source = connect(corosync)

    def broken(*_callbacks: object) -> None:
        raise MemoryError

    assert corosync.quorum is not None
    corosync.quorum.events.put(broken)
    with pytest.raises(MemoryError):
        source.dispatch()


def test_closed_is_closed() -> None:
    corosync = three()
    source = connect(corosync)
    source.close()
    source.close()
    assert corosync.finalized == ["quorum", "cmap", "corosync_cfg"]
    assert source.dispatch() == ()
    with pytest.raises(OSError, match="is closed") as raised:
        source.fileno()
    assert raised.value.errno == errno.EBADF


# -- reading


def test_a_snapshot_holds_all_that_corosync_says() -> None:
    corosync = ScriptedCorosync(
        [
            block(1),
            block(2, o2cb_port="7778", o2cb_address="10.9.0.2", o2cb_num="0"),
            {**block(3), "quorum_votes": 3},
        ],
        members=[2, 1],
        local_id=2,
    )
    corosync.keys["runtime.members.1.join_count"] = 12
    assert connect(corosync).snapshot() == Membership(
        cluster="alpha",
        local_id=2,
        quorum=Quorum.QUORATE,
        two_node=False,
        members=(
            Member(id=1, name="n1", incarnation=12, addresses=("192.0.2.1",), votes=1),
            Member(
                id=2,
                name="n2",
                incarnation=4,
                addresses=("192.0.2.2",),
                advice=Advice(address="10.9.0.2", port="7778", num="0"),
                votes=1,
            ),
        ),
        absentees=(Absentee(id=3, name="n3", addresses=("192.0.2.3",), votes=3),),
    )


def test_members_that_are_as_they_were_are_the_same_values() -> None:
    corosync = three()
    source = connect(corosync)
    before = source.snapshot().members
    corosync.keys["runtime.members.2.join_count"] = 7
    after = source.snapshot().members
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_our_own_incarnation_is_the_ring_in_which_the_connection_began() -> None:
    """A restarted corosync counts everybody from one again, us included: nobody would notice."""
    corosync = three()
    corosync.keys["runtime.members.1.join_count"] = 1
    source = connect(corosync)
    before = source.snapshot().members[0].incarnation
    corosync.form([1, 2])
    assert source.snapshot().members[0].incarnation == before
    source.close()
    assert connect(corosync).snapshot().members[0].incarnation != before


def test_nothing_was_heard_yet_is_no_membership() -> None:
    corosync = three()
    corosync.says_nothing_at_first = True
    source = connect(corosync)
    with pytest.raises(OSError, match="quorum_dispatch") as raised:
        source.snapshot()
    assert raised.value.errno == errno.EAGAIN
    corosync.form([1, 2, 3])
    assert ids(source.snapshot()) == [1, 2, 3]


def test_a_missing_cluster_name_is_empty() -> None:
    corosync = three()
    del corosync.keys["totem.cluster_name"]
    assert connect(corosync).snapshot().cluster == ""


def test_without_a_quorum_provider_quorum_is_unknown_and_members_are_told_all_the_same() -> None:
    corosync = three()
    corosync.quorum_type = 0
    source = connect(corosync)
    assert source.snapshot().quorum is Quorum.UNKNOWN
    corosync.form([1, 2])
    assert source.dispatch() == (StateChange(quorate=True),)
    membership = source.snapshot()
    assert (ids(membership), membership.quorum) == ([1, 2], Quorum.UNKNOWN)


def test_a_nodes_end_is_never_seen_under_the_quorum_of_before() -> None:
    """The node list of a ring comes before what quorum makes of it: half of it is no view."""
    corosync = three()
    source = connect(corosync)
    assert corosync.quorum is not None
    corosync.quorum.events.put(lambda _quorum, nodelist: nodelist(8, (1,)))
    membership = source.snapshot()
    assert (ids(membership), membership.quorum) == ([1, 2, 3], Quorum.QUORATE)


@pytest.mark.parametrize(("value", "expected"), [(1, True), (0, False), (None, False)])
def test_two_node_mode_is_votequorums(value: int | None, expected: bool) -> None:
    corosync = three()
    if value is not None:
        corosync.keys["runtime.votequorum.two_node"] = value
    assert connect(corosync).snapshot().two_node is expected


# -- the node list


def test_nodes_are_known_by_id_when_positions_shift() -> None:
    corosync = ScriptedCorosync([block(2), block(3)], members=[2, 3], local_id=2)
    source = connect(corosync)
    corosync.reload([block(1), block(2), block(3)], version=3)
    assert source.dispatch() == (ConfigChange(version=3),)
    membership = source.snapshot()
    assert [(m.id, m.name, m.addresses) for m in membership.members] == [
        (2, "n2", ("192.0.2.2",)),
        (3, "n3", ("192.0.2.3",)),
    ]
    assert [absentee.name for absentee in membership.absentees] == ["n1"]


def test_a_reload_tells_once_however_many_keys_change() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.reload(version=2)
    assert source.dispatch() == (ConfigChange(version=2),)


def test_the_version_is_known_from_the_start() -> None:
    corosync = three()
    corosync.keys["totem.config_version"] = 9
    source = connect(corosync)
    corosync.reload()
    assert source.dispatch() == (ConfigChange(version=9),)


def test_a_reload_while_the_list_is_read_has_it_read_again() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.reload_during_reading.append(lambda: corosync.reload([block(3), block(2)]))
    membership = source.snapshot()
    assert [member.name for member in membership.members] == ["", "n2", "n3"]
    assert readable(source)
    assert source.dispatch() == (ConfigChange(version=0),)


def test_a_list_in_the_middle_of_a_reload_is_not_believed() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.begin_reload()
    with pytest.raises(OSError, match="cmap_iter_next") as raised:
        source.snapshot()
    assert raised.value.errno == errno.EAGAIN
    assert corosync.calls.count("cmap_iter_next") == READ_ATTEMPTS
    corosync.end_reload()
    assert source.dispatch() == (ConfigChange(version=0),)
    assert ids(source.snapshot()) == [1, 2, 3]


def test_the_name_is_the_name_or_the_first_rings_where_that_is_one() -> None:
    corosync = ScriptedCorosync(
        [
            {"nodeid": 1, "ring0_addr": "alpha.example"},
            {"nodeid": 2, "ring0_addr": "192.0.2.2"},
            {"nodeid": 3, "ring0_addr": "2001:db8::3"},
            {"nodeid": 4, "ring1_addr": "delta"},
            {"nodeid": 5, "name": "echo", "ring0_addr": "other.example"},
        ]
    )
    names = [member.name for member in connect(corosync).snapshot().members]
    assert names == ["alpha.example", "", "", "", "echo"]


def test_names_need_not_be_text() -> None:
    corosync = ScriptedCorosync([block(1)])
    corosync.blocks = []
    corosync.members = [1]
    corosync.keys.update(
        {"nodelist.node.0.nodeid": 1, "nodelist.node.0.name": b"\xffn", "nodelist.node.0.more.x": 1}
    )
    assert connect(corosync).snapshot().members[0].name == "\udcffn"


# -- which block is about whom


def test_a_member_that_nobody_configured_has_no_name() -> None:
    """Its addresses are those with which it joined."""
    corosync = ScriptedCorosync(
        [block(1)], members=[1, 4026531841], links={4026531841: ["10.0.0.9"]}
    )
    assert connect(corosync).snapshot().members[1] == Member(
        id=4026531841, name="", incarnation=0, addresses=("10.0.0.9",), listed=False
    )


def test_a_member_whose_id_was_edited_keeps_its_id_and_is_found_by_its_address() -> None:
    """The list says 20 of the node that runs as 2, as after a reload of that file."""
    corosync = three()
    source = connect(corosync)
    corosync.reload([block(1), {**block(20), "name": "n2", "ring0_addr": "192.0.2.2"}, block(3)])
    membership = source.snapshot()
    assert [(one.id, one.name, one.listed) for one in membership.members] == [
        (1, "n1", True),
        (2, "n2", False),
        (3, "n3", True),
    ]
    assert [(one.id, one.name, one.runs_as) for one in membership.absentees] == [(20, "n2", 2)]


def test_an_edited_id_is_seen_behind_host_names_too() -> None:
    hosts = {f"host{number}": f"10.0.0.{number}" for number in (1, 2)}
    blocks = [block(number, ring0_addr=f"host{number}") for number in (1, 2)]
    corosync = ScriptedCorosync(blocks, hosts=hosts)
    source = connect(corosync)
    corosync.reload([blocks[0], {**blocks[1], "nodeid": 20}])
    membership = source.snapshot()
    assert [(one.name, one.listed) for one in membership.members] == [("n1", True), ("n2", False)]
    assert [(one.id, one.runs_as) for one in membership.absentees] == [(20, 2)]


def test_an_edited_id_of_a_node_that_the_others_lost_over_it_is_known_from_its_record() -> None:
    """knet takes the links of the old id down at the reload."""
    corosync = three()
    source = connect(corosync)
    corosync.reload([block(1), {**block(20), "name": "n2", "ring0_addr": "192.0.2.2"}, block(3)])
    corosync.form([1, 3])
    absentees = source.snapshot().absentees
    assert [(one.id, one.name, one.runs_as, one.ran_as) for one in absentees] == [
        (20, "n2", None, 2)
    ]
    corosync.form([1, 3, 20])
    membership = source.snapshot()
    assert ([one.id for one in membership.members], membership.absentees) == ([1, 3, 20], ())


def test_an_id_that_is_taken_out_of_the_list_is_known_from_the_record() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.reload([block(1), {**block(2), "nodeid": 0}, block(3)])
    corosync.form([1, 3])
    assert [(one.id, one.name, one.ran_as) for one in source.snapshot().absentees] == [
        (2, "n2", None)
    ]


def test_our_own_block_is_where_corosync_found_it_whatever_id_it_has() -> None:
    """Also where its id is now that of another node which runs: the two were swapped."""
    corosync = three()
    source = connect(corosync)
    swapped = [block(1, ring0_addr="192.0.2.2"), block(2, ring0_addr="192.0.2.1"), block(3)]
    corosync.reload([{**swapped[1], "name": "n1"}, {**swapped[0], "name": "n2"}, swapped[2]])
    membership = source.snapshot()
    assert [(one.id, one.name, one.listed) for one in membership.members] == [
        (1, "n1", False),
        (2, "n2", False),
        (3, "n3", True),
    ]
    assert [(one.id, one.name, one.runs_as) for one in membership.absentees] == [
        (1, "n2", 2),
        (2, "n1", 1),
    ]


def test_without_our_place_in_the_list_our_id_tells() -> None:
    """Corosync takes the place away in a reload that fails."""
    corosync = three()
    source = connect(corosync)
    del corosync.keys["nodelist.local_node_pos"]
    assert all(member.listed for member in source.snapshot().members)


def test_a_host_that_was_taken_out_of_the_list_is_in_no_block() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.reload([block(2), block(3)])
    assert [(one.id, one.listed) for one in source.snapshot().members] == [
        (1, False),
        (2, True),
        (3, True),
    ]


def test_a_block_without_an_id_is_about_the_member_with_its_address() -> None:
    """No id in the list is not another one: a reload that fails can leave that behind."""
    nameless: Block = {"ring0_addr": "192.0.2.3", "name": "n3"}
    blocks = [block(1), {**block(2), "nodeid": 0}, nameless]
    corosync = ScriptedCorosync(
        blocks, members=[1, 2, 3221226003], links={2: ["192.0.2.2"], 3221226003: ["192.0.2.3"]}
    )
    membership = connect(corosync).snapshot()
    assert [(one.id, one.name, one.listed, one.votes) for one in membership.members] == [
        (1, "n1", True, 1),
        (2, "n2", True, 1),
        (3221226003, "n3", True, 1),
    ]
    assert membership.absentees == ()


def test_a_block_without_an_id_does_not_vanish_while_its_node_is_away() -> None:
    corosync = ScriptedCorosync([block(1), {**block(9), "nodeid": 0}], members=[1])
    assert connect(corosync).snapshot().absentees == (
        Absentee(id=0, name="n9", addresses=("192.0.2.9",), votes=1),
    )


def test_of_two_blocks_with_one_id_the_second_is_about_no_member() -> None:
    corosync = ScriptedCorosync(
        [block(1), block(2), block(2, name="other", ring0_addr="192.0.2.7")]
    )
    membership = connect(corosync).snapshot()
    assert [(one.id, one.name) for one in membership.members] == [(1, "n1"), (2, "n2")]
    assert [(one.id, one.name, one.runs_as) for one in membership.absentees] == [(2, "other", None)]


@pytest.mark.parametrize("written", [b"", b"\0\1binary", b"x" * 16384, 2.5])
def test_values_of_another_kind_are_no_values(written: bytes | float) -> None:
    corosync = three()
    source = connect(corosync)
    corosync.keys["nodelist.node.7.nodeid"] = written
    corosync.keys["nodelist.node.7.quorum_votes"] = written
    corosync.keys["nodelist.local_node_pos"] = written
    membership = source.snapshot()
    assert ids(membership) == [1, 2, 3]
    assert [(one.id, one.votes) for one in membership.absentees] == [(0, 1)]


def test_huge_ids_are_ids() -> None:
    corosync = ScriptedCorosync(
        [block(1), {**block(2), "nodeid": 2**31}, {**block(3), "nodeid": 2**32 - 1}]
    )
    assert ids(connect(corosync).snapshot()) == [1, 2**31, 2**32 - 1]


# -- addresses


def addresses_of(
    rings: Mapping[int, str], hosts: Mapping[str, str], *, peer: Mapping[int, str]
) -> list[tuple[str, ...]]:
    """Of our own node, which has these rings, and of another one, which is away."""
    blocks: list[dict[str, str | int]] = [
        {"nodeid": number, **{f"ring{ring}_addr": text for ring, text in given.items()}}
        for number, given in ((1, rings), (2, peer))
    ]
    membership = connect(ScriptedCorosync(blocks, members=[1], hosts=hosts)).snapshot()
    return [membership.members[0].addresses, membership.absentees[0].addresses]


HOSTS = {
    "a1": "10.0.0.1",
    "a2": "10.0.0.2",
    "b1": "10.1.0.1",
    "b2": "10.1.0.2",
    "six1": "fd00:1::1",
    "six2": "fd00:1::2",
}


@pytest.mark.row("address", "address-by-subnet-or-ring", "address-families")
@pytest.mark.parametrize(
    ("rings", "peer", "expected"),
    [
        # What is written is the address, whatever corosync makes of it.
        ({0: "10.0.0.1"}, {0: "10.0.0.2"}, [("10.0.0.1",), ("10.0.0.2",)]),
        (
            {0: "fd00:1::1", 1: "10.1.0.1"},
            {0: "fd00:1:0::2", 1: "10.1.0.2"},
            [("fd00:1::1", "10.1.0.1"), ("fd00:1::2", "10.1.0.2")],
        ),
        (
            {0: "10.0.0.1", 1: "fd00:1::1"},
            {0: "10.0.0.2", 1: "FD00:1::2"},
            [("10.0.0.1", "fd00:1::1"), ("10.0.0.2", "fd00:1::2")],
        ),
        # Names: corosync is asked, and believed where all links are of one family.
        ({0: "a1"}, {0: "a2"}, [("10.0.0.1",), ("10.0.0.2",)]),
        ({0: "six1"}, {0: "six2"}, [("fd00:1::1",), ("fd00:1::2",)]),
        (
            {0: "a1", 1: "b1"},
            {0: "a2", 1: "b2"},
            [("10.0.0.1", "10.1.0.1"), ("10.0.0.2", "10.1.0.2")],
        ),
        (
            {1: "a1", 3: "b1"},
            {1: "a2", 3: "b2"},
            [("", "10.0.0.1", "", "10.1.0.1"), ("", "10.0.0.2", "", "10.1.0.2")],
        ),
        # The first link's answer is right; another one's is not where the families are mixed.
        (
            {0: "a1", 1: "six1"},
            {0: "a2", 1: "six2"},
            [("10.0.0.1", ""), ("10.0.0.2", "")],
        ),
        (
            {0: "six1", 1: "b1"},
            {0: "six2", 1: "b2"},
            [("fd00:1::1", ""), ("fd00:1::2", "")],
        ),
        # One written address tells the family of its ring, on all nodes.
        (
            {0: "10.0.0.1", 1: "fd00:1::1"},
            {0: "10.0.0.2", 1: "six2"},
            [("10.0.0.1", "fd00:1::1"), ("10.0.0.2", "")],
        ),
        (
            {0: "10.0.0.1", 1: "10.1.0.1"},
            {0: "10.0.0.2", 1: "b2"},
            [("10.0.0.1", "10.1.0.1"), ("10.0.0.2", "10.1.0.2")],
        ),
        # A name that is resolved to nothing leaves one out, and which is not said.
        (
            {0: "10.0.0.1", 1: "10.1.0.1", 2: "nowhere"},
            {0: "10.0.0.2", 1: "b2", 2: "nowhere"},
            [("10.0.0.1", "10.1.0.1", ""), ("10.0.0.2", "", "")],
        ),
        ({0: "10.1"}, {0: "010.0.0.2"}, [("",), ("",)]),
    ],
)
def test_each_ring_has_the_address_that_is_written_or_believed(
    rings: dict[int, str], peer: dict[int, str], expected: list[tuple[str, ...]]
) -> None:
    assert addresses_of(rings, HOSTS, peer=peer) == expected


def test_our_own_record_proves_nothing_once_corosync_says_otherwise() -> None:
    """A ring was made anew with another family: the record of the first join stays as it was."""
    blocks = [block(number, ring0_addr=f"a{number}", ring1_addr=f"b{number}") for number in (1, 2)]
    corosync = ScriptedCorosync(blocks, hosts=HOSTS)
    source = connect(corosync)
    corosync.links |= {1: ["10.0.0.1", "fd00:1::1"], 2: ["10.0.0.2", "fd00:1::2"]}
    assert [one.addresses for one in source.snapshot().members] == [
        ("10.0.0.1", ""),
        ("10.0.0.2", ""),
    ]


def test_an_address_that_is_given_twice_counts_once() -> None:
    """As udpu does where blocks have neither name nor id."""
    corosync = ScriptedCorosync([block(1, ring0_addr="a1")], hosts=HOSTS)
    corosync.links[1] = ["10.0.0.1", "10.0.0.1"]
    assert connect(corosync).snapshot().members[0].addresses == ("10.0.0.1",)


def test_a_family_that_is_none_is_no_address() -> None:
    corosync = ScriptedCorosync([block(1, ring0_addr="a1")], hosts=HOSTS)
    source = connect(corosync)
    assert corosync.cfg is not None
    corosync.cfg.get_node_addrs = lambda nodeid: ((28, bytes(28)),)  # type: ignore[method-assign]
    assert source.snapshot().members[0].addresses == ("",)


def test_who_has_no_names_is_not_asked_for() -> None:
    corosync = three()
    connect(corosync).snapshot()
    assert "corosync_cfg_get_node_addrs" not in corosync.calls


def test_another_failure_of_the_addresses_fails_the_reading() -> None:
    corosync = ScriptedCorosync([block(1, ring0_addr="a1")], hosts=HOSTS)
    source = connect(corosync)
    corosync.fail("corosync_cfg_get_node_addrs", 8)
    with pytest.raises(OSError, match="corosync_cfg_get_node_addrs") as raised:
        source.snapshot()
    assert raised.value.errno == errno.ENOMEM


def test_an_id_that_totem_does_not_know_is_no_failure() -> None:
    corosync = ScriptedCorosync([block(1), block(2, ring0_addr="nowhere")], members=[1])
    assert connect(corosync).snapshot().absentees[0].addresses == ("",)


# -- the shutdown question


@pytest.mark.parametrize("yes", [True, False])
def test_the_answer_is_sent_once(yes: bool) -> None:
    corosync = three()
    source = connect(corosync)
    corosync.ask_shutdown()
    assert source.dispatch() == (ShutdownAsked(forced=False, removed=False),)
    source.reply_shutdown(yes=yes)
    assert corosync.answers == [int(yes)]


def test_an_answer_to_a_busy_corosync_is_sent_again_and_counts_once() -> None:
    corosync, pauses = three(), Pauses()
    source = connect(corosync, pauses)
    corosync.fail("corosync_cfg_replyto_shutdown", CS_ERR_TRY_AGAIN, 2)
    source.reply_shutdown(yes=False)
    assert (corosync.answers, len(pauses.taken)) == ([0], 2)


def test_an_answer_into_the_void_is_told() -> None:
    corosync = three()
    source = connect(corosync)
    corosync.die()
    with pytest.raises(ManagerGoneError):
        source.reply_shutdown(yes=True)
    assert source.dispatch() == ()


# -- declared calls


def test_every_call_is_declared_by_its_c_name() -> None:
    corosync = ScriptedCorosync([block(1, ring0_addr="a1")], hosts=HOSTS)
    calls = CallBoard(VirtualClock())
    seen: set[str | None] = set()
    note = corosync.note

    def watch(call: str) -> None:
        seen.add(None if calls.current is None else calls.current.name)
        note(call)

    corosync.note = watch  # type: ignore[method-assign]
    source = connect_corosync(corosync, calls, Pauses())
    source.snapshot()
    source.dispatch()
    source.reply_shutdown(yes=True)
    assert None not in seen
    assert {"quorum_dispatch", "cmap_get", "corosync_cfg_get_node_addrs"} <= seen
    assert calls.current is None
