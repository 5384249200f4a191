"""`o2cbd plan`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from o2cbd.commands.asking import exit_codes
from o2cbd.commands.common import (
    absolute,
    config_option,
    load_settings,
    runtime_dir_option,
    say,
)
from o2cbd.commands.layout import facts, left_out, pending, warnings
from o2cbd.commands.run import library, membership_option
from o2cbd.errors import printable
from o2cbd.given_settings import overridden
from o2cbd.service.client import ControlClient, NoDaemonError
from o2cbd.settings import DaemonSettings


@click.command("plan")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_option
@membership_option
@click.option("--libcman", metavar="PATH", callback=library, help="Used when no daemon runs.")
@click.option("--configfs", metavar="PATH", callback=absolute, help="Used when no daemon runs.")
@click.option("--debugfs", metavar="PATH", callback=absolute, help="Used when no daemon runs.")
@runtime_dir_option
def command(
    *,
    as_json: bool,
    config: str | None,
    membership: str | None,
    libcman: str | None,
    configfs: str | None,
    debugfs: str | None,
    runtime_dir: str | None,
) -> None:
    """Show the steps that would be done now, and why others wait.

    Asks the running daemon. Without one, the cluster manager and configfs are read here, without
    subscribing to or changing anything.
    """
    settings = overridden(
        load_settings(config),
        membership=membership,
        libcman=libcman,
        paths={"configfs": configfs, "debugfs": debugfs, "runtime_dir": runtime_dir},
        cluster=None,
        port=None,
    )
    reply = _plan(settings)
    if as_json:
        say(json.dumps(reply))
    else:
        for line in render(reply):
            say(printable(line))


def _plan(settings: DaemonSettings) -> dict[str, Any]:
    with exit_codes():
        try:
            with ControlClient(settings.paths.runtime_dir) as client:
                return {**client.ask({"request": "plan"}), "daemon": True}
        except NoDaemonError:
            pass
    # Only without a daemon: it loads the manager's library.
    from o2cbd.commands.offline import plan_here  # noqa: PLC0415

    return {**plan_here(settings), "daemon": False}


def render(plan: dict[str, Any]) -> Iterator[str]:
    """Write a plan for a person."""
    state, reason = plan["state"], plan["reason"]
    yield from facts(
        [
            ("State", f"{state}: {reason}" if reason else state),
            ("Cluster", plan["cluster"] or "not known"),
            ("Read by", "the running daemon" if plan["daemon"] else "this command: no daemon runs"),
        ]
    )
    yield ""
    if plan["steps"]:
        yield f"{'Being done' if plan['daemon'] else 'Would be done'} now ({len(plan['steps'])}):"
        for step in plan["steps"]:
            yield f"  {step['text']}"
    else:
        yield _nothing(plan)
    yield from pending(plan["pending"])
    yield from left_out(plan["left_out"])
    yield from warnings(plan["warnings"])


def _nothing(plan: dict[str, Any]) -> str:
    """Say why there is no step; a daemon at rest has done all that can be done."""
    state, hold = plan["state"], plan.get("hold")
    if state == "synced":
        return "Nothing to do: the tables are in sync."
    if state == "held":
        who = f"process {hold['pid']}" if hold is not None and hold["pid"] else "somebody"
        return f"No changes while {who} holds the semaphore."
    if state == "pending":
        return "Nothing can be done now: all steps are pending."
    return f"No changes while {state}; the steps are not known before that ends."
