"""The main thread: it answers whatever the agent does, and ends when it is told to."""

from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from o2cbd.core.model import (
    CreateCluster,
    Entry,
    Holder,
    Member,
    Pending,
    Quorum,
    RemoveNode,
    State,
    Vote,
    Why,
)
from o2cbd.service.client import RefusedError
from o2cbd.service.daemon import Ending
from o2cbd.service.locks import AlreadyRunningError
from o2cbd.service.reports import TableServiceOn
from o2cbd.settings import ServiceTiming
from tests.o2cbd.service.conftest import House, Systemd

FAST = ServiceTiming(stuck_after_us=20_000, stop_grace_us=100_000)

ALPHA = Entry(name="alpha", inode=1, num=1, address="10.0.0.1", port=7777, local=True)
BETA = Entry(name="beta", inode=2, num=2, address="10.0.0.2", port=7777, local=False)


def test_sigterm_stops_the_agent_and_then_the_daemon(house: House) -> None:
    """The agent is asked to stop in its own thread, and its exit code is the daemon's."""
    ending, _ = house.run()

    assert ending == Ending(code=0)
    assert house.agent.stops == 1
    assert len(house.agent.threads) == 1
    assert "SIGTERM: stopping" in house.log


def test_sigint_stops_as_sigterm_does(house: House) -> None:
    """Ctrl-C is a way to stop."""

    def acts() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        house.until(lambda: "stop-asked" in house.codes)

    ending, _ = house.run(acts)

    assert ending == Ending(code=0)
    assert "SIGINT: stopping" in house.log


def test_sigterm_ends_the_daemon_while_a_call_is_stuck(house: House) -> None:
    """The grace over, the end comes by itself, with code 0 and words."""
    house.timing = FAST
    house.block_in("cman_get_nodes")

    ending, _ = house.run(lambda: house.status_when(lambda status: status["state"] == "stuck"))

    assert ending == Ending(code=0, abandoned=True)
    assert "stuck in cman_get_nodes since" in house.log
    assert "from now on nothing vetoes a shutdown" in house.log


