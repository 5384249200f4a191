"""The controller in an agent on a single host: nothing from a stale view."""

from __future__ import annotations

from fakecluster.testing.examples import membership
from fakecluster.testing.single_host import (
    ASKED,
    SingleHost,
    filled,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.events import StateChange
from o2cbd.core.model import (
    Quorum,
    Tables,
    Why,
)
from o2cbd.core.rules import SECOND_US


def quorum_goes(host: SingleHost) -> None:
    host.manager.membership = membership(1, 2, quorum=Quorum.INQUORATE)
    host.manager.notices.append(StateChange(quorate=False))


def test_no_removal_follows_a_reading_of_the_tables_during_which_quorum_went() -> None:
    """A reading may be stuck for minutes: what was announced meanwhile is heard before a step."""
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2)
    read = host.kernel.read

    def read_slowly(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        host.kernel.read = read  # type: ignore[method-assign]
        quorum_goes(host)
        return found

    host.kernel.read = read_slowly  # type: ignore[method-assign]
    host.notify()
    assert (host.kernel.journal, host.pending[remove(3)].why) == ([], Why.INQUORATE)
    assert not host.hold.ours


def test_no_removal_of_a_second_round_is_from_before_a_notice() -> None:
    """The tables are read again between two rounds, and that may take as long."""
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2)
    host.kernel.put("n4", num=4, address="10.0.0.4", port=7777)
    host.kernel.pinned = {"n3", "n4"}
    host.notify()
    host.kernel.pinned = set()
    read, rounds = host.kernel.read, [0]

    def read_twice(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        rounds[0] += 1
        if rounds[0] == 2:
            host.kernel.put("n5", num=5, address="10.0.0.5", port=7777)
            found = read(*args, **kwargs)  # type: ignore[arg-type]
            quorum_goes(host)
        return found

    host.kernel.read = read_twice  # type: ignore[method-assign]
    host.run_for(SECOND_US)
    assert rounds[0] > 2
    assert host.kernel.journal == [remove(3), remove(4)]
    assert host.pending[remove(5)].why is Why.INQUORATE


def test_a_stop_during_the_reading_of_the_tables_leaves_them_as_they_are() -> None:
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2)
    read = host.kernel.read

    def stop_meanwhile(*args: object, **kwargs: object) -> Tables:
        host.agent.stop()
        return read(*args, **kwargs)  # type: ignore[arg-type]

    host.kernel.read = stop_meanwhile  # type: ignore[method-assign]
    host.notify()
    assert (host.kernel.journal, host.agent.exit_code) == ([], 0)


def test_a_question_during_the_reading_of_the_tables_is_answered_before_a_step() -> None:
    host = filled(1, 2, 3)
    host.manager.membership = membership(1, 2)
    read = host.kernel.read

    def ask_meanwhile(*args: object, **kwargs: object) -> Tables:
        host.kernel.read = read  # type: ignore[method-assign]
        host.manager.notices.append(ASKED)
        return read(*args, **kwargs)  # type: ignore[arg-type]

    host.kernel.read = ask_meanwhile  # type: ignore[method-assign]
    host.notify()
    assert (host.manager.replies, host.kernel.journal) == ([True], [remove(3)])
    order = [type(one) for one in host.reports]
    assert order.index(reports.Voted) < order.index(reports.StepApplied)
