"""A cluster of guests, and what can happen to it."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

from integration.cache import Progress
from integration.errors import GuestError
from integration.guest import BOOT_TIMEOUT_S, Guest
from integration.lab.base import Base, SavedState, saved_state
from integration.lab.host import Disks, LabMachine, nameless_overlay, shared_disk
from integration.lab.identity import (
    AWAKEN,
    DEFAULT_NETWORK,
    Identity,
    identity_command,
)
from integration.lab.switch import Switch
from o2cbd.clock import MonotonicClock

SHARED_DEVICE = "/dev/vdb"
"""The shared disk, in each guest."""

T = TypeVar("T")

_IDENTITY_TIMEOUT_S = 120
_SEED_DIGITS = 512


class Lab:
    """Guests that share a network and a disk; numbered, and named `node<number>`."""

    def __init__(
        self, machines: Mapping[int, LabMachine], switch: Switch, states: Mapping[int, SavedState]
    ) -> None:
        """Hold machines whose power is off; `started` makes them."""
        self.network = switch.network
        """Who hears whom: `partition`, `cut`, `heal`."""
        self.machines = machines
        """By number; one that is booted again has a new guest."""
        self.went_on_us = 0
        """When those went on that had power at first, by the monotonic clock."""
        self._switch = switch
        self._fresh = dict(states)
        """Who was never on: its first boot is that of a saved state."""

    @classmethod
    @contextlib.contextmanager
    def started(
        cls,
        base: Base,
        *,
        cache: Path,
        directory: Path,
        say: Progress,
        hosts: Sequence[int] = (1, 2, 3),
        off: Sequence[int] = (),
        network: ipaddress.IPv4Network = DEFAULT_NETWORK,
        states: Mapping[int, SavedState] | None = None,
    ) -> Iterator[Lab]:
        """Start machines from saved states, and end them with the block.

        Args:
            base: what they start from.
            cache: where the saved state is kept, or put when it has to be made.
            directory: takes `node<number>.console` of each.
            say: takes progress.
            hosts: their numbers, 1 to 254.
            off: those of them that have no power at first.
            network: where the machine with number n has the nth address.
            states: those of machines that were saved as somebody, by number; they go on together.
                Their clocks stand where they stood. The others are clones of the base's.

        Raises:
            GuestError: a guest did not come up.
            CannotRunError: this machine lacks something.
        """
        anyone, _ = saved_state(base, cache, say)
        chosen = {number: (states or {}).get(number, anyone) for number in hosts}
        directory.mkdir(parents=True, exist_ok=True)
        identities = [Identity(number=number, network=network) for number in hosts]
        with contextlib.ExitStack() as stack:
            # Outlives the machines: their parent-death signal is this thread's end.
            starter = stack.enter_context(ThreadPoolExecutor(max_workers=1))
            switch = stack.enter_context(Switch.running())
            shared = stack.enter_context(shared_disk())
            machines: dict[int, LabMachine] = {}
            for identity in identities:
                root = chosen[identity.number].disk
                disks = Disks(
                    root=stack.enter_context(nameless_overlay(root, "qcow2")), shared=shared
                )
                console = stack.enter_context(_console(directory, identity))
                machines[identity.number] = LabMachine(
                    identity,
                    base.machine,
                    disks,
                    console,
                    lambda start: starter.submit(start).result(),
                )
                stack.callback(machines[identity.number].kill)
            lab = cls(machines, switch, chosen)
            on = [number for number in hosts if number not in off]
            try:
                lab.each(lab._load, on)
                lab.went_on_us = MonotonicClock().now_us()
                lab.each(lab._go_on, on)
                yield lab
            except GuestError as error:
                error.add_note(f"the consoles of all machines are in {directory}")
                raise

    def guest(self, number: int) -> Guest:
        """Who takes commands on a machine.

        Raises:
            GuestError: the power is off.
        """
        return self.machines[number].guest

    def alive(self, number: int) -> bool:
        """Whether a machine runs, or stands paused; one that fenced itself has ended."""
        return self.machines[number].alive()

    def boot(self, number: int, timeout_s: float = BOOT_TIMEOUT_S) -> Guest:
        """Switch a machine on, with the disk that it has; its guest, once that takes commands.

        Its units may still be starting. The first time it goes on from its saved state.

        Raises:
            GuestError: it is on, or does not come up.
        """
        host = self.machines[number]
        if number in self._fresh:
            self._load(number)
            self._go_on(number)
        else:
            host.switch_on(self._switch.plug(number))
            host.guest.wait_ready(timeout_s)
        return host.guest

    def each(self, work: Callable[[int], T], numbers: Sequence[int] | None = None) -> dict[int, T]:
        """Do the same for several machines at once; what it gives, by number.

        Args:
            work: takes a machine's number.
            numbers: for whom; None: for all.

        Raises:
            GuestError: of the first machine where it failed.
        """
        chosen = list(self.machines) if numbers is None else list(numbers)
        with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
            running = {number: pool.submit(work, number) for number in chosen}
            try:
                return {number: future.result() for number, future in running.items()}
            except (KeyboardInterrupt, SystemExit):
                for machine in self.machines.values():
                    machine.cut_power()  # or the pool would wait for answers
                raise

    def save(self, directory: Path) -> None:
        """Save every machine that is on, all at one moment, and end them.

        The shared disk is not saved.

        Args:
            directory: takes a directory for each, as `saved_as` names it.

        Raises:
            GuestError: a machine could not be saved.
        """
        on = [number for number, machine in self.machines.items() if machine.alive()]
        self.each(lambda number: self.machines[number].pause(), on)
        for number in on:
            saved_as(directory, number).mkdir()
        self.each(lambda number: self._save(number, saved_as(directory, number)), on)

    def _save(self, number: int, directory: Path) -> None:
        host, state = self.machines[number], SavedState(directory=directory)
        state.take(host.monitor)
        host.kill()
        host.copy_root(state.disk)

    def _load(self, number: int) -> None:
        """Let a machine stand where it was saved; nothing moves in it yet."""
        host = self.machines[number]
        host.switch_on(self._switch.plug(number), self._fresh[number].incoming)
        host.wait_loaded()

    def _go_on(self, number: int) -> None:
        """Let a machine go on from its saved state, with random numbers of its own.

        Who was somebody already keeps the time that it has: its clock never jumps.
        """
        host = self.machines[number]
        state = self._fresh.pop(number)
        host.monitor.order("cont")
        if state.anonymous:
            everybody = [other.identity for other in self.machines.values()]
            command = identity_command(host.identity, everybody, time.time())
        else:
            command = list(AWAKEN)
        seed = os.urandom(_SEED_DIGITS // 2).hex()
        host.guest.check(command, timeout_s=_IDENTITY_TIMEOUT_S, stdin=seed)


def saved_as(directory: Path, number: int) -> Path:
    """Where below a directory a machine is saved."""
    return directory / f"node{number}"


@contextlib.contextmanager
def _console(directory: Path, identity: Identity) -> Iterator[IO[bytes]]:
    path = directory / f"{identity.name}.console"
    path.unlink(missing_ok=True)  # another lab may still write to the one of that name
    with path.open("x+b") as file:
        yield file
