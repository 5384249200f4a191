"""What was seen later: D1 to D18, and the smaller ones; what other sections have is there."""

from __future__ import annotations

from typing import Final

from fakecluster.cman.constants import ExtraFlag, Reason
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import EventMessage, NodeStruct, Opcode, encode_ints
from fakecluster.conformance.cman_row import NOT_OBSERVED, Rows
from fakecluster.conformance.cman_scene import Scene, SceneClient, spaced, word
from o2cbd.core.rules import SECOND_US

LATER: Final = Rows("Seen later")
SMALLER: Final = Rows("Seen later, smaller")

_NEW: Final = NodeConfig(id=7, name="node7", addresses=("10.0.0.7",))
_LONG_US: Final = 20 * SECOND_US

LATER.untold(
    "D1-heal-in-steps",
    "heal of 1/2/3",
    "a quorate view {2,3} without 1 for 7 to 75 ms, in some heals",
    "a race; the engine draws it, and its tests find it in 40 draws",
)


@LATER.row(
    "D2: leave 0.5 s after another member crashed: after 5 s; in the end, leaver and another",
    "1 2 3, 1, 1 0",
)
def D2_leave_after_a_crash(s: Scene) -> str:  # noqa: N802 - as the row is called
    leaver, other = s.listener(2), s.listener(1)
    s.driver.crash(3)
    s.driver.let_pass(SECOND_US // 2)
    s.leave(2)
    s.driver.let_pass(5 * SECOND_US)
    members = other.members()
    # Notices to a leaver are read before its end, which comes 20 ms after them.
    heard = []

    def gone() -> bool:
        heard.append(leaver.events())
        return s.connect_error(2) == "ENOENT"

    s.until(gone, within_us=_LONG_US)
    s.settle()
    return f"{members}, {leaver.events()}, {other.events()}"


@LATER.row(
    "D4: expected votes 9; votes 0 of one of two that are left; the quorum",
    "EINVAL EINVAL, 2 and 2",
)
def D4_unreachable_votes(s: Scene) -> str:  # noqa: N802
    admin, seen = s.admin(1), s.client(1)
    expected = admin.ints(Opcode.SETEXPECTED_VOTES, 9)
    before = seen.info().quorum
    s.driver.crash(3)
    s.settle()
    votes = admin.ints(Opcode.SET_VOTES, 2, 0)
    s.moment()
    return f"{expected} {votes}, {before} and {seen.info().quorum}"


@LATER.row("D5: a node is added and announced: expected votes before and after", "3 3")
def D5_added_node(s: Scene) -> str:  # noqa: N802
    seen = s.client(1)
    before = seen.info().expected_votes
    s.write(2, nodes=(*s.nodes(), _NEW))
    s.admin(1).set_version(2)
    s.moment()
    return spaced([before, seen.info().expected_votes])


@LATER.row(
    "D6: a node whose file lags: error flag, quorate; after a recalculation; mended",
    "0 1, 1, 0 1",
    b="1 1, 0, 0 1",
)
def D6_lagging_file(s: Scene) -> str:  # noqa: N802
    lagging = s.client(3)

    def state() -> str:
        flag = bool(lagging.info().flags & ExtraFlag.ERROR)
        return f"{int(flag)} {lagging.quorate()}"

    s.write(2, 1, 2)
    s.admin(1).set_version(2)
    s.moment()
    told = state()
    s.admin(1).ints(Opcode.SET_VOTES, 1, 2)
    s.moment()
    recalculated = lagging.quorate()
    s.write(2, 3)
    s.settle()
    return f"{told}, {recalculated}, {state()}"


@LATER.row(
    "D7: a node taken out while a member leaves: those listed, and after the next reload",
    "1 2 3, 1 2",
)
def D7_taken_out(s: Scene) -> str:  # noqa: N802
    seen, admin = s.client(1), s.admin(1)
    s.write(2, nodes=s.nodes(3))
    admin.set_version(2)
    s.moment()
    s.leave(3)
    s.moment()
    left = spaced([node.node_id for node in seen.nodes()])
    s.write(3, nodes=s.nodes(3))
    admin.set_version(3)
    s.moment()
    return f"{left}, {spaced([node.node_id for node in seen.nodes()])}"


@LATER.row(
    "D10: cuts 2 to 1 and 1 to 3, then 1 to 2 alone: notices on 1, 2, 3; members; quorate on 1",
    *NOT_OBSERVED,
    b=(
        "none none none; none 1 1; 1 2 3/2 3/2 3; 1",
        "none none none; none 1 1 1 1 1 1; 1 2 3/2 3/2 3; 1",
    ),
)
def D10_one_way_cuts(s: Scene) -> str:  # noqa: N802
    seen = [s.listener(i) for i in (1, 2, 3)]
    for speaker, listener in ((2, 1), (1, 3)):
        s.driver.cut(speaker, listener)
        s.driver.let_pass(_LONG_US)
    before = spaced([each.events() for each in seen])
    s.driver.heal()
    s.driver.cut(1, 2)
    s.driver.let_pass(_LONG_US)
    after = spaced([each.events() for each in seen])
    members = "/".join(each.members() for each in seen)
    return f"{before}; {after}; {members}; {seen[0].quorate()}"


@LATER.row(
    "D11: fenced, dead after 125 s, back again: flag, time, agent each time",
    *NOT_OBSERVED,
    b="1 77 fence_x, 0 77 fence_x, 0 77 fence_x",
)
def D11_old_fencing(s: Scene) -> str:  # noqa: N802
    seen = s.client(1)
    s.admin(1).fence(3, 77)
    s.moment()
    found = [seen.fenced(3)]
    s.driver.let_pass(125 * SECOND_US)
    s.driver.crash(3)
    s.settle()
    found.append(seen.fenced(3))
    s.up(3)
    found.append(seen.fenced(3))
    return ", ".join(found)


@LATER.row("D12: the quorum device, with junk for a name: status, name, votes", "0 /dev/q 2")
def D12_quorum_device(s: Scene) -> str:  # noqa: N802
    s.admin(1).device(Opcode.REG_QUORUMDEV, 2, b"/dev/q")
    reply = s.client(1).get_node(-1, b"\xff\x01junk")
    if reply.status:
        return word(reply.status)
    disk = NodeStruct.decode(reply.payload)
    return spaced([reply.status, disk.name.decode(), disk.votes])


@LATER.row(
    "D14: registered again; a node's name; unregistered while up; votes; jointime; lost after 7 s",
    *NOT_OBSERVED,
    b="EALREADY 0 EBUSY, 3, set, 1 0",
)
def D14_quorum_device_again(s: Scene) -> str:  # noqa: N802
    seen, admin = s.listener(1), s.admin(1)
    found = [admin.device(Opcode.REG_QUORUMDEV, 2, b"node2")]
    admin.device(Opcode.REG_QUORUMDEV, 2, b"/dev/q")
    admin.ints(Opcode.POLL_QUORUMDEV, 1)
    s.driver.let_pass(SECOND_US // 2)
    found.append(admin.device(Opcode.REG_QUORUMDEV, 3, b"/dev/q"))
    found.append(admin.status(Opcode.UNREG_QUORUMDEV))
    disk = seen.nodes()[-1]
    set_ = "set" if disk.join_seconds else "not set"
    s.driver.let_pass(7 * SECOND_US)
    lost = seen.nodes()[-1].state != 2
    return f"{spaced(found)}, {disk.votes}, {set_}, {int(lost)} {seen.info().total_votes - 3}"


def _bound(s: Scene, node_id: int, port: int) -> SceneClient:
    peer = s.listener(node_id)
    peer.ints(Opcode.BIND, port)
    return peer


@LATER.row(
    "D15: a port is bound on 1: notices for its holder on 2, for others on 2 and 3",
    *NOT_OBSERVED,
    b="1, none, none; closed 1",
)
def D15_port_notices(s: Scene) -> str:  # noqa: N802
    same, other, elsewhere = _bound(s, 2, 5), s.listener(2), _bound(s, 3, 6)
    s.moment()
    one = _bound(s, 1, 5)
    s.moment()
    opened = ", ".join(each.events(Reason.PORT_OPENED) for each in (same, other, elsewhere))
    one.close()
    s.moment()
    return f"{opened}; closed {same.events(Reason.PORT_CLOSED)}"


LATER.untold(
    "D16-rejoin-seen-away",
    "SIGKILL and instant rejoin",
    "the leave is often visible for 6 to 15 ms",
    "a race; the engine draws it, and its tests find it in 20 draws",
)


@LATER.row(
    "D17: a joiner with a newer file: whom it sees, whom the others; after all are mended",
    "3, 1 2; 1 2 3, 1 2",
    b="1 2 3, 1 2; 1 2 3, 1 2",
    up=(1, 2),
)
def D17_newer_joiner(s: Scene) -> str:  # noqa: N802
    s.write(2, 3)
    s.up(3)
    newer, other = s.client(3), s.client(1)
    before = f"{newer.members()}, {other.members()}"
    s.write(2, 1, 2)
    s.admin(1).set_version(2)
    s.settle()
    return f"{before}; {newer.members()}, {other.members()}"


@LATER.row(
    "D18: a joiner with an older file: notices, and what is there then",
    *NOT_OBSERVED,
    b=("1 1 1, ENOENT", "1 1 1 1, ENOENT"),
    up=(1, 2),
)
def D18_older_joiner(s: Scene) -> str:  # noqa: N802
    s.write(2, 1, 2)
    s.admin(1).set_version(2)
    s.moment()
    seen = s.listener(1)
    s.driver.start(3)
    s.settle()
    return f"{seen.events()}, {s.connect_error(3)}"


# -- smaller


@SMALLER.row("set_votes: notices where it is asked, elsewhere", "1 1, 1")
def set_votes_notices(s: Scene) -> str:
    asker, other = s.listener(1), s.listener(2)
    s.admin(1).ints(Opcode.SET_VOTES, 2, 2)
    s.moment()
    return f"{asker.events()}, {other.events()}"


@SMALLER.row("all say yes: does the asker's 0 come before the end?", "before")
def answer_before_the_end(s: Scene) -> str:
    one, admin = s.listener(1), s.admin(1)
    admin.shutdown()
    one.vote(yes=True)
    told = []

    def answered() -> bool:
        told.append(admin.replies())
        return told[-1] != "none"

    s.until(answered, within_us=_LONG_US)
    return "before" if told[-1] == "0" else f"with it: {told[-1]}"


@SMALLER.row("set_version: older", "EPERM")
def older_version(s: Scene) -> str:
    s.write(2)
    admin = s.admin(1)
    admin.set_version(2)
    s.moment()
    return admin.set_version(1)


@SMALLER.row("set_version without a file: status, notices", "0, C1", b="ENOENT, none")
def version_without_a_file(s: Scene) -> str:
    seen = s.listener(1)
    status = s.admin(1).set_version(2)
    s.moment()
    return f"{status}, {seen.kinds()}"


@SMALLER.row("get_node_addrs(0), get_fenceinfo(0), bind of port 0", "EINVAL EINVAL EINVAL", up=(1,))
def node_zero(s: Scene) -> str:
    c = s.client(1)
    commands = (Opcode.GET_NODEADDRS, Opcode.GET_FENCE_INFO, Opcode.BIND)
    return spaced([c.ints(each, 0) for each in commands])


@SMALLER.row(
    "is_listening of a remote node, twice; of port 0 there; several ports", "EBUSY 1 1; 0 0"
)
def first_is_listening(s: Scene) -> str:
    holder, seen = s.client(2), s.client(1)
    bound = [holder.ints(Opcode.BIND, port) for port in (5, 6)]
    first = seen.listening(2, 5)
    s.moment()
    return f"{spaced([first, seen.listening(2, 5), seen.listening(2, 0)])}; {spaced(bound)}"


@SMALLER.row(
    "DATA to another node, to self, to a dead node: what arrives, a reply", "one, none, none"
)
def data_nowhere(s: Scene) -> str:
    sender, there = s.client(1), s.client(2)
    for each in (sender, there):
        each.ints(Opcode.BIND, 5)
    sender.send_data(2, 5, b"one")
    sender.send_data(1, 5, b"self")
    s.moment()
    arrived, own = there.data(), sender.data()
    s.driver.crash(3)
    s.settle()
    sender.send_data(3, 5, b"dead")
    s.moment()
    return f"{arrived}, {own}, {sender.replies()}"


@SMALLER.row("members in the extra info after a kill order, and after the ring's change", "3, 2")
def members_of_the_ring(s: Scene) -> str:
    seen = s.client(1)
    s.admin(1).ints(Opcode.KILLNODE, 3)
    at_once = seen.info().members
    s.settle()
    return f"{at_once}, {seen.info().members}"


@SMALLER.row("a fencing is told to cman: notices", "none", topology=Topology.of(2, two_node=True))
def fencing_notice(s: Scene) -> str:
    seen = s.listener(1)
    s.driver.crash(2)
    s.settle()
    seen.forget()
    s.admin(1).fence(2, 77)
    s.moment()
    return seen.kinds()


@SMALLER.row("the first ring that a joiner is in lists", "3, before the notices", up=(1, 2))
def confchg_lists_all(s: Scene) -> str:
    seen = s.listener(1, confchg=True)
    s.up(3)
    heard = seen.heard()
    first = heard[0]
    if isinstance(first, EventMessage):
        return "after a notice"
    return f"{len(getattr(first, 'members', ()))}, before the notices"


@SMALLER.row("a client leaves 278 notices unread, and 500", "kept, thrown out")
def unread_notices(s: Scene) -> str:
    admin = s.admin(1)
    found = []
    for count in (278, 500):
        deaf, watcher = s.listener(1), s.client(1)
        before = int(watcher.status(Opcode.GET_JOINCOUNT))
        for number in range(count // 2):  # two notices each
            admin.ask(Opcode.SET_VOTES, encode_ints(0, 1 + number % 2))
            s.driver.let_pass(1_000)
        s.moment()
        now = int(watcher.status(Opcode.GET_JOINCOUNT))
        found.append("kept" if now == before else "thrown out")
        deaf.close()
        s.moment()
    return ", ".join(found)
