"""The rings: who is with whom, when a silence is noticed, when halves find each other.

A model of what totem's single ring protocol does to its users, not of its messages. Every process
that runs is in exactly one ring. The token goes from each member to the next one by id, and what a
member misses others send again: so a ring lives as long as each hop is heard, whatever other links
are cut. Silence in a ring (death, stop, a hop that is not heard) ends in a new ring after the token
time-out, consensus and commit; a joiner or a foreign ring that is heard ends in a new one at once,
unless somebody is silent too: then consensus has to wait for the silent. Who is not heard and hears
those who go on without it never agrees to any ring: it stays in its old one, and is told nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.network import Network
from fakecluster.cman.timings import Timings

SEQ_STEP = 4
"""Ring sequences grow by this much a ring."""

_LATE_US = (7_000, 75_000)
"""So long a quorate view was seen to lack a node that was on its way back."""


@dataclass(slots=True, eq=False)
class TotemRing:
    """A set of processes that agreed on each other."""

    seq: int
    boots: dict[int, int]
    """Its members in order of their ids, each with the boot of its process."""
    joiner: bool = False
    """Not yet a ring: a process that has only just begun to look for others."""
    goodbyes: dict[int, frozenset[int]] = field(default_factory=dict)
    """Who left and said so, each with those who heard it."""
    parts: list[frozenset[int]] = field(default_factory=list)
    """Into which sets its members fell apart when last looked at; whole: one with all of them."""
    silence: bool = False
    """Somebody in it owes somebody else an answer."""
    first_silence_us: int = 0
    last_silence_us: int = 0
    gathering_us: int | None = None
    """Since when it looks for a new ring although no token was lost."""
    due: Handle | None = None

    @property
    def awaits(self) -> bool:
        """Whether it will look for a new ring without being told to."""
        return self.due is not None and self.due.pending

    @property
    def members(self) -> tuple[int, ...]:
        """The node ids, sorted."""
        return tuple(self.boots)


@dataclass(slots=True, eq=False)
class RingProcess:
    """A totem process: a daemon that runs, be it stopped."""

    node_id: int
    ring: TotemRing
    boot: int
    """Tells this process from the node's earlier ones."""
    frozen: bool = False
    last_install_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transition:
    """What a new ring means to those who come from one old ring; shared by all of them."""

    seq: int
    members: tuple[int, ...]
    left: tuple[int, ...]
    """Sorted by id. Their processes ended, or are out of reach or in another ring."""
    joined: tuple[int, ...]
    announced_us: Mapping[int, int]
    """How long after the ring's news each member's own message is late, in microseconds; who is not
    in it is not late. Totem delivers in one order, so it is the same for all."""


Install = Callable[[int, int, Transition], None]
"""Called with node id, boot and transition when the new ring has come round to that node."""


