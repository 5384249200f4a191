"""The judges: each finds the one thing that it is there for, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles import SafetyOracle, Truth

NODE1 = ("node1", 1, "10.0.0.1", 7777)
NODE2 = ("node2", 2, "10.0.0.2", 7777)
GOOD = Truth(
    quorate=True,
    two_node=False,
    member_names=frozenset({"node1", "node2"}),
    right=frozenset({NODE1, NODE2}),
    holder=None,
    daemon_pid=100,
    in_use=False,
)


class Bench:
    """A model with a judge, whose truth a test sets."""

    def __init__(self) -> None:
        self.truth = GOOD
        self.found: list[str] = []
        self.model = ConfigfsModel(addresses=["10.0.0.1"])
        self.oracle = SafetyOracle(self.model, lambda: self.truth, self.found.append)
        self.model.mkdir("/cluster/c")
        self.add(*NODE1)
        self.model.write_value("/cluster/c/node/node1/local", b"1")
        self.add(*NODE2)
        self.model.journal.add_hook(self.oracle.call)

    def add(self, name: str, num: int, address: str, port: int) -> None:
        """Make a node as a daemon does."""
        where = f"/cluster/c/node/{name}"
        self.model.mkdir(where)
        self.model.write_value(f"{where}/ipv4_port", str(port).encode())
        self.model.write_value(f"{where}/ipv4_address", address.encode())
        self.model.write_value(f"{where}/num", str(num).encode())

    def lost(self, name: str) -> None:
        """Let a node be no member any more."""
        self.truth = replace(
            self.truth,
            member_names=self.truth.member_names - {name},
            right=frozenset(row for row in self.truth.right if row[0] != name),
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _remove_lost(bench: Bench) -> None:
    bench.lost("node2")
    bench.model.rmdir("/cluster/c/node/node2")


def _add_member(bench: Bench) -> None:
    row = ("node3", 3, "10.0.0.3", 7777)
    bench.truth = replace(bench.truth, right=bench.truth.right | {row})
    bench.add(*row)


@pytest.mark.parametrize("act", [_remove_lost, _add_member])
def test_right_steps_are_not_blamed(bench: Bench, act: Callable[[Bench], None]) -> None:
    act(bench)

    assert bench.found == []
    assert bench.oracle.checked > 0


def _remove_member(bench: Bench) -> None:
    bench.model.rmdir("/cluster/c/node/node2")


def _remove_inquorate(bench: Bench) -> None:
    bench.truth = replace(bench.truth, quorate=False)
    _remove_lost(bench)


def _remove_two_node(bench: Bench) -> None:
    bench.truth = replace(bench.truth, two_node=True)
    _remove_lost(bench)


def _remove_while_held(bench: Bench) -> None:
    bench.truth = replace(bench.truth, holder=7)
    _remove_lost(bench)


def _remove_local_under_region(bench: Bench) -> None:
    bench.model.mkdir("/cluster/c/heartbeat/R")
    bench.lost("node1")
    bench.model.rmdir("/cluster/c/node/node1")


def _add_stranger(bench: Bench) -> None:
    bench.add("node9", 9, "10.0.0.9", 7777)


def _stop_listening(bench: Bench) -> None:
    bench.model.write_value("/cluster/c/node/node1/local", b"0\n")


def _poison(bench: Bench) -> None:
    bench.truth = replace(bench.truth, right=bench.truth.right | {("node3", 3, "", 0)})
    bench.model.mkdir("/cluster/c/node/node3")
    bench.model.write_value("/cluster/c/node/node3/ipv4_address", b"0.0.0.0")
    bench.model.write_value("/cluster/c/node/node3/ipv4_port", b"7777")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (_remove_member, "whose entry is right"),
        (_remove_inquorate, "without quorum"),
        (_remove_two_node, "quorum proves nothing"),
        (_remove_while_held, "while process 7 holds"),
        (_remove_local_under_region, "under a heartbeat region"),
        (_add_stranger, "should not be in the table"),
        (_stop_listening, "local=0"),
        (_poison, "could crash"),
    ],
)
def test_each_wrong_step_is_found(bench: Bench, act: Callable[[Bench], None], words: str) -> None:
    act(bench)

    assert [text for text in bench.found if words in text] != []
    assert all(words in text for text in bench.found)


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
    bench.truth = replace(bench.truth, in_use=True)
    bench.oracle.asked()
    bench.oracle.answered(yes=True)

    assert bench.found == ["yes to a shutdown while OCFS2 is in use"]
