"""The arms on guests: corosync 3, o2cb's real kernel, and the package's own unit."""

from __future__ import annotations

import contextlib
import ipaddress
import select
import signal
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from fakecluster.arms.outside import Outside
from fakecluster.arms.rules import settings_text
from fakecluster.arms.sections import Sections, with_sections
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import ClusterSpec, Span
from fakecluster.cman.topology import NodeConfig
from fakecluster.merge.account import Account
from integration.arm.beginning import Begin, Stage
from integration.arm.guest_furnish import INTERFACE
from integration.arm.lacks import VmLacks
from integration.arm.looks import VmLooks
from integration.arm.managers import Manager
from integration.arm.units import UNIT, unit_files
from integration.conversation import Call
from integration.errors import GuestError
from integration.guest import alarms
from integration.lab.corosync import CONFIGURATION, RingNode, corosync_conf
from integration.lab.lab import Lab
from o2cbd.clock import MonotonicClock
from o2cbd.hold.sysv import key_of

_SPANS_S: Final = {Span.SOON: 90.0, Span.LATER: 180.0, Span.A_MOMENT: 3.0, Span.A_WHILE: 8.0}
"""The first two are far beyond what it takes, since machines are shared and processors emulated."""
_LOOK_EVERY_S: Final = 0.5
TOKEN_MS: Final = 2000
"""Emulated processors are shared: a shorter token is lost now and then for no reason."""
_DEAD_THRESHOLD: Final = 11
"""20 s, in place of the spec's 8 s: managers must see a death long before the disk heartbeat does,
also where emulated processors are late."""
_RESYNC_S: Final = 5
_SELDOM_S: Final = 3600
COMMAND_TIMEOUT_S: Final = 120
_SCENARIO_TIMEOUT_S: Final = 1800
"""What a scenario starts in the background ends with it at the latest."""
_VERB_OF: Final = {signal.SIGKILL: "daemon-kill", signal.SIGTERM: "daemon-sigterm"}
"""What a signal to a daemon is called in a trace; others are the arm's own business."""
_HOLDER_PID: Final = "/run/holder.pid"


