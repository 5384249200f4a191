"""`o2cbd wait`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import click

from o2cbd.clock import Clock, MonotonicClock
from o2cbd.commands.asking import exit_codes
from o2cbd.commands.common import (
    Failure,
    Seconds,
    config_option,
    runtime_dir_of,
    runtime_dir_option,
)
from o2cbd.core.exit_codes import EXIT_TRY_AGAIN, EXIT_UNAVAILABLE, EXIT_USAGE
from o2cbd.core.frozen import frozen
from o2cbd.core.rules import SECOND_US
from o2cbd.service.client import ControlClient, NoDaemonError

LOOK_S = 1.0
"""So long the daemon may keep an answer back while nothing changes."""

ABSENT_LOOK_S = 0.1
"""How often it is looked whether a daemon is there."""


@frozen
class Wanted:
    """What is waited for."""

    in_sync: bool
    quorate: bool
    nodes: int | None
    settle_us: int

    def missing(self, status: dict[str, Any]) -> str:
        """Say what of it is not so; "" when all is."""
        missing: list[str] = []
        if self.in_sync and status["state"] != "synced":
            reason = status["reason"] or "; ".join(
                f"{item['text']}: {item['reason']}" for item in status["pending"]
            )
            missing.append(f"state is {status['state']}{f' ({reason})' if reason else ''}")
        static = status.get("quorum") == "none"  # there is none to wait for
        if self.quorate and not (status["quorate"] is True or static):
            missing.append("not quorate")
        if self.nodes is not None and len(status["nodes"]) < self.nodes:
            missing.append(f"{len(status['nodes'])} of {self.nodes} nodes in the table")
        return ", ".join(missing)


@click.command("wait")
@click.option("--in-sync", is_flag=True, help="Until the tables are in sync.")
@click.option("--quorate", is_flag=True, help="Until this partition is quorate.")
@click.option("--nodes", type=click.IntRange(1), help="Until the table has N nodes.")
@click.option(
    "--settle",
    type=Seconds(),
    default=0.0,
    metavar="S",
    help="Until these conditions have held for S seconds.",
)
@click.option(
    "--timeout",
    type=Seconds(),
    required=True,
    metavar="S",
    help="Give up after S seconds, with exit code 75.",
)
@config_option
@runtime_dir_option
def command(
    *,
    in_sync: bool,
    quorate: bool,
    nodes: int | None,
    settle: float,
    timeout: float,
    config: str | None,
    runtime_dir: str | None,
) -> None:
    """Wait until all conditions hold, and for a daemon that does not run yet."""
    if not (in_sync or quorate or nodes):
        raise Failure(EXIT_USAGE, "nothing to wait for: give --in-sync, --quorate or --nodes N")
    wanted = Wanted(
        in_sync=in_sync, quorate=quorate, nodes=nodes, settle_us=round(settle * SECOND_US)
    )
    clock = MonotonicClock()
    deadline_us = clock.now_us() + round(timeout * SECOND_US)
    Waiter(runtime_dir_of(runtime_dir, config), wanted, clock, deadline_us).run()


class Waiter:
    """Watches a daemon, or several that follow each other, until a deadline."""

    def __init__(
        self,
        runtime_dir: str,
        wanted: Wanted,
        clock: Clock,
        deadline_us: int,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._runtime_dir = runtime_dir
        self._wanted = wanted
        self._clock = clock
        self._deadline_us = deadline_us
        self._pause = pause

    def run(self) -> None:
        """Return when all is as wanted.

        Raises:
            Failure: 69 when no daemon is there at the deadline, 75 when it is not as wanted.
        """
        with exit_codes():
            while True:
                absent = "no o2cbd answers"
                try:
                    with ControlClient(self._runtime_dir) as client:
                        return self._watch(client)
                except NoDaemonError as error:
                    absent = str(error)
                if self._left_us() <= 0:
                    raise Failure(EXIT_UNAVAILABLE, absent)
                self._pause(ABSENT_LOOK_S)

    def _watch(self, client: ControlClient) -> None:
        good_since_us: int | None = None
        serial: object = None
        for status in self._statuses(client):
            now_us = self._clock.now_us()
            missing = self._wanted.missing(status)
            if missing:
                good_since_us = None
            elif good_since_us is None or status["serial"] != serial:
                good_since_us = now_us
            serial = status["serial"]
            if good_since_us is not None and now_us - good_since_us >= self._wanted.settle_us:
                return
            if self._left_us() <= 0:
                self._give_up(missing or "not settled yet")

    def _statuses(self, client: ControlClient) -> Iterator[dict[str, Any]]:
        """Each status that differs, and at least one every `LOOK_S`."""
        serial: object = None
        while True:
            look_us = min(round(LOOK_S * SECOND_US), max(0, self._left_us()))
            if serial is not None and self._wanted.settle_us:
                look_us = min(look_us, self._wanted.settle_us)
            status = client.ask({"request": "status", "after": serial}, look_us / SECOND_US)
            serial = status["serial"]
            yield status

    def _left_us(self) -> int:
        return self._deadline_us - self._clock.now_us()

    def _give_up(self, missing: str) -> NoReturn:
        raise Failure(EXIT_TRY_AGAIN, f"timed out: {missing}")
