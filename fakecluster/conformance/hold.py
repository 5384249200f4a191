"""What every `Hold` does: the real semaphore and the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fakecluster.conformance.checks import checks_in
from o2cbd.hold.interface import Hold


class HoldDriver(Protocol):
    """One semaphore that nobody has used yet, and another process beside ours."""

    def hold(self) -> Hold:
        """Return a hold of our process; several may be asked for."""
        ...

    def other_tries(self) -> bool:
        """Let another process take it, without waiting; True when it has it now."""
        ...

    @property
    def other_pid(self) -> int:
        """The pid of that process."""
        ...

    def other_releases(self) -> None:
        """Let it give it back."""
        ...

    def other_dies(self) -> None:
        """Kill it; what it held is given back by the kernel."""
        ...

    def remove_set(self) -> None:
        """Remove the semaphore set from below everybody."""
        ...

    def set_exists(self) -> bool:
        """Return whether there is a set now."""
        ...


def free_is_taken(driver: HoldDriver) -> None:
    """A free semaphore is taken, and another process cannot take it then."""
    assert driver.hold().take() is None
    assert driver.other_tries() is False


def refusal_names_the_holder(driver: HoldDriver) -> None:
    """Taking what another process has gives that process's pid."""
    assert driver.other_tries() is True
    assert driver.hold().take() == driver.other_pid


def released_is_free(driver: HoldDriver) -> None:
    """What was released can be taken, by the other process and by us again."""
    hold = driver.hold()
    assert hold.take() is None
    hold.release()
    assert driver.other_tries() is True
    driver.other_releases()
    assert hold.take() is None


def dead_holder_holds_nothing(driver: HoldDriver) -> None:
    """The kernel undoes the hold of a process that was killed."""
    assert driver.other_tries() is True
    driver.other_dies()
    hold = driver.hold()
    assert hold.holder() is None
    assert hold.take() is None


def holder_is_another_process(driver: HoldDriver) -> None:
    """The holder that is reported is the other process while it holds, and nobody afterwards."""
    hold = driver.hold()
    assert driver.other_tries() is True
    assert hold.holder() == driver.other_pid
    driver.other_releases()
    assert hold.holder() is None


def own_hold_is_no_holder(driver: HoldDriver) -> None:
    """We are never reported, also not by a second hold of our process."""
    hold = driver.hold()
    assert hold.take() is None
    assert hold.holder() is None
    assert driver.hold().holder() is None


def looking_makes_nothing(driver: HoldDriver) -> None:
    """Asking for the holder of what was never used makes no set."""
    assert driver.hold().holder() is None
    assert driver.set_exists() is False


def release_of_nothing_is_harmless(driver: HoldDriver) -> None:
    """A release of what is not ours leaves the other process's hold alone."""
    hold = driver.hold()
    hold.release()
    assert driver.other_tries() is True
    assert hold.take() == driver.other_pid
    hold.release()
    assert hold.holder() == driver.other_pid


def second_release_is_harmless(driver: HoldDriver) -> None:
    """Releasing twice does not give away what another process took meanwhile."""
    hold = driver.hold()
    assert hold.take() is None
    hold.release()
    assert driver.other_tries() is True
    hold.release()
    assert hold.holder() == driver.other_pid


def removed_set_is_made_anew(driver: HoldDriver) -> None:
    """After the set was removed between two takes it is looked up anew and taken."""
    hold = driver.hold()
    assert hold.take() is None
    hold.release()
    driver.remove_set()
    assert hold.take() is None
    assert driver.other_tries() is False


def removed_while_ours(driver: HoldDriver) -> None:
    """A set removed while it is ours: the release does nothing, and touches no new set."""
    hold = driver.hold()
    assert hold.take() is None
    driver.remove_set()
    assert driver.other_tries() is True
    hold.release()
    assert hold.holder() == driver.other_pid


def removed_while_held(driver: HoldDriver) -> None:
    """A set removed while another process holds it holds nobody up."""
    assert driver.other_tries() is True
    driver.remove_set()
    hold = driver.hold()
    assert hold.holder() is None
    assert hold.take() is None


def close_releases(driver: HoldDriver) -> None:
    """Closing gives it back, and may be done twice."""
    hold = driver.hold()
    assert hold.take() is None
    hold.close()
    hold.close()
    assert driver.other_tries() is True


CHECKS: tuple[Callable[[HoldDriver], None], ...] = checks_in(__name__)
"""Every check takes a driver of a semaphore that nobody has used yet."""
