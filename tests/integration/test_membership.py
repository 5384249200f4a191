"""What a source in a guest says arrives on the host as it was said; the guest's end runs here."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cattrs import structure, unstructure

from fakecluster.cman.topology import Topology
from fakecluster.conformance import membership as checks
from fakecluster.conformance.membership import Make
from fakecluster.conformance.membership_corosync import CorosyncDriver
from integration import membership
from integration.inside import sources
from integration.membership import GuestSource
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import Absentee, Advice, Member, Membership, Quorum
from o2cbd.membership.interface import ManagerGoneError
from o2cbd.membership.libcorosync_table import CorosyncTable


def crossed(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "notice",
    [
        StateChange(quorate=True),
        StateChange(quorate=False),
        ConfigChange(version=7),
        ShutdownAsked(forced=True, removed=False),
        ShutdownAsked(forced=False, removed=True),
        ManagerLost(errno=errno.EHOSTDOWN),
    ],
    ids=repr,
)
def test_a_notice_crosses(notice: Notice) -> None:
    assert membership.notice(crossed(sources.spelled(notice))) == notice


@pytest.mark.parametrize("quorum", Quorum)
def test_a_reading_crosses_whole(quorum: Quorum) -> None:
    reading = Membership(
        cluster="\udcff",
        local_id=2**32 - 1,
        quorum=quorum,
        two_node=True,
        members=(
            Member(id=1, name="\udcffä", incarnation=3, addresses=("10.0.0.1", "", "fd00::1")),
            Member(
                id=2**32 - 1,
                name="",
                incarnation=2**63,
                addresses=(),
                advice=Advice(address="10.0.0.2", port="x"),
            ),
        ),
        absentees=(
            Absentee(id=2, name="n", addresses=("10.0.0.9",), advice=Advice(port="1"), fenced=True),
            Absentee(id=3, name="m"),
        ),
    )
    assert structure(crossed(unstructure(reading)), Membership) == reading


def test_a_value_crosses_and_nothing_is_a_value() -> None:
    assert membership.value(crossed(sources.answered(lambda: 7))) == 7
    assert membership.value(crossed(sources.answered(lambda: None))) is None


@pytest.mark.parametrize("kind", [OSError, ManagerGoneError])
def test_a_refusal_crosses_with_its_errno_and_what_it_means(kind: type[OSError]) -> None:
    def refuse() -> None:
        raise kind(errno.EHOSTDOWN, "corosync is gone")

    with pytest.raises(OSError, match="corosync is gone") as caught:
        membership.value(crossed(sources.answered(refuse)))
    assert caught.value.errno == errno.EHOSTDOWN
    assert isinstance(caught.value, ManagerGoneError) == (kind is ManagerGoneError)


def test_what_is_no_refusal_is_not_taken_for_one() -> None:
    with pytest.raises(ZeroDivisionError):
        sources.answered(lambda: 1 // 0)


def ask_here(name: str, **arguments: object) -> Any:
    """What the guest's agent does with a call, in this process."""
    return crossed(getattr(sources, name)(**crossed(arguments)))


@pytest.fixture
def make(libcorosync: CorosyncTable, tmp_path: Path) -> Iterator[Make]:
    drivers: list[CorosyncDriver] = []

    def making(topology: Topology) -> CorosyncDriver:
        drivers.append(
            CorosyncDriver(libcorosync, topology, tmp_path, lambda: GuestSource(ask_here))
        )
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()
    sources.close_all()


@pytest.mark.process
@pytest.mark.parametrize(
    "check",
    [
        checks.a_manager_that_does_not_run_refuses,
        checks.a_reading_is_whole,
        checks.any_id_is_a_number_that_counts,
        checks.long_names_are_whole,
        checks.lost_quorum_is_told,
        checks.a_new_configuration_is_told_with_its_version,
        checks.a_request_finds_the_manager_gone,
        checks.closed_is_closed,
        checks.a_yes_ends_the_manager,
        checks.one_no_among_two_is_a_no,
    ],
    ids=lambda check: check.__name__,
)
def test_a_source_behind_a_call_is_a_source(check: Callable[[Make], None], make: Make) -> None:
    """One check for each kind of thing that crosses; the guests pass them all."""
    check(make)
