"""Connecting, and membership with its notices."""

from __future__ import annotations

from typing import Final

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.constants import Reason
from fakecluster.cman.wire.codec import Opcode
from fakecluster.cman.wire.server import SOCKET_NAMES
from fakecluster.conformance.cman_row import Rows
from fakecluster.conformance.cman_scene import Scene, spaced
from o2cbd.core.rules import SECOND_US

CONNECTING: Final = Rows("Connecting")
MEMBERSHIP: Final = Rows("Membership")

_EARLY_US: Final = 7 * SECOND_US
"""A death is noticed later than this."""


@CONNECTING.row("never started; left; killed by order", "ENOENT ENOENT ENOENT", up=())
def connect_absent(s: Scene) -> str:
    never = s.connect_error(1)
    s.up()
    s.leave(2)
    s.admin(1).ints(Opcode.KILLNODE, 3)
    s.settle()
    return spaced([never, s.connect_error(2), s.connect_error(3)])


@CONNECTING.row("SIGKILL", "ECONNREFUSED", up=(1,))
def connect_after_crash(s: Scene) -> str:
    s.driver.crash(1)
    return s.connect_error(1)


@CONNECTING.row(
    "SIGKILL of all its processes: a client, a connect; started again",
    "gone ECONNREFUSED, 1",
    up=(1,),
)
def connect_after_crash_of_all(s: Scene) -> str:
    c = s.client(1)
    c.status(Opcode.ISACTIVE)
    s.driver.crash_all(1)
    after = spaced([c.status(Opcode.ISACTIVE), s.connect_error(1)])
    s.up(1)
    return f"{after}, {s.client(1).status(Opcode.ISACTIVE)}"


@CONNECTING.row("the modes of the sockets: who is not root gets EACCES", "660 600", up=(1,))
def connect_not_root(s: Scene) -> str:
    paths = [
        s.driver.socket_dir(1) / SOCKET_NAMES[kind]
        for kind in (SocketKind.CLIENT, SocketKind.ADMIN)
    ]
    return spaced([f"{path.stat().st_mode & 0o777:o}" for path in paths])


CONNECTING.untold(
    "connect-while-dying",
    "a connect right after SIGKILL",
    "taken, and the next call fails",
    "a race of microseconds that nothing outside can bring about; the engine's tests show it",
)


@CONNECTING.row("the first instant of a join", "ENOENT, then 1 node", up=())
def connect_first_instant(s: Scene) -> str:
    s.driver.start(1)
    before = set()

    def taken() -> bool:
        error = s.connect_error(1)
        before.add(error)
        return error == "0"

    s.until(taken, within_us=60 * SECOND_US)
    members = sum(each.state == 2 for each in s.client(1).nodes())
    return f"{spaced(sorted(before - {'0'}))}, then {members} node"


@MEMBERSHIP.row("a node joins", "1 1", b=("1 1", "1 1 1"), up=(1, 2))
def join(s: Scene) -> str:
    seen = s.listener(1)
    s.up(3)
    return seen.events()


@MEMBERSHIP.row("a node leaves, without remove and with it, seen after a second", "1, 1")
def leave(s: Scene) -> str:
    found = []
    for flags in (0, 3):
        if flags:
            s.up(3)
        seen = s.listener(1)
        s.leave(3, flags)
        s.moment()
        found.append(seen.events())
    return ", ".join(found)


@MEMBERSHIP.row("SIGKILL of a node", "none, later 1", b=("none, later 1", "none, later 1 1 1"))
def death(s: Scene) -> str:
    seen = s.listener(1)
    s.driver.crash(3)
    s.driver.let_pass(_EARLY_US)
    early = seen.events()
    s.settle()
    return f"{early}, later {seen.events()}"


@MEMBERSHIP.row("two of three die together (D3)", "1 0")
def two_deaths(s: Scene) -> str:
    seen = s.listener(1)
    s.driver.crash(2)
    s.driver.crash(3)
    s.settle()
    return seen.events()


@MEMBERSHIP.row("the isolated node's own view", "1 0, members 3")
def isolated_view(s: Scene) -> str:
    seen = s.listener(3)
    s.driver.partition([[1, 2], [3]])
    s.settle()
    return f"{seen.events()}, members {seen.members()}"


def _returned(s: Scene, before: tuple[int, int, int]) -> str:
    after = s.client(1).node(3)
    now = (after.incarnation, after.join_seconds, after.join_microseconds)
    return "new incarnation and jointime" if now > before and now[0] > before[0] else "the same"


