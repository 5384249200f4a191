"""Node data, new configurations, and the wire."""

from __future__ import annotations

import struct
from typing import Final

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import (
    ADMIN_BIT,
    HEADER_BYTES,
    ClusterStruct,
    NodeStruct,
    Opcode,
    Request,
    VersionStruct,
    encode_ints,
)
from fakecluster.conformance.cman_row import Rows
from fakecluster.conformance.cman_scene import Scene, SceneClient, spaced, word

DATA: Final = Rows("Node data")
CONFIG: Final = Rows("CONFIG_UPDATE")
WIRE: Final = Rows("Wire")

_IPV4, _IPV6_SCOPE = struct.Struct("=HH"), struct.Struct("=I")
_NEW: Final = NodeConfig(id=7, name="node7", addresses=("10.0.0.7",))


def _brief(node: NodeStruct) -> str:
    return spaced([int(node.state == 2), node.incarnation, node.join_seconds])


@DATA.row("a node that was never seen: member, incarnation, jointime", "0 0 0", up=(1,))
def never_seen(s: Scene) -> str:
    return _brief(s.client(1).node(2))


@DATA.row("a node that died keeps incarnation and jointime", "kept")
def dead_node(s: Scene) -> str:
    seen = s.client(1)
    before = seen.node(3)
    s.driver.crash(3)
    s.settle()
    after = seen.node(3)
    same = _brief(before)[1:] == _brief(after)[1:]
    return "kept" if same and after.state != 2 and before.incarnation else "lost"


@DATA.row("incarnations of one node in two observers' eyes", "differ")
def incarnation_of_an_observer(s: Scene) -> str:
    one, three = s.client(1).node(1), s.client(3).node(1)
    return "differ" if one.incarnation != three.incarnation else "are one"


@DATA.row("name and address: length, family, port", "node1 16 2 0", up=(1,))
def name_and_ipv4(s: Scene) -> str:
    node = s.client(1).node(1)
    family, port = _IPV4.unpack_from(node.address)
    return spaced([node.name.decode(), len(node.address), family, port])


@DATA.row("IPv6: length, family, port, scope id", "28 10 0 2", topology=Topology.of(1, ipv6=True))
def ipv6(s: Scene) -> str:
    address = s.client(1).node(1).address
    (scope,) = _IPV6_SCOPE.unpack_from(address, 24)
    return spaced([len(address), *_IPV4.unpack_from(address), scope])


@DATA.row(
    "the address of a node that left, in the list and asked for",
    "the previous node's, 0 addresses",
)
def stale_address(s: Scene) -> str:
    s.leave(2)
    s.settle()
    seen = s.client(1)
    same = seen.node(2).address == seen.node(1).address
    return f"{'the previous node' if same else 'not'}'s, {len(seen.addresses(2))} addresses"


def _disk(s: Scene) -> tuple[SceneClient, SceneClient, SceneClient]:
    here, there, admin = s.listener(1), s.listener(2), s.admin(1)
    admin.device(Opcode.REG_QUORUMDEV, 1, b"/dev/qdisk0")
    return here, there, admin


@DATA.row(
    "a quorum disk: last, id, name, member, incarnation; polled: member, notices here, elsewhere",
    "0 /dev/qdisk0 0 0; 1, 1, none",
)
def quorum_disk(s: Scene) -> str:
    here, there, admin = _disk(s)
    last = here.nodes()[-1]
    first = spaced([last.node_id, last.name.decode(), int(last.state == 2), last.incarnation])
    admin.ints(Opcode.POLL_QUORUMDEV, 1)
    s.moment()
    member = int(here.nodes()[-1].state == 2)
    return f"{first}; {member}, {here.events()}, {there.events()}"


@DATA.row("get_node of -1 with a disk and without, and of 0", "/dev/qdisk0 ENOENT node2")
def special_ids(s: Scene) -> str:
    here, there, _admin = _disk(s)
    disk = NodeStruct.decode(here.get_node(-1).payload).name.decode()
    us = NodeStruct.decode(there.get_node(0).payload).name.decode()
    return spaced([disk, word(there.get_node(-1).status), us])


@DATA.row(
    "an unknown id or name in get_node; in extra and addresses",
    "ENOENT ENOENT EINVAL EINVAL",
    up=(1,),
)
def unknown_node(s: Scene) -> str:
    c = s.client(1)
    by_id, by_name = c.get_node(9), c.get_node(0, b"nobody")
    rest = [c.ints(each, 9) for each in (Opcode.GETNODE_EXTRA, Opcode.GET_NODEADDRS)]
    return spaced([word(by_id.status), word(by_name.status), *rest])