class VmCluster(VmLacks, VmLooks):
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
        self._seen = None
        self._holders: dict[int, Call] = {}
        self._boots = {}
        self.untouched_oracle = UntouchedOracle(self)
        self._nodes = {node.id: node for node in spec.topology.nodes}
        self._version = 1
        self._formatted = False

    @property
    def lab(self) -> Lab:
        """See `VmLooks.lab`."""
        return self._lab or self.go_on(Stage.FORMED)

    @property
    def account(self) -> Account:
        """See `VmLooks.account`; it begins with its guests."""
        if self._lab is None:
            self.go_on(Stage.FORMED)
        return self._account

    def up(self) -> None:
        """See `ClusterWords.up`.

        As the first thing that is asked of a cluster it goes on from where another one of the same
        spec had come to.
        """
        if self._lab is None:
            self.go_on(Stage.UP)
        if self._stage is Stage.UP:
            self._all_in_sync()
        else:
            super().up()

    def go_on(self, stage: Stage) -> Lab:
        """Switch the guests on, and let their managers be of one mind at least; the guests.

        Args:
            stage: to go on from there, or earlier.

        Raises:
            GuestError: a guest did not do its part.
        """
        begun = self._begin(stage)
        self._lab, self._stage = begun.lab, begun.stage
        self._account = Account(MonotonicClock(), begun.past, begun.lab.went_on_us)
        if begun.stage is Stage.BOOTED:
            self._form()
        elif begun.stage is Stage.FORMED:
            self.lab.each(self._furnish, self._powered())
        return begun.lab

    def _form(self) -> None:
        """Make a cluster of guests that have just come up: managers of one mind, no daemons."""
        on = self._powered()
        for host in on:
            self.account.verb(host, "start")
        self.lab.each(self._settle, on)
        self.lab.each(self._start_manager, on)
        for host in on:
            self.eventually(
                f"the managers are of one mind about host {host}",
                lambda host=host: self._sees(host, on),  # type: ignore[misc]
                within=Span.LATER,
            )

    def _powered(self) -> list[int]:
        """Those that have power at first."""
        return [host for host in self.spec.topology.ids if host not in self.spec.down]

    def _sees(self, host: int, members: Sequence[int]) -> bool:
        view = self.view(host)
        found = [] if view is None else [each["id"] for each in view["listed"] if each["member"]]
        return found == sorted(members)

    def lanes(self) -> dict[int, str]:
        """See `VmLooks.lanes`."""
        return {node.id: node.name for node in self._nodes.values()}

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """See `Cluster.wait`; looks now and then."""
        deadline_s = _now_s() + _SPANS_S[within]
        while not self._now(condition):
            if _now_s() > deadline_s:
                return False
            _until_next_look()
        return True

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """See `Cluster.watch`; looks now and then."""
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
        return self.lab.guests[host].check(argv, timeout_s=COMMAND_TIMEOUT_S)

    # --- hosts and their managers ---------------------------------------------------------------

    def start(self, host: int, *, daemon: bool = True) -> None:
        """See `Cluster.start`."""
        if not self.manager(host)["running"]:
            self.account.verb(host, "start")
            if not self.lab.alive(host):
                self.lab.boot(host)
                self._settle(host)
            self._start_manager(host)
            self._manager_answers(host)
        if daemon and not self.runs(host):
            self.daemon_start(host)

    def _settle(self, host: int) -> None:
        """Tell a guest that has just booted who it is, and watch its tables from now on."""
        self._furnish(host)
        self.eye(host, "watch")

    def _furnish(self, host: int) -> None:
        """Tell a guest who it is in this scenario."""
        resync_s = _SELDOM_S if self.spec.seldom_resync else _RESYNC_S
        text = settings_text(self.spec, host)
        # The scenarios' default on every arm; o2cbd's own with corosync is another.
        scope = {} if "scope" in tomllib.loads(text).get("table", {}) else {"scope": "members"}
        own: Sections = {
            "membership": {"source": self._manager.source},
            "table": scope,
            "cluster": {"dead_threshold": _DEAD_THRESHOLD},
            "timing": {"resync_s": resync_s},
            "log": {"format": "json"},
        }
        files = {
            CONFIGURATION: self._conf(),
            "/etc/o2cbd/o2cbd.toml": with_sections(text, own),
            **unit_files(self.spec.options.get(host, ()), self._manager.units),
        }
        machine = self.lab.identity(host).address
        more = [
            address
            for address in self._nodes[host].addresses
            if address != machine and not ipaddress.ip_address(address).is_unspecified
        ]
        arguments = {"files": files, "wanted": UNIT, "addresses": more}
        self.lab.guests[host].call("integration.arm.guest_furnish:furnish", arguments)

    def _conf(self) -> str:
        topology = self.spec.topology
        return corosync_conf(
            [self._ring_node(node) for node in self._nodes.values()],
            name=topology.cluster,
            token_ms=TOKEN_MS,
            two_node=topology.two_node,
            version=self._version,
        )

    def _ring_node(self, node: NodeConfig) -> RingNode:
        (address,) = node.addresses
        machine = self.lab.identity(node.id)
        own = None if address == machine.address else address
        return RingNode(machine=machine, name=node.name, votes=node.votes, o2cb_address=own)

    def kill(self, host: int) -> None:
        """See `Cluster.kill`."""
        self.untouched_oracle.boots(host)
        self.last_words(host)
        self.account.verb(host, "kill")
        self._holders.pop(host, None)
        self.lab.kill(host)

    def leave(self, host: int, *, removed: bool = False) -> None:
        """See `Cluster.leave`."""
        self.account.verb(host, "leave", removed=removed)
        self._manager.leave(self, host, removed=removed)
        self._manager_ended(host)

    def cman_start(self, host: int) -> None:
        """See `Cluster.cman_start`."""
        self.account.verb(host, "cman-start")
        self._start_manager(host)
        self._manager_answers(host)

    def _start_manager(self, host: int) -> None:
        self.untouched_oracle.counts_anew(host)  # corosync's join_count
        # Its units say for how long systemd waits for them, and a guest may be slower than that.
        self.tell(host, "systemctl", "start", "--no-block", *self._manager.units)

    def _manager_answers(self, host: int) -> None:
        """Wait until a manager that was started answers whoever asks."""
        self.eventually(
            f"the manager of host {host} answers",
            lambda: self.view(host) is not None,
            within=Span.LATER,
        )

    def cman_crash(self, host: int) -> None:
        """See `Cluster.cman_crash`."""
        self.account.verb(host, "cman-crash")
        self._signal_manager(host, "KILL", *reversed(self._manager.units))
        self._manager_ended(host)

    def cman_stop(self, host: int) -> None:
        """See `Cluster.cman_stop`."""
        self.account.verb(host, "cman-stop")
        self._signal_manager(host, "STOP", *reversed(self._manager.units))

    def cman_cont(self, host: int) -> None:
        """See `Cluster.cman_cont`."""
        self.account.verb(host, "cman-cont")
        self._signal_manager(host, "CONT", *self._manager.units)

    def _manager_ended(self, host: int) -> None:
        """Wait until whoever starts a manager starts another one."""
        self.eventually(
            f"the manager of host {host} has ended", lambda: not self.manager(host)["running"]
        )

    def _signal_manager(self, host: int, name: str, *units: str) -> None:
        for unit in units:
            self.tell(host, "systemctl", "kill", "--kill-whom=main", f"--signal={name}", unit)

    def expected(self, host: int, votes: int) -> None:
        """See `Cluster.expected`."""
        self.account.verb(host, "expected", votes=votes)
        self._manager.expect(self, host, votes)

    def fence(self, host: int, *, by: int) -> None:
        """See `Cluster.fence`."""
        self.account.verb(host, "fence", by=by)
        self._manager.fence(self, by, host)

    # --- the network ----------------------------------------------------------------------------

    def partition(self, *groups: Sequence[int]) -> None:
        """See `Cluster.partition`."""
        text = "/".join(",".join(map(str, group)) for group in groups)
        self.account.verb(0, "partition", groups=text)
        self.lab.network.partition(*groups)

    def cut(self, speaker: int, listener: int) -> None:
        """See `Cluster.cut`."""
        self.account.verb(0, "cut", speaker=speaker, listener=listener)
        self.lab.network.cut(speaker, listener)

    def heal(self) -> None:
        """See `Cluster.heal`."""
        self.account.verb(0, "heal")
        self.lab.network.heal()

    # --- the kernels ----------------------------------------------------------------------------

    def mount(self, host: int) -> None:
        """See `Cluster.mount`; the volume is made at the first one."""
        self.make_volume(host)
        self.account.verb(host, "mount")
        self.eye(host, "mount_volume")

    def make_volume(self, host: int) -> None:
        """Make the file system on the shared disk, once."""
        if not self._formatted:
            self.eye(host, "make_volume", cluster=self.spec.topology.cluster)
            self._formatted = True

    def umount(self, host: int) -> None:
        """See `Cluster.umount`."""
        self.account.verb(host, "umount")
        self.eye(host, "umount_volume")

    def give_address(self, host: int, address: str) -> None:
        """See `Cluster.give_address`."""
        self.account.verb(host, "give-address", address=address)
        self._add_address(host, address)

    def _add_address(self, host: int, address: str) -> None:
        self.tell(host, "ip", "address", "replace", f"{address}/24", "dev", INTERFACE)

    def take_address(self, host: int, address: str) -> None:
        """See `Cluster.take_address`."""
        self.account.verb(host, "take-address", address=address)
        self._drop_address(host, address)

    def _drop_address(self, host: int, address: str) -> None:
        self.tell(host, "ip", "address", "delete", f"{address}/24", "dev", INTERFACE)

    def place_cluster(self, host: int, name: str | None = None) -> None:
        """See `Cluster.place_cluster`."""
        chosen = name or self.spec.topology.cluster
        self.account.verb(host, "place-cluster", name=chosen)
        self._make_cluster(host, chosen)

    def _make_cluster(self, host: int, name: str) -> None:
        self.eye(host, "place_cluster", name=name, dead_threshold=_DEAD_THRESHOLD)

    def place_node(
        self,
        host: int,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """See `Cluster.place_node`."""
        self.untouched_oracle.handled(host, name)
        self.account.verb(host, "place-node", name=name, num=num, address=address, port=port)
        given = {"ipv4_port": port, "ipv4_address": address, "num": num}
        values = {key: value for key, value in given.items() if value is not None}
        values |= {"local": 1} if local else {}
        cluster = self.spec.topology.cluster
        self._make_cluster(host, cluster)
        self.eye(host, "place_node", cluster=cluster, name=name, values=values)

    def drop_cluster(self, host: int, name: str) -> None:
        """See `Cluster.drop_cluster`."""
        self.account.verb(host, "drop-cluster", name=name)
        self.eye(host, "drop_cluster", name=name)

    def drop_node(self, host: int, name: str) -> None:
        """See `Cluster.drop_node`."""
        self.untouched_oracle.handled(host, name)
        self.account.verb(host, "drop-node", name=name)
        self.eye(host, "drop_node", cluster=self.spec.topology.cluster, name=name)

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """See `Cluster.hold`: `o2cbd hold`, whose command says when it runs."""
        self.account.verb(host, "hold")
        said = f"echo $$ > {_HOLDER_PID}; echo held; exec sleep {_SCENARIO_TIMEOUT_S}"
        holder = self.lab.guests[host].spawn(
            # No daemon may run that knows the name.
            ["o2cbd", "hold", "--cluster", self.spec.topology.cluster, "--", "sh", "-c", said],
            timeout_s=_SCENARIO_TIMEOUT_S,
        )
        self._holders[host] = holder
        holder.wait_line("held")

    def release(self, host: int) -> None:
        """See `Cluster.release`."""
        self.account.verb(host, "release")
        self._end_holder(host, signal.SIGTERM)

    def kill_holder(self, host: int) -> None:
        """See `Cluster.kill_holder`."""
        self.account.verb(host, "kill-holder")
        self._end_holder(host, signal.SIGKILL)

    def _end_holder(self, host: int, number: signal.Signals) -> None:
        pid = self.tell(host, "cat", _HOLDER_PID).strip()
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", pid)
        self._holders.pop(host).result()

    def remove_semaphore(self, host: int) -> None:
        """See `Cluster.remove_semaphore`."""
        self.account.verb(host, "remove-semaphore")
        name = f"o2cb.{self.spec.topology.cluster}"
        self.tell(host, "ipcrm", "--semaphore-key", hex(key_of(name) % 2**32))

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """See `Cluster.daemon_start`."""
        self.account.verb(host, "daemon-start")
        self.tell(host, "systemctl", "start", "--no-block", UNIT)

    def _signal(self, host: int, number: signal.Signals) -> None:
        if number in _VERB_OF:
            self.account.verb(host, _VERB_OF[number])
        # To the main process alone: `systemctl stop` would send SIGCONT with it.
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", self._daemon_pid(host))

    def _daemon_pid(self, host: int) -> str:
        pid = str(self.eye(host, "unit")["MainPID"])
        if pid == "0":
            raise GuestError(f"no daemon runs on host {host}")
        return pid

    def daemon_kill(self, host: int) -> None:
        """See `Cluster.daemon_kill`; it is dead on return."""
        pid = self._daemon_pid(host)
        self._signal(host, signal.SIGKILL)
        self.eventually(
            f"systemd knows that the daemon of host {host} is dead",
            lambda: self.eye(host, "unit")["MainPID"] != pid,
        )

    def daemon_term(self, host: int) -> None:
        """See `Cluster.daemon_term`."""
        self._signal(host, signal.SIGTERM)

    def forget(self, host: int, node: str) -> None:
        """See `Cluster.forget`."""
        self.account.verb(host, "forget", name=node)
        self.tell(host, "o2cbd", "forget", node)

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: the daemon's process is stopped meanwhile."""
        self._signal(host, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(host, signal.SIGCONT)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> VmQuestion:
        """See `Cluster.shutdown`."""
        words = self._manager.question(force=force, remove=remove)
        self.account.verb(host, "shutdown", force=force, remove=remove)
        asked = self.lab.guests[host].spawn(words, timeout_s=COMMAND_TIMEOUT_S)
        asked.wait_line("asked")
        return VmQuestion(asked)

    # --- the configuration ----------------------------------------------------------------------

    def address(self, node: int, *addresses: str) -> None:
        """See `Cluster.address`: `o2cb_address` in every corosync.conf, and a reload."""
        self.account.verb(node, "address", addresses=",".join(addresses))
        before = self._nodes[node]
        self._nodes[node] = replace(before, addresses=addresses)
        if self.lab.alive(node):
            for old in set(before.addresses) - set(addresses):
                self._drop_address(node, old)
            for new in addresses:
                self._add_address(node, new)
        self._reload()

    def add_node(self, node: NodeConfig) -> None:
        """See `Cluster.add_node`."""
        self.account.verb(node.id, "add-node", name=node.name)
        self._nodes = {node.id: node, **self._nodes}  # in front: every position shifts
        self._reload()

    def remove_node(self, node: int) -> None:
        """See `Cluster.remove_node`."""
        self.account.verb(node, "remove-node")
        del self._nodes[node]
        self._reload()

    def rename_node(self, node: int, name: str) -> None:
        """See `Cluster.rename_node`."""
        self.account.verb(node, "rename-node", name=name)
        self._nodes[node] = replace(self._nodes[node], name=name)
        self._reload()

    def _reload(self) -> None:
        """Write the file everywhere, and let one manager tell all to read it."""
        self._version += 1
        on = [host for host in self._nodes if self.lab.alive(host)]
        for host in on:
            self.lab.guests[host].put(CONFIGURATION, self._conf())
        running = [host for host in on if self.manager(host)["running"]]
        if running:
            self.tell(running[0], "corosync-cfgtool", "-R")

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """See `Cluster.findings`: what can be seen from outside, and what kernels say."""
        outside = Outside(self, self.host_state, self.view)
        found = outside.found_at_last(self.wait, self._disagreements)
        return (*found, *self.seen_wrong())

    def _disagreements(self) -> Iterator[str]:
        for host in self.spec.topology.ids:
            said = self._manager.disagreement(self.manager(host))
            if said is not None:
                yield f"host {host}: {said}"

    def seen_wrong(self) -> tuple[str, ...]:
        """See `Cluster.seen_wrong`."""
        return (*self.untouched_oracle.findings, *self._alarms())

    def _alarms(self) -> Iterator[str]:
        for host in self.spec.topology.ids:
            for line in alarms(self.lab.console(host)):
                yield f"host {host}: the kernel complained: {line}"


class VmQuestion:
    """A shutdown that was asked of a guest's manager."""

    def __init__(self, asked: Call) -> None:
        self._asked = asked

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
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
