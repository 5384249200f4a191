"""The verbs of `fakecluster ctl` that change what the cluster consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.constants import US
from fakecluster.cman.port_holders import PortHolders
from fakecluster.cman.topology import NodeConfig, TopologyError, nodes_problems
from fakecluster.serve.admin import connect_admin
from fakecluster.serve.arguments import Arguments, BadRequestError
from fakecluster.serve.cluster import ServedCluster

_GOOD: Mapping[str, Any] = {"ok": True}


class ConfigurationVerbs:
    """Nodes, names and addresses of one cluster, and what its manager is told from outside."""

    def __init__(self, cluster: ServedCluster) -> None:
        self._cluster = cluster
        self._engine = cluster.engine
        self._ports = PortHolders(cluster.engine)
        self.verbs: Mapping[str, Callable[[Arguments], Mapping[str, Any]]] = {
            "address": self._address,
            "give-address": self._give_address,
            "take-address": self._take_address,
            "add-node": self._add_node,
            "remove-node": self._remove_node,
            "rename-node": self._rename_node,
            "rename-cluster": self._rename_cluster,
            "fence": self._fence,
            "qdisk": self._qdisk,
            "expected": self._expected,
            "votes": self._votes,
            "bind-port": self._bind_port,
            "close-port": self._close_port,
            "config-older": self._config_older,
            "config-newer": self._config_newer,
            "config-mend": self._config_mend,
        }
        """By name."""

    def _address(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = self._node(arguments)
        addresses = arguments.texts("addresses")
        self._engine.set_address(node_id, addresses, now=not arguments.flag("at_rejoin"))
        self._cluster.set_host_addresses(node_id, addresses)
        return _GOOD

    def _add_node(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id = arguments.number("id", least=1)
        node = NodeConfig(
            id=node_id,
            name=arguments.text("name", f"node{node_id}"),
            addresses=arguments.texts("addresses"),
            votes=arguments.number("votes", 1),
        )
        problems = nodes_problems((node,))
        if problems:
            raise TopologyError(tuple(problems))
        if node_id in self._engine.ids and self._cluster.has(node_id):
            raise BadRequestError(f"node {node_id} is there already")
        lagging = [self._cluster.node_id(str(each)) for each in arguments.numbers("lagging")]
        described = self._cluster.add_host(node)
        self._engine.add_node(node, lagging=lagging)
        return {**_GOOD, "node": described}

    def _remove_node(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.remove_node(self._node(arguments), lagging=arguments.numbers("lagging"))
        return _GOOD

    def _give_address(self, arguments: Arguments) -> Mapping[str, Any]:
        model = self._cluster.model(self._node(arguments))
        with model.lock:
            model.host.add_address(arguments.address("address"))
        return _GOOD

    def _take_address(self, arguments: Arguments) -> Mapping[str, Any]:
        node_id, address = self._node(arguments), arguments.address("address")
        model = self._cluster.model(node_id)
        with model.lock:
            if address not in model.host.addresses:
                has = ", ".join(model.host.addresses) or "none"
                raise BadRequestError(f"node {node_id} has no address {address}, it has {has}")
            model.host.remove_address(address)
        return _GOOD

    def _rename_node(self, arguments: Arguments) -> Mapping[str, Any]:
        self._cluster.rename_node(self._node(arguments), arguments.text("name"))
        return _GOOD

    def _rename_cluster(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.rename_cluster(arguments.text("name"))
        return _GOOD

    def _fence(self, arguments: Arguments) -> Mapping[str, Any]:
        """As fenced tells cman, once it has cut a node's power."""
        admin = connect_admin(self._engine, self._cluster.node_id(arguments.text("by")))
        try:
            seconds = self._engine.wall_us() // 1_000_000
            node_id = self._node(arguments)
            admin.update_fence_info(FenceInfo(node_id=node_id, time_s=seconds, agent="fence_virt"))
        finally:
            admin.disconnect()
        return _GOOD

    def _qdisk(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.qdisk(self._node(arguments), available=not arguments.flag("lost"))
        return _GOOD

    def _expected(self, arguments: Arguments) -> Mapping[str, Any]:
        admin = connect_admin(self._engine, self._node(arguments))
        try:
            admin.set_expected_votes(arguments.number("votes", least=1))
        finally:
            admin.disconnect()
        return _GOOD

    def _votes(self, arguments: Arguments) -> Mapping[str, Any]:
        admin = connect_admin(self._engine, self._node(arguments))
        try:
            admin.set_votes(US, arguments.number("votes", least=0))
        finally:
            admin.disconnect()
        return _GOOD

    def _bind_port(self, arguments: Arguments) -> Mapping[str, Any]:
        self._ports.bind(self._node(arguments), arguments.number("port", least=0))
        return _GOOD

    def _close_port(self, arguments: Arguments) -> Mapping[str, Any]:
        self._ports.close(self._node(arguments), arguments.number("port", least=0))
        return _GOOD

    def _config_older(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.reconfigure(lagging=[self._node(arguments)])
        return _GOOD

    def _config_newer(self, arguments: Arguments) -> Mapping[str, Any]:
        self._engine.write_config(self._node(arguments))
        return _GOOD

    def _config_mend(self, _arguments: Arguments) -> Mapping[str, Any]:
        self._engine.mend_configs()
        return _GOOD

    def _node(self, arguments: Arguments) -> int:
        return self._cluster.node_id(arguments.text("node"))