@DATA.row("cluster, generation, version, quorate", "o2, the ring sequence, 6.2.0, 1")
def cluster_info(s: Scene) -> str:
    c = s.client(1)
    cluster = ClusterStruct.decode(c.ask(Opcode.GETCLUSTER).payload)
    version = VersionStruct.decode(c.ask(Opcode.GET_VERSION).payload)
    newest = max(node.incarnation for node in c.nodes())
    generation = "the ring sequence" if cluster.generation == newest else "another number"
    text = f"{version.major}.{version.minor}.{version.patch}"
    return f"{cluster.name.decode()}, {generation}, {text}, {c.quorate()}"


@DATA.row(
    "administrators' commands on a client; start_notification on an admin", "EPERM EINVAL", up=(1,)
)
def wrong_socket(s: Scene) -> str:
    c = s.client(1)
    found = {c.status(each) for each in Opcode if each & ADMIN_BIT}
    return spaced([*sorted(found), s.admin(1).status(Opcode.NOTIFY)])


# -- CONFIG_UPDATE


@CONFIG.row("a new version: the asker, another node", "C2, S1 C2", b="S1 C2, S1 C2")
def config_update(s: Scene) -> str:
    asker, other = s.listener(1), s.listener(2)
    s.write(2)
    s.admin(1).set_version(2)
    s.moment()
    return f"{asker.kinds()}, {other.kinds()}"


@CONFIG.row("the same version again", "0, none")
def config_same(s: Scene) -> str:
    seen = s.listener(1)
    status = s.admin(1).set_version(1)
    s.moment()
    return f"{status}, {seen.kinds()}"


@CONFIG.row(
    "a node whose file lags, for a while; then mended",
    "C1, again and again; S1 C2 S1 C2",
    b="none; S1 C2",
)
def config_lagging(s: Scene) -> str:
    seen = s.listener(3)
    s.write(2, 1, 2)
    s.admin(1).set_version(2)
    s.settle()
    told = seen.kinds().split()
    lagging = f"{told[0]}, again and again" if set(told) == {"C1"} and told[1:] else spaced(told)
    seen.forget()
    s.write(2, 3)
    s.settle()
    return f"{lagging}; {seen.kinds()}"


@CONFIG.row(
    "a node is added, and a dead one removed: those listed",
    "1 2 3 7 (incarnation 0), 1 2 7",
)
def config_nodes(s: Scene) -> str:
    seen, admin = s.client(1), s.admin(1)
    s.write(2, nodes=(*s.nodes(), _NEW))
    admin.set_version(2)
    s.moment()
    added = f"{spaced([n.node_id for n in seen.nodes()])} (incarnation {seen.node(7).incarnation})"
    s.driver.crash(3)
    s.settle()
    s.write(3, nodes=(*s.nodes(3), _NEW))
    admin.set_version(3)
    s.moment()
    return f"{added}, {spaced([n.node_id for n in seen.nodes()])}"


# -- the wire


def _raw(peer: SceneClient, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += peer.raw.sock.recv(count - len(data))
    return data


@WIRE.row("a reply's header: magic, length, command", "434d414e 24 4000000b", up=(1,))
def reply_header(s: Scene) -> str:
    c = s.client(1)
    c.raw.send(Opcode.ISACTIVE)
    magic, _version, length, command, _flags = struct.unpack("=5I", _raw(c, 24)[:HEADER_BYTES])
    return f"{magic:x} {length} {command:x}"


@WIRE.row("an event: magic, length, command, reason, arg", "434d414e 28 102 1 1")
def event_bytes(s: Scene) -> str:
    seen = s.listener(1)
    s.leave(3)
    s.moment()
    data = _raw(seen, 28)
    magic, _version, length, command, _flags, reason, arg = struct.unpack("=5I2i", data)
    return f"{magic:x} {length} {command:x} {reason} {arg}"


@WIRE.row("a request in two parts, and the next one", "EINVAL EINVAL, 1", up=(1,))
def request_in_two_parts(s: Scene) -> str:
    c = s.client(1)
    request = Request(command=Opcode.GET_NODEADDRS, body=encode_ints(1)).encode()
    found = []
    for part in (request[:20], request[20:]):
        c.raw.sock.sendall(part)
        found.append(word(c.raw.reply().status))
    return f"{spaced(found)}, {c.status(Opcode.ISACTIVE)}"


@WIRE.row("a bad header with a body, and the next request", "EINVAL EINVAL, 1", up=(1,))
def bad_header(s: Scene) -> str:
    c = s.client(1)
    c.raw.sock.sendall(struct.pack("=5I", 0, 0, 24, Opcode.ISACTIVE, 0) + bytes(4))
    found = [word(c.raw.reply().status) for _ in range(2)]
    return f"{spaced(found)}, {c.status(Opcode.ISACTIVE)}"
