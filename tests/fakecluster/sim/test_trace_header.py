"""What a simulated world writes: by the letter of the schema, the same bytes for the same seed."""

from __future__ import annotations

import errno
import io

from fakecluster.cman.topology import Topology
from fakecluster.configfs.journal import CallFault
from fakecluster.demo.story import acts, new_world
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceWriter, check_trace, parse_trace
from o2cbd.core.records import ids_of
from o2cbd.core.rules import SECOND_US


def heard(world: World) -> list[Line]:
    lines: list[Line] = []
    world.trace.listen(lines.append)
    return lines


def small_world() -> World:
    return World(Topology.of(3, cluster="tiny"), seed=3)


def told(world: World) -> str:
    """Play the demo's story to the end of its deaths; return the trace."""
    out = io.StringIO()
    writer = TraceWriter(out, header_of(world))
    world.trace.listen(writer)
    for act in acts():
        act.do(world)
        world.run_until(lambda act=act: act.expect(world), within_us=act.within_us)  # type: ignore[misc]
    writer.end("good", world.now_us())
    return out.getvalue()


def test_a_whole_story_keeps_to_the_schema() -> None:
    assert check_trace(told(new_world(1)).splitlines()) == []


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert told(new_world(5)) == told(new_world(5))


def test_the_header_repeats_the_run() -> None:
    world = small_world()
    header = header_of(world, {"minutes": 3})

    assert (header.cluster, header.seed, header.arm) == ("tiny", 3, "sim")
    assert header.nodes == ((1, "node1"), (2, "node2"), (3, "node3"))
    assert header.options == {"minutes": 3}
    assert header.rules["scope"] == "members"


def test_a_call_is_written_with_its_result() -> None:
    world = small_world()
    lines = heard(world)
    world.hosts[1].model.journal.arm(CallFault("mkdir", errno.ENOSPC))
    world.start(1)
    world.run_for(20 * SECOND_US)

    first, second = [line for line in lines if line.kind == "call" and line.what == "mkdir"][:2]
    assert (first.detail["path"], first.detail["errno"]) == ("/cluster/tiny", "ENOSPC")
    assert (second.detail["path"], second.detail["errno"]) == ("/cluster/tiny", "")


def test_each_daemon_begins_its_life_anew() -> None:
    world = small_world()
    lines = heard(world)
    world.start(1)
    world.run_for(5 * SECOND_US)
    world.daemon_kill(1)
    world.daemon_start(1)
    world.run_for(5 * SECOND_US)
    world.daemon_term(1)
    world.run_for(SECOND_US)

    lives = [line.what for line in lines if line.kind == "daemon"]
    assert lives == ["start", "killed", "start", "stop-asked", "exit"]
    views = [line.detail["members"] for line in lines if (line.kind, line.what) == ("cman", "view")]
    assert views == ["1", "1"]


def test_a_joiner_and_the_members_send_each_other_announcements() -> None:
    world = small_world()
    world.start(1)
    world.start(2)
    world.run_for(10 * SECOND_US)
    lines = heard(world)
    world.start(3)
    world.run_for(10 * SECOND_US)

    sent = {
        line.host: ids_of(str(line.detail["to"]))
        for line in lines
        if (line.kind, line.what) == ("message", "announcement")
    }
    assert sent == {1: (3,), 2: (3,), 3: (1, 2)}
    assert all(
        isinstance(line.detail["arrives_us"], int) and line.detail["arrives_us"] > line.t_us
        for line in lines
        if line.kind == "message"
    )


def test_a_goodbye_is_a_message_to_the_others() -> None:
    world = small_world()
    for node_id in (1, 2, 3):
        world.start(node_id)
    world.run_for(10 * SECOND_US)
    lines = heard(world)
    world.leave(2)
    world.run_for(SECOND_US)

    (sent,) = [line for line in lines if (line.kind, line.what) == ("message", "message")]
    assert (sent.host, sent.detail["to"]) == (2, "1,3")


def test_a_trace_can_be_read_back() -> None:
    trace = parse_trace(told(new_world(2)))
    assert trace.lines[-1].kind == "end"
    assert trace.header.cluster == "demo"
