"""A seed is one history: under every hash seed and, where they are there, every Python."""

import json
import subprocess
import sys

import pytest

from fakecluster import determinism
from fakecluster.cman.topology import Topology
from fakecluster.determinism import HASH_SEEDS, compare, digests_under, interpreters, main
from fakecluster.sim.world import World
from fakecluster.streams import rng_for
from fakecluster.trace.hash import TraceHash

SEEDS = 6
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_two_hash_seeds_give_the_same_traces() -> None:
    tables = {seed: digests_under(sys.executable, seed, SEEDS) for seed in HASH_SEEDS}

    assert len(tables[HASH_SEEDS[0]]) == 3
    assert len(set(tables[HASH_SEEDS[0]].values())) > 2
    assert compare(tables) == []


def test_other_pythons_give_the_same_traces() -> None:
    tables = {version: digests_under(path, "random", 2) for version, path in interpreters().items()}

    assert HERE in tables or HERE not in determinism.PYTHONS
    assert compare(tables) == []


def test_a_difference_is_named() -> None:
    tables = {"one": {"a": "1", "b": "2"}, "two": {"a": "1", "b": "3"}, "three": {"a": "1"}}

    assert compare(tables) == ["b: one: 2, two: 3, three: none"]


def test_the_command_says_what_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(determinism, "interpreters", lambda: {HERE: sys.executable})
    monkeypatch.setattr(
        determinism, "digests_under", lambda _python, hash_seed, _seeds: {"story": hash_seed}
    )

    assert main(["--compare"]) == 1
    told = capsys.readouterr().out
    assert "NOT THE SAME: story" in told
    monkeypatch.setattr(determinism, "digests_under", lambda *_: {"story": "1"})
    assert main(["--compare"]) == 0
    assert "the same, 2 times" in capsys.readouterr().out


def test_the_command_prints_digests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_a_python_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="failed"):
        digests_under("false", "0", 1)


def test_a_shim_without_a_python_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 127, stdout="", stderr="no such version")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)

    assert interpreters() == {}


def test_streams_differ_by_concern_and_by_seed_and_are_known() -> None:
    draws = {
        (seed, concern): rng_for(seed, concern).getrandbits(32)
        for seed in (0, 1)
        for concern in "ab"
    }

    assert len(set(draws.values())) == 4
    assert rng_for(0, "a").getrandbits(32) == draws[0, "a"]
    assert rng_for(1, "cman").randrange(1_000_000) == 19_619


def test_a_trace_hash_is_of_every_line_in_order() -> None:
    def hashed(*verbs: str) -> tuple[str, int]:
        world = World(Topology.of(1))
        digest = TraceHash()
        world.trace.listen(digest)
        for verb in verbs:
            world.trace.add(1, "verb", verb)
        return digest.hexdigest(), digest.lines

    assert hashed("a", "b") == hashed("a", "b")
    assert hashed("a", "b")[0] != hashed("b", "a")[0]
    assert hashed("a", "b")[1] == 2
