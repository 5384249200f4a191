"""Verbs as rows of a file, as requests and as details of a trace: one table, no second spelling."""

from __future__ import annotations

import errno
from types import FunctionType
from typing import Any

import pytest

from fakecluster.capabilities import Capability
from fakecluster.cman.notices import NoticeFault
from fakecluster.server.verbs import ServedVerbs
from fakecluster.sim.engine_verbs import EngineVerbs
from fakecluster.sim.world import World
from fakecluster.verb_codec import (
    RequestError,
    errno_of,
    groups_of,
    groups_text,
    read_request,
    read_verb,
    request_of,
    trace_detail,
    verb_row,
)
from fakecluster.verb_methods import VerbMethods
from fakecluster.verbs import (
    VERBS,
    AddNode,
    Boot,
    ChangeAddress,
    CrashDaemonAt,
    Cut,
    Fault,
    Fence,
    HostVerb,
    Kind,
    Leave,
    MountsUnreadable,
    Notice,
    Partition,
    Pin,
    PlaceNode,
    Qdisk,
    RemoveNode,
    SetRules,
    Shutdown,
    SlowNetwork,
    Verb,
    commands,
)
from o2cbd.core.rules import Rules


def node_of(text: str) -> int:
    """Find nodes 1 to 9."""
    if text in set("123456789"):
        return int(text)
    raise ValueError(f"no such node: {text}")


def request(word: str, **fields: Any) -> Verb:
    return read_request(commands()[word], fields, node_of)


def complaint(word: str, **fields: Any) -> str:
    with pytest.raises(RequestError) as caught:
        request(word, **fields)
    return str(caught.value)


EXAMPLES = [
    (Shutdown(node=1, removed=True), {"removed": True}),
    (Partition(groups=((1, 2), (3,))), {"groups": "1,2/3"}),
    (Fault(node=2, call="mkdir", errno=errno.EIO), {"call": "mkdir", "errno": "EIO"}),
    (Notice(node=1, fault=NoticeFault.DELAY, delay_us=9), {"fault": "delay", "delay_us": 9}),
    (Qdisk(node=1, available=False), {"available": False}),
    (SetRules(node=1, rules=Rules(cluster="web")), {"rules": {"cluster": "web"}}),
    (AddNode(id=9, name="", votes=0, lagging=(1,)), {"id": 9, "name": "", "votes": 0}),
]


@pytest.mark.parametrize(("verb", "fields"), EXAMPLES, ids=lambda one: type(one).__name__)
def test_a_row_has_what_is_not_as_usual(verb: Verb, fields: dict[str, Any]) -> None:
    node = {"node": verb.node} if isinstance(verb, HostVerb) else {}
    assert verb_row(verb) == {"do": verb.word, **node, **fields}


@pytest.mark.parametrize(("verb", "fields"), EXAMPLES[:-1], ids=lambda one: type(one).__name__)
def test_a_row_is_read_back(verb: Verb, fields: dict[str, Any]) -> None:
    found: list[str] = []
    assert read_verb(verb_row(verb), "", found) == verb
    assert found == []


def test_all_problems_of_a_row_are_told_and_nothing_is_made() -> None:
    found: list[str] = []
    row = {"do": "fault", "call": "mkdri", "errno": 5, "colour": "red"}
    assert read_verb(row, "deeds[0].", found) is None
    assert found == [
        "deeds[0].colour: unknown; known are do, node, call, errno, count, path",
        "deeds[0].node: is missing (the id of a node)",
        "deeds[0].call: 'mkdri' is not the name of a call to configfs",
        "deeds[0].errno: 5 is no text",
    ]


@pytest.mark.parametrize(
    ("verb", "word", "fields"),
    [
        (Leave(node=1, removed=True), "leave", {"node": "1", "remove": True}),
        (Qdisk(node=1, available=False), "qdisk", {"node": "1", "lost": True}),
        (Cut(speaker=1, listener=2), "cut", {"speaker": "1", "listener": "2"}),
        (Fence(node=2, by=1), "fence", {"node": "2", "by": "1"}),
        (CrashDaemonAt(node=1, call="write:num", nth=2), "crash-daemon-at",
         {"node": "1", "call": "write:num:2"}),
        (MountsUnreadable(node=1, errno=errno.EIO), "hide-mounts", {"node": "1"}),
        (MountsUnreadable(node=1), "show-mounts", {"node": "1"}),
        (RemoveNode(node=2, lagging=(1, 3)), "remove-node", {"node": "2", "lagging": [1, 3]}),
        (ChangeAddress(node=1, addresses=("10.0.0.9",), now=False), "address",
         {"node": "1", "addresses": ["10.0.0.9"], "at_rejoin": True}),
        (Notice(node=1, fault=NoticeFault.DROP, delay_us=5000), "notice",
         {"node": "1", "fault": "drop", "count": 1, "delay_ms": 5}),
        (Partition(groups=((1,), (2, 3))), "partition", {"groups": "1/2,3"}),
    ],
)  # fmt: skip
def test_a_request_says_it_in_its_own_words(verb: Verb, word: str, fields: dict[str, Any]) -> None:
    assert request_of(verb) == (word, fields)
    assert request(word, **fields) == verb