class Totem:
    """All rings of the cluster."""

    def __init__(
        self,
        timeline: Timeline,
        network: Network,
        timings: Timings,
        install: Install,
        rng: random.Random | None,
        *,
        leavers_blink: bool = False,
    ) -> None:
        """Make a cluster without processes.

        Args:
            timeline: whose events drive it.
            network: who hears whom.
            timings: the cluster's clocks.
            install: told of each new ring.
            rng: draws what varied in the observations; None: nothing varies.
            leavers_blink: who waits for a ring to leave may leave and join in it (3.0.12).
        """
        self._timeline = timeline
        self._network = network
        self._timings = timings
        self._install = install
        self._rng = rng
        self._leavers_blink = leavers_blink
        self._leavers: set[int] = set()
        """Who only waits for a ring to leave it."""
        self._processes: dict[int, RingProcess] = {}
        self._order: tuple[int, ...] | None = None
        # Totem keeps the sequence on disk, so that a node never goes back.
        self._stored_seq: dict[int, int] = {}

    # -- what happens to processes and links

    def begin(self, node_id: int, boot: int) -> None:
        """A process sends its first join message."""
        ring = TotemRing(seq=self._stored_seq.get(node_id, 0), boots={node_id: boot}, joiner=True)
        self._processes[node_id] = RingProcess(node_id, ring, boot)
        self._order = None
        self._want(ring, self._timeline.now_us() + self._timings.gather_us)
        self.look()

    def end(self, node_id: int, *, goodbye: bool) -> None:
        """A process ended; `goodbye`: it told those who hear it."""
        process = self._processes.get(node_id)
        if process is None:
            return
        ring = process.ring
        turns = self._turns(ring)
        del self._processes[node_id]
        self._leavers.discard(node_id)
        self._order = None
        if ring.joiner:
            self._rest(ring)
        elif goodbye:
            heard = frozenset(i for i in ring.boots if turns or self._network.hears(i, node_id))
            ring.goodbyes[node_id] = heard
            self._want(ring, self._timeline.now_us() + self._timings.leave_change_us)
        self.look()

    def freeze(self, node_id: int, *, frozen: bool) -> None:
        """A process is stopped, or goes on."""
        process = self._processes.get(node_id)
        if process is not None:
            process.frozen = frozen
            self._order = None
            self.look()

    def ring_of(self, node_id: int) -> TotemRing | None:
        """Return the ring of a process; None while it has none."""
        process = self._processes.get(node_id)
        return None if process is None or process.ring.joiner else process.ring

    def reaches(self, sender_id: int, receiver_id: int) -> bool:
        """Return whether a message in the ring of both arrives, be it that others send it again."""
        ring = self._processes[sender_id].ring
        return self._network.linked(sender_id, receiver_id) or self._turns(ring)

    def wants_to_leave(self, node_id: int) -> None:
        """A process would leave, and cannot before the next ring."""
        self._leavers.add(node_id)

    def is_outcast(self, node_id: int) -> bool:
        """Return whether a process that goes on agrees to no ring with anybody."""
        process = self._processes.get(node_id)
        return (
            process is not None
            and not process.frozen
            and all(node_id not in clique for clique in self._cliques())
        )

    def look(self) -> None:
        """Note who is silent and who is newly heard; called after every change of the links."""
        now_us = self._timeline.now_us()
        cliques = self._cliques()
        self._note_silence(cliques)
        for clique in cliques:
            rings = self._rings_of(clique)
            if len(rings) > 1:
                newcomers = any(ring.joiner for ring in rings)
                after_us = self._timings.gather_us if newcomers else self._timings.merge_us
                for ring in rings:
                    self._want(ring, now_us + after_us)
            elif (rings[0].joiner or clique != rings[0].members) and not rings[0].awaits:
                # All of it were stopped, or named as failed, when it should have been decided.
                silence_us, gather_us = self._timings.detection_us, self._timings.gather_us
                self._want(rings[0], now_us + (silence_us if rings[0].silence else gather_us))

    # -- deciding

    def _cliques(self) -> list[tuple[int, ...]]:
        if self._order is None:
            self._order = tuple(i for i in sorted(self._processes) if not self._processes[i].frozen)
        if self._network.whole:
            return [self._order] if self._order else []
        found: list[tuple[int, ...]] = []
        for group in self._network.groups(self._order):
            ring = self._processes[group[0]].ring
            if group == ring.members and self._turns(ring):
                found.append(group)
            else:
                found += self._network.cliques(group)
        return found

    def _turns(self, ring: TotemRing) -> bool:
        """Return whether the token of a ring goes round."""
        at_work = all(
            i in self._processes and self._is_in(i, ring) and not self._processes[i].frozen
            for i in ring.boots
        )
        return at_work and self._network.goes_round(ring.members)

    def _rings_of(self, clique: tuple[int, ...]) -> list[TotemRing]:
        return list(dict.fromkeys(self._processes[node_id].ring for node_id in clique))

    def _note_silence(self, cliques: list[tuple[int, ...]]) -> None:
        parts: dict[TotemRing, list[frozenset[int]]] = {}
        for clique in cliques:
            for ring, part in self._parts_of(clique).items():
                parts.setdefault(ring, []).append(part)
        now_us = self._timeline.now_us()
        for ring, found in parts.items():
            if ring.joiner or found == ring.parts:
                continue
            silence = any(ring.boots.keys() - part - self._excused(ring, part) for part in found)
            if not silence:
                ring.gathering_us = None
            elif any(self._fell_silent(ring, part) for part in found):
                ring.last_silence_us = now_us
                if not ring.silence:
                    ring.first_silence_us = now_us
                self._want(ring, now_us + self._timings.detection_us)
            ring.silence = silence
            ring.parts = found

    def _parts_of(self, clique: tuple[int, ...]) -> dict[TotemRing, frozenset[int]]:
        found: dict[TotemRing, list[int]] = {}
        for node_id in clique:
            found.setdefault(self._processes[node_id].ring, []).append(node_id)
        return {ring: frozenset(ids) for ring, ids in found.items()}

    def _fell_silent(self, ring: TotemRing, part: frozenset[int]) -> bool:
        """Return whether this part misses somebody whom one of it still heard before."""
        excused = self._excused(ring, part)
        return any(old & part and old - part - excused for old in ring.parts)

    def _excused(self, ring: TotemRing, part: frozenset[int]) -> set[int]:
        """Who owes this part no answer: who is in another ring, and whose goodbye it heard."""
        moved = {i for i in ring.boots if i in self._processes and not self._is_in(i, ring)}
        return moved | {i for i, heard in ring.goodbyes.items() if part <= heard}

    def _is_in(self, node_id: int, ring: TotemRing) -> bool:
        return self._processes[node_id].ring is ring

    def _want(self, ring: TotemRing, at_us: int) -> None:
        """Look for a new ring at that time, or earlier if that was wanted."""
        if ring.due is not None and ring.awaits:
            if ring.due.due_us <= at_us:
                return
            ring.due.cancel()
        ring.due = self._timeline.schedule(
            lambda: self._gather(ring), at_us=at_us, label=f"ring {ring.seq}: gather"
        )

    @staticmethod
    def _rest(ring: TotemRing) -> None:
        if ring.due is not None:
            ring.due.cancel()

    def _gather(self, ring: TotemRing) -> None:
        cliques = self._cliques()
        self._note_silence(cliques)
        for clique in cliques:
            parts = self._parts_of(clique)
            if ring not in parts:
                continue
            if len(parts) == 1 and not ring.joiner and clique == ring.members:
                continue
            told = any(parts[ring] <= listeners for listeners in ring.goodbyes.values())
            heard = len(parts) > 1 or told
            ready_us = max(self._ready_us(each, part, heard=heard) for each, part in parts.items())
            if self._timeline.now_us() < ready_us:
                self._want(ring, ready_us)
            else:
                self._form(*self._merge_first(clique, list(parts)))

    def _ready_us(self, ring: TotemRing, part: frozenset[int], *, heard: bool) -> int:
        """When this part of a ring can agree to another ring, given who is silent.

        `heard`: somebody else's message made it gather, so the token time-out need not run out.
        """
        now_us = self._timeline.now_us()
        if ring.joiner or not ring.boots.keys() - part - self._excused(ring, part):
            return now_us
        ready_us = ring.first_silence_us + self._timings.detection_us
        if heard and now_us < ready_us and ring.gathering_us is None:
            ring.gathering_us = now_us
        regroup_us = self._timings.regroup_us
        if ring.gathering_us is not None:
            ready_us = min(ready_us, ring.gathering_us + regroup_us)
        return max(ready_us, ring.last_silence_us + regroup_us)

    # -- forming

    def _merge_first(
        self, clique: tuple[int, ...], rings: list[TotemRing]
    ) -> tuple[tuple[int, ...], list[TotemRing]]:
        """Draw which of the rings that hear each other merge now; the others come a moment later.

        Real rings were seen to merge two by two, and all at once.
        """
        if self._rng is None or len(rings) <= 2 or self._rng.randrange(2):
            return clique, rings
        late = self._rng.randrange(len(rings))
        first = [ring for place, ring in enumerate(rings) if place != late]
        while len(first) > 2 and self._rng.randrange(2):
            del first[self._rng.randrange(len(first))]
        for ring in rings:
            if ring not in first:
                self._rest(ring)
                self._want(ring, self._timeline.now_us() + self._draw_late_us(self._rng))
        return tuple(i for i in clique if self._processes[i].ring in first), first

    @staticmethod
    def _draw_late_us(rng: random.Random) -> int:
        least_us, most_us = _LATE_US
        return least_us + rng.randrange(most_us - least_us + 1)

    def _draw_announced_us(self, clique: tuple[int, ...]) -> Mapping[int, int]:
        rng = self._rng
        if rng is None or rng.randrange(2):
            return {}
        return {node_id: self._draw_late_us(rng) for node_id in clique if rng.randrange(2)}

    def _draw_blinking(self, clique: tuple[int, ...]) -> set[int]:
        """Draw who leaves and joins in one ring, in the eyes of the others."""
        if self._rng is None or not self._leavers_blink:
            return set()
        return {i for i in clique if i in self._leavers and self._rng.randrange(2)}

    def _form(self, clique: tuple[int, ...], rings: list[TotemRing]) -> None:
        processes = [self._processes[node_id] for node_id in clique]
        seqs = [ring.seq for ring in rings] + [self._stored_seq.get(i, 0) for i in clique]
        new = TotemRing(
            seq=max(seqs) + SEQ_STEP,
            boots={each.node_id: each.boot for each in processes},
            parts=[frozenset(clique)],
        )
        staying: dict[TotemRing, list[int]] = {ring: [] for ring in rings}
        for process in processes:
            staying[process.ring].append(process.node_id)
        announced_us = self._draw_announced_us(clique)
        blinking = self._draw_blinking(clique)
        transitions = {
            ring: self._transition(clique, new, ring, set(staying[ring]) - blinking, announced_us)
            for ring in rings
        }
        for position, process in enumerate(processes):
            transition = transitions[process.ring]
            if process.node_id in blinking:
                here = set(staying[process.ring])
                transition = self._transition(clique, new, process.ring, here, announced_us)
            process.ring = new
            self._stored_seq[process.node_id] = new.seq
            self._send_round(process, transition, position)
        for ring in rings:
            if not self._lives(ring):
                self._rest(ring)

    def _lives(self, ring: TotemRing) -> bool:
        return any(i in self._processes and self._is_in(i, ring) for i in ring.boots)

    @staticmethod
    def _transition(
        clique: tuple[int, ...],
        new: TotemRing,
        old: TotemRing,
        staying: set[int],
        announced_us: Mapping[int, int],
    ) -> Transition:
        here = set() if old.joiner else staying
        return Transition(
            seq=new.seq,
            members=clique,
            left=() if old.joiner else tuple(i for i in old.boots if i not in here),
            joined=tuple(i for i in clique if i not in here),
            announced_us=announced_us,
        )

    def _send_round(self, process: RingProcess, transition: Transition, position: int) -> None:
        skew_us = self._timings.hop_us * position
        if self._rng is not None:
            skew_us += self._rng.randrange(self._timings.hop_us * 4 + 1)
        skew_us += self._network.latency_us()
        at_us = max(self._timeline.now_us() + skew_us, process.last_install_us)
        process.last_install_us = at_us
        node_id, boot = process.node_id, process.boot
        self._timeline.schedule(
            lambda: self._install(node_id, boot, transition),
            at_us=at_us,
            label=f"node {node_id}: ring {transition.seq}",
        )
