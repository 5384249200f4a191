"""The disk heartbeat across hosts, in virtual time."""

import pytest

from fakecluster.clock import Timeline
from fakecluster.sim.disk import SharedDisk, death_seen_after_us
from o2cbd.core.rules import SECOND_US


class Shared:
    """A disk and what each host sees on it."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.live: dict[int, frozenset[int]] = {}
        self.fenced: list[tuple[int, int]] = []
        self.disk = SharedDisk(self.timeline, self.live.__setitem__, self._fence)

    def _fence(self, host: int) -> None:
        self.fenced.append((host, self.timeline.now_us()))
        self.disk.die(host)

    def mount(self, *hosts: int, dead_threshold: int = 5) -> None:
        """Mount on hosts; host i has num i + 10."""
        for host in hosts:
            self.disk.mount(host, num=host + 10, dead_threshold=dead_threshold)


@pytest.fixture
def shared() -> Shared:
    """A fresh disk."""
    return Shared()


@pytest.mark.parametrize(("threshold", "seconds"), [(5, 10), (11, 22), (31, 62)])
def test_a_death_is_seen_about_when_the_kernel_sees_it(threshold: int, seconds: int) -> None:
    """Seen: 10 s, 21.5 s, 64 s."""
    assert death_seen_after_us(threshold) == seconds * SECOND_US


def test_every_mounted_host_sees_every_mounted_host(shared: Shared) -> None:
    """Its own num among them; a host that does not heartbeat sees nothing."""
    shared.mount(1, 2)
    assert shared.live == {1: frozenset({11, 12}), 2: frozenset({11, 12})}
    assert shared.disk.live_nums(3) == frozenset()
    assert [shared.disk.mounted(host) for host in (1, 2, 3)] == [True, True, False]


def test_a_clean_umount_is_seen_at_once(shared: Shared) -> None:
    """After it peers can remove that node."""
    shared.mount(1, 2)
    shared.disk.umount(2)
    assert shared.live == {1: frozenset({11}), 2: frozenset()}


def test_a_dead_host_is_believed_in_until_the_dead_threshold(shared: Shared) -> None:
    """Not a microsecond less, and by each observer's own threshold."""
    shared.mount(1, 2)
    shared.mount(3, dead_threshold=11)
    shared.disk.die(2)
    shared.timeline.run_until(10 * SECOND_US - 1)
    assert shared.live[1] == frozenset({11, 12, 13})
    shared.timeline.run_until(10 * SECOND_US)
    assert (shared.live[1], shared.live[3]) == (frozenset({11, 13}), frozenset({11, 12, 13}))
    shared.timeline.run_until(22 * SECOND_US)
    assert shared.live[3] == frozenset({11, 13})


def test_a_host_whose_writes_stall_fences_itself_before_it_is_given_up(shared: Shared) -> None:
    """One interval before the others, who count from its last write, whenever it ends."""
    shared.mount(1, 2)
    shared.timeline.run_until(SECOND_US)
    shared.disk.stall(2)
    with pytest.raises(OSError, match="Input/output"):
        shared.disk.umount(2)
    shared.timeline.run_until(9 * SECOND_US - 1)
    assert (shared.fenced, shared.live[1]) == ([], frozenset({11, 12}))
    shared.timeline.run_until(11 * SECOND_US - 1)
    assert (shared.fenced, shared.live[1]) == ([(2, 9 * SECOND_US)], frozenset({11, 12}))
    shared.timeline.run_until(11 * SECOND_US)
    assert shared.live[1] == frozenset({11})


def test_who_dies_stalled_was_written_last_when_the_stall_began(shared: Shared) -> None:
    shared.mount(1, 2)
    shared.disk.stall(2)
    shared.timeline.run_until(5 * SECOND_US)
    shared.disk.die(2)
    shared.timeline.run_until(10 * SECOND_US)
    assert (shared.fenced, shared.live[1]) == ([], frozenset({11}))


def test_a_newcomer_never_sees_a_stalled_host(shared: Shared) -> None:
    shared.mount(1, 2)
    shared.disk.stall(2)
    shared.disk.stall(2)  # nothing more happens
    shared.mount(3)
    assert shared.live[3] == frozenset({11, 13})
    with pytest.raises(OSError, match="not mounted"):
        shared.disk.stall(4)


def test_a_host_that_comes_back_in_time_was_never_dead(shared: Shared) -> None:
    """Its slot is written again."""
    shared.mount(1, 2)
    shared.disk.die(2)
    shared.timeline.run_until(9 * SECOND_US)
    shared.mount(2)
    shared.timeline.run_until(60 * SECOND_US)
    assert shared.live[1] == frozenset({11, 12})


def test_the_last_death_counts(shared: Shared) -> None:
    """Dead, back, and dead again: the time runs from the second death."""
    shared.mount(1, 2)
    shared.disk.die(2)
    shared.timeline.run_until(5 * SECOND_US)
    shared.mount(2)
    shared.disk.die(2)
    shared.timeline.run_until(15 * SECOND_US - 1)
    assert shared.live[1] == frozenset({11, 12})
    shared.timeline.run_until(15 * SECOND_US)
    assert shared.live[1] == frozenset({11})


def test_a_newcomer_does_not_see_the_dead(shared: Shared) -> None:
    """A slot that nobody writes is not live to who looks for the first time."""
    shared.mount(1, 2)
    shared.disk.die(2)
    shared.mount(3)
    assert shared.live[3] == frozenset({11, 13})


def test_a_num_that_two_hosts_write_lives_while_one_of_them_does(shared: Shared) -> None:
    """Tables that differ can lead to it."""
    shared.disk.mount(1, num=1, dead_threshold=5)
    shared.disk.mount(2, num=7, dead_threshold=5)
    shared.disk.mount(3, num=7, dead_threshold=5)
    shared.disk.umount(3)
    assert shared.disk.live_nums(1) == frozenset({1, 7})
    shared.disk.umount(2)
    assert shared.disk.live_nums(1) == frozenset({1})


def test_doing_it_twice_does_nothing(shared: Shared) -> None:
    """A second mount, umount or death of the same host."""
    shared.mount(1, 1)
    shared.disk.umount(1)
    shared.live.clear()
    shared.disk.umount(1)
    shared.disk.die(1)
    assert (shared.live, shared.timeline.next_due_us()) == ({}, None)
