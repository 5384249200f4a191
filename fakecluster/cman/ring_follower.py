"""How a daemon follows its ring: who is counted out and in, when, and how often that is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from fakecluster.cman.answers import Confchg
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.process import Process
from fakecluster.cman.timings import Profile
from fakecluster.cman.totem import Transition


class RingFollower:
    """Turns the rings of one process into its list of nodes and its notices."""

    def __init__(
        self,
        process: Process,
        *,
        counted_in: Callable[[int], None],
        counted_out: Callable[[int], None],
        read_newer: Callable[[int], None],
        exit_outdated: Callable[[], None],
    ) -> None:
        """Follow for a process.

        Args:
            process: whose rings.
            counted_in: told of each node that becomes a member.
            counted_out: told of each node that was a member.
            read_newer: reads the configuration's file, which has this version at least.
            exit_outdated: called once where the process has joined others with an older
                configuration than theirs (3.1.8).
        """
        self._process = process
        self._counted_in = counted_in
        self._counted_out = counted_out
        self._read_newer = read_newer
        self._exit_outdated = exit_outdated
        self._awaited: dict[int, int] = {}
        """Who is in the ring and has not sent its own message yet, with the ring's sequence."""
        self._older: dict[int, int] = {}
        """Who is not counted, since its configuration is older than ours (3.0.12)."""

    def install(self, transition: Transition) -> None:
        """Take notice of a new ring: leaves first, each joiner when its own message comes."""
        process = self._process
        process.generation = transition.seq
        for node_id in transition.left:
            self._awaited.pop(node_id, None)
            self._older.pop(node_id, None)
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
        self._counted_out(node_id)
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
        first = not process.is_member and process.node_id in here
        newer = [each for each in here if not self._agrees(each, seq)]
        count = sum(self._join(node_id, seq) for node_id in here if node_id not in newer)
        if first and any(self._is_newer(node_id) for node_id in newer) and not self._is_3_0_12:
            process.after(process.timings.outdated_exit_us, self._exit_outdated, "is outdated")
        if not process.is_member and process.node_id in here:
            process.is_member = True
            process.trace("member")
            process.world.first_transition(process.node_id)
        if count:
            self._repeat(count, self._join_repeats())

    @property
    def _is_3_0_12(self) -> bool:
        return self._process.world.profile is Profile.A

    def _version_of(self, node_id: int) -> int:
        joiner = self._process.world.daemon_of(node_id)
        ours = self._process.config.version
        return ours if joiner is None else joiner.announcement.config_version

    def _is_newer(self, node_id: int) -> bool:
        return self._version_of(node_id) > self._process.config.version

    def _agrees(self, node_id: int, seq: int) -> bool:
        """Tell whether a joiner's configuration lets us count it; a newer one here is read.

        Who is refused is so for as long as this ring lasts, but for an older one of 3.0.12.
        """
        process = self._process
        version = self._version_of(node_id)
        if version > process.config.version:
            file = process.world.file_of(process.node_id)
            if file.version < version:
                return False
            self._read_newer(version)
        if version < process.config.version and self._is_3_0_12:
            self._older[node_id] = seq
            return False
        return True

    def has_read(self, node_id: int, version: int) -> None:
        """Count a node that was refused for its older configuration, and has ours now (3.0.12)."""
        seq = self._older.get(node_id)
        if seq is not None and version >= self._process.config.version:
            del self._older[node_id]
            self._join(node_id, seq)

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
        self._counted_in(node_id)
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
