"""What a source says of changes, and of its end."""

from __future__ import annotations

import errno
from collections.abc import Callable

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership_support import (
    LOCAL,
    Make,
    absentee,
    connected,
    gone,
    ids,
    member,
    told,
)
from o2cbd.core.events import ConfigChange, ManagerLost, StateChange
from o2cbd.core.model import Quorum


def silence_is_silence(make: Make) -> None:
    """Nothing happens: nobody is woken, and a dispatch all the same gives nothing."""
    driver, source = connected(make)
    driver.settle()
    assert not driver.readable(source)
    assert source.dispatch() == ()


def a_join_is_told(make: Make) -> None:
    """The reading after the notice has the new member."""
    driver = make(Topology.of(3))
    driver.start(LOCAL)
    driver.start(2)
    driver.settle()
    source = driver.connect()
    driver.settle()
    source.dispatch()
    driver.start(3)
    assert set(told(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2, 3]


def a_leave_is_told(make: Make) -> None:
    """The reading after the notice has one member less."""
    driver, source = connected(make)
    driver.leave(3)
    assert set(told(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2]


def a_death_is_told(make: Make) -> None:
    """As a leave is."""
    driver, source = connected(make)
    driver.die(3)
    assert set(told(driver, source)) == {StateChange(quorate=True)}
    assert ids(source.snapshot().members) == [1, 2]


def lost_quorum_is_told(make: Make) -> None:
    """The last notice and the reading agree."""
    driver, source = connected(make)
    driver.die(2)
    driver.die(3)
    assert told(driver, source)[-1] == StateChange(quorate=False)
    membership = source.snapshot()
    assert (membership.quorum, ids(membership.members)) == (Quorum.INQUORATE, [1])
    assert ids(membership.absentees) == [2, 3]


def healing_brings_others_back_with_a_new_incarnation(make: Make) -> None:
    """Our own stays as it is: we never left."""
    driver, source = connected(make)
    before = source.snapshot()
    driver.partition([[1, 2], [3]])
    told(driver, source)
    driver.heal()
    told(driver, source)
    after = source.snapshot()
    assert ids(after.members) == [1, 2, 3]
    changed = [m.id for m in after.members if m.incarnation != member(before, m.id).incarnation]
    assert changed == [3]


def a_fast_restart_changes_the_incarnation_alone(make: Make) -> None:
    """Both readings have the member; only its incarnation tells that it was away."""
    driver, source = connected(make)
    before = member(source.snapshot(), 3)
    driver.crash(3)
    driver.start(3)
    told(driver, source)
    after = member(source.snapshot(), 3)
    assert after.incarnation != before.incarnation
    assert (after.name, after.addresses) == (before.name, before.addresses)


def what_comes_during_a_reading_is_not_lost(make: Make) -> None:
    """A notice is there, a reading goes first: whoever waits is woken all the same."""
    driver, source = connected(make)
    driver.die(3)
    driver.settle()
    assert ids(source.snapshot().members) == [1, 2]
    assert driver.readable(source)
    assert set(source.dispatch()) == {StateChange(quorate=True)}


def every_connection_is_told(make: Make) -> None:
    """Two of them hear the same."""
    driver, first = connected(make)
    second = driver.connect()
    driver.die(3)
    driver.settle()
    assert first.dispatch() == second.dispatch() != ()


def a_new_configuration_is_told_with_its_version(make: Make) -> None:
    """Among state changes, or alone."""
    driver, source = connected(make)
    driver.reconfigure()
    notices = told(driver, source)
    assert [each for each in notices if isinstance(each, ConfigChange)] == [ConfigChange(version=2)]


# -- two nodes


def two_node_mode_is_told(make: Make) -> None:
    """One of the two stays quorate alone, which proves nothing."""
    driver, source = connected(make, Topology.of(2, two_node=True))
    assert source.snapshot().two_node
    driver.die(2)
    told(driver, source)
    membership = source.snapshot()
    assert (membership.two_node, membership.quorum) == (True, Quorum.QUORATE)
    assert membership.absentees == (absentee(driver, 2),)


def a_fenced_node_is_told_in_two_node_mode(make: Make) -> None:
    """Until it is a member again."""
    driver, source = connected(make, Topology.of(2, two_node=True))
    driver.die(2)
    told(driver, source)
    driver.fenced(2)
    driver.settle()
    assert source.snapshot().absentees == (absentee(driver, 2, fenced=True),)
    driver.start(2)
    told(driver, source)
    driver.die(2)
    told(driver, source)
    assert source.snapshot().absentees == (absentee(driver, 2),)


# -- the end


def a_crash_is_told_once(make: Make) -> None:
    """After what came before it; from then on the source is silent."""
    driver, source = connected(make)
    driver.die(3)
    driver.settle()
    driver.crash(LOCAL)
    driver.settle()
    assert driver.readable(source)
    notices = source.dispatch()
    assert notices[-1] == ManagerLost(errno=errno.EHOSTDOWN)
    before = {StateChange(quorate=True)} if driver.dialect.delivers_after_death else set()
    assert set(notices[:-1]) == before
    assert source.dispatch() == ()
    source.close()


def a_leave_of_our_own_is_an_end(make: Make) -> None:
    """The manager closes its connections."""
    driver, source = connected(make)
    driver.leave(LOCAL)
    driver.settle()
    assert source.dispatch()[-1] == ManagerLost(errno=errno.EHOSTDOWN)


def a_request_finds_the_manager_gone(make: Make) -> None:
    """Where no notice was taken before; the notice is not given then."""
    driver, source = connected(make)
    driver.crash(LOCAL)
    driver.settle()
    assert gone(source.snapshot) == errno.EHOSTDOWN
    assert source.dispatch() == ()
    source.close()


def closed_is_closed(make: Make) -> None:
    """Twice does no harm, and nothing is heard after it, alive or dead."""
    driver, source = connected(make)
    source.close()
    source.close()
    driver.die(3)
    driver.settle()
    assert source.dispatch() == ()
    driver.crash(LOCAL)
    driver.settle()
    source.close()
    assert source.dispatch() == ()


NOTICES: tuple[Callable[[Make], None], ...] = (
    silence_is_silence,
    a_join_is_told,
    a_leave_is_told,
    a_death_is_told,
    lost_quorum_is_told,
    healing_brings_others_back_with_a_new_incarnation,
    a_fast_restart_changes_the_incarnation_alone,
    what_comes_during_a_reading_is_not_lost,
    every_connection_is_told,
    a_new_configuration_is_told_with_its_version,
    two_node_mode_is_told,
    a_fenced_node_is_told_in_two_node_mode,
    a_crash_is_told_once,
    a_leave_of_our_own_is_an_end,
    a_request_finds_the_manager_gone,
    closed_is_closed,
)
