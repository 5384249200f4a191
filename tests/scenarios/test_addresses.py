"""Who gets which row: ids, names, addresses, ports, and what cannot be in a table."""

from __future__ import annotations

from fakecluster.arms.suite import MakeCluster, needs
from fakecluster.arms.values import Row, Span
from fakecluster.capabilities import Capability
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from o2cbd.core.model import State, Why


def cluster_of(*nodes: NodeConfig, qdisk: QuorumDisk | None = None) -> Topology:
    return Topology(cluster="o2", nodes=nodes, qdisk=qdisk).checked()


def node(number: int, *addresses: str, name: str = "") -> NodeConfig:
    return NodeConfig(
        id=number, name=name or f"node{number}", addresses=addresses or (f"10.0.0.{number}",)
    )


@needs(Capability.FREE_ADDRESSES)
def test_address_change(make: MakeCluster) -> None:
    """replace: a member's new address is a new entry on every host; all others are left alone."""
    cluster = make(3)
    cluster.up()
    before = cluster.inodes(1)["node3"]

    with cluster.untouched(1, "node1", "node2"), cluster.untouched(2, "node1", "node2"):
        cluster.address(3, "10.0.0.33")
        for host in (1, 2, 3):
            cluster.eventually(
                f"host {host} has the new address",
                lambda host=host: (  # type: ignore[misc]
                    (row := cluster.table(host).get("node3")) is not None
                    and row.address == "10.0.0.33"
                ),
                within=Span.LATER,
            )
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    assert cluster.inodes(1)["node3"] != before


def test_addresses_are_swapped(make: MakeCluster) -> None:
    """replace, add-waits: each one's new address is the other's old one."""
    cluster = make(3, down=(2, 3))
    cluster.up()
    cluster.start(2)
    cluster.start(3)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
    for host in (2, 3):
        cluster.leave(host)
        cluster.is_in(host, State.LOST)
    cluster.address(2, "10.0.0.3")
    cluster.address(3, "10.0.0.2")

    for host in (2, 3):
        cluster.cman_start(host)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3), within=Span.LATER)
    assert cluster.table(1)["node2"].address == "10.0.0.3"
    assert cluster.table(1)["node3"].address == "10.0.0.2"


def test_name_change(make: MakeCluster) -> None:
    """replace: the same node under another name is a removal and an add, its own host included."""
    cluster = make(3)
    cluster.up()

    with cluster.untouched(1, "node1", "node2"):
        cluster.rename_node(3, "gamma")
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3), within=Span.LATER)
        for host in (1, 2, 3):
            cluster.eventually(
                f"host {host} has the new name",
                lambda host=host: cluster.has(host, "node1", "node2", "gamma"),  # type: ignore[misc]
                within=Span.LATER,
            )
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.QUORUM_DISK)
def test_quorum_disk_with_id_0_is_left_out(make: MakeCluster) -> None:
    """left-out: cman lists its quorum disk as node 0; nobody makes a node of it."""
    cluster = make(cluster_of(node(1), node(2), node(3), qdisk=QuorumDisk()))
    cluster.up()
    for host in (1, 2, 3):
        cluster.leaves_out(host, 0, "id 0")

    cluster.qdisk(1, available=False)
    cluster.qdisk(1, available=True)

    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))


@needs(Capability.ANY_ID)
def test_node_with_id_300_is_left_out(make: MakeCluster) -> None:
    """left-out, own-node: o2cb counts to 254; all others go on, and the reason is told."""
    cluster = make(cluster_of(node(1), node(2), node(300, "10.0.0.30")))
    for host in (1, 2, 300):
        cluster.daemon_start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))

    for host in (1, 2, 300):
        cluster.leaves_out(host, 300, "id 300 is not an o2cb number")
    # The host itself cannot be local, so no cluster is made there, and nothing can be mounted.
    cluster.is_in(300, State.PENDING)
    assert cluster.clusters(300) == ()
    assert "this node (id 300) is excluded" in cluster.reason(300)


@needs(Capability.IPV6_ONLY)
def test_ipv6_only_node_is_left_out(make: MakeCluster) -> None:
    """left-out: o2cb knows IPv4 alone."""
    cluster = make(cluster_of(node(1), node(2), node(3, "2001:db8::3")))
    for host in (1, 2, 3):
        cluster.daemon_start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))

    cluster.leaves_out(1, 3, "IPv4")


@needs(Capability.FREE_ADDRESSES)
def test_node_with_the_address_0_0_0_0_is_left_out(make: MakeCluster) -> None:
    """never, left-out: a kernel that gets 0.0.0.0 can crash at the next rmdir."""
    cluster = make(cluster_of(node(1), node(2), node(3, "0.0.0.0")))
    for host in (1, 2, 3):
        cluster.daemon_start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))

    cluster.leaves_out(1, 3, "0.0.0.0")


