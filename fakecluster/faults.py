"""The faults of a world: what goes wrong on purpose. Each has a test that it does what it says."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.cman.engine import NoticeFault, OperationError
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.journal import READS, Call
from fakecluster.sim_daemon import DaemonKilled, SimDaemon
from fakecluster.verbs import WorldVerbs
from o2cbd.core.reports import symbol

ANY_CALL = "any"
"""Instead of a call's name: every call of the daemon's to configfs, readings too."""
ANY_CHANGE = "change"
"""Instead of a call's name: every call of the daemon's that changes something."""
OUTSIDE_PID = 900
"""Of another process that holds, unless told otherwise."""


class WorldFaults(WorldVerbs):
    """The verbs that break things."""

    # --- the manager's notices and readings -----------------------------------------------------

    def notice(
        self, node_id: int, fault: NoticeFault, *, count: int = 1, delay_us: int = 1_000_000
    ) -> None:
        """Lose, double, delay or coalesce the next notices of a node's manager."""
        self._verb(node_id, "notice", fault=fault.value, count=count, delay_us=delay_us)
        self.engine.fault_notices(node_id, fault, count=count, delay_us=delay_us)

    def fail_read(self, node_id: int, errno: int, *, count: int = 1) -> None:
        """Let the next readings of a node's membership fail."""
        self._verb(node_id, "fail-read", errno=symbol(errno), count=count)
        self.engine.fail_read(node_id, errno, count=count)

    # --- configfs -------------------------------------------------------------------------------

    def fault(
        self,
        node_id: int,
        call: str,
        errno: int,
        *,
        count: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Let the next configfs calls of a kind fail, not applied.

        Args:
            node_id: on which host.
            call: `mkdir`, `rmdir`, `write:num`, `write`, `read:local`, `scandir`, `open` ...
            errno: with which.
            count: how many; None: until `mend_calls`.
            path: only at this path of the model (`/cluster/C/node/N`) or below it.
        """
        self._verb(node_id, "fault", call=call, errno=symbol(errno), count=count, path=path)
        self.host(node_id).model.fault(call, errno, count, path=path)

    def mend_calls(self, node_id: int) -> None:
        """End all configfs faults of a host."""
        self._verb(node_id, "mend-calls")
        self.host(node_id).model.journal.disarm()

    def crash_daemon_at(self, node_id: int, call: str, nth: int = 1) -> Callable[[], bool]:
        """Let the daemon die inside its nth such call from now on, the change not applied.

        Args:
            node_id: whose.
            call: as for `fault`, or `ANY_CHANGE`, `ANY_CALL`.
            nth: 1 for the next one.

        Returns:
            What tells whether it has struck; it does so once.
        """
        self._verb(node_id, "crash-daemon-at", call=call, nth=nth)
        host = self.host(node_id)
        crash = CrashAt(call, nth, host.daemon, lambda: self._crashed(node_id))
        # First in line: a call that never happens is nobody else's to see.
        host.model.journal.add_hook(crash, first=True)
        return lambda: crash.fired

    def _crashed(self, node_id: int) -> None:
        self.probes.hit("daemon-crashed-in-call")
        self._verb(node_id, "daemon-crashed")

    def unmount_configfs(self, node_id: int) -> None:
        """Let there be no configfs on a host."""
        self._verb(node_id, "unmount-configfs")
        self.host(node_id).model.presence = Presence.EMPTY

    def mount_configfs(self, node_id: int) -> None:
        """End what `unmount_configfs` began."""
        self._verb(node_id, "mount-configfs")
        self.host(node_id).model.presence = Presence.O2CB

    def mounts_unreadable(self, node_id: int, errno: int | None) -> None:
        """Let the mount table be unreadable with that errno; None: readable again."""
        self._verb(node_id, "mounts-unreadable", errno=symbol(errno))
        self.host(node_id).mounts.unreadable_errno = errno

    # --- what somebody else left in a kernel ----------------------------------------------------

    def place_cluster(self, node_id: int, name: str | None = None) -> None:
        """Put a cluster into a host's kernel, behind the daemon's back; None: of our name."""
        self.boot(node_id)
        name = self.host(node_id).cluster if name is None else name
        self._verb(node_id, "place-cluster", name=name)
        self.host(node_id).model.mkdir(f"/cluster/{name}")

    def place_node(
        self,
        node_id: int,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """Put a node into our cluster of a host's kernel, behind the daemon's back.

        What is None is not written: without `num` it is a half-made node.
        """
        self.boot(node_id)
        model = self.host(node_id).model
        cluster = model.kernel.cluster
        if cluster is None:
            self.place_cluster(node_id)
            cluster = model.kernel.cluster
        if cluster is None:
            raise OperationError("the kernel has no cluster")
        self._verb(node_id, "place-node", name=name, num=num, address=address, port=port)
        where = f"/cluster/{cluster.name}/node/{name}"
        model.mkdir(where)
        values = {
            "ipv4_port": port,
            "ipv4_address": address,
            "num": num,
            "local": 1 if local else None,
        }
        try:
            for attribute, value in values.items():
                if value is not None:
                    model.write_value(f"{where}/{attribute}", str(value).encode())
        finally:
            # Whatever it may do to the kernel, it was not the daemon.
            self.host(node_id).oracle.poison_known()

    def drop_node(self, node_id: int, name: str) -> None:
        """Take a node out of a host's kernel, behind the daemon's back."""
        self._verb(node_id, "drop-node", name=name)
        model = self.host(node_id).model
        cluster = model.kernel.cluster
        model.rmdir(f"/cluster/{'' if cluster is None else cluster.name}/node/{name}")

    def drop_cluster(self, node_id: int, name: str) -> None:
        """Take an empty cluster out of a host's kernel, behind the daemon's back."""
        self._verb(node_id, "drop-cluster", name=name)
        self.host(node_id).model.rmdir(f"/cluster/{name}")

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, node_id: int, pid: int = OUTSIDE_PID) -> None:
        """Let another process of the host take the semaphore.

        Raises:
            OperationError: somebody has it.
        """
        self._verb(node_id, "hold")
        taken = self.host(node_id).outside_hold(pid)
        if taken.take() is not None:
            raise OperationError(f"the semaphore of node {node_id} is held already")
        self._holds[node_id, pid] = taken

    def release(self, node_id: int, pid: int = OUTSIDE_PID) -> None:
        """Let it give the semaphore back; nothing happens when it has not got it."""
        self._verb(node_id, "release")
        held = self._holds.pop((node_id, pid), None)
        if held is not None:
            held.release()

    def kill_holder(self, node_id: int, pid: int = OUTSIDE_PID) -> None:
        """Kill that process: the kernel undoes what it did."""
        self._verb(node_id, "kill-holder")
        self._holds.pop((node_id, pid), None)
        self.host(node_id).semaphores.process_ended(pid)

    def remove_semaphore(self, node_id: int) -> None:
        """Remove the semaphore's set; its holder does not notice."""
        self._verb(node_id, "remove-semaphore")
        self.host(node_id).semaphore.remove_set()

    def semaphore_unusable(self, node_id: int, errno: int | None) -> None:
        """Let every use of the semaphore fail with that errno; None: usable again."""
        self._verb(node_id, "semaphore-unusable", errno=symbol(errno))
        self.host(node_id).semaphore.unusable_errno = errno


class CrashAt:
    """A hook that ends the daemon inside its nth call of a kind."""

    def __init__(self, call: str, nth: int, daemon: SimDaemon, crashed: Callable[[], None]) -> None:
        self._call = call
        self._left = nth
        self._daemon = daemon
        self._crashed = crashed

    @property
    def fired(self) -> bool:
        """True when it has struck; it does so once."""
        return self._left <= 0

    def __call__(self, call: Call) -> None:
        """Count the call, and strike when it is the one.

        Raises:
            DaemonKilled: it is; the call is not applied.
        """
        if self._left <= 0 or not self._daemon.stepping or not self._means(call):
            return
        self._left -= 1
        if self._left == 0:
            self._crashed()
            raise DaemonKilled

    def _means(self, call: Call) -> bool:
        if self._call == ANY_CALL:
            return True
        if self._call == ANY_CHANGE:
            return call.name.partition(":")[0] not in READS
        return call.matches(self._call)
