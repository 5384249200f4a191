"""A scenario file: read whole or refused whole, written in one way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.file import parse_scenario, read_scenario, scenario_text
from fakecluster.scenario.model import Action, Scenario, ScenarioError
from fakecluster.verbs import VERBS, Fault, Kind, Notice, SetRules, Start, arguments_of
from o2cbd.core.rules import (
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    Scope,
    TableRules,
    TwoNodeRule,
)

FULL = """\
schema = 1
title = "all that a file can say"
seed = 7
dead_threshold = 11
end_us = 9_000_000
revive = [1, 300]

[topology]
cluster = "web"
number = 9
two_node = true
expected_votes = 1
config_version = 2
qdisk = { name = "/dev/sdq", votes = 2, polled = false }
nodes = [
  { id = 1, name = "a", addresses = ["10.0.0.1", "fd00::1"] },
  { id = 300, name = "tab\\there", addresses = [], votes = 0 },
]

[timings]
token_ms = 1_000
consensus_ms = 1_200
shutdown_timeout_ms = 700

[rules]
cluster = "web"
scope = "configured"
port = 7_000
quorum = "ignore"
two_node = "allow"
attributes = { fence_method = "panic", "heartbeat/dead_threshold" = "7" }
nodes = [{ name = "a", address = "10.1.0.1", port = 7_100 }]

