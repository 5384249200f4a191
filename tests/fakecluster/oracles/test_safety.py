"""The judge of safety: it finds each thing that it is there for, and nothing else."""

import errno
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fakecluster.configfs.journal import Done
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import ExpectedNode, ListedNode, ManagerView
from fakecluster.oracles.mutual_removals import MutualRemovals
from fakecluster.oracles.safety import SafetyOracle
from o2cbd.core import reports
from o2cbd.core.model import (
    Entry,
    Member,
    Membership,
    Pending,
    Quorum,
    RemoveNode,
    State,
    Status,
    Why,
)
from o2cbd.core.rules import (
    MajorityRule,
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    TableRules,
    TwoNodeRule,
)

ROWS = {
    f"node{num}": ExpectedNode(
        name=f"node{num}", num=num, address=f"10.0.0.{num}", port=7777, local=num == 1
    )
    for num in (1, 2)
}
VIEW = ManagerView(
    cluster="c",
    local_id=1,
    quorum=Quorum.QUORATE,
    two_node=False,
    listed=(
        *(
            ListedNode(id=row.num, name=row.name, member=True, addresses=(row.address,))
            for row in ROWS.values()
        ),
        ListedNode(id=7, name="without-address", member=True, addresses=()),
    ),
)
SECOND_US = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Told:
    """A truth that a test tells."""

    view: ManagerView | None
    rows: Mapping[str, ExpectedNode]
    holder: int | None
    in_use: str


GOOD = Told(view=VIEW, rows=ROWS, holder=None, in_use="")
PID = 100


class Bench:
    """A model with a judge, and the truth as a test sets it: a `Truth` itself."""

    def __init__(self) -> None:
        self.truth = GOOD
        self.now_us = 0
        self.found: list[str] = []
        self.model = ConfigfsModel(addresses=["10.0.0.1", "10.0.0.2"])
        self.oracle = SafetyOracle(
            1,
            self.model,
            self,
            self.found.append,
            removals=MutualRemovals(lambda _host: self.model),
            now_us=lambda: self.now_us,
        )
        self.begin()
        self.model.mkdir("/cluster/c")
        for row in ROWS.values():
            self.add(row.name, row.num, row.address, row.port)
        self.model.write_value("/cluster/c/node/node1/local", b"1")
        self.model.journal.add_hook(self.oracle.call, reads=False)

    def begin(self, rules: Rules | None = None) -> None:
        """Let another daemon run, whose membership has stood still for long."""
        self.oracle.daemon_began(rules or Rules(), PID)
        self.read()
        self.now_us += 60 * SECOND_US

    def read(self, quorum: Quorum = Quorum.QUORATE, *ids: int) -> None:
        """Let the daemon read its manager."""
        members = tuple(Member(id=one, name="", incarnation=1, addresses=()) for one in ids)
        self.oracle.read(
            Membership(cluster="c", local_id=1, quorum=quorum, two_node=False, members=members)
        )

    @property
    def view(self) -> ManagerView | None:
        return self.truth.view

    @property
    def cluster(self) -> str:
        return "" if self.view is None else self.view.cluster

    @property
    def rows(self) -> Mapping[str, ExpectedNode]:
        return self.truth.rows

    @property
    def holder(self) -> int | None:
        return self.truth.holder

    @property
    def in_use(self) -> str:
        return self.truth.in_use

    def add(self, name: str, num: int, address: str, port: int) -> None:
        """Make a node as a daemon does."""
        where = f"/cluster/c/node/{name}"
        self.model.mkdir(where)
        self.model.write_value(f"{where}/ipv4_port", str(port).encode())
        self.model.write_value(f"{where}/ipv4_address", address.encode())
        self.model.write_value(f"{where}/num", str(num).encode())

    def see(self, **changes: object) -> None:
        """Let the manager's view be another one."""
        self.truth = replace(self.truth, view=replace(VIEW, **changes))  # type: ignore[arg-type]

    def lost(self, name: str, **changes: object) -> None:
        """Let a node be no member any more."""
        listed = tuple(
            replace(each, member=False) if each.name == name else each for each in VIEW.listed
        )
        self.see(listed=listed, **changes)
        rows = {key: row for key, row in self.truth.rows.items() if key != name}
        self.truth = replace(self.truth, rows=rows)

    def want(self, row: ExpectedNode) -> None:
        """Let there be one more row that should be there."""
        self.truth = replace(self.truth, rows={**self.truth.rows, row.name: row})


@pytest.fixture
def bench() -> Bench:
    return Bench()


