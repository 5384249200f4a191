"""The shutdown question, and a cman that dies under a client."""

from __future__ import annotations

from typing import Final

from fakecluster.cman.constants import Reason
from fakecluster.cman.wire.codec import Opcode
from fakecluster.cman.wire.raw_client import HungUpError
from fakecluster.conformance.cman_row import Rows
from fakecluster.conformance.cman_scene import Scene, SceneClient, spaced, word
from o2cbd.core.rules import SECOND_US

SHUTDOWN: Final = Rows("Shutdown")
DYING: Final = Rows("cman dying under a client")

FORCE, REMOVE = 1, 2
_BEFORE_US: Final = 4 * SECOND_US
_AFTER_US: Final = 2 * SECOND_US


def _asked(peer: SceneClient) -> str:
    return peer.events(Reason.TRY_SHUTDOWN)


@SHUTDOWN.row("the arg of the flags normal, remove, both, force", "0 2 3 1")
def shutdown_flags(s: Scene) -> str:
    found = []
    for node_id, flags in ((1, 0), (1, REMOVE), (1, FORCE | REMOVE), (2, FORCE)):
        seen, admin = s.listener(node_id), s.admin(node_id)
        admin.shutdown(flags)
        found.append(_asked(seen))
        seen.vote(yes=False)
        s.moment()
        seen.close()
    return spaced(found)


@SHUTDOWN.row("nobody listens", "0 0 gone, ENOENT", b=("0 0 gone, ENOENT", "0 gone, ENOENT"))
def shutdown_nobody_listens(s: Scene) -> str:
    admin = s.admin(1)
    admin.shutdown()
    s.moment()
    return f"{admin.replies()}, {s.connect_error(1)}"


@SHUTDOWN.row("all say yes: before the last answer, after it", "none, 0 gone, gone")
def shutdown_all_yes(s: Scene) -> str:
    one, two, admin = s.listener(1), s.listener(1), s.admin(1)
    admin.shutdown()
    one.vote(yes=True)
    s.moment()
    before = admin.replies()
    two.vote(yes=True)
    s.moment()
    return f"{before}, {admin.replies()}, {one.status(Opcode.ISACTIVE)}"


@SHUTDOWN.row("one says no: before the last answer, after it; what clients hear", "none, EBUSY; T0")
def shutdown_one_no(s: Scene) -> str:
    one, two, admin = s.listener(1), s.listener(1), s.admin(1)
    admin.shutdown()
    one.vote(yes=False)
    s.moment()
    before = admin.replies()
    two.vote(yes=True)
    s.moment()
    return f"{before}, {admin.replies()}; {one.kinds()}"


@SHUTDOWN.row("silence: at 4 s, at 6 s; a late yes; asked again", "none, EBUSY; 1; T0 T0")
def shutdown_silence(s: Scene) -> str:
    silent, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    s.driver.let_pass(_BEFORE_US)
    before = admin.replies()
    s.driver.let_pass(_AFTER_US)
    after = admin.replies()
    silent.vote(yes=True)
    s.moment()
    active = silent.status(Opcode.ISACTIVE)
    admin.shutdown()
    return f"{before}, {after}; {active}; {silent.kinds()}"