@needs(Capability.FREE_ADDRESSES)
def test_own_node_without_an_address_is_never_in_sync(make: MakeCluster) -> None:
    """own-node: nothing can be mounted there, also where somebody has made the cluster."""
    cluster = make(cluster_of(node(1), node(2), node(3, "0.0.0.0")))
    cluster.place_cluster(3)
    for host in (1, 2, 3):
        cluster.daemon_start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))
    cluster.eventually("host 3 has its peers", lambda: cluster.has(3, "node1", "node2"))
    cluster.is_in(3, State.PENDING)
    cluster.stays("host 3 is not in sync", lambda: cluster.state(3) is State.PENDING)
    assert "this node (id 3) is excluded" in cluster.reason(3)


@needs(Capability.SEVERAL_ADDRESSES)
def test_first_ipv4_address_counts(make: MakeCluster) -> None:
    """address: of several the first IPv4 one, wherever it stands."""
    cluster = make(cluster_of(node(1), node(2, "2001:db8::2", "10.0.0.2", "10.1.0.2")))
    cluster.up()

    assert cluster.table(1)["node2"].address == "10.0.0.2"


@needs(Capability.SEVERAL_ADDRESSES)
def test_address_of_the_settings_wins(make: MakeCluster) -> None:
    """address: `[nodes.NAME] address` chooses the interconnect."""
    cluster = make(
        cluster_of(node(1, "10.0.0.1", "10.77.0.1"), node(2, "10.0.0.2", "10.77.0.2")),
        settings='[nodes.node1]\naddress = "10.77.0.1"\n[nodes.node2]\naddress = "10.77.0.2"',
    )
    cluster.up()

    assert cluster.table(1)["node1"] == Row(num=1, address="10.77.0.1", port=7777, local=True)
    assert cluster.table(1)["node2"].address == "10.77.0.2"


def test_port_option(make: MakeCluster) -> None:
    """port: `--port` in place of 7777, for every node."""
    options = dict.fromkeys((1, 2, 3), ("--port", "7800"))
    cluster = make(3, options=options)
    cluster.up()

    assert {row.port for row in cluster.table(1).values()} == {7800}


@needs(Capability.SEVERAL_ADDRESSES)
def test_address_in_the_subnet(make: MakeCluster) -> None:
    """address-by-subnet-or-ring: of two networks the one that is chosen; a per-node one wins."""
    topology = cluster_of(
        node(1, "10.0.0.1", "10.77.0.1"),
        node(2, "fd00::2", "10.77.0.2"),
        node(3, "10.77.0.3", "10.0.0.3"),
        node(4, "10.0.0.4"),
    )
    chosen = '[membership]\nsubnet = "10.77.0.0/24"\n[nodes.node3]\naddress = "10.0.0.3"'
    cluster = make(topology, settings=chosen)
    for host in (1, 2, 3, 4):
        cluster.daemon_start(host)
    cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))

    for host in (1, 2, 3):
        assert {name: row.address for name, row in cluster.table(host).items()} == {
            "node1": "10.77.0.1",
            "node2": "10.77.0.2",
            "node3": "10.0.0.3",
        }
        cluster.leaves_out(host, 4, "no address in subnet 10.77.0.0/24, only 10.0.0.4")


@needs(Capability.SEVERAL_ADDRESSES)
def test_address_of_the_ring(make: MakeCluster) -> None:
    """address-by-subnet-or-ring: the second interface of each; who has none there is left out."""
    topology = cluster_of(
        node(1, "10.0.0.1", "10.77.0.1"), node(2, "fd00::2", "10.77.0.2"), node(3)
    )
    cluster = make(topology, settings="[membership]\nring = 1")
    for host in (1, 2, 3):
        cluster.daemon_start(host)
    cluster.in_sync(1, 2, nodes=(1, 2))

    for host in (1, 2):
        addresses = {name: row.address for name, row in cluster.table(host).items()}
        assert addresses == {"node1": "10.77.0.1", "node2": "10.77.0.2"}
        cluster.leaves_out(host, 3, "no IPv4 address on ring 1 (its addresses are 10.0.0.3)")


def test_port_of_one_node(make: MakeCluster) -> None:
    """port: `[nodes.NAME] port` for one node, the rest has the common one."""
    cluster = make(3, settings="[table]\nport = 7800\n[nodes.node2]\nport = 7900")
    cluster.up()

    assert {name: row.port for name, row in cluster.table(1).items()} == {
        "node1": 7800,
        "node2": 7900,
        "node3": 7800,
    }


