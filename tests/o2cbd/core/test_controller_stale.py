"""The controller in a whole daemon on a pocket host: nothing from a stale view."""

from __future__ import annotations

from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import membership
from fakecluster.pocket.situations import (
    ASKED,
    SECOND_US,
    filled,
    notice,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.events import StateChange
from o2cbd.core.model import (
    Quorum,
    Tables,
    Why,
)


def quorum_goes(bench: Bench) -> None:
    bench.manager.membership = membership(1, 2, quorum=Quorum.INQUORATE)
    bench.manager.notices.append(StateChange(quorate=False))


def test_no_removal_follows_a_reading_of_the_tables_during_which_quorum_went() -> None:
    """A reading may be stuck for minutes: what was announced meanwhile is heard before a step."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def read_slowly(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        bench.kernel.read = read  # type: ignore[method-assign]
        quorum_goes(bench)
        return found

    bench.kernel.read = read_slowly  # type: ignore[method-assign]
    notice(bench)
    assert (bench.kernel.journal, bench.pending[remove(3)].why) == ([], Why.INQUORATE)
    assert not bench.hold.ours


def test_no_removal_of_a_second_round_is_from_before_a_notice() -> None:
    """The tables are read again between two rounds, and that may take as long."""
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    bench.kernel.put("n4", num=4, address="10.0.0.4", port=7777)
    bench.kernel.pinned = {"n3", "n4"}
    notice(bench)
    bench.kernel.pinned = set()
    read, rounds = bench.kernel.read, [0]

    def read_twice(*args: object, **kwargs: object) -> Tables:
        found = read(*args, **kwargs)  # type: ignore[arg-type]
        rounds[0] += 1
        if rounds[0] == 2:
            bench.kernel.put("n5", num=5, address="10.0.0.5", port=7777)
            found = read(*args, **kwargs)  # type: ignore[arg-type]
            quorum_goes(bench)
        return found

    bench.kernel.read = read_twice  # type: ignore[method-assign]
    bench.run_for(SECOND_US)
    assert rounds[0] > 2
    assert bench.kernel.journal == [remove(3), remove(4)]
    assert bench.pending[remove(5)].why is Why.INQUORATE


def test_a_stop_during_the_reading_of_the_tables_leaves_them_as_they_are() -> None:
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def stop_meanwhile(*args: object, **kwargs: object) -> Tables:
        bench.agent.stop()
        return read(*args, **kwargs)  # type: ignore[arg-type]

    bench.kernel.read = stop_meanwhile  # type: ignore[method-assign]
    notice(bench)
    assert (bench.kernel.journal, bench.agent.exit_code) == ([], 0)


def test_a_question_during_the_reading_of_the_tables_is_answered_before_a_step() -> None:
    bench = filled(1, 2, 3)
    bench.manager.membership = membership(1, 2)
    read = bench.kernel.read

    def ask_meanwhile(*args: object, **kwargs: object) -> Tables:
        bench.kernel.read = read  # type: ignore[method-assign]
        bench.manager.notices.append(ASKED)
        return read(*args, **kwargs)  # type: ignore[arg-type]

    bench.kernel.read = ask_meanwhile  # type: ignore[method-assign]
    notice(bench)
    assert (bench.manager.replies, bench.kernel.journal) == ([True], [remove(3)])
    order = [type(one) for one in bench.told]
    assert order.index(reports.Voted) < order.index(reports.StepApplied)