[story]
deeds = [
  { at_us = 0, do = "start", node = 1 },
  { at_us = 5_000, do = "notice", node = 1, fault = "delay", count = 2, delay_us = 9 },
  { at_us = 5_000, do = "set-rules", node = 1, rules = { scope = "configured" } },
  { at_us = 6_000_000, do = "fault", node = 1, call = "mkdir", errno = "EIO" },
]
"""

KEYS = (
    *("schema", "title", "seed", "dead_threshold", "end_us", "revive"),
    *("topology", "timings", "rules", "story"),
)

SMALL = """\
schema = 1
end_us = 5
[topology]
nodes = [{ id = 1, addresses = ["10.0.0.1"] }, { id = 2, addresses = ["10.0.0.2"] }]
[story]
deeds = [DEEDS]
"""


def full() -> Scenario:
    configured = Rules(table=TableRules(scope=Scope.CONFIGURED))
    return Scenario(
        title="all that a file can say",
        seed=7,
        dead_threshold=11,
        end_us=9_000_000,
        revive=(1, 300),
        topology=Topology(
            cluster="web",
            number=9,
            two_node=True,
            expected_votes=1,
            config_version=2,
            qdisk=QuorumDisk(name="/dev/sdq", votes=2, polled=False),
            nodes=(
                NodeConfig(id=1, name="a", addresses=("10.0.0.1", "fd00::1")),
                NodeConfig(id=300, name="tab\there", addresses=(), votes=0),
            ),
        ),
        timings=Timings(token_ms=1000, consensus_ms=1200, shutdown_timeout_ms=700),
        rules=Rules(
            cluster="web",
            table=TableRules(
                scope=Scope.CONFIGURED,
                port=7000,
                nodes={"a": NodeOverride(address="10.1.0.1", port=7100)},
            ),
            removals=RemovalRules(quorum=QuorumRule.IGNORE, two_node=TwoNodeRule.ALLOW),
            attributes={"fence_method": "panic", "heartbeat/dead_threshold": "7"},
        ),
        actions=(
            Action(at_us=0, verb=Start(node=1)),
            Action(at_us=5000, verb=Notice(node=1, fault=NoticeFault.DELAY, count=2, delay_us=9)),
            Action(at_us=5000, verb=SetRules(node=1, rules=configured)),
            Action(at_us=6_000_000, verb=Fault(node=1, call="mkdir", errno=errno.EIO)),
        ),
    )


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)
    return caught.value.problems


def actions(*rows: str) -> str:
    return SMALL.replace("DEEDS", ", ".join(f"{{ {row} }}" for row in rows))


def test_a_full_file_reads_as_what_it_says() -> None:
    assert parse_scenario(FULL) == full()


@pytest.mark.parametrize("depth", ["interfaces", "adapters"])
def test_depth_of_an_older_file_is_ignored(depth: str) -> None:
    assert parse_scenario(f'depth = "{depth}"\n{FULL}') == full()


def test_what_is_written_is_the_one_text() -> None:
    assert scenario_text(full()) == FULL


@pytest.mark.parametrize(
    "lines",
    [
        ("quorum_provider = false", ""),
        ("", "[rules]\nring = 1"),
        ("", '[rules]\nsubnet = "10.1.0.0/24"'),
    ],
)
def test_what_is_rare_is_kept_too(lines: tuple[str, str]) -> None:
    topology, rules = lines
    text = SMALL.replace("DEEDS", "").replace("[topology]", f"[topology]\n{topology}\n")
    written = scenario_text(parse_scenario(f"{text}\n{rules}\n"))
    assert (topology or rules.partition("\n")[2]) in written
    assert scenario_text(parse_scenario(written)) == written


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("ring = -1", "rules.ring: -1 is less than 0"),
        ('subnet = "x"', "rules.subnet: 'x' must be an IPv4 subnet like \"10.77.0.0/16\""),
    ],
)
def test_addresses_that_cannot_be_chosen_are_refused(rules: str, problem: str) -> None:
    assert problems(SMALL.replace("DEEDS", "") + f"[rules]\n{rules}\n") == (problem,)


def test_what_is_as_usual_is_not_written() -> None:
    scenario = parse_scenario(actions())
    assert scenario_text(scenario) == (
        "schema = 1\n"
        "end_us = 5\n"
        "\n"
        "[topology]\n"
        'cluster = "o2"\n'
        "nodes = [\n"
        '  { id = 1, name = "node1", addresses = ["10.0.0.1"] },\n'
        '  { id = 2, name = "node2", addresses = ["10.0.0.2"] },\n'
        "]\n"
        "\n"
        "[story]\n"
        "deeds = [\n"
        "]\n"
    )


@pytest.mark.parametrize("seed", range(0, 800, 8))
def test_what_a_seed_draws_reads_back(seed: int) -> None:
    scenario = draw_scenario(seed)
    assert parse_scenario(scenario_text(scenario)) == scenario


def test_what_a_verb_takes_is_written_in_the_verbs_order() -> None:
    text = scenario_text(parse_scenario(actions('errno = "EIO", node = 1, do = "fail-read"')))
    assert '{ at_us = 0, do = "fail-read", node = 1, errno = "EIO" },' in text


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = """
schema = 2
seed = -1
end_us = 3
revive = [4]
colour = "red"
[topology]
nodes = [{ id = 0, addresses = ["10.0.0.1"] }, { id = 1, addresses = ["x"] }]
[timings]
token_ms = 0
[rules]
scope = "all"
port = 0
nodes = [{ address = "x" }]
attributes = { a = 1 }
[story]
deeds = [
  { at_us = 4, do = "kil", node = 1 },
  { at_us = 4, do = "kill", node = 1 },
  { at_us = 3, do = "kill", node = 9 },
  { at_us = 5, do = "fault", node = 1, errno = "EWHAT" },
  { at_us = 5, do = "partition", groups = "1;2" },
  { at_us = 5, do = "notice", node = 1, fault = "eat", count = 0 },
]
"""
    assert problems(text) == (
        f"colour: unknown; known are {', '.join(KEYS)}",
        "schema: is not 1",
        "topology.nodes[0].id: 0 is not 1..4294967295",
        "topology.nodes[1].addresses[0]: 'x' is no numeric address",
        "story.deeds[0].do: there is no verb 'kil'; did you mean kill?",
        "story.deeds[2].at_us: is before the action above it",
        "story.deeds[3].call: is missing (the name of a call to configfs)",
        "story.deeds[3].errno: 'EWHAT' is not the symbol of an errno",
        "story.deeds[4].groups: '1;2' is not nodes and groups, like \"1,2/3\"",
        "story.deeds[5].fault: 'eat' is none of drop, dup, delay, coalesce",
        "story.deeds[5].count: 0 is less than 1",
        "seed: -1 is less than 0",
        "timings.token_ms: 0 is less than 1",
        "rules.attributes: not all values are texts",
        "rules.scope: 'all' is none of members, configured",
        "rules.port: 0 is not 1..65535",
        "rules.nodes[0].name: is missing",
        "rules.nodes[0].address: 'x' is no numeric address",
    )


def test_deeds_and_revived_nodes_must_be_of_nodes_that_there_are() -> None:
    row = 'at_us = 0, do = "fence", node = 1, by = 3'
    assert problems(actions(row)) == ("story.deeds[0].by: there is no node 3",)
    text = actions().replace("end_us = 5", "end_us = 5\nrevive = [1, 3]")
    assert problems(text) == ("revive: there is no node 3",)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('do = "partition", groups = "1/2,3"', "groups: there is no node 3"),
        ('do = "pin", node = 1, name = "typo"', "name: no node is ever named 'typo'"),
        ('do = "unpin", node = 1, name = "typo"', "name: no node is ever named 'typo'"),
        ('do = "forget", node = 1, name = "typo"', "name: no node is ever named 'typo'"),
        ('do = "drop-node", node = 1, name = "typo"', "name: no node is ever named 'typo'"),
        (
            'do = "take-address", node = 1, address = "10.9.9.9"',
            "address: no host ever has 10.9.9.9",
        ),
        ('do = "give-address", node = 1, address = "x"', "address: 'x' is not a numeric address"),
        (
            'do = "fault", node = 1, call = "write:nmu", errno = "EIO"',
            "call: 'write:nmu' is not the name of a call to configfs",
        ),
        (
            'do = "fault", node = 1, call = "any", errno = "EIO"',
            "call: 'any' is not the name of a call to configfs",
        ),
        (
            'do = "crash-daemon-at", node = 1, call = "all"',
            "call: 'all' is not the name of a call to configfs, or `change` or `any`",
        ),
    ],
)
def test_what_a_deed_names_must_be_there_at_some_time(row: str, problem: str) -> None:
    """Else it would do nothing, and nobody would know."""
    assert problems(actions(f"at_us = 0, {row}")) == (f"story.deeds[0].{problem}",)


@pytest.mark.parametrize(
    "maker",
    [
        'do = "add-node", id = 9, name = "made"',
        'do = "rename-node", node = 1, name = "made"',
        'do = "place-node", node = 1, name = "made"',
    ],
)
def test_a_name_may_come_to_be_by_a_deed(maker: str) -> None:
    text = actions(f"at_us = 0, {maker}", 'at_us = 1, do = "pin", node = 1, name = "made"')
    assert len(parse_scenario(text).actions) == 2


@pytest.mark.parametrize(
    "maker",
    [
        'do = "add-node", id = 9, name = "n", addresses = ["10.9.9.9"]',
        'do = "address", node = 1, addresses = ["10.9.9.9"]',
        'do = "give-address", node = 1, address = "10.9.9.9"',
    ],
)
def test_an_address_may_come_to_be_by_a_deed(maker: str) -> None:
    taken = 'at_us = 1, do = "take-address", node = 1, address = "10.9.9.9"'
    assert len(parse_scenario(actions(f"at_us = 0, {maker}", taken)).actions) == 2


def test_a_node_that_a_deed_adds_is_one() -> None:
    added = 'at_us = 0, do = "add-node", id = 9, name = "new"'
    scenario = parse_scenario(actions(added, 'at_us = 1, do = "start", node = 9'))
    assert [action.verb.subject for action in scenario.actions] == [9, 9]


def test_the_end_is_not_before_the_last_deed() -> None:
    assert problems(actions('at_us = 6, do = "heal"')) == ("end_us: 5 is less than 6",)


def test_no_toml_and_no_text_are_refused(tmp_path: Path) -> None:
    assert len(problems("= =")) == 1
    (tmp_path / "s.toml").write_bytes(b"\xff")
    with pytest.raises(ScenarioError):
        read_scenario(tmp_path / "s.toml")


EXAMPLES = {
    Kind.NODE: "1",
    Kind.TEXT: '"x"',
    Kind.COUNT: "1",
    Kind.NUMBER: "0",
    Kind.PERCENT: "100",
    Kind.FLAG: "true",
    Kind.ERRNO: '"EIO"',
    Kind.FAULT: '"dup"',
    Kind.ADDRESSES: '["10.0.0.1"]',
    Kind.GROUPS: '"1/2"',
    Kind.NAME: '"node2"',
    Kind.ADDRESS: '"10.0.0.2"',
    Kind.CALL: '"mkdir"',
    Kind.CRASH_CALL: '"any"',
    Kind.RULES: '{ scope = "configured" }',
}


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_reads_and_needs_what_it_says(name: str) -> None:
    arguments = [one for one in arguments_of(VERBS[name]) if one.spelled.in_file]
    fields = [f"{one.name} = {EXAMPLES[one.kind]}" for one in arguments]
    row = ", ".join([f'do = "{name}"', *fields])
    scenario = parse_scenario(actions(f"at_us = 0, {row}"))
    assert scenario.actions[0].verb.word == name
    assert f"{{ at_us = 0, {row} }}" in scenario_text(scenario)
    bare = actions(f'at_us = 0, do = "{name}"')
    required = [one for one in arguments if one.required]
    if required:
        assert len(problems(bare)) == len(required)
    else:
        assert parse_scenario(bare).actions[0].verb == VERBS[name]()


def test_what_a_file_gives_is_written_again_though_it_is_as_usual() -> None:
    given = actions('at_us = 0, do = "shutdown", node = 1, removed = false')
    plain = actions('at_us = 0, do = "shutdown", node = 1')
    assert parse_scenario(given) == parse_scenario(plain)
    assert "removed = false" in scenario_text(parse_scenario(given))
    assert "removed" not in scenario_text(parse_scenario(plain))