def test_second_sigterm_changes_nothing(house: House) -> None:
    """A stop is asked for once, and its grace begins once."""
    house.timing = FAST
    house.block_in("cman_get_nodes")

    ending, _ = house.run(lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert ending == Ending(code=0, abandoned=True)
    assert house.codes.count("stop-asked") == 1


def test_state_is_stopping_while_the_agent_stops(house: House) -> None:
    """Who asks during the stop hears of it, whatever the agent's last word was."""
    house.timing = ServiceTiming(stuck_after_us=20_000)
    house.block_in("read pid")

    def acts() -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        status = house.status_when(lambda status: status["state"] == "stopping")
        house.release.set()
        return status

    ending, status = house.run(acts)

    assert ending == Ending(code=0)
    assert status["state"] == "stopping"


@pytest.mark.row("manager-stuck")
def test_stuck_call_is_shown_while_it_lasts(house: House) -> None:
    """State, reason and call name what does not return; afterwards all is as before."""
    house.timing = FAST
    house.block_in("cman_dispatch")

    def acts() -> Any:
        stuck = house.status_when(lambda status: status["state"] == "stuck")
        house.agent.script = lambda _agent: None
        house.release.set()
        return stuck, house.status_when(lambda status: status["state"] != "stuck")

    _, (stuck, after) = house.run(acts)

    assert stuck["call"]["name"] == "cman_dispatch"
    assert stuck["reason"] == f"in cman_dispatch since {stuck['call']['since']}"
    assert after["state"] == "waiting"
    assert after["call"] is None
    assert [code for code in house.codes if "stuck" in code] == ["stuck", "unstuck"]


def test_status_is_answered_while_the_first_call_is_stuck(house: House) -> None:
    """A connect that never returns keeps nobody from asking."""
    house.timing = FAST
    house.block_in("cman_init")

    _, status = house.run(lambda: house.status_when(lambda status: status["state"] == "stuck"))

    assert status["cluster"] is None
    assert status["call"]["name"] == "cman_init"


def test_idle_daemon_sleeps_for_ever(house: House) -> None:
    """With nothing to do the main thread has no time-out, so nothing wakes it."""

    waits: list[float | None] = []
    select = house.selector.select

    def watched(timeout: float | None = None) -> Any:
        waits.append(timeout)
        return select(timeout)

    house.selector.select = watched  # type: ignore[method-assign]

    def idle() -> None:
        house.until(lambda: house.thread.activity.waiting)
        house.until(lambda: waits and waits[-1] is None)

    house.run(idle)

    assert None in waits


def test_sighup_is_no_end(house: House) -> None:
    """A reload that is not there yet is told of, and the daemon lives on."""

    def acts() -> Any:
        os.kill(os.getpid(), signal.SIGHUP)
        house.until(lambda: "reload-unsupported" in house.codes)
        return house.ask({"request": "status"})["state"]

    ending, state = house.run(acts)

    assert state == "waiting"
    assert ending == Ending(code=0)


def test_agents_exit_code_is_the_daemons(house: House) -> None:
    """An agent that ends by itself ends the daemon, with its code."""

    def end(agent: Any) -> None:
        agent.exit_code = 78

    house.agent.script = end

    ending, _ = house.run()

    assert ending == Ending(code=78)


def test_refused_lock_ends_with_73_and_says_who_has_it(house: House) -> None:
    """A second daemon on one configfs ends before its agent does anything."""
    house.refuse = AlreadyRunningError(4711, "/sys/kernel/config/cluster")

    ending, _ = house.run()

    assert ending == Ending(code=73)
    assert "/sys/kernel/config/cluster is locked by process 4711" in house.log
    assert house.agent.steps == 0


def test_crashed_agent_ends_the_daemon_with_70(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected is never swallowed: traceback, report, exit code."""
    seen: list[object] = []
    monkeypatch.setattr("threading.excepthook", lambda args: seen.append(args.exc_value))
    bug = RuntimeError("a bug")

    def crash(_agent: Any) -> None:
        raise bug

    house.agent.script = crash

    ending, _ = house.run()

    assert ending == Ending(code=70)
    assert seen == [bug]
    assert house.codes[-1] == "crashed"


def test_socket_that_cannot_be_made_starts_nothing(house: House) -> None:
    """Without a control socket there is no daemon."""
    (house.directory / "control.sock").mkdir()

    with pytest.raises(OSError, match="directory"):
        house.run()
    assert house.agent.steps == 0


def test_status_has_the_hosts_warnings_of_this_moment(house: House) -> None:
    """They are looked for at each question, so what the operator has mended is gone from it."""
    house.warnings = (TableServiceOn(where="/etc/default/o2cb", cluster="prod"),)

    def acts() -> tuple[list[Any], list[Any]]:
        before = house.ask({"request": "status"})["warnings"]
        house.warnings = ()
        return before, house.ask({"request": "status"})["warnings"]

    _, (before, after) = house.run(acts)

    (warning,) = before
    assert (warning["severity"], warning["code"]) == ("warning", "ocfs2-tools-o2cb")
    assert warning["text"].startswith("o2cb.service of ocfs2-tools is enabled ")
    assert after == []


def test_status_tells_what_the_agent_knows(house: House) -> None:
    """The status of the agent's last step reaches who asks."""

    def acts() -> dict[str, Any]:
        house.publish(
            state=State.SYNCED,
            reason="",
            cluster="prod",
            local_id=1,
            quorum=Quorum.QUORATE,
            members=(Member(id=1, name="alpha", incarnation=4, addresses=("10.0.0.1",)),),
            entries=(ALPHA,),
            first_pass_done=True,
        )
        return house.status_when(lambda status: status["state"] == "synced")

    _, status = house.run(acts)

    assert status["cluster"] == "prod"
    assert status["quorate"] is True
    assert status["members"] == [{"id": 1, "name": "alpha", "incarnation": 4}]
    assert [node["name"] for node in status["nodes"]] == ["alpha"]


def test_hold_is_seen_though_the_agent_has_nothing_to_do(house: House) -> None:
    """The daemon looks itself, keeps since when, and takes the default name's cluster."""
    house.hold.held_by = 4711

    def acts() -> Any:
        house.publish(state=State.SYNCED, cluster="prod", reason="")
        first = house.ask({"request": "status"})
        again = house.ask({"request": "status"})
        house.hold.held_by = None
        return first, again, house.ask({"request": "status"})

    _, (first, again, after) = house.run(acts)

    assert (first["state"], first["hold"]["pid"]) == ("held", 4711)
    assert first["hold"] == again["hold"]
    assert (after["state"], after["hold"]) == ("synced", None)
    assert house.held_clusters == ["prod"]


def test_unreadable_hold_hides_no_status(house: House) -> None:
    """A semaphore that cannot be read leaves the rest of the status as it is."""
    house.hold.error = PermissionError(errno.EACCES, "no")

    def acts() -> dict[str, Any]:
        house.publish(state=State.SYNCED, cluster="prod", reason="")
        return house.ask({"request": "status"})

    _, status = house.run(acts)

    assert (status["state"], status["hold"]) == ("synced", None)


def test_plan_tells_what_is_being_done_and_who_holds(house: House) -> None:
    """The steps of the running pass, in order, the one under way first."""
    steps = (CreateCluster(cluster="prod"), RemoveNode(cluster="prod", node="beta"))
    house.hold.held_by = 77

    def acts() -> Any:
        house.publish(cluster="prod", steps=steps)
        return house.ask({"request": "plan"})

    _, plan = house.run(acts)
    assert [item["text"] for item in plan["steps"]] == ["create cluster prod", "remove node beta"]
    assert plan["hold"]["pid"] == 77


def test_plan_tells_what_waits(house: House) -> None:
    """With a daemon, what is not pending is done already."""
    pending = Pending(
        step=RemoveNode(cluster="prod", node="beta"),
        why=Why.PINNED,
        reason="pinned",
        errno=errno.EBUSY,
    )

    def acts() -> dict[str, Any]:
        house.publish(state=State.PENDING, reason="", cluster="prod", pending=(pending,))
        return house.ask({"request": "plan"})

    _, plan = house.run(acts)

    assert plan["steps"] == []
    assert [(item["step"], item["node"], item["errno"]) for item in plan["pending"]] == [
        ("remove-node", "beta", "EBUSY")
    ]


def test_forget_reaches_the_agent(house: House) -> None:
    """A lost node that is in the table is handed to the agent, in its thread."""

    def acts() -> dict[str, Any]:
        house.publish(cluster="prod", entries=(ALPHA, BETA))
        reply = house.ask({"request": "forget", "node": "beta"})
        house.until(lambda: "beta" in house.agent.forgotten)
        return reply

    _, reply = house.run(acts)

    assert reply == {"schema": 1, "node": "beta", "accepted": True}
    assert len(house.agent.threads) == 1


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ("alpha", "alpha is a member of the cluster now: nothing to forget"),
        ("gamma", "gamma is not in the table: nothing to forget"),
        (7, "forget needs a node's name"),
    ],
)
def test_forget_is_refused_where_it_makes_no_sense(house: House, node: object, why: str) -> None:
    """A member, a stranger and no name are refused with the reason."""

    def acts() -> None:
        member = Member(id=1, name="alpha", incarnation=1, addresses=())
        house.publish(cluster="prod", entries=(ALPHA, BETA), members=(member,))
        house.ask({"request": "forget", "node": node})

    with pytest.raises(RefusedError, match=why):
        house.run(acts)


