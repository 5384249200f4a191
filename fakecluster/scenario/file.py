"""Scenario files: TOML, read whole or refused whole, written in one canonical way.

The schema is docs/scenarios.md's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology, TopologyError
from fakecluster.rules_table import RULES_KEYS, read_rules, rules_fields
from fakecluster.scenario.model import Action, Scenario, ScenarioError
from fakecluster.scenario.spelling import inline, spelled
from fakecluster.toml_table import TomlTable
from fakecluster.topology_file import topology_from
from fakecluster.verb_codec import read_verb, verb_row
from fakecluster.verbs import (
    AddNode,
    ChangeAddress,
    GiveAddress,
    Kind,
    PlaceNode,
    RenameNode,
    TakeAddress,
    arguments_of,
)

SCHEMA = 1
TIMINGS = ("token_ms", "consensus_ms", "shutdown_timeout_ms")
"""The clocks of the manager that a scenario can set."""

_TOP = (
    *("schema", "title", "seed", "dead_threshold", "end_us", "revive"),
    *("topology", "timings", "rules", "story"),
)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: with everything that is wrong, each with its key path.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError((str(error),)) from error
    return parse_scenario(text)


def parse_scenario(text: str) -> Scenario:
    """Read a scenario's text.

    Raises:
        ScenarioError: with everything that is wrong, each with its key path.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError((str(error),)) from error
    data.pop("depth", None)  # older files say whether the adapters are real; they always are now
    top = TomlTable(data, "", _TOP)
    if top.number("schema", None) != SCHEMA:
        top.complain("schema", f"is not {SCHEMA}")
    topology = _topology(top)
    actions = _actions(top, topology)
    last_us = actions[-1].at_us if actions else 0
    scenario = Scenario(
        title=top.text("title", ""),
        seed=top.count("seed", 0),
        dead_threshold=top.count("dead_threshold", 5, least=2),
        end_us=top.count("end_us", last_us, least=last_us),
        revive=top.numbers("revive"),
        topology=topology,
        timings=_timings(top),
        rules=read_rules(top.table("rules", RULES_KEYS)),
        actions=actions,
    )
    known = _There(topology, actions).ids
    for node_id in scenario.revive:
        if topology.nodes and node_id not in known:
            top.complain("revive", f"there is no node {node_id}")
    if top.problems:
        raise ScenarioError(tuple(top.problems))
    return scenario


def _topology(top: TomlTable) -> Topology:
    try:
        return topology_from(top.mapping("topology"))
    except TopologyError as error:
        top.problems += [f"topology.{problem}" for problem in error.problems]
        return Topology(cluster="o2", nodes=())


def _timings(top: TomlTable) -> Timings:
    table = top.table("timings", TIMINGS)
    if table is None:
        return Timings()
    usual = Timings()
    token_ms, consensus_ms, shutdown_ms = (
        table.count(name, getattr(usual, name), least=1) for name in TIMINGS
    )
    return Timings(token_ms=token_ms, consensus_ms=consensus_ms, shutdown_timeout_ms=shutdown_ms)


def _actions(top: TomlTable, topology: Topology) -> tuple[Action, ...]:
    story = top.table("story", ("deeds",))
    if story is None:
        return ()
    found: list[Action] = []
    for index, row in enumerate(story.rows("deeds")):
        where, before = f"story.deeds[{index}].", len(top.problems)
        at_us = TomlTable(row, where, row, top.problems).count("at_us", 0)
        verb = read_verb(row, where, top.problems, beside=("at_us",))
        if verb is None or len(top.problems) > before:
            continue
        action = Action(at_us=at_us, verb=verb, given=frozenset(row))
        if found and action.at_us < found[-1].at_us:
            top.complain(f"story.deeds[{index}].at_us", "is before the action above it")
        found.append(action)
    if not topology.nodes:
        return tuple(found)  # its own problems are told already
    there = _There(topology, found)
    for index, action in enumerate(found):
        for name, problem in there.problems(action):
            top.complain(f"story.deeds[{index}].{name}", problem)
    return tuple(found)


