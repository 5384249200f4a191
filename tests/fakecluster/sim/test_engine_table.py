"""libcman's functions over an engine, and the production source above them."""

import errno
from collections.abc import Callable, Iterator

import pytest

from fakecluster.clock import Timeline
from fakecluster.cman.client import SocketKind
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_drivers import InProcessDriver
from fakecluster.sim.engine_table import SOCKET_FD, ZERO_FD, EngineTable
from fakecluster.testing.cman_engine import EngineHarness
from o2cbd.core.model import Absentee, Member
from o2cbd.membership.interface import ManagerGoneError
from o2cbd.membership.libcman_table import (
    DISPATCH_ALL,
    DISPATCH_ONE,
    REASON_STATECHANGE,
    REASON_TRY_SHUTDOWN,
    CmanError,
)


@pytest.fixture
def make() -> Iterator[Make]:
    drivers: list[InProcessDriver] = []

    def making(topology: Topology) -> InProcessDriver:
        drivers.append(InProcessDriver(topology))
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_real_source_over_an_engine(check: Callable[[Make], None], make: Make) -> None:
    check(make)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(Topology.of(3, qdisk=QuorumDisk()), Timeline())
    for node_id in (1, 2, 3):
        engine.start(node_id)
    engine.timeline.run_until(10_000_000)
    return engine


def test_a_request_sets_aside_what_came_before_its_answer(engine: Engine) -> None:
    woken: list[bool] = []
    table = EngineTable(engine, 1, lambda: woken.append(True))
    handle = table.init()
    events: list[tuple[int, int]] = []
    handle.start_notification(lambda reason, argument: events.append((reason, argument)))
    assert (handle.get_fd(), table.readable(SOCKET_FD)) == (SOCKET_FD, False)

    engine.leave(3)
    engine.timeline.run_until(11_000_000)
    assert woken != []
    assert (handle.get_fd(), table.readable(SOCKET_FD)) == (SOCKET_FD, True)
    assert handle.is_quorate() == 1
    assert handle.get_fd() == ZERO_FD
    assert (table.readable(SOCKET_FD), table.readable(ZERO_FD)) == (False, True)
    assert events == []
    assert handle.dispatch(DISPATCH_ONE) == 1
    assert events == [(REASON_STATECHANGE, 1)]
    assert handle.dispatch(DISPATCH_ALL) == 0
    assert {reason for reason, _ in events} == {REASON_STATECHANGE}
    assert handle.get_fd() == SOCKET_FD
    handle.finish()


def test_a_question_that_came_with_the_answer_is_set_aside(engine: Engine) -> None:
    silent = engine.connect(1)
    silent.start_notification()
    engine.connect(1, SocketKind.ADMIN).try_shutdown(0, lambda _status: None)
    handle = EngineTable(engine, 1, lambda: None).init()
    events: list[int] = []
    handle.start_notification(lambda reason, _: events.append(reason))

    assert handle.get_fd() == ZERO_FD
    assert handle.dispatch(DISPATCH_ALL) == 0
    assert events == [REASON_TRY_SHUTDOWN]


def test_a_dead_connection_says_so_after_its_events(engine: Engine) -> None:
    table = EngineTable(engine, 1, lambda: None)
    handle = table.init()
    events: list[int] = []
    handle.start_notification(lambda reason, _: events.append(reason))
    engine.connect(1, SocketKind.ADMIN).try_shutdown(0, lambda _status: None)
    engine.crash(1)

    assert table.readable(handle.get_fd())
    with pytest.raises(CmanError) as caught:
        handle.dispatch(DISPATCH_ALL)
    assert caught.value.errno == errno.EHOSTDOWN
    assert events == [REASON_TRY_SHUTDOWN]
    with pytest.raises(CmanError) as again:
        handle.get_node_count()
    assert again.value.errno == errno.EHOSTDOWN


def test_a_list_that_does_not_fit_is_refused(engine: Engine) -> None:
    handle = EngineTable(engine, 1, lambda: None).init()

    assert handle.get_node_count() == 4
    with pytest.raises(CmanError) as caught:
        handle.get_nodes(3)
    assert caught.value.errno == errno.EINVAL
    count, records = handle.get_nodes(4)
    assert (count, [record.nodeid for record in records]) == (4, [1, 2, 3, 0])


def test_there_is_nothing_to_poll_without_a_connection(engine: Engine) -> None:
    table = EngineTable(engine, 1, lambda: None)

    assert not table.readable(SOCKET_FD)
    table.init()
    assert not table.readable(None)


def test_nobody_connects_where_nobody_listens() -> None:
    engine = Engine(Topology.of(1), Timeline())

    with pytest.raises(CmanError) as caught:
        EngineTable(engine, 1, lambda: None).init()
    assert caught.value.errno == errno.ENOENT


def test_quorum_disk_is_a_member_with_id_0_and_no_address() -> None:
    """As the daemon lists it; who takes it for a node has not read the list's rules."""
    rig = EngineHarness(Topology.of(1, qdisk=QuorumDisk())).up()
    disk, node = rig.source(1).snapshot().members
    assert disk == Member(id=0, name="/dev/qdisk0", incarnation=0, addresses=())
    assert (node.id, node.addresses) == (1, ("10.0.0.1",))


def test_absent_quorum_disk_is_an_absentee() -> None:
    topology = Topology.of(2, two_node=True, qdisk=QuorumDisk(polled=False))
    snapshot = EngineHarness(topology).up().source(1).snapshot()
    assert snapshot.absentees == (Absentee(id=0, name="/dev/qdisk0"),)
    assert snapshot.two_node


def test_other_addresses_are_asked_for_where_the_first_is_not_ipv4() -> None:
    nodes = (
        NodeConfig(id=1, name="a", addresses=("10.0.0.1", "fd00::1")),
        NodeConfig(id=2, name="b", addresses=("fd00::2", "10.0.0.2")),
        NodeConfig(id=3, name="c", addresses=()),
    )
    rig = EngineHarness(Topology(cluster="o2", nodes=nodes)).up()
    assert [member.addresses for member in rig.source(1).snapshot().members] == [
        ("10.0.0.1",),
        ("fd00::2", "10.0.0.2"),
        (),
    ]


def test_members_that_do_not_change_are_the_same_objects() -> None:
    rig = EngineHarness(3).up()
    source = rig.source(1)
    before = source.snapshot().members
    rig.engine.leave(3)
    rig.run()
    rig.up()
    after = source.snapshot().members
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, True, False]


def test_dying_listener_lets_the_connect_fail() -> None:
    rig = EngineHarness(1).up()
    rig.engine.crash(1, dying_us=1000)
    with pytest.raises(ManagerGoneError) as caught:
        rig.source(1)
    assert caught.value.errno == errno.EHOSTDOWN
