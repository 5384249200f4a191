"""Reports of the service around the agent."""

from __future__ import annotations

from o2cbd.core.exit_codes import EXIT_CRASHED
from o2cbd.core.frozen import frozen
from o2cbd.core.reports import Report, Severity, counted, spell


@frozen
class Started(Report):
    """The daemon is up; nothing was changed yet."""

    code = "started"
    severity = Severity.NOTICE
    event = ("daemon", "start")
    version: str
    configfs: str
    runtime_dir: str

    @property
    def text(self) -> str:
        return f"o2cbd {self.version} on {self.configfs}, control socket in {self.runtime_dir}"


@frozen
class AlreadyRunning(Report):
    """Another o2cbd holds a lock; this one ends without changes."""

    code = "already-running"
    severity = Severity.ERROR
    detail: str

    @property
    def text(self) -> str:
        return f"{self.detail}: another o2cbd is running; exiting without changes"


@frozen
class CallStuck(Report):
    """A declared call does not return."""

    code = "stuck"
    severity = Severity.WARNING
    call: str
    since: str

    @property
    def text(self) -> str:
        return (
            f"stuck in {self.call} since {self.since}: no changes until it returns; no process"
            " is killed"
        )


@frozen
class CallReturned(Report):
    """A call that was stuck returned."""

    code = "unstuck"
    severity = Severity.NOTICE
    call: str
    since: str

    @property
    def text(self) -> str:
        return f"{self.call} (since {self.since}) returned"


@frozen
class StopAsked(Report):
    """A signal asked the daemon to stop."""

    code = "stop-asked"
    severity = Severity.NOTICE
    event = ("daemon", "stop-asked")
    signal: str

    @property
    def text(self) -> str:
        return f"{self.signal}: stopping"


@frozen
class StoppedWhileStuck(Report):
    """The agent could not be waited for."""

    code = "stopped-while-stuck"
    severity = Severity.WARNING
    exit_code = 0
    call: str
    """Empty when no call was declared."""
    state: str
    steps_waiting: int

    @property
    def text(self) -> str:
        where = f"stuck in {self.call}" if self.call else "busy"
        return (
            f"exiting without the agent, which is {where} (last state {self.state},"
            f" {self.steps_waiting} steps pending): keeping the node tables; it is unknown"
            " whether they are in use, and from now on nothing vetoes a shutdown of the cluster"
        )


@frozen
class ReloadUnsupported(Report):
    """SIGHUP came; the settings stay."""

    code = "reload-unsupported"
    severity = Severity.WARNING

    @property
    def text(self) -> str:
        return "SIGHUP: this version cannot reload settings; restart o2cbd to apply new ones"


@frozen
class AgentCrashed(Report):
    """The agent's thread ended by an exception, which stands above this on stderr."""

    code = "crashed"
    severity = Severity.ERROR
    exit_code = EXIT_CRASHED

    @property
    def text(self) -> str:
        return "the agent crashed (a bug): keeping the node tables; a restart continues from them"


@frozen
class ReportsLost(Report):
    """The log's reader is too slow."""

    code = "reports-lost"
    severity = Severity.WARNING
    count: int

    @property
    def text(self) -> str:
        return f"{self.count} reports were lost: the reader of the log is too slow"


@frozen
class NoVote(Report):
    """The manager's library knows no shutdown question."""

    code = "no-vote"
    severity = Severity.WARNING

    @property
    def text(self) -> str:
        return (
            "this libcfg (corosync before 3.1.1) has no corosync_cfg_trackstart: o2cbd cannot"
            " veto a shutdown of corosync under mounted file systems; update corosync"
        )


@frozen
class CannotServe(Report):
    """The runtime directory cannot be used; nothing was started."""

    code = "cannot-serve"
    severity = Severity.ERROR
    detail: str

    @property
    def text(self) -> str:
        return f"cannot start: {self.detail}"


@frozen
class EntryWillChange(Report):
    """An entry found at the start differs from what its node's entry should be."""

    code = "takeover"
    severity = Severity.WARNING
    node: str
    """As the entry has it."""
    changes: tuple[tuple[str, str, str], ...]
    """Value, what it is, what it will be."""

    @property
    def text(self) -> str:
        changes = ", ".join(f"{value} {old} becomes {new}" for value, old, new in self.changes)
        text = f"node {spell(self.node)} is in the kernel and will be replaced: {changes}"
        if any(value == "num" for value, _old, _new in self.changes):
            text += (
                "; unmount OCFS2 on all nodes first: hosts mounted under old and under new"
                " numbers mistake each other for other nodes, and can destroy the volume"
            )
        return text


@frozen
class TableServiceOn(Report):
    """ocfs2-tools' service o2cb is enabled: it writes the tables at boot, too."""

    code = "ocfs2-tools-o2cb"
    severity = Severity.WARNING
    where: str
    """The file that switches it on."""
    cluster: str
    """The cluster that it brings up; empty for none."""

    @property
    def text(self) -> str:
        does = (
            f'writes cluster "{self.cluster}" from /etc/ocfs2/cluster.conf into the tables that'
            " o2cbd manages, and o2cbd corrects differences"
            if self.cluster
            else "writes no cluster (O2CB_BOOTCLUSTER is empty)"
        )
        return (
            f"o2cb.service of ocfs2-tools is enabled (O2CB_ENABLED=true in {self.where}): at"
            f" boot it {does}, and stopping it removes nodes; disable it: systemctl disable o2cb"
        )


@frozen
class MountServiceOn(Report):
    """ocfs2-tools' service ocfs2 is enabled: it mounts at boot without waiting for the tables."""

    code = "ocfs2-tools-ocfs2"
    severity = Severity.WARNING
    where: str
    """The link that starts it."""

    @property
    def text(self) -> str:
        return (
            f"ocfs2.service of ocfs2-tools is enabled ({self.where}): at boot it mounts the"
            " OCFS2 volumes of /etc/fstab without waiting for the tables, and stopping it kills"
            " the processes that use them; disable it: systemctl disable ocfs2"
        )


@frozen
class ClusterFileThere(Report):
    """The file from which ocfs2-tools writes the tables exists."""

    code = "ocfs2-tools-file"
    severity = Severity.NOTICE
    where: str
    clusters: tuple[str, ...]
    """The clusters in it."""
    problem: str = ""
    """Why it cannot be used."""

    @property
    def text(self) -> str:
        found = ", ".join(map(spell, self.clusters)) or self.problem
        return (
            f"{self.where} exists ({found}): o2cbd does not use it, and corrects what `o2cb"
            " register-cluster` writes from it where that differs from the cluster manager;"
            " `o2cbd diff` compares them"
        )


@frozen
class GlobalHeartbeat(Report):
    """The file of ocfs2-tools asks for a global heartbeat."""

    code = "global-heartbeat"
    severity = Severity.NOTICE
    where: str
    cluster: str
    regions: int

    @property
    def text(self) -> str:
        return (
            f"cluster {spell(self.cluster)} in {self.where} has a global heartbeat"
            f" ({counted(self.regions, 'region')}): o2cbd keeps its nodes and starts no heartbeat;"
            ' [cluster] heartbeat_mode = "global" keeps the mode, `o2cb start-heartbeat` starts'
            " the regions"
        )