def test_port_changes_with_the_next_start(make: MakeCluster) -> None:
    """replace: entries of another port, from before the settings changed, are made anew."""
    cluster = make(3, options={1: ("--port", "7800")})
    for num in (1, 2, 3):
        cluster.place_node(
            1, f"node{num}", num=num, address=f"10.0.0.{num}", port=7777, local=num == 1
        )

    cluster.daemon_start(1)

    cluster.in_sync(1, nodes=(1, 2, 3))
    assert {row.port for row in cluster.table(1).values()} == {7800}


def test_duplicate_address_stays_with_the_lowest_id(make: MakeCluster) -> None:
    """duplicates: two members claim one address; every host gives it to the same one."""
    cluster = make(cluster_of(node(1), node(2), node(3, "10.0.0.2")))
    for host in (1, 2, 3):
        cluster.daemon_start(host)

    cluster.in_sync(1, 2, nodes=(1, 2))

    for host in (1, 2, 3):
        cluster.leaves_out(host, 3, "10.0.0.2", "node2")
    cluster.is_in(3, State.PENDING)


def test_duplicate_address_does_not_take_a_live_members_entry(make: MakeCluster) -> None:
    """duplicates: the newcomer has the lower id, and still the right entry stays."""
    cluster = make(cluster_of(node(1), node(2, "10.0.0.3"), node(3)), down=(2,))
    cluster.up()

    with cluster.untouched(1, "node1", "node3"):
        cluster.start(2, daemon=False)
        cluster.leaves_out(1, 2, "10.0.0.3", "node3")
        cluster.stays("node3 stays", lambda: cluster.has(1, "node1", "node3"))


def test_duplicate_address_is_resolved_by_a_leave(make: MakeCluster) -> None:
    """duplicates: the one that has it leaves, and the other gets its entry."""
    cluster = make(cluster_of(node(1), node(2), node(3, "10.0.0.2"), node(4)))
    for host in (1, 2, 3, 4):
        cluster.daemon_start(host)
    cluster.in_sync(1, 4, nodes=(1, 2, 4))

    cluster.leave(2)

    cluster.in_sync(1, 4, nodes=(1, 3, 4))


@needs(Capability.PINS_BY_HAND)
def test_duplicate_num_in_the_kernel(make: MakeCluster) -> None:
    """add-waits, stale-entry: an entry of nobody has a member's num; first that one goes."""
    cluster = make(3)
    cluster.place_node(1, "old", num=2, address="10.9.9.9", port=7777)
    cluster.pin(1, "old")
    cluster.daemon_start(1)
    cluster.waits(1, "old", Why.PINNED)
    waiting = cluster.waits(1, "node2", Why.WAITS_FOR_REMOVAL)
    assert "old" in waiting.reason

    cluster.unpin(1, "old")

    cluster.in_sync(1, nodes=(1, 2, 3))


@needs(Capability.DUPLICATE_ID)
def test_duplicate_id_in_the_configuration(make: MakeCluster) -> None:
    """duplicates: cman takes the later of two nodes with one id, and so does every table."""
    cluster = make(cluster_of(node(1), node(2), node(3), node(3, "10.0.0.33", name="later")))
    cluster.up()

    assert cluster.has(1, "node1", "node2", "later")
    assert cluster.table(1)["later"].address == "10.0.0.33"


def test_scope_configured(make: MakeCluster) -> None:
    """scope-configured: the table holds every configured node, and a death changes nothing."""
    nodes = "\n".join(f'[nodes.node{i}]\naddress = "10.0.0.{i}"' for i in (1, 2, 3))
    cluster = make(3, down=(3,), settings=f'[table]\nscope = "configured"\n{nodes}')
    for host in (1, 2):
        cluster.daemon_start(host)
    cluster.in_sync(1, 2, nodes=(1, 2, 3))

    with cluster.untouched(1, "node1", "node2", "node3"):
        cluster.start(3)
        cluster.in_sync(1, 2, 3, nodes=(1, 2, 3))
        cluster.kill(3)
        cluster.eventually("the death is known", lambda: cluster.members(1) == (1, 2))
        cluster.stays(
            "node3 stays in the table",
            lambda: cluster.has(1, "node1", "node2", "node3"),
            during=Span.A_MOMENT,
        )


@needs(Capability.SILENCE_ABOUT_ABSENTEES)
def test_scope_configured_without_an_address(make: MakeCluster) -> None:
    """scope-configured: cman tells no address of a node that is not there; it is left out so."""
    cluster = make(3, down=(3,), settings='[table]\nscope = "configured"')
    cluster.up()

    cluster.leaves_out(1, 3, "address")