NODE3 = ExpectedNode(name="node3", num=3, address="10.0.0.3", port=7777)


def _remove_lost(bench: Bench) -> None:
    bench.lost("node2")
    bench.model.rmdir("/cluster/c/node/node2")


def _add_member(bench: Bench) -> None:
    bench.want(NODE3)
    bench.add("node3", 3, "10.0.0.3", 7777)


def _replace_member(bench: Bench) -> None:
    bench.want(replace(ROWS["node2"], address="10.0.0.22"))
    bench.model.rmdir("/cluster/c/node/node2")
    bench.add("node2", 2, "10.0.0.22", 7777)


def _remove_half_made_inquorate(bench: Bench) -> None:
    bench.want(NODE3)
    bench.model.mkdir("/cluster/c/node/node3")
    bench.see(quorum=Quorum.INQUORATE)
    bench.model.rmdir("/cluster/c/node/node3")


def _remove_what_reads_half_made(bench: Bench) -> None:
    """Num 0 and 0.0.0.0 read like what was never written."""
    bench.model.journal.remove_hook(bench.oracle.call)
    bench.add("zero", 0, "0.0.0.0", 7777)
    bench.model.journal.add_hook(bench.oracle.call, reads=False)
    bench.oracle.poison_known()
    bench.see(quorum=Quorum.INQUORATE)
    bench.model.rmdir("/cluster/c/node/zero")


def _remove_fenced_of_two(bench: Bench) -> None:
    bench.lost("node2", two_node=True)
    view = bench.truth.view
    assert view is not None
    fenced = tuple(replace(each, fenced=not each.member) for each in view.listed)
    bench.truth = replace(bench.truth, view=replace(view, listed=fenced))
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_forgotten_of_two(bench: Bench) -> None:
    bench.oracle.forget("node2")
    bench.lost("node2", two_node=True)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_of_two_where_allowed(bench: Bench) -> None:
    bench.begin(Rules(removals=RemovalRules(two_node=TwoNodeRule.ALLOW)))
    bench.lost("node2", two_node=True)
    bench.model.rmdir("/cluster/c/node/node2")


def _minority(bench: Bench) -> None:
    bench.lost("node2")
    view = bench.truth.view
    assert view is not None
    away = tuple(replace(each, member=each.id == 1) for each in view.listed)
    bench.truth = replace(bench.truth, view=replace(view, listed=away))


def _remove_by_a_trusted_manager(bench: Bench) -> None:
    bench.begin(Rules(removals=RemovalRules(majority=MajorityRule.TRUST_MANAGER)))
    _minority(bench)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_forgotten_by_a_minority(bench: Bench) -> None:
    bench.oracle.forget("node2")
    _minority(bench)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_a_moment_later(bench: Bench) -> None:
    bench.read(Quorum.QUORATE, 1, 7)
    bench.now_us += SECOND_US
    bench.read(Quorum.QUORATE, 1, 7)
    _remove_lost(bench)


def _remove_where_quorum_is_ignored(bench: Bench) -> None:
    bench.begin(Rules(removals=RemovalRules(quorum=QuorumRule.IGNORE)))
    _remove_where_nobody_knows_of_quorum(bench)


def _replace_at_once(bench: Bench) -> None:
    bench.read(Quorum.QUORATE, 1, 2, 7)
    _replace_member(bench)


def _step_under_our_own_hold(bench: Bench) -> None:
    bench.truth = replace(bench.truth, holder=PID)
    _remove_lost(bench)
    bench.truth = replace(bench.truth, holder=None)


@pytest.mark.parametrize(
    "act",
    [
        _remove_lost,
        _add_member,
        _replace_member,
        _remove_half_made_inquorate,
        _remove_what_reads_half_made,
        _remove_fenced_of_two,
        _remove_forgotten_of_two,
        _remove_of_two_where_allowed,
        _remove_by_a_trusted_manager,
        _remove_forgotten_by_a_minority,
        _remove_a_moment_later,
        _remove_where_quorum_is_ignored,
        _replace_at_once,
        _step_under_our_own_hold,
    ],
)
def test_right_steps_are_not_blamed(bench: Bench, act: Callable[[Bench], None]) -> None:
    act(bench)
    bench.oracle.at_rest()

    assert bench.found == []
    assert bench.oracle.checked > 0


def _remove_member(bench: Bench) -> None:
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_inquorate(bench: Bench) -> None:
    bench.lost("node2", quorum=Quorum.INQUORATE)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_of_two(bench: Bench) -> None:
    bench.lost("node2", two_node=True)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_by_a_minority(bench: Bench) -> None:
    _minority(bench)
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_at_once(bench: Bench) -> None:
    bench.read(Quorum.QUORATE, 1, 7)
    bench.now_us += SECOND_US - 1
    bench.read(Quorum.QUORATE, 1, 7)
    _remove_lost(bench)