@SHUTDOWN.row("force and a no; force and silence at 4 s, at 6 s", "0 gone; none, 0 gone")
def shutdown_forced(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown(FORCE)
    one.vote(yes=False)
    s.moment()
    overruled = admin.replies()
    _silent, admin = s.listener(2), s.admin(2)
    admin.shutdown(FORCE)
    s.driver.let_pass(_BEFORE_US)
    before = admin.replies()
    s.driver.let_pass(_AFTER_US)
    return f"{overruled}; {before}, {admin.replies()}"


@SHUTDOWN.row("a client closes while asked", "0 gone")
def shutdown_client_gone(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.heard()
    one.close()
    s.moment()
    return admin.replies()


@SHUTDOWN.row("stop_notification while asked: at 4 s, at 6 s", "none, EBUSY")
def shutdown_stopped_listening(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.status(Opcode.REMOVENOTIFY)
    s.driver.let_pass(_BEFORE_US)
    before = admin.replies()
    s.driver.let_pass(_AFTER_US)
    return f"{before}, {admin.replies()}"


@SHUTDOWN.row("a new client while asked; the old one's yes, then its own", "T0; none, 0 gone")
def shutdown_new_client(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.heard()
    late = s.listener(1)
    asked = late.kinds()
    one.vote(yes=True)
    s.moment()
    before = admin.replies()
    late.vote(yes=True)
    s.moment()
    return f"{asked}; {before}, {admin.replies()}"


@SHUTDOWN.row("one of two clients says yes twice", "0 gone")
def shutdown_double_yes(s: Scene) -> str:
    eager, _silent, admin = s.listener(1), s.listener(1), s.admin(1)
    admin.shutdown()
    eager.heard()
    eager.vote(yes=True)
    eager.vote(yes=True)
    s.moment()
    return admin.replies()


@SHUTDOWN.row("a second request while one is pending", "EALREADY")
def shutdown_second_request(s: Scene) -> str:
    one = s.listener(1)
    s.admin(1).shutdown()
    one.heard()
    second = s.admin(1)
    second.shutdown()
    return second.replies()


@SHUTDOWN.row("cman_leave_cluster of 0, 3, 0x10: who is asked, what is there then", "none ENOENT")
def leave_asks_nobody(s: Scene) -> str:
    found = set()
    for flags, node_id in ((0, 1), (3, 2), (0x10, 3)):
        seen = s.listener(node_id)
        s.leave(node_id, flags)
        s.moment()
        asked = [each for each in (_asked(seen),) if each != "none"]
        found.add(f"{spaced(asked)} {s.connect_error(node_id)}")
    return spaced(sorted(found))


@SHUTDOWN.row("the requester is killed, a client silent: at 4 s, at 6 s", "0, ECONNREFUSED")
def shutdown_requester_gone(s: Scene) -> str:
    _one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    admin.close()
    s.driver.let_pass(_BEFORE_US)
    before = s.connect_error(1)
    s.driver.let_pass(_AFTER_US)
    return f"{before}, {s.connect_error(1)}"


@SHUTDOWN.row(
    "the asker dies, another asks a second later (D8): at the first's time-out, at the second's",
    "EBUSY, ECONNREFUSED",
)
def shutdown_timer_left_over(s: Scene) -> str:
    _one, gone, admin = s.listener(1), s.admin(1), s.admin(1)
    gone.shutdown()
    gone.close()
    s.moment()
    admin.shutdown()
    s.driver.let_pass(9 * SECOND_US // 2)
    first = admin.replies()
    s.moment()
    return f"{first}, {s.connect_error(1)}"


@SHUTDOWN.row(
    "notification started again while asked (D9): what comes; one yes, two", "T0 T0; none, 0 gone"
)
def shutdown_subscribed_again(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.heard()
    one.status(Opcode.NOTIFY)
    asked = one.kinds()
    one.vote(yes=True)
    s.moment()
    before = admin.replies()
    one.vote(yes=True)
    s.moment()
    return f"{asked}; {before}, {admin.replies()}"


@SHUTDOWN.row("cman_leave_cluster while somebody is asked: the asker gets", "0 gone")
def leave_during_a_question(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.heard()
    s.leave(1)
    s.moment()
    return admin.replies()


@SHUTDOWN.row("an answer with nothing pending", "1", up=(1,))
def reply_unasked(s: Scene) -> str:
    one = s.listener(1)
    one.vote(yes=True)
    s.moment()
    return one.status(Opcode.ISACTIVE)


# -- dying


@DYING.row("SIGKILL: three requests", "gone gone gone", up=(1,))
def death_under_a_client(s: Scene) -> str:
    c = s.client(1)
    c.status(Opcode.ISACTIVE)
    s.driver.crash(1)
    return spaced([c.status(each) for each in (Opcode.GETALLMEMBERS, 0x0E, Opcode.ISACTIVE)])


@DYING.row("SIGKILL with a request unread: what recv(2) says", "ECONNRESET", up=(1,))
def death_with_unread_request(s: Scene) -> str:
    c = s.client(1)
    c.status(Opcode.ISACTIVE)
    s.driver.stop(1)
    c.raw.send(Opcode.ISACTIVE)
    s.driver.crash(1)
    try:
        c.raw.sock.recv(1)
    except ConnectionResetError as error:
        return word(-(error.errno or 0))
    return "the end"


@DYING.row("SIGSTOP: a request within 2 s; after SIGCONT", "no answer, 1")
def no_time_outs(s: Scene) -> str:
    c = s.client(1)
    c.status(Opcode.ISACTIVE)
    s.driver.stop(1)
    c.raw.send(Opcode.ISQUORATE)
    s.driver.let_pass(2 * SECOND_US)
    c.raw.sock.setblocking(False)  # noqa: FBT003 - its only argument
    try:
        answer = c.raw.next_message()
    except BlockingIOError:
        before = "no answer"
    except HungUpError:
        before = "gone"
    else:
        before = type(answer).__name__
    c.raw.sock.settimeout(20)
    s.driver.cont(1)
    return f"{before}, {word(c.raw.reply().status)}"
