"""What a daemon says of itself, as every arm with real daemons reads it: its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fakecluster.arms.values import DaemonVote, PendingStep
from fakecluster.arms.words import ClusterWords
from fakecluster.overriding import override
from o2cbd.core.model import State, Why


class StatusLooks(ClusterWords, Protocol):
    """The looks that need nothing but `o2cbd status --json`."""

    def status(self, host: int) -> Mapping[str, Any]:
        """Return the status of a host's daemon; empty: there is none."""
        ...

    @override
    def state(self, host: int) -> State | None:
        status = self.status(host)
        return State(status["state"]) if status else None

    @override
    def reason(self, host: int) -> str:
        return str(self.status(host).get("reason", ""))

    @override
    def quorate(self, host: int) -> bool | None:
        quorate: bool | None = self.status(host).get("quorate")
        return quorate

    @override
    def incarnations(self, host: int) -> dict[int, int]:
        members = self.status(host).get("members", [])
        return {each["id"]: each["incarnation"] for each in members}

    @override
    def pending(self, host: int) -> tuple[PendingStep, ...]:
        return tuple(
            PendingStep(
                step=each["step"],
                node=each["node"],
                why=Why(each["why"]),
                errno=each["errno"] or "",
                reason=each["reason"],
            )
            for each in self.status(host).get("pending", [])
        )

    @override
    def left_out(self, host: int) -> dict[int, str]:
        return {each["id"]: each["reason"] for each in self.status(host).get("left_out", [])}

    @override
    def held(self, host: int) -> bool:
        return self.status(host).get("hold") is not None

    @override
    def vote(self, host: int) -> DaemonVote | None:
        vote = self.status(host).get("vote")
        if vote is None:
            return None
        return DaemonVote(yes=vote["answer"] == "yes", reason=vote["reason"], forced=vote["forced"])

    @override
    def fingerprint(self, host: int) -> str:
        return str(self.status(host).get("fingerprint", ""))