class _There:
    """What is there at some time of a scenario, so that an action may name it."""

    def __init__(self, topology: Topology, actions: Sequence[Action]) -> None:
        self.ids: set[object] = set(topology.ids)
        self._names: set[object] = set(topology.called)
        self._addresses = {one for node in topology.nodes for one in node.addresses}
        for verb in (action.verb for action in actions):
            if isinstance(verb, AddNode):
                self.ids.add(verb.id)
            if isinstance(verb, AddNode | RenameNode | PlaceNode):
                self._names.add(verb.name)
            if isinstance(verb, AddNode | ChangeAddress):
                self._addresses.update(verb.addresses)
            if isinstance(verb, GiveAddress):
                self._addresses.add(verb.address)

    def problems(self, action: Action) -> Iterator[tuple[str, str]]:
        """Yield the arguments that name what is never there, and what is wrong."""
        verb = action.verb
        for one in arguments_of(type(verb)):
            value = getattr(verb, one.name)
            if one.kind in {Kind.NODE, Kind.GROUPS}:
                ids = (value,) if one.kind is Kind.NODE else chain(*value)
                for node_id in ids:
                    if node_id not in self.ids:
                        yield one.name, f"there is no node {node_id}"
            if one.kind is Kind.NAME and value not in self._names:
                yield one.name, f"no node is ever named {value!r}"
        if isinstance(verb, TakeAddress) and verb.address not in self._addresses:
            yield "address", f"no host ever has {verb.address}"


# --- writing ------------------------------------------------------------------------------------


def scenario_text(scenario: Scenario) -> str:
    """Return the one text of a scenario; what is as usual is left out."""
    usual = Scenario(topology=scenario.topology, actions=(), end_us=0)
    top: dict[str, Any] = {"schema": SCHEMA}
    for name in ("title", "seed", "dead_threshold", "revive"):
        if getattr(scenario, name) != getattr(usual, name):
            top[name] = getattr(scenario, name)
    top["end_us"] = scenario.end_us
    lines = _lines({key: top[key] for key in _TOP if key in top})
    lines += ["", "[topology]", *_topology_lines(scenario.topology)]
    timings = {
        name: getattr(scenario.timings, name)
        for name in TIMINGS
        if getattr(scenario.timings, name) != getattr(usual.timings, name)
    }
    if timings:
        lines += ["", "[timings]", *_lines(timings)]
    rules = rules_fields(scenario.rules)
    if rules:
        lines += ["", "[rules]", *_lines(rules)]
    actions = (
        {"at_us": action.at_us, **verb_row(action.verb, action.given)}
        for action in scenario.actions
    )
    lines += ["", "[story]", *_array("deeds", [inline(action) for action in actions])]
    return "\n".join(lines) + "\n"


def _topology_lines(topology: Topology) -> list[str]:
    usual = Topology(cluster=topology.cluster, nodes=())
    plain = ("number", "two_node", "expected_votes", "config_version", "quorum_provider")
    fields: dict[str, Any] = {"cluster": topology.cluster}
    for name in plain:
        if getattr(topology, name) != getattr(usual, name):
            fields[name] = getattr(topology, name)
    if topology.qdisk is not None:
        disk = topology.qdisk
        fields["qdisk"] = {"name": disk.name, "votes": disk.votes, "polled": disk.polled}
    nodes: list[str] = []
    for node in topology.nodes:
        row: dict[str, Any] = {"id": node.id, "name": node.name, "addresses": node.addresses}
        if node.votes != 1:
            row["votes"] = node.votes
        nodes.append(inline(row))
    return [*_lines(fields), *_array("nodes", nodes)]


def _lines(fields: dict[str, Any]) -> list[str]:
    return [f"{name} = {spelled(value)}" for name, value in fields.items()]


def _array(name: str, rows: list[str]) -> list[str]:
    return [f"{name} = [", *(f"  {row}," for row in rows), "]"]
