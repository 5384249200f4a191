"""`o2cbd status`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from o2cbd.commands.asking import ask
from o2cbd.commands.common import config_option, runtime_dir_of, runtime_dir_option, say
from o2cbd.commands.layout import facts, left_out, pending, table, warnings
from o2cbd.core.model import Quorum, quorum_text
from o2cbd.core.reports import counted
from o2cbd.errors import printable


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_option
@runtime_dir_option
def command(*, as_json: bool, config: str | None, runtime_dir: str | None) -> None:
    """Show the daemon's state, its nodes and what is pending; exit code 69 when none runs."""
    reply = ask(runtime_dir_of(runtime_dir, config), {"request": "status"})
    if as_json:
        say(json.dumps(reply))
    else:
        for line in render(reply):
            say(printable(line))


def render(status: dict[str, Any]) -> Iterator[str]:
    """Write a status for a person."""
    yield from facts(_facts(status))
    if status["nodes"]:
        yield ""
        yield from table(("NUM", "NAME", "ADDRESS", "MEMBER"), _rows(status))
    yield from pending(status["pending"])
    yield from left_out(status["left_out"])
    # A daemon from before an upgrade sends none.
    yield from warnings(status.get("warnings", ()))


def _facts(status: dict[str, Any]) -> Iterator[tuple[str, str]]:
    state, reason = status["state"], status["reason"]
    yield "State", f"{state}: {reason}" if reason else state
    if status["cluster"] is not None:
        # A daemon from before an upgrade gives no `quorum`.
        static = status.get("quorum") == Quorum.NONE.value
        shown = Quorum.NONE.text if static else quorum_text(status["quorate"])
        yield "Cluster", f"{status['cluster']}, {shown}"
        yield "Members", ", ".join(member["name"] for member in status["members"]) or "none"
    count = counted(len(status["nodes"]), "node")
    yield "Table", f"{count}, fingerprint {status['fingerprint']}"
    hold, call, vote = status["hold"], status["call"], status["vote"]
    if hold is not None:
        yield "Held", f"by process {hold['pid'] or '?'} since {hold['since']}"
    if call is not None:
        yield "Call", f"in {call['name']} since {call['since']}"
    if vote is not None:
        yield "Shutdown", f"asked {vote['asked']}, answered {vote['answer']}: {vote['reason']}"
    yield "Daemon", f"o2cbd {status['versions']['o2cbd']}, process {status['pid']}"


def _rows(status: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    members = {member["name"]: member for member in status["members"]}
    for node in status["nodes"]:
        member = members.get(node["name"])
        shown = "no"
        if member is not None:
            here = ", this node" if member["id"] == status["local_id"] else ""
            shown = f"yes{here} (incarnation {member['incarnation']})"
        complete = node["port"] != 0
        address = f"{node['address']}:{node['port']}" if complete else "half-made"
        yield (str(node["num"]), node["name"], address, shown)
