"""What a daemon says of itself, as every arm with real daemons reads it: its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fakecluster.arms.values import Vote, Waiting
from fakecluster.arms.words import ClusterWords
from o2cbd.core.model import State, Why


class StatusLooks(ClusterWords, Protocol):
    """The looks that need nothing but `o2cbd status --json`."""

    def status(self, host: int) -> Mapping[str, Any]:
        """Return the status of a host's daemon; empty: there is none."""
        ...

    def state(self, host: int) -> State | None:
        """See `Cluster.state`."""
        status = self.status(host)
        return State(status["state"]) if status else None

    def reason(self, host: int) -> str:
        """See `Cluster.reason`."""
        return str(self.status(host).get("reason", ""))

    def quorate(self, host: int) -> bool | None:
        """See `Cluster.quorate`."""
        quorate: bool | None = self.status(host).get("quorate")
        return quorate

    def incarnations(self, host: int) -> dict[int, int]:
        """See `Cluster.incarnations`."""
        members = self.status(host).get("members", [])
        return {each["id"]: each["incarnation"] for each in members}

    def pending(self, host: int) -> tuple[Waiting, ...]:
        """See `Cluster.pending`."""
        return tuple(
            Waiting(
                step=each["step"],
                node=each["node"],
                why=Why(each["why"]),
                errno=each["errno"] or "",
                reason=each["reason"],
            )
            for each in self.status(host).get("pending", [])
        )

    def left_out(self, host: int) -> dict[int, str]:
        """See `Cluster.left_out`."""
        return {each["id"]: each["reason"] for each in self.status(host).get("left_out", [])}

    def held(self, host: int) -> bool:
        """See `Cluster.held`."""
        return self.status(host).get("hold") is not None

    def vote(self, host: int) -> Vote | None:
        """See `Cluster.vote`."""
        vote = self.status(host).get("vote")
        if vote is None:
            return None
        return Vote(yes=vote["answer"] == "yes", reason=vote["reason"], forced=vote["forced"])

    def fingerprint(self, host: int) -> str:
        """See `Cluster.fingerprint`."""
        return str(self.status(host).get("fingerprint", ""))