def _remove_once_quorate_again(bench: Bench) -> None:
    bench.read(Quorum.INQUORATE)
    bench.read()
    _remove_lost(bench)


def _remove_what_the_disk_sees(bench: Bench) -> None:
    bench.lost("node2")
    bench.model.heartbeat.see([2])
    with suppress(OSError):
        bench.model.rmdir("/cluster/c/node/node2")


def _remove_where_nobody_knows_of_quorum(bench: Bench) -> None:
    bench.lost("node2", quorum=Quorum.UNKNOWN)
    bench.model.rmdir("/cluster/c/node/node2")


def _forget_a_node_that_returned_since(bench: Bench) -> None:
    bench.oracle.forget("node2")
    bench.oracle.at_rest()
    _remove_of_two(bench)


def _remove_while_held(bench: Bench) -> None:
    bench.truth = replace(bench.truth, holder=7)
    _remove_lost(bench)


def _remove_local_under_region(bench: Bench) -> None:
    bench.model.journal.remove_hook(bench.oracle.call)
    bench.model.mkdir("/cluster/c/heartbeat/R")
    bench.model.journal.add_hook(bench.oracle.call)
    bench.want(replace(ROWS["node1"], address="10.0.0.11"))
    bench.model.rmdir("/cluster/c/node/node1")


def _make_a_region(bench: Bench) -> None:
    bench.model.mkdir("/cluster/c/heartbeat/R")


def _add_stranger(bench: Bench) -> None:
    bench.model.mkdir("/cluster/c/node/node9")


def _write_a_wrong_address(bench: Bench) -> None:
    bench.want(NODE3)
    bench.add("node3", 3, "10.0.0.33", 7777)


def _make_a_peer_local(bench: Bench) -> None:
    bench.model.rmdir("/cluster/c/node/node1")
    bench.found.clear()
    bench.model.write_value("/cluster/c/node/node2/local", b"1")


def _stop_listening(bench: Bench) -> None:
    bench.model.write_value("/cluster/c/node/node1/local", b"0\n")


def _write_zero(bench: Bench) -> None:
    bench.want(NODE3)
    bench.model.mkdir("/cluster/c/node/node3")
    bench.model.write_value("/cluster/c/node/node3/ipv4_address", b"0.0.0.0")


def _step_outside_of_the_cluster(bench: Bench) -> None:
    bench.truth = replace(bench.truth, view=None)
    bench.model.rmdir("/cluster/c/node/node2")


def _follow_a_new_name(bench: Bench) -> None:
    _add_member(bench)
    bench.see(cluster="d")
    bench.want(replace(NODE3, name="node4", num=4, address="10.0.0.4"))
    bench.model.mkdir("/cluster/c/node/node4")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (_remove_member, "whose entry is right"),
        (_remove_inquorate, "without quorum"),
        (_remove_what_the_disk_sees, "which the disk heartbeat still sees alive"),
        (_remove_where_nobody_knows_of_quorum, "where nobody knows of quorum"),
        (_remove_of_two, "quorum proves nothing"),
        (_remove_by_a_minority, "by a minority of the nodes"),
        (_remove_at_once, "999999 us after a change of members"),
        (_remove_once_quorate_again, "0 us after a change of members"),
        (_forget_a_node_that_returned_since, "quorum proves nothing"),
        (_remove_while_held, "while process 7 holds"),
        (_remove_local_under_region, "under a heartbeat region"),
        (_make_a_region, "regions are not the daemon's"),
        (_add_stranger, "should not be in the table"),
        (_write_a_wrong_address, "is written as 10.0.0.33"),
        (_make_a_peer_local, "local of node2 is written as 1"),
        (_stop_listening, "local=0"),
        (_write_zero, "0.0.0.0 written"),
        (_step_outside_of_the_cluster, "while this node is no member"),
        (_follow_a_new_name, "and the cluster is 'd'"),
    ],
)
def test_each_wrong_step_is_found(bench: Bench, act: Callable[[Bench], None], words: str) -> None:
    act(bench)

    assert [text for text in bench.found if words in text] != []
    assert all(words in text for text in bench.found)


