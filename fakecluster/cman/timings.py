"""How long things take in the fake cman, and the two versions that were observed."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Profile(enum.Enum):
    """Which of the observed versions is reproduced where they differ."""

    A = "A"
    """cman 3.0.12 on corosync 1.2.8."""
    B = "B"
    """cman 3.1.8 on corosync 1.4.10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The cluster's clocks. What an operator can set is in milliseconds, as in cluster.conf."""

    token_ms: int = 3000
    """Without the token for so long, a ring looks for a new one."""
    consensus_ms: int = 5000
    """So long it waits for the silent ones to agree."""
    shutdown_timeout_ms: int = 5000
    commit_ms: int | None = None
    """From consensus to the new ring; None: a sixth of the token time-out, which gives the 8.5 s
    that were seen with 3 s and 5 s."""
    boot_us: int = 20_000
    """From the start of the daemon to its first join message."""
    gather_us: int = 10_000
    """From a join message to the new ring when everybody answers."""
    merge_us: int = 200_000
    """From a healed link to the first message of a foreign ring."""
    hop_us: int = 50
    """From one node of the ring to the next: what makes views differ between hosts."""
    transition_us: int = 500
    """From a new ring to the joiner's own message, and from that to the second recalculation."""
    leave_us: int = 15_000
    """From the decision to leave to the daemon's end."""
    leave_late_us: int = 45_000
    """At most so much later it was seen to end; drawn."""
    leave_change_us: int = 2_000
    """From the end of a daemon that has said so to the ring without it."""
    kill_us: int = 300
    """From a kill order to the victim's exit."""
    timer_slack_us: int = 20_000
    """How late the daemon's own timers are (a shutdown time-out of 5 s was seen at 5.02 s)."""
    config_retry_ms: int = 5000
    """How often a daemon re-reads a configuration that lags behind what it was told."""
    quorum_disk_us: int = 1_000_000
    """From the start of a daemon to the first good poll of the quorum disk."""
    quorum_disk_poll_ms: int = 6000
    """A quorum device whose daemon polls no more is lost after so long."""
    fence_news_ms: int = 120_000
    """A fencing that is older than this when its node dies is about an earlier death (3.1.8)."""
    outdated_exit_us: int = 1_000_000
    """From the join with an outdated configuration to the joiner's exit (3.1.8)."""
    early_sockets: bool = False
    """Sockets accept before the first transition, when the list of nodes is still ENOENT (read
    from source); as observed, the first reading on a new socket worked."""

    @property
    def regroup_us(self) -> int:
        """Consensus and commit, in microseconds."""
        commit_ms = self.token_ms // 6 if self.commit_ms is None else self.commit_ms
        return (self.consensus_ms + commit_ms) * 1000

    @property
    def detection_us(self) -> int:
        """From a death to the survivors' new ring, in microseconds."""
        return self.token_ms * 1000 + self.regroup_us

    @property
    def shutdown_timeout_us(self) -> int:
        """When an unanswered shutdown question is given up, in microseconds."""
        return self.shutdown_timeout_ms * 1000 + self.timer_slack_us
