"""The state machine drawn in full: every phase x every event, where it leads and what it causes."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import get_args

import pytest

from fakecluster.testing.examples import CLUSTER, entry, membership, node, tables
from fakecluster.testing.single_host import AT_ONCE
from o2cbd.core import effects, events
from o2cbd.core.controller import Controller
from o2cbd.core.model import AddNode, RemoveNode, Step, Usage
from o2cbd.core.phase import LEGAL, Phase, UnexpectedEventError
from o2cbd.core.rules import Rules

# Effects that follow one another and are equal in kind are written once. What is not in the table
# cannot come, and is a mistake of the caller's.
TABLE = """
phase              | event                | given                | next               | effects
-------------------+----------------------+----------------------+--------------------+------------------------------------
away               | Woken                | attempt due          | connecting         | Connect
away               | Woken                | attempt not due      | away               |
away               | ForgetAsked          | attempt not due      | away               | Tell
away               | StopAsked            | attempt not due      | leaving            | ReadUsage
away               | StateChange          | connection died      | away               |
away               | ConfigChange         | connection died      | away               |
away               | ShutdownAsked        | connection died      | away               |
away               | ManagerLost          | connection died      | away               |
away               | Dispatched           | connection died      | away               |
connecting         | Connected            |                      | listening          | Tell Dispatch
connecting         | ConnectFailed        |                      | away               | Tell
connecting         | ConnectFailed        | as the last time     | away               |
idle               | Woken                |                      | listening          | Dispatch
idle               | ForgetAsked          |                      | idle               | Tell
idle               | StopAsked            |                      | listening          | Dispatch
listening          | StateChange          |                      | listening          |
listening          | ConfigChange         |                      | listening          |
listening          | ShutdownAsked        |                      | listening          |
listening          | ManagerLost          |                      | away               | Disconnect Tell
listening          | ManagerLost          | stopping             | leaving            | Disconnect Tell ReadUsage
listening          | ForgetAsked          |                      | listening          | Tell
listening          | StopAsked            |                      | listening          |
listening          | Dispatched           |                      | reading-membership | ReadMembership
listening          | Dispatched           | nothing due          | idle               |
listening          | Dispatched           | asked                | answering          | ReadUsage
listening          | Dispatched           | stopping             | leaving            | ReadUsage
listening          | Dispatched           | asked and stopping   | answering          | ReadUsage
reading-membership | MembershipRead       |                      | reading-tables     | Tell ReadTables
reading-membership | MembershipRead       | we are no member     | idle               | Tell
reading-membership | MembershipRead       | wrong cluster        | ended              | Tell Disconnect Exit
reading-membership | MembershipReadFailed |                      | idle               | Tell
reading-membership | ManagerLost          |                      | away               | Disconnect Tell
reading-tables     | TablesRead           | it differs           | taking-hold        | TakeHold
reading-tables     | TablesRead           | it is right          | idle               | Tell
reading-tables     | TablesRead           | holding, it differs  | checking           | Dispatch
reading-tables     | TablesRead           | holding, it is right | idle               | ReleaseHold Tell
reading-tables     | TablesReadFailed     |                      | idle               | Tell
reading-tables     | TablesReadFailed     | holding              | idle               | ReleaseHold Tell
taking-hold        | HoldTaken            |                      | checking           | Dispatch
taking-hold        | HoldRefused          |                      | idle               | Tell
taking-hold        | HoldFailed           |                      | idle               | Tell
stepping           | StepDone             |                      | checking           | Tell Dispatch
stepping           | StepFailed           |                      | checking           | Dispatch
stepping           | StepFailed           | the old one is gone  | checking           | Tell Dispatch
checking           | StateChange          |                      | checking           |
checking           | ConfigChange         |                      | checking           |
checking           | ShutdownAsked        |                      | checking           |
checking           | ManagerLost          |                      | away               | ReleaseHold Disconnect Tell
checking           | ManagerLost          | stopping             | leaving            | ReleaseHold Disconnect Tell ReadUsage
checking           | ForgetAsked          |                      | checking           | Tell
checking           | StopAsked            |                      | checking           |
checking           | Dispatched           |                      | stepping           | DoStep
checking           | Dispatched           | no step is left      | reading-tables     | ReadTables
checking           | Dispatched           | noticed              | reading-membership | ReleaseHold ReadMembership
checking           | Dispatched           | asked                | answering          | ReadUsage
checking           | Dispatched           | stopping             | leaving            | ReleaseHold ReadUsage
answering          | UsageRead            | from listening       | listening          | ReplyShutdown Tell Dispatch
answering          | UsageRead            | from checking        | checking           | ReplyShutdown Tell Dispatch
leaving            | UsageRead            |                      | ended              | Tell Disconnect Exit
ended              | Woken                |                      | ended              |
ended              | StateChange          |                      | ended              |
ended              | ConfigChange         |                      | ended              |
ended              | ShutdownAsked        |                      | ended              |
ended              | ManagerLost          |                      | ended              |
ended              | Dispatched           |                      | ended              |
ended              | ForgetAsked          |                      | ended              |
ended              | StopAsked            |                      | ended              |
"""  # noqa: E501 - a table


@dataclass(frozen=True, slots=True)
class Row:
    phase: Phase
    event: str
    given: str
    then: Phase
    effects: tuple[str, ...]


def rows() -> list[Row]:
    found = []
    for line in TABLE.strip().splitlines()[2:]:
        phase, event, given, then, caused = (cell.strip() for cell in line.split("|"))
        found.append(Row(Phase(phase), event, given, Phase(then), tuple(caused.split())))
    return found


ROWS = rows()
NOW_US = 1_000_000

NOW = membership(1, 2, 3)
WRONG = tables(1, entry(2, port=1))
"""n2 is to be replaced and n3 to be added."""
ADD2 = AddNode(cluster=CLUSTER, node=node(2))
REMOVE2 = RemoveNode(cluster=CLUSTER, node="n2")
ADD3 = AddNode(cluster=CLUSTER, node=node(3))
FAILED = events.ConnectFailed(errno=errno.ENOENT, detail="no socket")
NOTICE = events.StateChange(quorate=True)
ASKED = events.ShutdownAsked(forced=False, removed=False)
LOST = events.ManagerLost(errno=errno.EHOSTDOWN)
STOP = events.StopAsked()

EVENTS: dict[str, events.Event] = {
    "Woken": events.Woken(),
    "Connected": events.Connected(),
    "ConnectFailed": FAILED,
    "StateChange": NOTICE,
    "ConfigChange": events.ConfigChange(version=2),
    "ShutdownAsked": ASKED,
    "ManagerLost": LOST,
    "Dispatched": events.Dispatched(),
    "MembershipRead": events.MembershipRead(membership=NOW),
    "MembershipReadFailed": events.MembershipReadFailed(errno=errno.EINVAL),
    "TablesRead": events.TablesRead(tables=WRONG),
    "TablesReadFailed": events.TablesReadFailed(errno=errno.EIO, detail="node/n2"),
    "HoldTaken": events.HoldTaken(),
    "HoldRefused": events.HoldRefused(pid=7),
    "HoldFailed": events.HoldFailed(errno=errno.EACCES),
    "StepDone": events.StepDone(step=REMOVE2),
    "StepFailed": events.StepFailed(step=REMOVE2, errno=errno.EIO, detail="node/n2"),
    "UsageRead": events.UsageRead(usage=Usage()),
    "ForgetAsked": events.ForgetAsked(node="n9"),
    "StopAsked": STOP,
}
SPECIAL: dict[tuple[str, str], events.Event] = {
    ("MembershipRead", "we are no member"): events.MembershipRead(membership=membership(2)),
    ("MembershipRead", "wrong cluster"): events.MembershipRead(
        membership=membership(1, cluster="beta")
    ),
    ("TablesRead", "it is right"): events.TablesRead(tables=tables(1, 2, 3)),
    ("TablesRead", "holding, it is right"): events.TablesRead(tables=tables(1, 2, 3)),
    ("TablesRead", "holding, it differs"): events.TablesRead(tables=tables(1, 3)),
    ("StepFailed", "the old one is gone"): events.StepFailed(step=ADD2, errno=errno.EIO, detail=""),
}


def done(step: Step) -> events.Event:
    return events.StepDone(step=step)


CONNECTING: list[events.Event] = [events.Woken()]
LISTENING: list[events.Event] = [*CONNECTING, events.Connected()]
READING_MEMBERSHIP: list[events.Event] = [*LISTENING, events.Dispatched()]
READING_TABLES: list[events.Event] = [*READING_MEMBERSHIP, EVENTS["MembershipRead"]]
IDLE: list[events.Event] = [*READING_TABLES, SPECIAL["TablesRead", "it is right"]]
TAKING_HOLD: list[events.Event] = [*READING_TABLES, EVENTS["TablesRead"]]
STEPPING: list[events.Event] = [*TAKING_HOLD, events.HoldTaken(), events.Dispatched()]
CHECKING: list[events.Event] = [*STEPPING, done(REMOVE2)]
LAST_STEP: list[events.Event] = [*CHECKING, events.Dispatched(), done(ADD3)]
HOLDING: list[events.Event] = [*LAST_STEP, events.Dispatched()]
STEPPING_AGAIN: list[events.Event] = [
    *HOLDING, events.TablesRead(tables=tables(1, 3)), events.Dispatched()
]  # fmt: skip

WAYS: dict[tuple[Phase, str], list[events.Event]] = {
    (Phase.AWAY, "attempt due"): [],
    (Phase.AWAY, "attempt not due"): [*CONNECTING, FAILED],
    (Phase.AWAY, "connection died"): [*LISTENING, LOST],
    (Phase.CONNECTING, ""): CONNECTING,
    (Phase.IDLE, ""): IDLE,
    (Phase.LISTENING, ""): LISTENING,
    (Phase.LISTENING, "nothing due"): [*IDLE, events.Woken()],
    (Phase.LISTENING, "asked"): [*LISTENING, ASKED],
    (Phase.LISTENING, "stopping"): [*LISTENING, STOP],
    (Phase.LISTENING, "asked and stopping"): [*LISTENING, ASKED, STOP],
    (Phase.READING_MEMBERSHIP, ""): READING_MEMBERSHIP,
    (Phase.READING_MEMBERSHIP, "we are no member"): READING_MEMBERSHIP,
    (Phase.READING_MEMBERSHIP, "wrong cluster"): READING_MEMBERSHIP,
    (Phase.READING_TABLES, ""): READING_TABLES,
    (Phase.READING_TABLES, "it differs"): READING_TABLES,
    (Phase.READING_TABLES, "it is right"): READING_TABLES,
    (Phase.READING_TABLES, "holding"): HOLDING,
    (Phase.READING_TABLES, "holding, it differs"): HOLDING,
    (Phase.READING_TABLES, "holding, it is right"): HOLDING,
    (Phase.TAKING_HOLD, ""): TAKING_HOLD,
    (Phase.STEPPING, ""): STEPPING,
    (Phase.STEPPING, "the old one is gone"): STEPPING_AGAIN,
    (Phase.CHECKING, ""): CHECKING,
    (Phase.CHECKING, "no step is left"): LAST_STEP,
    (Phase.CHECKING, "noticed"): [*CHECKING, NOTICE],
    (Phase.CHECKING, "asked"): [*CHECKING, ASKED],
    (Phase.CHECKING, "stopping"): [*CHECKING, STOP],
    (Phase.ANSWERING, "from listening"): [*LISTENING, ASKED, events.Dispatched()],
    (Phase.ANSWERING, "from checking"): [*CHECKING, ASKED, events.Dispatched()],
    (Phase.LEAVING, ""): [STOP],
    (Phase.ENDED, ""): [STOP, EVENTS["UsageRead"]],
}


def brought_to(phase: Phase, given: str) -> Controller:
    """Return a controller in this phase, brought there by events alone."""
    controller = Controller(replace(AT_ONCE, cluster=CLUSTER))
    way = WAYS.get((phase, given))
    if given == "as the last time":
        way = [*CONNECTING, FAILED]
    assert way is not None, f"no way is written down to {phase} with {given!r}"
    for event in way:
        controller.observe(event, NOW_US)
    if given == "as the last time":
        controller.observe(events.Woken(), controller.deadline_us or 0)
    assert controller.phase is phase
    return controller


def kinds(caused: tuple[effects.Effect, ...]) -> tuple[str, ...]:
    names = [type(effect).__name__ for effect in caused]
    return tuple(name for index, name in enumerate(names) if index == 0 or names[index - 1] != name)


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row.phase.value}-{row.event}-{row.given}" for row in ROWS]
)
def test_an_event_leads_where_the_table_says_and_causes_what_it_says(row: Row) -> None:
    controller = brought_to(row.phase, row.given)
    event = SPECIAL.get((row.event, row.given), EVENTS[row.event])
    caused = controller.observe(event, NOW_US)
    assert (row.then, row.effects) == (controller.phase, kinds(caused))


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{row.phase.value}-{row.event}-{row.given}" for row in ROWS]
)
def test_the_status_is_that_of_the_last_event(row: Row) -> None:
    """Some events are known to say nothing, and no status is made for them."""
    controller = brought_to(row.phase, row.given)
    controller.observe(SPECIAL.get((row.event, row.given), EVENTS[row.event]), NOW_US)
    assert controller.status == controller._make_status()


def test_the_table_names_every_event_that_is_legal_and_no_other() -> None:
    drawn = {(row.phase, row.event) for row in ROWS}
    legal = {(phase, kind.__name__) for phase, kinds in LEGAL.items() for kind in kinds}
    assert legal == drawn


def test_every_phase_and_every_event_is_in_the_table() -> None:
    assert set(Phase) == set(LEGAL)
    assert {kind.__name__ for kind in get_args(events.Event)} == set(EVENTS)
    assert {row.event for row in ROWS} == set(EVENTS)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", EVENTS)
def test_any_other_event_is_refused_and_changes_nothing(phase: Phase, name: str) -> None:
    if type(EVENTS[name]) in LEGAL[phase]:
        assert any(row.phase is phase and row.event == name for row in ROWS)
        return
    given = next(row.given for row in ROWS if row.phase is phase)
    controller = brought_to(phase, given)
    before = controller.status
    with pytest.raises(UnexpectedEventError, match=f"{name} while {phase.value}"):
        controller.observe(EVENTS[name], NOW_US)
    assert (controller.phase, controller.status) == (phase, before)


def test_the_deadline_is_the_next_attempt_the_next_pass_or_none_at_all() -> None:
    away = brought_to(Phase.AWAY, "attempt not due")
    assert away.deadline_us == NOW_US + Rules().timing.retry_first_us
    idle = brought_to(Phase.IDLE, "")
    assert idle.deadline_us == NOW_US + Rules().timing.resync_us
    assert brought_to(Phase.ENDED, "").deadline_us is None