def test_changed_status_is_pushed(house: House) -> None:
    """Who waits for a newer status gets it when the agent has one."""

    def acts() -> tuple[int, int]:
        first = house.status_when(lambda _status: True)["serial"]
        house.publish(cluster="prod")
        second = house.status_when(lambda status: status["cluster"] == "prod")["serial"]
        return first, second

    _, (first, second) = house.run(acts)

    assert second > first


def test_systemd_hears_of_start_state_and_stop(house: House, systemd: Systemd) -> None:
    """READY comes once, after the first complete pass; STOPPING with the stop."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path)}

    def acts() -> list[str]:
        house.publish(reason="cannot reach the cluster manager: cman is not running")
        before = [systemd.next()]
        house.publish(
            state=State.SYNCED,
            reason="",
            cluster="prod",
            quorum=Quorum.QUORATE,
            first_pass_done=True,
        )
        house.status_when(lambda status: status["state"] == "synced")
        return [*before, systemd.next(), systemd.next()]

    _, messages = house.run(acts)

    assert messages == [
        "STATUS=waiting, cannot reach the cluster manager: cman is not running",
        "STATUS=synced, cluster prod, 0 nodes in the table, quorate",
        "READY=1",
    ]
    assert systemd.rest()[0] == "STOPPING=1"


def test_watchdog_is_fed_while_the_agent_waits(house: House, systemd: Systemd) -> None:
    """An agent that waits for its deadline is alive."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "40000"}

    _, messages = house.run(lambda: [systemd.next() for _ in range(3)])

    assert messages == ["WATCHDOG=1"] * 3