def test_what_can_crash_a_kernel_is_found_once(bench: Bench) -> None:
    bench.model.mkdir("/cluster/c/heartbeat/R")
    bench.model.rmdir("/cluster/c/node/node1")
    bench.found.clear()
    bench.model.journal.remove_hook(bench.oracle.call)
    bench.model.mkdir("/cluster/c/node/bad")
    bench.model.write_value("/cluster/c/node/bad/ipv4_address", b"0.0.0.0")

    bench.oracle.at_rest()
    bench.oracle.at_rest()

    poisonings = [f"the kernel could crash: {each.what}" for each in bench.model.poisoned]
    assert poisonings != []
    assert bench.found == poisonings


def test_one_answer_a_question(bench: Bench) -> None:
    bench.oracle.asked()
    bench.oracle.answered(yes=True)
    bench.oracle.at_rest()
    assert bench.found == []

    bench.oracle.answered(yes=True)
    assert bench.found == ["a shutdown question was answered twice, or was never asked"]


def test_a_question_left_open_is_found(bench: Bench) -> None:
    bench.oracle.asked()
    bench.oracle.at_rest()

    assert bench.found == ["1 shutdown questions are not answered"]


def test_a_question_goes_with_its_connection(bench: Bench) -> None:
    bench.oracle.asked()
    bench.oracle.connection_ended()
    bench.oracle.at_rest()

    assert bench.found == []


def test_yes_while_in_use_is_found(bench: Bench) -> None:
    bench.truth = replace(bench.truth, in_use="OCFS2 is mounted")
    bench.oracle.asked()
    bench.oracle.answered(yes=True)

    assert bench.found == ["yes to a shutdown while OCFS2 is mounted"]


def test_a_needless_no_is_found(bench: Bench) -> None:
    bench.oracle.asked()
    bench.oracle.answered(yes=False)

    assert bench.found == ["no to a shutdown although nothing speaks against it"]


def _in_use(bench: Bench) -> None:
    bench.truth = replace(bench.truth, in_use="OCFS2 is mounted")


def _under_another_name(bench: Bench) -> None:
    bench.see(cluster="d")


def _unreadable(bench: Bench) -> None:
    bench.model.fault("scandir", errno.EIO)


@pytest.mark.parametrize("excuse", [_in_use, _under_another_name, _unreadable])
def test_a_no_with_a_reason_is_right(bench: Bench, excuse: Callable[[Bench], None]) -> None:
    excuse(bench)
    bench.oracle.asked()
    bench.oracle.answered(yes=False)

    assert bench.found == []


def test_leaving_with_a_question_open_is_found(bench: Bench) -> None:
    bench.oracle.asked()
    bench.oracle.closing()

    assert bench.found == ["it leaves with a shutdown question open, which counts as a yes"]


def test_a_connection_to_no_member_is_closed_without_an_answer(bench: Bench) -> None:
    bench.oracle.asked()
    bench.truth = replace(bench.truth, view=None)
    bench.oracle.closing()
    bench.oracle.at_rest()

    assert bench.found == []


def test_a_semaphore_that_is_kept_at_rest_is_found(bench: Bench) -> None:
    bench.truth = replace(bench.truth, holder=PID)
    bench.oracle.at_rest()

    assert bench.found == ["it rests and keeps the semaphore"]


def test_a_pending_step_whose_end_is_not_logged_is_found(bench: Bench) -> None:
    pending = Pending(step=RemoveNode(cluster="c", node="n2"), why=Why.INQUORATE, reason="")
    status = replace(_status(), pending=(pending,))
    bench.oracle.logged(reports.PendingBegan(pending=pending))
    bench.oracle.at_rest(status)
    assert bench.found == []

    bench.oracle.at_rest(_status())
    assert bench.found == ["its log does not say that it is over: remove node n2"]

    bench.oracle.logged(reports.PendingBegan(pending=pending))
    bench.oracle.logged(reports.PendingEnded(pending=pending, done=True))
    bench.oracle.at_rest(_status())
    assert len(bench.found) == 1


@pytest.mark.parametrize(
    ("exit_code", "asked", "confirmed", "found"),
    [
        (0, True, None, []),
        (0, False, None, ["it ended, and nothing asked it to"]),
        (78, False, "other", []),
        (78, False, "c", ["it ended with 78, and its settings fit"]),
        (78, True, None, ["it ended with 78, and its settings fit"]),
    ],
)
def test_end_needs_a_reason(
    bench: Bench, exit_code: int, asked: bool, confirmed: str | None, found: list[str]
) -> None:
    bench.begin(Rules(cluster=confirmed))
    bench.oracle.ended(exit_code, asked=asked, manager_cluster="c")
    assert bench.found == found


