"""How a daemon follows its ring: who is counted out and in, when, and how often that is told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fakecluster.cman.answers import Confchg
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.process import Process
from fakecluster.cman.timings import Profile
from fakecluster.cman.totem import Transition


class RingFollower:
    """Turns the rings of one process into its list of nodes and its notices."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._awaited: dict[int, int] = {}
        """Who is in the ring and has not sent its own message yet, with the ring's sequence."""

    def install(self, transition: Transition) -> None:
        """Take notice of a new ring: leaves first, each joiner when its own message comes."""
        process = self._process
        process.generation = transition.seq
        for node_id in transition.left:
            self._awaited.pop(node_id, None)
            self._count_out(node_id)
        left, joined = transition.left, transition.joined
        process.trace("ring", f"{transition.seq}: -{list(left)} +{list(joined)}")
        confchg = Confchg(members=transition.members, left=left, joined=joined)
        for client in list(process.clients):
            if client.told_confchg:
                client.deliver(confchg)
        if joined:
            self._await(transition)

    def _await(self, transition: Transition) -> None:
        """Await the joiners' own messages; those of one moment are taken in together."""
        process, late_us = self._process, transition.announced_us
        together: dict[int, list[int]] = {}
        for node_id in transition.joined:
            self._awaited[node_id] = transition.seq
            together.setdefault(late_us.get(node_id, 0), []).append(node_id)
        ours_us = process.timings.transition_us + late_us.get(process.node_id, 0)
        process.world.sent(process.node_id, transition.joined, ours_us, "announcement")
        for each_us, node_ids in together.items():
            process.after(
                process.timings.transition_us + each_us,
                partial(self._welcome, node_ids, transition.seq),
                "transition messages",
            )

    def _count_out(self, node_id: int) -> None:
        """Let a node be dead; also of those who died together each gives a notice of its own."""
        process = self._process
        peer = process.nodes.dead(node_id)
        if peer is None:
            return
        removed = peer.said_goodbye and peer.leave_reason is LeaveReason.REMOVED
        if removed:
            process.nodes.expect(max(process.total_votes, 1), at_most=True)
        for _ in range(self._death_notices(silent=not peer.said_goodbye)):
            process.recalculate(may_decrease=removed)

    def _death_notices(self, *, silent: bool) -> int:
        # 3.1.8 was also seen to give three for a kill -9.
        draw = self._draw(4) if silent else None
        return 3 if draw == 0 else 1

    def _join_repeats(self) -> int:
        # 3.1.8 was seen to give two or three notices a join.
        return 1 + (self._draw(2) or 0)

    def _draw(self, sides: int) -> int | None:
        world = self._process.world
        if world.rng is None or world.profile is not Profile.B:
            return None
        return world.rng.randrange(sides)

    def _welcome(self, joined: Sequence[int], seq: int) -> None:
        process = self._process
        here = [node_id for node_id in joined if self._awaited.get(node_id) == seq]
        for node_id in here:
            del self._awaited[node_id]
        count = sum(self._join(node_id, seq) for node_id in here)
        if not process.is_member and process.node_id in here:
            process.is_member = True
            process.trace("member")
            process.world.first_transition(process.node_id)
        if count:
            self._repeat(count, self._join_repeats())

    def _join(self, node_id: int, seq: int) -> bool:
        process = self._process
        joiner = process.world.daemon_of(node_id)
        if joiner is None:
            return False
        process.nodes.join(
            joiner.announcement,
            incarnation=seq & 0xFFFFFFFF,
            jointime_us=process.world.wall_us(),
            forget_reason=process.world.profile is Profile.B,
        )
        process.fences.pop(node_id, None)
        process.recalculate()
        return True

    def _repeat(self, count: int, times: int) -> None:
        process = self._process

        def again() -> None:
            process.count_votes()
            for _ in range(count):
                process.tell_state()
            if times > 1:
                self._repeat(count, times - 1)

        process.after(process.timings.transition_us, again, "recalculates again")
