"""The verbs of `fakecluster ctl`, as the server does them. Each gives one answer."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fakecluster.cman.constants import ShutdownFlag
from fakecluster.cman.engine import NoticeFault, OperationError
from fakecluster.cman.errors import ManagerStuckError
from fakecluster.cman.topology import TopologyError
from fakecluster.configfs.journal import KillCaller
from fakecluster.serve.admin import connect_admin
from fakecluster.serve.arguments import Arguments, BadRequestError, groups_of, nth_call
from fakecluster.serve.cluster import ServedCluster
from fakecluster.serve.configuration import ConfigurationVerbs
from fakecluster.serve.control import Reply, failure
from fakecluster.serve.processes import kill_all, kill_one

_GOOD: Mapping[str, Any] = {"ok": True}
Verb = Callable[[Arguments], Mapping[str, Any]]

VERBS = (
    "state",
    "view",
    "journal",
    "kill",
    "start",
    "leave",
    "partition",
    "cut",
    "mend",
    "heal",
    "cman-crash",
    "cman-stop",
    "cman-cont",
    "cman-start",
    "mount",
    "umount",
    "pin",
    "unpin",
    "address",
    "give-address",
    "take-address",
    "add-node",
    "remove-node",
    "rename-node",
    "rename-cluster",
    "fence",
    "qdisk",
    "expected",
    "votes",
    "bind-port",
    "close-port",
    "config-older",
    "config-newer",
    "config-mend",
    "notice",
    "fail-read",
    "fault",
    "mend-calls",
    "hide-mounts",
    "show-mounts",
    "remove-semaphore",
    "crash-daemon-at",
    "shutdown",
)
"""Every verb, in the order of the manual."""


class Verbs:
    """Does what control requests say, to one cluster."""

    def __init__(self, cluster: ServedCluster) -> None:
        self._cluster = cluster
        self._engine = cluster.engine
        self._hosts = cluster.hosts
        self._verbs: dict[str, Verb] = {
            "state": self._state,
            "view": self._view,
            "journal": self._journal,
            "kill": self._kill,
            "start": self._start,
            "leave": self._leave,
            "partition": self._partition,
            "cut": self._link(self._engine.cut),
            "mend": self._link(self._engine.mend),
            "heal": self._heal,
            "cman-crash": self._cman(self._engine.crash),
            "cman-stop": self._cman(self._engine.stop),
            "cman-cont": self._cman(self._engine.cont),
            "cman-start": self._cman_start,
            "mount": self._mount,
            "umount": self._umount,
            "pin": self._pin,
            "unpin": self._unpin,
            **ConfigurationVerbs(cluster).verbs,
            "notice": self._notice,
            "fail-read": self._fail_read,
            "fault": self._fault,
            "mend-calls": self._mend_calls,
            "hide-mounts": partial(self._mounts, hidden=True),
            "show-mounts": partial(self._mounts, hidden=False),
            "remove-semaphore": self._remove_semaphore,
            "crash-daemon-at": self._crash_daemon_at,
        }

    def handle(self, request: Mapping[str, Any], reply: Reply) -> None:
        """Do one request; the reply comes at once, or for `shutdown` when cman has decided."""
        arguments = Arguments(request)
        try:
            verb = arguments.text("verb")
            if verb == "shutdown":
                self._shutdown(arguments, reply)
                return
            answer = self._verbs.get(verb, self._unknown)(arguments)
        except (BadRequestError, OperationError, TopologyError, ManagerStuckError) as error:
            answer = failure(str(error))
        except OSError as error:
            symbol = errno.errorcode.get(error.errno or 0, str(error.errno))
            answer = failure(f"{symbol}: {error.strerror}", errno=symbol)
        reply(answer)

    def _unknown(self, arguments: Arguments) -> Mapping[str, Any]:
        verb = arguments.text("verb")
        raise BadRequestError(f"no such verb: {verb}; there are {', '.join(VERBS)}")

    # -- looking

    def _state(self, arguments: Arguments) -> Mapping[str, Any]:
        only = [self._node(arguments)] if arguments.has("node") else None
        return {**_GOOD, **self._cluster.state(only)}

    def _view(self, arguments: Arguments) -> Mapping[str, Any]:
        return {**_GOOD, "view": self._cluster.view(self._node(arguments))}

    def _journal(self, arguments: Arguments) -> Mapping[str, Any]:
        journal = self._cluster.model(self._node(arguments)).journal
        return {
            **_GOOD,
            "calls": [
                {
                    "name": done.name,
                    "path": done.path,
                    "data": done.data.decode("ascii", "backslashreplace"),
                    "error": done.error,
                }
                for done in journal
            ],
        }

    # -- hosts

    def _kill(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        pids = self._cluster.wire.client_pids(node_id)
        killed = kill_all(pids, self._cluster.places(node_id).directory)
        if self._engine.state(node_id).running:
            self._engine.kill(node_id)
        self._hosts.power_off(node_id)
        return {**_GOOD, "killed_pids": list(killed)}

    def _start(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        if not self._hosts.powered(node_id):
            self._cluster.renew_hold(node_id)
            self._hosts.power_on(node_id)
        self._engine.start(node_id)
        return _GOOD

    def _cman_start(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        if not self._hosts.powered(node_id):
            raise BadRequestError(f"node {node_id} has no power: start it")
        self._engine.start(node_id)
        return _GOOD

    def _leave(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.leave(self._node(arguments), removed=arguments.flag("remove"))
        return _GOOD

    def _cman(self, operation: Callable[[int], None]) -> Verb:
        def verb(arguments: Arguments) -> Mapping[str, Any]:
            operation(self._node(arguments))
            return _GOOD

        return verb

    # -- network

    def _partition(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.partition(groups_of(arguments.text("groups")))
        return _GOOD

    def _link(self, operation: Callable[[int, int], None]) -> Verb:
        def verb(arguments: Arguments) -> Mapping[str, Any]:
            ids = (self._cluster.node_id(arguments.text(key)) for key in ("speaker", "listener"))
            operation(*ids)
            return _GOOD

        return verb

    def _heal(self, _: Arguments) -> Mapping[str, Any]:
        self._engine.heal()
        return _GOOD

    # -- what uses the kernel

    def _mount(self, arguments: Arguments) -> Mapping[str, Any]:
        self._hosts.mount(self._node(arguments))
        return _GOOD

    def _umount(self, arguments: Arguments) -> Mapping[str, Any]:
        self._hosts.umount(self._node(arguments))
        return _GOOD

    def _pin(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        name = self._cluster.entry_name(node_id, arguments.text("name"))
        self._cluster.model(node_id).heartbeat.pin(name)
        return _GOOD

    def _unpin(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        name = self._cluster.entry_name(node_id, arguments.text("name"))
        self._cluster.model(node_id).heartbeat.unpin(name)
        return _GOOD

    # -- faults

    def _notice(self, arguments: Arguments) -> Mapping[str, Any]:
        try:
            fault = NoticeFault(arguments.text("fault"))
        except ValueError:
            known = ", ".join(each.value for each in NoticeFault)
            raise BadRequestError(f"fault: there are {known}") from None
        self._engine.fault_notices(
            self._node(arguments),
            fault,
            count=arguments.number("count", 1, least=1),
            delay_us=arguments.number("delay_ms", 1000) * 1000,
        )
        return _GOOD

    def _fail_read(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.fail_read(
            self._node(arguments),
            arguments.error("errno", "EIO"),
            count=arguments.number("count", 1, least=1),
        )
        return _GOOD

    def _fault(self, arguments: Arguments) -> Mapping[str, Any]:
        self._cluster.model(self._node(arguments)).fault(
            arguments.call("call"),
            arguments.error("errno"),
            arguments.number("count", 1, least=1),
        )
        return _GOOD

    def _mend_calls(self, arguments: Arguments) -> Mapping[str, Any]:
        self._cluster.model(self._node(arguments)).journal.disarm()
        return _GOOD

    def _mounts(self, arguments: Arguments, *, hidden: bool) -> Mapping[str, Any]:
        self._cluster.hide_mounts(self._node(arguments), hidden=hidden)
        return _GOOD

    def _remove_semaphore(self, arguments: Arguments) -> Mapping[str, Any]:
        self._cluster.forget_hold(self._node(arguments))
        return _GOOD

    def _crash_daemon_at(self, arguments: Arguments) -> Mapping[str, Any]:
        call, nth = nth_call(arguments.text("call"))
        journal = self._cluster.model(self._node(arguments)).journal
        journal.add_hook(KillCaller(call, nth, kill_one))
        return _GOOD

    # -- the shutdown question

    def _shutdown(self, arguments: Arguments, reply: Reply) -> None:
        node_id = self._node(arguments)
        flags = ShutdownFlag(0)
        if arguments.flag("force"):
            flags |= ShutdownFlag.ANYWAY
        if arguments.flag("remove"):
            flags |= ShutdownFlag.REMOVED
        if self._engine.is_stopped(node_id):
            raise BadRequestError(f"the cman of node {node_id} is stopped and answers nobody")
        question = _Question(reply)
        client = connect_admin(
            self._engine, node_id, closed=partial(question.decided, -errno.EHOSTDOWN)
        )
        question.disconnect = client.disconnect
        try:
            client.try_shutdown(int(flags), question.decided)
        except OSError as error:
            question.decided(-(error.errno or errno.EIO))

    def _node(self, arguments: Arguments) -> int:
        return self._cluster.node_id(arguments.text("node"))


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
