"""The arms on guests: corosync 3, o2cb's real kernel, and the package's own unit."""

from __future__ import annotations

import contextlib
import enum
import ipaddress
import select
import shlex
import signal
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatchmethod
from typing import Any, Final

from fakecluster import verbs
from fakecluster.arms.outside import Outside
from fakecluster.arms.rules import settings_text
from fakecluster.arms.sections import Sections, with_sections
from fakecluster.arms.status_looks import StatusLooks
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import Call as ConfigfsCall
from fakecluster.arms.values import ClusterSpec, Row, Span
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.merge.merge import merge_sources
from fakecluster.merge.source import TraceSource, join_boots, read_source
from fakecluster.merge.verb_log import PriorTrace, VerbLog
from fakecluster.report.words import event_text
from fakecluster.trace.file import TraceFile
from fakecluster.verbs import Verb
from integration.arm.managers import Manager
from integration.conversation import GuestCall
from integration.errors import GuestError
from integration.guest import alarms
from integration.inside.provision import INTERFACE
from integration.lab.lab import Lab
from o2cbd.clock import MonotonicClock
from o2cbd.hold.sysv import key_of

UNIT: Final = "o2cbd.service"
DROP_IN: Final = f"/run/systemd/system/{UNIT}.d/scenario.conf"
_NEVER_BY_ITSELF: Final = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=no\n"
"""Whatever is killed and started again and again is no failure here, and nothing starts itself."""
_SPANS_S: Final = {Span.SOON: 90.0, Span.LATER: 180.0, Span.A_MOMENT: 3.0, Span.A_WHILE: 8.0}
"""The first two are far beyond what it takes, since machines are shared and processors emulated."""
_LOOK_EVERY_S: Final = 0.5
_RESYNC_S: Final = 5
_SELDOM_S: Final = 3600
COMMAND_TIMEOUT_S: Final = 120
_SCENARIO_TIMEOUT_S: Final = 1800
"""What a scenario starts in the background ends with it at the latest."""
_HOLDER_PID: Final = "/run/holder.pid"
_EVENTS_KEPT: Final = 40
_LINES_KEPT: Final = 20
"""Of what a manager that does not run has written."""
_KILLED = "2"
"""systemd's ExecMainCode of a process that a signal ended (CLD_KILLED)."""
_NO_LOOK: Mapping[str, Any] = {"clusters": {}, "status": None, "runs": False}
_NO_MANAGER: Mapping[str, Any] = {
    "running": False,
    "stopped": False,
    "view": None,
    "beneath": None,
}


class Readiness(enum.Enum):
    """How far guests have come when a scenario begins with them."""

    BOOTED = "booted"
    """Each has just come up."""
    FORMED = "formed"
    """Their managers are of one mind, in a cluster of the same nodes."""
    UP = "up"
    """`VmCluster.up` has ended, for a cluster of the same spec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedGuests:
    """Guests that were started."""

    lab: Lab
    """Those of the spec; off are those that it calls down."""
    readiness: Readiness
    prior: PriorTrace | None = None
    """What was done to them, where that is not nothing."""


Begin = Callable[[Readiness], StartedGuests]
"""Starts a cluster's guests, as far as that at most."""