def _stamp(s: Scene) -> tuple[int, int, int]:
    node = s.client(1).node(3)
    return node.incarnation, node.join_seconds, node.join_microseconds


@MEMBERSHIP.row(
    "a partition heals",
    "1 1 and 1 1 1 1, all members, new incarnation and jointime",
)
def merge(s: Scene) -> str:
    s.driver.partition([[1, 2], [3]])
    s.settle()
    before, seen, alone = _stamp(s), s.listener(1), s.listener(3)
    s.driver.heal()
    s.settle()
    all_members = seen.members() == alone.members() == "1 2 3"
    found = f"{seen.events()} and {alone.events()}, {'all' if all_members else 'not all'} members"
    return f"{found}, {_returned(s, before)}"


@MEMBERSHIP.row(
    "a node is paused and goes on after its death",
    "1 while away; 1 1 for its return, new incarnation and jointime",
)
def paused(s: Scene) -> str:
    before, seen = _stamp(s), s.listener(1)
    s.driver.stop(3)
    s.settle()
    away = seen.events()
    seen.forget()
    s.driver.cont(3)
    s.settle()
    return f"{away} while away; {seen.events()} for its return, {_returned(s, before)}"


@MEMBERSHIP.row("SIGKILL and rejoin before the death is noticed", "new incarnation and jointime")
def fast_rejoin(s: Scene) -> str:
    before = _stamp(s)
    s.driver.crash(3)
    s.driver.start(3)
    s.settle()
    return _returned(s, before)


@MEMBERSHIP.row(
    "kill order: at once on the killer and another, then notices and the victim",
    "2/1 2 3, none/none; later 1/1; victim gone ENOENT",
    b=(
        "2/1 2 3, none/none; later 1/1; victim gone ENOENT",
        "2/1 2 3, none/none; later 1 1 1/1 1 1; victim gone ENOENT",
    ),
)
def kill_order(s: Scene) -> str:
    killer, other, victim = s.listener(1), s.listener(2), s.listener(3)
    s.admin(1).ints(Opcode.KILLNODE, 3)
    gone = sum(each.state == 2 for each in killer.nodes())
    at_once = f"{gone}/{other.members()}, {killer.events()}/{other.events()}"
    s.settle()
    last = f"{victim.status(Opcode.ISACTIVE)} {s.connect_error(3)}"
    return f"{at_once}; later {killer.events()}/{other.events()}; victim {last}"


@MEMBERSHIP.row(
    "rings and notices of a leave and of a join",
    "S1 ring, ring S1 S1",
    b=("S1 ring, ring S1 S1", "S1 ring, ring S1 S1 S1"),
)
def confchg_order(s: Scene) -> str:
    seen = s.listener(1, confchg=True)
    s.leave(3)
    s.settle()
    left = seen.kinds()
    seen.forget()
    s.up(3)
    return f"{left}, {seen.kinds()}"


@MEMBERSHIP.row(
    "leave reasons: leave, death, killed (on the killer, on another), remove",
    "0 0 1 0 3",
)
def leave_reasons(s: Scene) -> str:
    killer, other = s.client(1), s.client(2)
    found = []
    s.leave(3)
    s.settle()
    found.append(killer.leave_reason(3))
    s.up(3)
    s.driver.crash(3)
    s.settle()
    found.append(killer.leave_reason(3))
    s.up(3)
    s.admin(1).ints(Opcode.KILLNODE, 3)
    s.settle()
    found += [killer.leave_reason(3), other.leave_reason(3)]
    s.up(3)
    s.leave(3, 3)
    s.settle()
    return spaced([*found, killer.leave_reason(3)])


@MEMBERSHIP.row("a leave reason after the rejoin", "3", b="0")
def leave_reason_kept(s: Scene) -> str:
    s.leave(3, 3)
    s.settle()
    s.up(3)
    return str(s.client(1).leave_reason(3))


@MEMBERSHIP.row("notices of other kinds at all this", "none")
def no_other_notices(s: Scene) -> str:
    seen = s.listener(1)
    s.driver.crash(3)
    s.settle()
    others = (Reason.PORT_OPENED, Reason.PORT_CLOSED, Reason.TRY_SHUTDOWN, Reason.CONFIG_UPDATE)
    return spaced([one for one in map(seen.events, others) if one != "none"])
