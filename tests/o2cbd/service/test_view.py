"""What others see: the first state that fits, and the whole status as JSON."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from typing import Any

import pytest

from fakecluster.clock import VirtualClock
from o2cbd.calls import Call
from o2cbd.clock import WallClock
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Holder,
    LeftOut,
    Member,
    Node,
    Pending,
    Quorum,
    Remark,
    RemoveNode,
    SetAttribute,
    State,
    Vote,
    Why,
)
from o2cbd.service.view import NOT_BEGUN, Overlay, one_line, overlaid, plan_json, status_json

WALL = WallClock(VirtualClock(5_000_000))
CALL = Call(name="cman_get_nodes", since_us=1_000_000)
HOLDER = Holder(pid=7, since_us=2_000_000)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("stuck", [None, CALL])
@pytest.mark.parametrize("hold", [None, HOLDER])
def test_state_is_the_first_that_fits(
    state: State, *, stopping: bool, stuck: Call | None, hold: Holder | None
) -> None:
    """Whatever both threads know, the order is: as State has it."""
    order = list(State)
    fitting = [state]
    if stopping:
        fitting.append(State.STOPPING)
    if stuck is not None:
        fitting.append(State.STUCK)
    if hold is not None:
        fitting.append(State.HELD)

    seen = overlaid(
        replace(NOT_BEGUN, state=state), Overlay(stopping=stopping, stuck=stuck, hold=hold), WALL
    )

    assert seen.state is min(fitting, key=order.index)
    assert seen.hold == hold


def test_agents_own_hold_is_believed_first() -> None:
    """It knows since when; the overlay only fills in."""
    own = Holder(pid=9, since_us=1)
    seen = overlaid(replace(NOT_BEGUN, hold=own), Overlay(hold=HOLDER), WALL)
    assert seen.hold == own


@pytest.mark.row("fingerprint")
def test_status_has_every_promised_key() -> None:
    """The schema that other programs rely on, key by key."""
    status = replace(
        NOT_BEGUN,
        state=State.PENDING,
        reason="",
        cluster="prod",
        local_id=1,
        quorum=Quorum.INQUORATE,
        members=(Member(id=1, name="alpha", incarnation=8, addresses=("10.0.0.1",)),),
        entries=(
            Entry(name="beta", inode=1, num=2, address="10.0.0.2", port=7777, local=False),
            Entry(name="alpha", inode=1, num=1, address="10.0.0.1", port=7777, local=True),
        ),
        pending=(
            Pending(
                step=SetAttribute(cluster="prod", node="alpha", attribute="local", value="1"),
                why=Why.FAILED,
                reason="r",
                errno=errno.EADDRINUSE,
                since_us=3_000_000,
            ),
        ),
        left_out=(LeftOut(id=0, name="/dev/qdisk0", reason="disk"),),
        remarks=(Remark(text="[nodes.x]: no such node", warning=True),),
        hold=HOLDER,
        vote=Vote(asked_us=4_000_000, yes=True, reason="idle", forced=False, removed=True),
        first_pass_done=True,
    )

    given: dict[str, Any] = json.loads(json.dumps(status_json(status, CALL, WALL)))

    assert set(given.pop("versions")) == {"o2cbd", "python", "kernel"}
    assert given.pop("pid") > 0
    assert given == {
        "schema": 1,
        "state": "pending",
        "reason": "",
        "cluster": "prod",
        "local_id": 1,
        "quorate": False,
        "quorum": "inquorate",
        "members": [{"id": 1, "name": "alpha", "incarnation": 8}],
        "nodes": [
            {"name": "alpha", "num": 1, "address": "10.0.0.1", "port": 7777, "local": True},
            {"name": "beta", "num": 2, "address": "10.0.0.2", "port": 7777, "local": False},
        ],
        "pending": [
            {
                "step": "set-attribute",
                "node": "alpha",
                "text": "set local of node alpha to 1",
                "attribute": "local",
                "value": "1",
                "why": "failed",
                "reason": "r",
                "errno": "EADDRINUSE",
                "since": WALL.utc(3_000_000),
            }
        ],
        "left_out": [{"id": 0, "name": "/dev/qdisk0", "reason": "disk"}],
        "hold": {"pid": 7, "since": WALL.utc(2_000_000)},
        "vote": {
            "asked": WALL.utc(4_000_000),
            "answer": "yes",
            "reason": "idle",
            "forced": False,
            "removed": True,
        },
        "call": {"name": "cman_get_nodes", "since": WALL.utc(1_000_000)},
        "warnings": [
            {"severity": "warning", "code": "remark-mistake", "text": "[nodes.x]: no such node"}
        ],
        "fingerprint": "e3b0c44298fc1c14",
        "first_pass_done": True,
    }


@pytest.mark.parametrize(
    ("quorum", "quorate"),
    [(None, None), (Quorum.UNKNOWN, None), (Quorum.QUORATE, True), (Quorum.INQUORATE, False)],
)
def test_quorate_has_three_values(quorum: Quorum | None, *, quorate: bool | None) -> None:
    """Unknown is neither true nor false."""
    given = status_json(replace(NOT_BEGUN, quorum=quorum), None, WALL)
    assert given["quorate"] is quorate


def test_nothing_known_is_null_and_empty() -> None:
    """Before the first pass all keys are there, and none invents a value."""
    given = status_json(NOT_BEGUN, None, WALL)
    assert [given[key] for key in ("cluster", "quorate", "hold", "vote", "call")] == [None] * 5
    assert [given[key] for key in ("members", "nodes", "pending", "left_out")] == [[]] * 4


def test_plan_gives_steps_in_order_and_what_waits() -> None:
    """Steps that can be done stand apart from those that wait."""
    node = Node(name="a", num=1, address="10.0.0.1", port=7777, local=True)
    steps = (CreateCluster(cluster="prod"), AddNode(cluster="prod", node=node))
    given = plan_json(replace(NOT_BEGUN, cluster="prod"), steps, WALL)
    assert given["steps"] == [
        {"step": "create-cluster", "node": None, "text": "create cluster prod"},
        {
            "step": "add-node",
            "node": "a",
            "text": "add node a (1, 10.0.0.1:7777)",
            "wanted": {
                "name": "a",
                "num": 1,
                "address": "10.0.0.1",
                "port": 7777,
                "local": True,
            },
        },
    ]
    assert given["pending"] == []


@pytest.mark.row("ready")
def test_one_line_says_what_systemctl_should_show() -> None:
    """State, reason, cluster, table, quorum and what waits, as far as known."""
    entry = Entry(name="a", inode=1, num=1, address="10.0.0.1", port=7777, local=True)
    step = CreateCluster(cluster="c")
    pending = Pending(step=step, why=Why.FAILED, reason="r")
    status = replace(
        NOT_BEGUN,
        state=State.PENDING,
        reason="",
        cluster="prod",
        quorum=Quorum.UNKNOWN,
        entries=(entry,),
        pending=(pending, pending),
    )
    assert one_line(NOT_BEGUN) == "waiting, starting"
    assert (
        one_line(status)
        == "pending, cluster prod, 1 node in the table, quorum unknown, 2 steps pending:"
        " create cluster c: r"
    )


def test_moment_keeps_its_name_until_the_wall_clock_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small differences between two clocks rename nothing; a clock that was set does."""
    second_ns = 1_000_000_000
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000 * second_ns)
    wall = WallClock(VirtualClock(5_000_000))
    first = wall.utc(5_000_000)
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000 * second_ns + second_ns // 10)
    again = wall.utc(5_000_000)
    monkeypatch.setattr("time.time_ns", lambda: 1_700_003_600 * second_ns)
    later = wall.utc(5_000_000)

    assert (first, again) == ("2023-11-14T22:13:20.000Z",) * 2
    assert later == "2023-11-14T23:13:20.000Z"


def test_work_under_way_is_said() -> None:
    """A first fill is neither in sync nor does anything wait."""
    remove = RemoveNode(cluster="prod", node="beta")
    busy = replace(NOT_BEGUN, state=State.PENDING, reason="", steps=(remove, remove))
    assert overlaid(busy, Overlay(), WALL).reason == "2 steps under way"
    told = replace(busy, reason="r")
    assert overlaid(told, Overlay(), WALL).reason == "r"