def test_what_a_request_leaves_out_has_its_own_usual() -> None:
    assert request("fault", node="1", call="mkdir", errno="EIO") == Fault(
        node=1, call="mkdir", errno=errno.EIO, count=1
    )
    assert request("qdisk", node="1") == Qdisk(node=1, available=True)
    assert request("add-node", id=7, name=None) == AddNode(id=7, name="node7")
    assert request("crash-daemon-at", node="1", call="rmdir") == CrashDaemonAt(node=1, call="rmdir")


def test_all_problems_of_a_request_are_told_at_once() -> None:
    told = complaint("fault", node="typo", call="mkdri", errno="EFOO", count=0)
    parts = told.split("; ")
    assert parts[0] == "no such node: typo"
    assert parts[1] == "no call is named 'mkdri'"
    assert parts[-2:] == ["'EFOO' is no errno", "count: 0 is less than 1"]


def test_what_is_no_text_is_told_once() -> None:
    told = complaint("fence", node=3, by="")
    assert told == "node: 3 is no text; by: '' is no text"
    assert complaint("partition", groups=7) == "groups: 7 is no text"


@pytest.mark.parametrize("text", ["", "1,2/", "/1", "1;2"])
def test_a_file_has_no_empty_group(text: str) -> None:
    found: list[str] = []
    assert read_verb({"do": "partition", "groups": text}, "", found) is None
    assert found == [f"groups: {text!r} is not {Kind.GROUPS.value}"]


@pytest.mark.parametrize("call", ["", "mkdir:0"])
def test_no_nth_call(call: str) -> None:
    assert "names no call" in complaint("crash-daemon-at", node="1", call=call)


@pytest.mark.parametrize(
    "verb",
    [
        MountsUnreadable(node=1, errno=errno.EACCES),
        Fault(node=1, call="mkdir", errno=errno.EIO),
        Fault(node=1, call="mkdir", errno=errno.EIO, count=1, path="/cluster/o2"),
        ChangeAddress(node=1, addresses=("10.0.0.9",), host=False),
        Boot(node=1),
    ],
)
def test_what_no_request_can_say_is_not_asked_for(verb: Verb) -> None:
    with pytest.raises(ValueError, match="no request means"):
        request_of(verb)


@pytest.mark.parametrize(
    ("verb", "detail"),
    [
        (Pin(node=1, name="n2"), {"node": "n2"}),
        (AddNode(id=9, name="n9", votes=3), {"name": "n9"}),
        (ChangeAddress(node=1, addresses=("a", "b")), {"addresses": "a,b", "now": True}),
        (SlowNetwork(loss_percent=3), {"delay_us": 0, "jitter_us": 0, "loss": 3}),
        (MountsUnreadable(node=1), {"errno": ""}),
        (PlaceNode(node=1, name="x", num=2, local=True),
         {"name": "x", "num": 2, "address": None, "port": None}),
    ],
)  # fmt: skip
def test_a_trace_notes_it_without_its_node(verb: Verb, detail: dict[str, Any]) -> None:
    assert trace_detail(verb) == detail


@pytest.mark.parametrize(
    ("text", "expected"), [("EBUSY", errno.EBUSY), ("ebusy", errno.EBUSY), ("5", errno.EIO)]
)
def test_an_errno_by_symbol_or_number(text: str, expected: int) -> None:
    assert errno_of(text) == expected


@pytest.mark.parametrize("text", ["EFOO", "0", "99999", "-5", ""])
def test_no_errno(text: str) -> None:
    with pytest.raises(ValueError, match="no errno"):
        errno_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1,2/3", ((1, 2), (3,))), ("1", ((1,),)), ("1,/2", ((1,), (2,))), ("/1", ((), (1,)))],
)
def test_groups_of_a_partition(text: str, expected: tuple[tuple[int, ...], ...]) -> None:
    assert groups_of(text) == expected
    assert groups_of(groups_text(expected)) == expected


def test_no_groups() -> None:
    with pytest.raises(ValueError, match="1,2/3"):
        groups_of("a/b")


def test_a_verb_says_what_it_needs_of_an_arm() -> None:
    assert Pin(node=1, name="n").needs() == (Capability.PINS_BY_HAND,)
    assert Leave(node=1).needs() == ()
    assert Leave(node=1, removed=True).needs() == (Capability.LEAVING_FOR_GOOD,)


def handled(kind: type, name: str) -> set[type[Verb]]:
    """The verbs that a class has handlers for."""
    return set(vars(kind)[name].dispatcher.registry) - {object}


def test_the_world_has_a_handler_for_every_verb() -> None:
    assert handled(World, "_do") | handled(EngineVerbs, "apply") == set(VERBS.values())


def test_the_server_has_a_handler_for_every_verb_of_ctl() -> None:
    found = handled(ServedVerbs, "apply") | handled(EngineVerbs, "apply") | {Shutdown}
    assert found == {each.verb for each in commands().values()}


@pytest.mark.parametrize("word", sorted(VERBS))
def test_every_verb_has_a_line_for_the_manual(word: str) -> None:
    assert VERBS[word].about() not in {"", Verb.about()}


def test_every_verb_has_a_method() -> None:
    codes = [one.__code__ for one in vars(VerbMethods).values() if isinstance(one, FunctionType)]
    made = {name for code in codes for name in code.co_names}
    assert {each.__name__ for each in VERBS.values()} <= made