def test_log_says_that_steps_led_to_sync(bench: Bench) -> None:
    synced = _status(state=State.SYNCED)
    step = RemoveNode(cluster="c", node="n2")
    bench.oracle.logged(reports.StepApplied(step=step))
    bench.oracle.logged(reports.Synced(nodes=2, fingerprint=""))
    bench.oracle.at_rest(synced)
    assert "its log does not say that its steps have led to sync" not in bench.found

    bench.oracle.logged(reports.StepApplied(step=step))
    bench.oracle.at_rest(synced)
    assert "its log does not say that its steps have led to sync" in bench.found


REFUSED = Done(name="write:idle_timeout_ms", path="/cluster/c/idle_timeout_ms", data=b"1",
               error="EINVAL")  # fmt: skip


def test_what_a_kernel_never_takes_must_not_be_tried(bench: Bench) -> None:
    bench.oracle.refused(REFUSED)

    assert bench.found == [f"{REFUSED.name} {REFUSED.path} '1' is refused with EINVAL"]


def _fault(bench: Bench) -> Done:
    bench.model.fault("write", errno.EINVAL)
    return REFUSED


def _region(bench: Bench) -> Done:
    bench.model.journal.remove_hook(bench.oracle.call)
    bench.model.mkdir("/cluster/c/heartbeat/R")
    return REFUSED


def _pin(_bench: Bench) -> Done:
    return Done(name="rmdir", path="/cluster/c/node/node2", error="EBUSY")


@pytest.mark.parametrize("why", [_fault, _region, _pin])
def test_a_refusal_with_a_reason_is_right(bench: Bench, why: Callable[[Bench], Done]) -> None:
    bench.oracle.refused(why(bench))

    assert bench.found == []


def _status(*entries: Entry, state: State = State.PENDING) -> Status:
    return Status(
        state=state,
        reason="",
        cluster="c",
        quorum=Quorum.QUORATE,
        members=tuple(
            Member(id=each.id, name=each.name, incarnation=1, addresses=each.addresses)
            for each in VIEW.listed
        ),
        local_id=1,
        entries=entries,
        pending=(),
        left_out=(),
        hold=None,
        vote=None,
        fingerprint="",
        first_pass_done=True,
    )


def _entry(bench: Bench, name: str, *, num: int, address: str, port: int) -> Entry:
    item = bench.model.find(f"/cluster/c/node/{name}")
    assert item is not None
    return Entry(name=name, inode=item.inode, num=num, address=address, port=port, local=num == 1)


def test_a_half_made_node_taken_for_complete_is_found(bench: Bench) -> None:
    bench.model.journal.remove_hook(bench.oracle.call)
    bench.model.mkdir("/cluster/c/node/node3")
    good = _entry(bench, "node2", num=2, address="10.0.0.2", port=7777)
    half = _entry(bench, "node3", num=3, address="10.0.0.3", port=7777)

    bench.oracle.at_rest(_status(good))
    assert bench.found == []
    bench.oracle.at_rest(_status(good, half))
    assert bench.found == ["node3 is half made and taken for complete"]


OWN = Entry(name="node1", inode=1, num=1, address="10.0.0.1", port=7777, local=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "node8"},
        {"num": 2},
        {"local": False},
        {"port": 0},
    ],
)
def test_in_sync_without_its_own_node_is_found(bench: Bench, wrong: dict[str, Any]) -> None:
    bench.oracle.at_rest(_status(OWN, state=State.SYNCED))
    assert bench.found == []

    bench.oracle.at_rest(_status(replace(OWN, **wrong)))
    assert bench.found == []
    bench.oracle.at_rest(_status(replace(OWN, **wrong), state=State.SYNCED))
    assert bench.found == ["synced, and its own node (id 1) is not in the table"]


def test_our_own_node_goes_by_the_number_that_the_settings_give_it(bench: Bench) -> None:
    zero = replace(OWN, num=0)
    for table in (TableRules(num_offset=-1), TableRules(nodes={"node1": NodeOverride(num=0)})):
        bench.begin(Rules(table=table))
        bench.oracle.at_rest(_status(zero, state=State.SYNCED))
        assert bench.found == []
        bench.oracle.at_rest(_status(OWN, state=State.SYNCED))
        assert len(bench.found) == 1
        bench.found.clear()


def test_under_another_id_than_the_managers_it_is_not_in_sync(bench: Bench) -> None:
    bench.oracle.at_rest(replace(_status(OWN, state=State.SYNCED), local_id=2))

    assert bench.found == ["synced, and its own node (id 1) is not in the table"]