def test_watchdog_is_fed_in_a_declared_call(house: House, systemd: Systemd) -> None:
    """Nobody is killed for a call that does not return."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "40000"}
    house.timing = FAST
    house.block_in("cman_get_nodes")

    def acts() -> list[str]:
        house.status_when(lambda status: status["state"] == "stuck")
        systemd.rest()
        systemd.socket.settimeout(20)
        return [systemd.next() for _ in range(3)]

    _, messages = house.run(acts)

    assert messages == ["WATCHDOG=1"] * 3


def test_watchdog_is_fed_while_one_long_step_makes_calls(house: House, systemd: Systemd) -> None:
    """A first fill is hundreds of calls in one step; between two of them none is declared."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "400000"}

    def work(_agent: Any) -> None:
        while not house.release.wait(0.01):
            with house.calls.declare("mkdir"):
                pass

    house.agent.script = work

    def acts() -> list[str]:
        house.until(lambda: house.agent.steps == 1)
        systemd.rest()
        systemd.socket.settimeout(20)
        messages = [systemd.next() for _ in range(4)]
        house.release.set()
        return messages

    _, messages = house.run(acts)

    assert messages == ["WATCHDOG=1"] * 4


def test_watchdog_starves_while_the_agent_hangs_in_nothing(house: House, systemd: Systemd) -> None:
    """An agent that is in no declared call and does not move is not covered up."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "40000"}
    house.timing = FAST
    house.agent.script = lambda _agent: house.release.wait(20)

    def acts() -> list[str]:
        house.until(lambda: house.agent.steps == 1)
        sleeps = house.selector.sleeps
        house.until(partial(house.slept_since, sleeps))
        systemd.rest()
        sleeps = house.selector.sleeps
        house.until(partial(house.slept_since, sleeps))
        return systemd.rest()

    _, messages = house.run(acts)

    assert "WATCHDOG=1" not in messages


def test_agents_own_hold_and_vote_are_shown(house: House) -> None:
    """What the agent saw stands in the status with its times."""

    def acts() -> dict[str, Any]:
        house.publish(
            state=State.HELD,
            cluster="prod",
            hold=Holder(pid=12, since_us=house.clock.now_us()),
            vote=Vote(
                asked_us=house.clock.now_us(), yes=False, reason="r", forced=True, removed=False
            ),
        )
        return house.ask({"request": "status"})

    _, status = house.run(acts)

    assert status["hold"]["pid"] == 12
    assert (status["vote"]["answer"], status["vote"]["reason"]) == ("no", "r")


def test_watchdog_starves_when_the_agent_sleeps_over_its_deadline(
    house: House, systemd: Systemd
) -> None:
    """A thread that should have woken long ago does not move."""
    house.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "40000"}

    def sleep_over() -> list[str]:
        house.until(lambda: house.thread.activity.waiting)
        house.thread._activity = replace(house.thread.activity, deadline_us=0)
        for _ in range(2):
            systemd.rest()
            sleeps = house.selector.sleeps
            house.until(partial(house.slept_since, sleeps))
        return systemd.rest()

    _, messages = house.run(sleep_over)

    assert "WATCHDOG=1" not in messages


def test_log_that_nobody_reads_stops_nobody(house: House) -> None:
    """A full pipe behind stderr: requests are answered, and the lines come when it is read."""
    reader, house.log_fd = os.pipe()
    os.set_blocking(house.log_fd, False)
    filled = 0
    try:
        while True:
            filled += os.write(house.log_fd, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(house.log_fd, True)

    def acts() -> tuple[str, bytes]:
        os.kill(os.getpid(), signal.SIGHUP)
        house.until(lambda: "reload-unsupported" in house.codes)
        state = house.ask({"request": "status"})["state"]
        left = filled
        while left:
            left -= len(os.read(reader, left))
        return state, os.read(reader, 4096)

    ending, (state, line) = house.run(acts)
    for fd in (reader, house.log_fd):
        os.close(fd)

    assert (ending.code, state) == (0, "waiting")
    assert b"SIGHUP: this version cannot reload settings" in line


def test_a_dump_is_answered_while_a_call_is_stuck(house: House) -> None:
    """What happened is asked for most when nothing goes on."""
    house.timing = FAST
    house.block_in("cman_get_nodes")

    def acts() -> dict[str, Any]:
        house.until(lambda: "stuck" in house.codes)
        return dict(house.ask({"request": "dump"}))

    _ending, dumped = house.run(acts)

    assert dumped["schema"] == 1
    header, stuck = (json.loads(line) for line in dumped["lines"])
    assert (header["kind"], header["arm"]) == ("header", "daemon")
    assert (stuck["kind"], stuck["what"]) == ("report", "stuck")
