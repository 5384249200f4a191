"""The verbs and questions of `fakecluster ctl`, as the server answers them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import partial, singledispatchmethod
from typing import Any, Final

from fakecluster import verbs
from fakecluster.cman.constants import ShutdownFlag
from fakecluster.cman.engine import OperationError
from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.topology import TopologyError, nodes_problems
from fakecluster.configfs.journal import KillCaller
from fakecluster.server.cluster import NotApplicableError, ServedCluster
from fakecluster.server.control import Reply, failure
from fakecluster.server.processes import kill_one
from fakecluster.sim.engine_verbs import EngineVerbs
from fakecluster.verb_codec import RequestError, read_request

_GOOD: Final[Mapping[str, Any]] = {"ok": True}
QUESTIONS: Final = ("state", "view", "journal")
"""What can be asked; `state` of all nodes, too."""
_COMMANDS: Final = verbs.commands()


class ServedVerbs:
    """Does what control requests say, to one cluster; a handler for each verb."""

    def __init__(self, cluster: ServedCluster) -> None:
        self._cluster = cluster
        self._engine = cluster.engine
        self._hosts = cluster.hosts
        self._managers = EngineVerbs(cluster.engine, "fakecluster serve", cluster.engine.wall_us)

    def handle(self, request: Mapping[str, Any], reply: Reply) -> None:
        """Do one request; the reply comes at once, or for `shutdown` when cman has decided."""
        try:
            answer = self._answer(request, reply)
        except (
            NotApplicableError, RequestError, OperationError, TopologyError, ManagerStuckError
        ) as error:  # fmt: skip
            answer = failure(str(error))
        except OSError as error:
            symbol = errno.errorcode.get(error.errno or 0, str(error.errno))
            answer = failure(f"{symbol}: {error.strerror}", errno=symbol)
        if answer is not None:
            reply(answer)

    def _answer(self, request: Mapping[str, Any], reply: Reply) -> Mapping[str, Any] | None:
        word = request.get("verb")
        if word in QUESTIONS:
            return {**_GOOD, **self._answer_to(str(word), request.get("node"))}
        command = _COMMANDS.get(word) if isinstance(word, str) else None
        if command is None:
            known = ", ".join((*QUESTIONS, *_COMMANDS))
            raise NotApplicableError(f"no such verb: {word}; there are {known}")
        verb = read_request(command, request, self._cluster.node_id)
        if isinstance(verb, verbs.Shutdown):
            self._shutdown(verb, reply)
            return None
        return {**_GOOD, **(self.apply(verb) or {})}

    def _answer_to(self, question: str, node: object) -> Mapping[str, Any]:
        if question == "state" and node is None:
            return self._cluster.state(None)
        if not isinstance(node, str):
            raise NotApplicableError(f"node: {node!r} is no text")
        node_id = self._cluster.node_id(node)
        if question == "state":
            return self._cluster.state([node_id])
        if question == "view":
            return {"view": self._cluster.view(node_id)}
        return {
            "calls": [
                {
                    "name": done.name,
                    "path": done.path,
                    "data": done.data.decode("ascii", "backslashreplace"),
                    "error": done.error,
                }
                for done in self._cluster.model(node_id).journal
            ],
        }

    @singledispatchmethod
    def apply(self, verb: verbs.Verb) -> Mapping[str, Any] | None:
        """Do a verb; return what its answer says beside that it is done."""
        self._managers.apply(verb)
        return None

    # --- hosts

    @apply.register
    def _kill(self, verb: verbs.Kill) -> Mapping[str, Any]:
        return {"killed_pids": list(self._cluster.power_off(verb.node))}

    @apply.register
    def _start(self, verb: verbs.Start) -> None:
        self._cluster.boot(verb.node)

    # --- the cluster manager

    @apply.register
    def _cman_start(self, verb: verbs.CmanStart) -> None:
        if not self._hosts.powered(verb.node):
            raise NotApplicableError(f"node {verb.node} has no power: start it")
        self._cluster.start_manager(verb.node)

    # --- what uses the kernel

    @apply.register
    def _mount(self, verb: verbs.Mount) -> None:
        self._hosts.mount(verb.node)

    @apply.register
    def _umount(self, verb: verbs.Umount) -> None:
        self._hosts.umount(verb.node)

    @apply.register
    def _stall_disk(self, verb: verbs.StallDisk) -> None:
        self._hosts.stall_disk(verb.node)

    @apply.register
    def _pin(self, verb: verbs.Pin) -> None:
        name = self._cluster.entry_name(verb.node, verb.name)
        self._cluster.model(verb.node).heartbeat.pin(name)

    @apply.register
    def _unpin(self, verb: verbs.Unpin) -> None:
        name = self._cluster.entry_name(verb.node, verb.name)
        self._cluster.model(verb.node).heartbeat.unpin(name)

    # --- configuration

    @apply.register
    def _change_address(self, verb: verbs.ChangeAddress) -> None:
        self._engine.set_address(verb.node, verb.addresses, now=verb.now)
        model = self._cluster.model(verb.node)
        with model.lock:
            model.host.set_addresses(verb.addresses)

    @apply.register
    def _give_address(self, verb: verbs.GiveAddress) -> None:
        model = self._cluster.model(verb.node)
        with model.lock:
            model.host.add_address(verb.address)

    @apply.register
    def _take_address(self, verb: verbs.TakeAddress) -> None:
        model = self._cluster.model(verb.node)
        with model.lock:
            if verb.address not in model.host.addresses:
                has = ", ".join(model.host.addresses) or "none"
                raise NotApplicableError(
                    f"node {verb.node} has no address {verb.address}, it has {has}"
                )
            model.host.remove_address(verb.address)

    @apply.register
    def _add_node(self, verb: verbs.AddNode) -> Mapping[str, Any]:
        problems = nodes_problems((verb.config,))
        if problems:
            raise TopologyError(tuple(problems))
        if verb.id in self._engine.ids and self._cluster.has(verb.id):
            raise NotApplicableError(f"node {verb.id} is there already")
        described = self._cluster.add_host(verb.config)
        self._engine.add_node(verb.config, lagging=verb.lagging)
        return {"node": described}

    @apply.register
    def _rename_node(self, verb: verbs.RenameNode) -> None:
        self._cluster.rename_node(verb.node, verb.name)

    # --- faults

    @apply.register
    def _fault(self, verb: verbs.Fault) -> None:
        self._cluster.model(verb.node).fault(verb.call, verb.errno, verb.count)

    @apply.register
    def _mend_calls(self, verb: verbs.MendCalls) -> None:
        self._cluster.model(verb.node).journal.disarm()

    @apply.register
    def _mounts_unreadable(self, verb: verbs.MountsUnreadable) -> None:
        self._cluster.hide_mounts(verb.node, hidden=verb.errno is not None)

    @apply.register
    def _remove_semaphore(self, verb: verbs.RemoveSemaphore) -> None:
        self._cluster.forget_hold(verb.node)

    @apply.register
    def _crash_daemon_at(self, verb: verbs.CrashDaemonAt) -> None:
        journal = self._cluster.model(verb.node).journal
        journal.add_hook(KillCaller(verb.call, verb.nth, kill_one))

    # --- the shutdown question

    def _shutdown(self, verb: verbs.Shutdown, reply: Reply) -> None:
        flags = ShutdownFlag.ANYWAY * verb.forced | ShutdownFlag.REMOVED * verb.removed
        if self._engine.is_stopped(verb.node):
            raise NotApplicableError(f"the cman of node {verb.node} is stopped and answers nobody")
        question = _Question(reply)
        client = self._managers.connect_admin(
            verb.node, closed=partial(question.decided, -errno.EHOSTDOWN)
        )
        question.disconnect = client.disconnect
        try:
            client.try_shutdown(int(flags), question.decided)
        except OSError as error:
            question.decided(-(error.errno or errno.EIO))


class _Question:
    """One shutdown request: the first status decides, later ones are dropped as libcman does."""

    disconnect: Callable[[], None]

    def __init__(self, reply: Reply) -> None:
        self._reply: Reply | None = reply

    def decided(self, status: int) -> None:
        if self._reply is None:
            return
        reply, self._reply = self._reply, None
        if status == 0:
            reply({**_GOOD, "allowed": True})
            return
        symbol = errno.errorcode.get(-status, str(-status))
        self.disconnect()
        reply({**_GOOD, "allowed": False, "errno": symbol})
