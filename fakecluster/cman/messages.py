"""Messages between daemons of one ring: they arrive, or wait for the link, or die with the ring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from fakecluster.clock import Timeline
from fakecluster.cman.network import Network
from fakecluster.cman.process import CmanProcess
from fakecluster.cman.totem import Totem, TotemRing

Effect = Callable[[CmanProcess], None]

Sent = Callable[[int, Sequence[int], int], None]
"""Hears of each message: its sender, whom it reaches, and how long it takes in microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    ring: TotemRing
    sender_id: int
    receiver: CmanProcess
    effect: Effect


class RingMessages:
    """Totem repeats what was not received: while the ring lives, a broken link only delays."""

    def __init__(self, timeline: Timeline, network: Network, totem: Totem, sent: Sent) -> None:
        self._timeline = timeline
        self._sent = sent
        self._network = network
        self._totem = totem
        self._waiting: list[_Waiting] = []
        self._last_us: int | None = None
        """When the last message arrives; None while the network never was slow."""

    def send(
        self, sender_id: int, receivers: Iterable[CmanProcess], effect: Effect, *, after_us: int
    ) -> None:
        """Deliver to each receiver that is in the sender's ring, or is the sender."""
        ring = self._totem.ring_of(sender_id)
        reached: list[CmanProcess] = []
        for receiver in receivers:
            if receiver.node_id == sender_id:
                reached.append(receiver)
            elif ring is None or self._totem.ring_of(receiver.node_id) is not ring:
                continue
            elif self._totem.reaches(sender_id, receiver.node_id):
                reached.append(receiver)
            else:
                self._waiting.append(
                    _Waiting(ring=ring, sender_id=sender_id, receiver=receiver, effect=effect)
                )

        def arrive() -> None:
            for receiver in reached:
                receiver.run(partial(effect, receiver))

        if reached:
            after_us = self._in_order_us(after_us)
            self._sent(sender_id, [each.node_id for each in reached], after_us)
            label = f"node {sender_id}: message"
            self._timeline.schedule(arrive, after_us=after_us, label=label)

    def _in_order_us(self, after_us: int) -> int:
        """Slow the way down as the network is, and let no message overtake another on a slow one.

        Totem delivers everything in one order.
        """
        added_us = self._network.latency_us()
        if not added_us and self._last_us is None:
            return after_us
        now_us = self._timeline.now_us()
        at_us = max(now_us + after_us + added_us, self._last_us or 0)
        self._last_us = at_us
        return at_us - now_us

    def retry(self) -> None:
        """Deliver what waited for a link; called after every change of the links."""
        letters, self._waiting = self._waiting, []
        for letter in letters:
            ends = (letter.sender_id, letter.receiver.node_id)
            if any(self._totem.ring_of(node_id) is not letter.ring for node_id in ends):
                continue
            if self._totem.reaches(*ends):
                self._sent(letter.sender_id, [letter.receiver.node_id], 0)
                letter.receiver.run(partial(letter.effect, letter.receiver))
            else:
                self._waiting.append(letter)