class VmCluster(StatusLooks):
    """One cluster of guests; whoever has started them ends them."""

    def __init__(self, spec: ClusterSpec, manager: Manager, begin: Begin) -> None:
        """Prepare it; guests are switched on when something is asked of them.

        Args:
            spec: what to boot.
            manager: what manages it.
            begin: starts its guests.
        """
        self.spec = spec
        self.arm = manager.arm
        self.missing = manager.missing
        self._manager = manager
        self._begin = begin
        self._lab: Lab | None = None
        self._seen: dict[tuple[int, str], Mapping[str, Any]] | None = None
        """While a condition is looked at, one answer of each guest serves all of it."""
        self._holders: dict[int, GuestCall] = {}
        self._questions: dict[int, VmQuestion] = {}
        self._boots: dict[int, list[tuple[TraceSource, int]]] = {}
        """What a host told in each boot whose power went, and by how much its clock was ahead; its
        journal does not have the last of it."""
        self.untouched_oracle = UntouchedOracle(self)
        self._nodes = {node.id: node for node in spec.topology.nodes}
        self._version = 1
        self._formatted = False

    @property
    def lab(self) -> Lab:
        """The guests."""
        return self._lab or self.go_on(Readiness.FORMED)

    @property
    def verb_log(self) -> VerbLog:
        """What the scenario did; it begins with its guests."""
        if self._lab is None:
            self.go_on(Readiness.FORMED)
        return self._verb_log

    def up(self) -> None:
        """Go on, where this is asked first, from where another of the same spec had come to."""
        if self._lab is None:
            self.go_on(Readiness.UP)
        if self._readiness is Readiness.UP:
            self._all_in_sync()
        else:
            super().up()

    def go_on(self, readiness: Readiness) -> Lab:
        """Switch the guests on, and let their managers be of one mind at least; the guests.

        Args:
            readiness: to go on from there, or earlier.

        Raises:
            GuestError: a guest did not do its part.
        """
        begun = self._begin(readiness)
        self._lab, self._readiness = begun.lab, begun.readiness
        self._verb_log = VerbLog(MonotonicClock(), begun.prior, begun.lab.went_on_us)
        if begun.readiness is Readiness.BOOTED:
            self._form()
        elif begun.readiness is Readiness.FORMED:
            self.lab.each(self._provision, self._powered())
        return begun.lab

    def _form(self) -> None:
        """Make a cluster of guests that have just come up: managers of one mind, no daemons."""
        on = self._powered()
        for host in on:
            self.verb_log.verb(verbs.Start(node=host))
        self.lab.each(self._settle, on)
        self.lab.each(self._start_manager, on)
        for host in on:
            self.eventually(
                f"the managers are of one mind about host {host}",
                lambda host=host: self._sees(host, on),  # type: ignore[misc]
                within=Span.LATER,
            )
        self.lab.each(self._start_disk, on)

    def _powered(self) -> list[int]:
        """Those that have power at first."""
        return [host for host in self.spec.topology.ids if host not in self.spec.down]

    def _sees(self, host: int, members: Sequence[int]) -> bool:
        view = self.view(host)
        listed = [] if view is None else view["listed"]
        # 0 is a quorum disk.
        found = [each["id"] for each in listed if each["member"] and each["id"] != 0]
        return found == sorted(members)

    def lanes(self) -> dict[int, str]:
        """Return the name of every node that there is now, by id."""
        return {node.id: node.name for node in self._nodes.values()}

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """Looks now and then."""
        deadline_s = _now_s() + _SPANS_S[within]
        while not self._now(condition):
            if _now_s() > deadline_s:
                return False
            _until_next_look()
        return True

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """Looks now and then."""
        deadline_s = _now_s() + _SPANS_S[during]
        while self._now(condition):
            if _now_s() > deadline_s:
                return True
            _until_next_look()
        return False

    def _now(self, condition: Callable[[], bool]) -> bool:
        with self.one_look():
            return condition()

    def tell(self, host: int, *argv: str) -> str:
        """Run a command on a host that must succeed; its output."""
        return self.lab.guest(host).check(argv, timeout_s=COMMAND_TIMEOUT_S)

    # --- hosts and their managers ---------------------------------------------------------------

    def apply(self, verb: Verb) -> None:
        """Each handler notes its verb for the trace."""
        self.untouched_oracle.hears(verb)
        self._do(verb)

    @singledispatchmethod
    def _do(self, verb: Verb) -> None:
        raise verb.refused_by(self.arm)

    @_do.register
    def _start(self, verb: verbs.Start) -> None:
        host = verb.node
        if not self.manager(host)["running"]:
            self.verb_log.verb(verb)
            if not self.lab.alive(host):
                self.lab.boot(host)
                self._settle(host)
            self._start_manager(host)
            self._manager_answers(host)
        if verb.daemon and not self.runs(host):
            self.daemon_start(host)

    def _settle(self, host: int) -> None:
        """Tell a guest that has just booted who it is, and watch its tables from now on."""
        self._provision(host)
        self.ask_guest(host, "changes:watch")

    def _provision(self, host: int) -> None:
        """Tell a guest who it is in this scenario."""
        resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
        text = settings_text(self.spec, host)
        # The scenarios' default on every arm; o2cbd's own with corosync is another.
        scope = {} if "scope" in tomllib.loads(text).get("table", {}) else {"scope": "members"}
        own: Sections = {
            "membership": {"source": self._manager.source},
            "table": scope,
            "cluster": {"dead_threshold": self.spec.dead_threshold},
            "timing": {"resync_s": resync_s},
            "log": {"format": "json"},
        }
        files = {
            **self._configuration(host),
            "/etc/o2cbd/o2cbd.toml": with_sections(text, own),
            **unit_files(self.spec.options.get(host, ()), self._manager.units),
        }
        machine = self.lab.machines[host].identity.address
        more = [
            address
            for address in self._nodes[host].addresses
            if address != machine and not ipaddress.ip_address(address).is_unspecified
        ]
        arguments = {"files": files, "wanted": UNIT, "addresses": more}
        self.lab.guest(host).call("provision:provision", arguments)

    def _configuration(self, host: int) -> dict[str, str]:
        topology = replace(self.spec.topology, nodes=tuple(self._nodes.values()))
        return self._manager.files(host, topology, self._version)

    @_do.register
    def _kill(self, verb: verbs.Kill) -> None:
        self.last_words(verb.node)
        self.verb_log.verb(verb)
        self._holders.pop(verb.node, None)
        self.lab.machines[verb.node].kill()

    @_do.register
    def _leave(self, verb: verbs.Leave) -> None:
        self.verb_log.verb(verb)
        self._manager.orders.leave(self, verb.node, removed=verb.removed)
        self._manager_ended(verb.node)

    @_do.register
    def _cman_start(self, verb: verbs.CmanStart) -> None:
        self.verb_log.verb(verb)
        self._start_manager(verb.node)
        self._manager_answers(verb.node)

    def _start_manager(self, host: int) -> None:
        if self._manager.counts_anew:
            self.untouched_oracle.counts_anew(host)
        # Its units say for how long systemd waits for them, and a guest may be slower than that.
        self.tell(host, "systemctl", "start", "--no-block", *self._manager.units)

    def _manager_answers(self, host: int) -> None:
        """Wait until a manager that was started answers whoever asks."""
        self.eventually(
            f"the manager of host {host} answers",
            lambda: self.view(host) is not None,
            within=Span.LATER,
        )
        self._start_disk(host)

    def _start_disk(self, host: int) -> None:
        disk = self.spec.topology.qdisk
        if disk is not None and disk.polled:
            self._manager.orders.poll_disk(self, host, disk, available=True)

    @_do.register
    def _qdisk(self, verb: verbs.Qdisk) -> None:
        disk = self.spec.topology.qdisk
        if disk is None:
            raise ValueError("there is no quorum disk in the topology")
        self.verb_log.verb(verb)
        self._manager.orders.poll_disk(self, verb.node, disk, available=verb.available)

    @_do.register
    def _cman_crash(self, verb: verbs.CmanCrash) -> None:
        self.verb_log.verb(verb)
        self._signal_manager(verb.node, "KILL", *reversed(self._manager.units))
        self._manager_ended(verb.node)

    @_do.register
    def _cman_stop(self, verb: verbs.CmanStop) -> None:
        self.verb_log.verb(verb)
        self._signal_manager(verb.node, "STOP", *reversed(self._manager.units))

    @_do.register
    def _cman_cont(self, verb: verbs.CmanCont) -> None:
        self.verb_log.verb(verb)
        self._signal_manager(verb.node, "CONT", *self._manager.units)

    def _manager_ended(self, host: int) -> None:
        """Wait until whoever starts a manager starts another one."""
        self.eventually(
            f"the manager of host {host} has ended", lambda: not self.manager(host)["running"]
        )

    def _signal_manager(self, host: int, name: str, *units: str) -> None:
        whom = f"--kill-whom={self._manager.whom}"
        for unit in units:
            self.tell(host, "systemctl", "kill", whom, f"--signal={name}", unit)

    @_do.register
    def _expected(self, verb: verbs.Expected) -> None:
        self.verb_log.verb(verb)
        self._manager.orders.expect(self, verb.node, verb.votes)

    @_do.register
    def _fence(self, verb: verbs.Fence) -> None:
        self.verb_log.verb(verb)
        self._manager.orders.fence(self, verb.by, verb.node)

    # --- the network ----------------------------------------------------------------------------

    @_do.register
    def _partition(self, verb: verbs.Partition) -> None:
        self.verb_log.verb(verb)
        self.lab.network.partition(*verb.groups)

    @_do.register
    def _cut(self, verb: verbs.Cut) -> None:
        self.verb_log.verb(verb)
        self.lab.network.cut(verb.speaker, verb.listener)

    @_do.register
    def _heal(self, verb: verbs.Heal) -> None:
        self.verb_log.verb(verb)
        self.lab.network.heal()

    # --- the kernels ----------------------------------------------------------------------------

    @_do.register
    def _mount(self, verb: verbs.Mount) -> None:
        self.make_volume(verb.node)  # at the first one
        self.verb_log.verb(verb)
        self.ask_guest(verb.node, "volume:SHARED.mount")

    def make_volume(self, host: int) -> None:
        """Make the file system on the shared disk, once."""
        if not self._formatted:
            self.ask_guest(host, "volume:SHARED.make", cluster=self.spec.topology.cluster)
            self._formatted = True

    @_do.register
    def _umount(self, verb: verbs.Umount) -> None:
        self.verb_log.verb(verb)
        self.ask_guest(verb.node, "volume:SHARED.umount")

    @_do.register
    def _give_address(self, verb: verbs.GiveAddress) -> None:
        self.verb_log.verb(verb)
        self._add_address(verb.node, verb.address)

    def _add_address(self, host: int, address: str) -> None:
        self.tell(host, "ip", "address", "replace", f"{address}/24", "dev", INTERFACE)

    @_do.register
    def _take_address(self, verb: verbs.TakeAddress) -> None:
        self.verb_log.verb(verb)
        self._drop_address(verb.node, verb.address)

    def _drop_address(self, host: int, address: str) -> None:
        self.tell(host, "ip", "address", "delete", f"{address}/24", "dev", INTERFACE)

    @_do.register
    def _place_cluster(self, verb: verbs.PlaceCluster) -> None:
        chosen = verb.name or self.spec.topology.cluster
        self.verb_log.verb(replace(verb, name=chosen))
        self._make_cluster(verb.node, chosen)

    def _make_cluster(self, host: int, name: str) -> None:
        self.ask_guest(
            host, "tables:place_cluster", name=name, dead_threshold=self.spec.dead_threshold
        )

    @_do.register
    def _place_node(self, verb: verbs.PlaceNode) -> None:
        self.verb_log.verb(verb)
        given = {"ipv4_port": verb.port, "ipv4_address": verb.address, "num": verb.num}
        values = {key: value for key, value in given.items() if value is not None}
        values |= {"local": 1} if verb.local else {}
        cluster = self.spec.topology.cluster
        self._make_cluster(verb.node, cluster)
        self.ask_guest(
            verb.node, "tables:place_node", cluster=cluster, name=verb.name, values=values
        )

    @_do.register
    def _drop_cluster(self, verb: verbs.DropCluster) -> None:
        self.verb_log.verb(verb)
        self.ask_guest(verb.node, "tables:drop_cluster", name=verb.name)

    @_do.register
    def _drop_node(self, verb: verbs.DropNode) -> None:
        self.verb_log.verb(verb)
        self.ask_guest(
            verb.node, "tables:drop_node", cluster=self.spec.topology.cluster, name=verb.name
        )

    # --- the semaphore --------------------------------------------------------------------------

    @_do.register
    def _hold(self, verb: verbs.Hold) -> None:
        # `o2cbd hold`, whose command says when it runs.
        self.verb_log.verb(verb)
        said = f"echo $$ > {_HOLDER_PID}; echo held; exec sleep {_SCENARIO_TIMEOUT_S}"
        holder = self.lab.guest(verb.node).spawn(
            # No daemon may run that knows the name.
            ["o2cbd", "hold", "--cluster", self.spec.topology.cluster, "--", "sh", "-c", said],
            timeout_s=_SCENARIO_TIMEOUT_S,
        )
        self._holders[verb.node] = holder
        holder.wait_line("held")

    @_do.register
    def _release(self, verb: verbs.Release) -> None:
        self.verb_log.verb(verb)
        self._end_holder(verb.node, signal.SIGTERM)

    @_do.register
    def _kill_holder(self, verb: verbs.KillHolder) -> None:
        self.verb_log.verb(verb)
        self._end_holder(verb.node, signal.SIGKILL)

    def _end_holder(self, host: int, number: signal.Signals) -> None:
        pid = self.tell(host, "cat", _HOLDER_PID).strip()
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", pid)
        self._holders.pop(host).result()

    @_do.register
    def _remove_semaphore(self, verb: verbs.RemoveSemaphore) -> None:
        self.verb_log.verb(verb)
        name = f"o2cb.{self.spec.topology.cluster}"
        self.tell(verb.node, "ipcrm", "--semaphore-key", hex(key_of(name) % 2**32))

    # --- the daemon -----------------------------------------------------------------------------

    @_do.register
    def _daemon_start(self, verb: verbs.DaemonStart) -> None:
        self.verb_log.verb(verb)
        self.tell(verb.node, "systemctl", "start", "--no-block", UNIT)

    def _signal(self, host: int, number: signal.Signals) -> None:
        # To the main process alone: `systemctl stop` would send SIGCONT with it.
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", self._daemon_pid(host))

    def _daemon_pid(self, host: int) -> str:
        pid = str(self.ask_guest(host, "daemon:unit")["MainPID"])
        if pid == "0":
            raise GuestError(f"no daemon runs on host {host}")
        return pid

    @_do.register
    def _daemon_kill(self, verb: verbs.DaemonKill) -> None:
        pid = self._daemon_pid(verb.node)
        self.verb_log.verb(verb)
        self._signal(verb.node, signal.SIGKILL)
        self.eventually(
            f"systemd knows that the daemon of host {verb.node} is dead",
            lambda: self.ask_guest(verb.node, "daemon:unit")["MainPID"] != pid,
        )

    @_do.register
    def _daemon_sigterm(self, verb: verbs.DaemonSigterm) -> None:
        self.verb_log.verb(verb)
        self._signal(verb.node, signal.SIGTERM)

    @_do.register
    def _forget(self, verb: verbs.Forget) -> None:
        self.verb_log.verb(verb)
        self.tell(verb.node, "o2cbd", "forget", verb.name)

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """The daemon's process is stopped meanwhile."""
        self._signal(host, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(host, signal.SIGCONT)

    # --- the shutdown question ------------------------------------------------------------------

    @_do.register
    def _shutdown(self, verb: verbs.Shutdown) -> None:
        words = self._manager.orders.question(force=verb.forced, remove=verb.removed)
        self.verb_log.verb(verb)
        asked = self.lab.guest(verb.node).spawn(words, timeout_s=COMMAND_TIMEOUT_S)
        asked.wait_line("asked")
        self._questions[verb.node] = VmQuestion(asked)

    def question(self, host: int) -> VmQuestion:
        return self._questions[host]

    # --- the configuration ----------------------------------------------------------------------

    @_do.register
    def _address(self, verb: verbs.ChangeAddress) -> None:
        if Capability.FREE_ADDRESSES in self.missing and self.manager(verb.node)["running"]:
            raise UnsupportedVerbError(self.arm, Capability.FREE_ADDRESSES)
        self.verb_log.verb(verb)
        before = self._nodes[verb.node]
        self._nodes[verb.node] = replace(before, addresses=verb.addresses)
        if self.lab.alive(verb.node):
            for old in set(before.addresses) - set(verb.addresses):
                self._drop_address(verb.node, old)
            for new in verb.addresses:
                self._add_address(verb.node, new)
        self._reload()

    @_do.register
    def _add_node(self, verb: verbs.AddNode) -> None:
        self.verb_log.verb(verb)
        self._nodes = {verb.id: verb.config, **self._nodes}  # in front: every position shifts
        self._reload()

    @_do.register
    def _remove_node(self, verb: verbs.RemoveNode) -> None:
        self.verb_log.verb(verb)
        del self._nodes[verb.node]
        self._reload()

    @_do.register
    def _rename_node(self, verb: verbs.RenameNode) -> None:
        self.verb_log.verb(verb)
        self._nodes[verb.node] = replace(self._nodes[verb.node], name=verb.name)
        self._reload()

    def _reload(self) -> None:
        """Write the configuration everywhere, and have one manager tell all to read it."""
        self._version += 1
        on = [host for host in self._nodes if self.lab.alive(host)]
        for host in on:
            for path, text in self._configuration(host).items():
                self.lab.guest(host).put(path, text)
        running = [host for host in on if self.manager(host)["running"]]
        if running:
            self._manager.reload(self, running[0], self._version)

    # --- asking guests --------------------------------------------------------------------------

    @contextlib.contextmanager
    def one_look(self) -> Iterator[None]:
        """Ask each guest at most once inside."""
        self._seen = {}
        try:
            yield
        finally:
            self._seen = None

    def ask_guest(self, host: int, function: str, **arguments: object) -> Any:
        """Call a function of `integration.inside` in a guest; its value."""
        return self.lab.guest(host).call(function, arguments)

    def look(self, host: int) -> Mapping[str, Any]:
        """The tables and the daemon's status, of one moment; of a host without power nothing."""
        return self._see(host, "daemon:look", _NO_LOOK)

    def _see(self, host: int, function: str, nothing: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._seen is not None and (host, function) in self._seen:
            return self._seen[host, function]
        seen: Mapping[str, Any] = (
            self.ask_guest(host, function) if self.lab.alive(host) else nothing
        )
        if self._seen is not None:
            self._seen[host, function] = seen
        return seen

    # --- what the arm itself needs --------------------------------------------------------------

    def runs(self, host: int) -> bool:
        """Return whether a host's daemon runs."""
        return bool(self.look(host)["runs"])

    def manager(self, host: int) -> Mapping[str, Any]:
        """Return whether a host's manager runs, hangs, and its view."""
        return self._see(host, self._manager.look, _NO_MANAGER)

    def view(self, host: int) -> Mapping[str, Any] | None:
        """Return what a host's manager holds for true; None: there is none."""
        view: Mapping[str, Any] | None = self.manager(host)["view"]
        return view

    def host_state(self, host: int) -> Mapping[str, Any]:
        """Return what the judge of `fakecluster.arms.outside` asks of a host."""
        manager = self.manager(host)
        return {
            "running": manager["running"],
            "stopped": manager["stopped"],
            "poison": [],  # a kernel that is not well says so on its console
            "table": self._entries(host),
        }

    def _ours(self, host: int) -> Mapping[str, Any] | None:
        ours: Mapping[str, Any] | None = self.look(host)["clusters"].get(self.spec.topology.cluster)
        return ours

    def _entries(self, host: int) -> list[Mapping[str, Any]]:
        ours = self._ours(host)
        return [] if ours is None else list(ours["entries"])

    # --- looking --------------------------------------------------------------------------------

    def table(self, host: int) -> dict[str, Row]:
        keys = ("num", "address", "port", "local")
        return {
            each["name"]: Row(**{key: each[key] for key in keys}) for each in self._entries(host)
        }

    def inodes(self, host: int) -> dict[str, int]:
        return {each["name"]: each["inode"] for each in self._entries(host)}

    def clusters(self, host: int) -> tuple[str, ...]:
        return tuple(self.look(host)["clusters"])

    def attribute(self, host: int, name: str) -> str:
        ours = self._ours(host)
        return "" if ours is None else str(ours["attributes"][name])

    def calls(self, host: int) -> tuple[ConfigfsCall, ...]:
        """What inotify tells of; nothing that failed, and no values."""
        noted = self.ask_guest(host, "changes:changes") if self.lab.alive(host) else ()
        return tuple(ConfigfsCall(name=each["name"], path=each["path"]) for each in noted)

    def daemon_exit(self, host: int) -> int | None:
        if self.runs(host) or not self.lab.alive(host):
            return None
        facts = self.ask_guest(host, "daemon:unit")
        never = facts["ExecMainStartTimestampMonotonic"] == "0"
        if never or facts["ActiveState"] not in {"inactive", "failed"}:
            return None
        status = int(facts["ExecMainStatus"])
        return -status if facts["ExecMainCode"] == _KILLED else status

    def status(self, host: int) -> Mapping[str, Any]:
        status: Mapping[str, Any] | None = self.look(host)["status"]
        return {} if status is None else status

    # --- telling --------------------------------------------------------------------------------

    def _host_lines(self, host: int) -> Iterator[str]:
        yield from super()._host_lines(host)
        if self.lab.alive(host) and not self.manager(host)["running"]:
            units = [f"--unit={unit}" for unit in self._manager.units]
            # A clone has another machine id than its journal began with, hence --merge.
            said = self.tell(host, "journalctl", "--merge", f"-n{_LINES_KEPT}", *units)
            yield from (f"    {line}" for line in said.splitlines())

    def last_events(self) -> tuple[str, ...]:
        """The verbs, and what the daemons tell."""
        return tuple(event_text(line) for line in self.trace().lines[-_EVENTS_KEPT:])

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as one trace: the verbs, and what the daemons tell.

        Args:
            outcome: how the run ended; None: it has not.
        """
        told = {
            host: join_boots([*self._boots.get(host, ()), *self._this_boot(host)])
            for host in self.spec.hosts
        }
        return merge_sources(told, self.verb_trace(), outcome=outcome).trace

    def verb_trace(self) -> TraceFile:
        """Return the verbs alone as a trace."""
        return self.verb_log.trace(
            arm=self.arm,
            cluster=self.spec.topology.cluster,
            nodes=self.lanes(),
        )

    def last_words(self, host: int) -> None:
        """Fetch what a host has to tell before its power goes."""
        self._boots.setdefault(host, []).extend(self._this_boot(host))

    def _this_boot(self, host: int) -> Iterator[tuple[TraceSource, int]]:
        """A host's records: the journal of this boot, and what its daemon has in memory."""
        if self.lab.alive(host):
            before_us = time.time_ns() // 1000
            theirs_us = self.ask_guest(host, "daemon:utc_us")
            ahead_us = theirs_us - (before_us + time.time_ns() // 1000) // 2
            yield read_source(self.ask_guest(host, "daemon:records")), ahead_us

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """What can be seen from outside, and what kernels say."""
        outside = Outside(self, self.host_state, self.view)
        found = outside.found_at_last(self.wait, self._disagreements)
        return (*found, *self.seen_wrong())

    def _disagreements(self) -> Iterator[str]:
        for host in self.spec.topology.ids:
            said = self._manager.disagreement(self.manager(host))
            if said is not None:
                yield f"host {host}: {said}"

    def seen_wrong(self) -> tuple[str, ...]:
        return (*self.untouched_oracle.findings, *self._alarms())

    def _alarms(self) -> Iterator[str]:
        for host in self.spec.topology.ids:
            for line in alarms(self.lab.machines[host].console_text()):
                yield f"host {host}: the kernel complained: {line}"


class VmQuestion:
    """A shutdown that was asked of a guest's manager."""

    def __init__(self, asked: GuestCall) -> None:
        self._asked = asked

    @property
    def outcome(self) -> str | None:
        result = self._asked.poll()
        if result is None:
            return None
        if result.rc != 0:
            raise GuestError(f"the shutdown question failed: {result.err.strip()}")
        return result.out.splitlines()[-1]


def _now_s() -> float:
    """Return the time in seconds; only differences mean anything."""
    return MonotonicClock().now_us() / 1_000_000


def _until_next_look() -> None:
    # Nothing announces what is looked at; a look is a question to each guest.
    select.select([], [], [], _LOOK_EVERY_S)


def unit_files(options: Sequence[str], managers: Iterable[str]) -> dict[str, str]:
    """What systemd is told of the daemon's unit and its manager's, by path.

    A scenario alone says when they start.

    Args:
        options: more words for `o2cbd run`.
        managers: the units of the manager.
    """
    files = {f"/run/systemd/system/{unit}.d/scenario.conf": _NEVER_BY_ITSELF for unit in managers}
    start = f"ExecStart=\nExecStart=/usr/bin/o2cbd run {shlex.join(options)}\n" if options else ""
    return {DROP_IN: f"{_NEVER_BY_ITSELF}{start}", **files}
