"""A root for `--cman-root` whose programs play a historic cman over a served, simulated one.

`cman_tool join` starts `/usr/sbin/corosync`, as the real one does, which is there only if it was
put there. That looks for its plug-ins and for cluster.conf in the places that are compiled into
it, and relays `/var/run/cman_client` and `cman_admin` to the node of its name. So everything around
a cman is what it is with a real one; only the network is not.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fakecluster.cman.standin import standin_library

ROOT = Path(__file__).parents[2]

_TOOL = """\
import os, select, subprocess, sys, time
from pathlib import Path

sys.path.insert(0, {project!r})
from fakecluster.cman.wire.codec import (ClusterStruct, ExtraInfoStruct, NodeStruct, VersionStruct,
                                      encode_ints)
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.cman.wire.codec import Opcode

# Compiled in: /usr/sbin/corosync /var/run/cman_client ccs_config_validate

def join(words):
    name = words[words.index("-n") + 1]
    # As the real one does, with nothing of its own environment.
    environment = {{"COROSYNC_DEFAULT_CONFIG_IFACE": "xmlconfig:cmanpreconfig",
                    "CMAN_NODENAME": name, "PATH": "/usr/bin:/bin"}}
    corosync = subprocess.Popen(["/usr/sbin/corosync", "-f"], env=environment,
                                start_new_session=True, stdout=subprocess.PIPE)
    if corosync.stdout.readline() != b"up\\n":
        sys.exit("corosync died: could not read cluster configuration")

def client(name):
    try:
        return RawClient(Path("/var/run", name))
    except OSError:
        sys.exit("cman_tool: Cannot open connection to cman, is it running ?")

def ask(command, *numbers, name="cman_admin"):
    with client(name) as connection:
        reply = connection.ask(command, encode_ints(*numbers))
    if reply.status < 0:
        sys.exit(f"cman_tool: {{os.strerror(-reply.status)}}")
    return reply

def records():
    reply = ask(Opcode.GETALLMEMBERS, name="cman_client")
    return [NodeStruct.decode(reply.payload, 440 * each) for each in range(reply.status)]

def version():
    found = VersionStruct.decode(ask(Opcode.GET_VERSION, name="cman_client").payload)
    print(f"{{found.major}}.{{found.minor}}.{{found.patch}} config {{found.config}}")

def status():
    cluster = ClusterStruct.decode(ask(Opcode.GETCLUSTER, name="cman_client").payload)
    extra = ExtraInfoStruct.decode(ask(Opcode.GETEXTRAINFO, name="cman_client").payload)
    print(f"Cluster Name: {{cluster.name.decode()}}")
    print(f"Cluster Generation: {{cluster.generation}}")
    print(f"Nodes: {{extra.members}}")
    print(f"Expected votes: {{extra.expected_votes}}")
    print(f"Active subsystems: {{ask(Opcode.GET_JOINCOUNT, name='cman_client').status}}")

def nodes():
    print("Node  Sts   Inc   Joined               Name")
    for each in records():
        joined = time.strftime("%F %T", time.gmtime(each.join_seconds))
        state = "M" if each.state == 2 else "X"
        print(f"{{each.node_id:4}}   {{state}} {{each.incarnation:6}}   {{joined}}",
              each.name.decode())

def main():
    verb, *words = sys.argv[1:]
    if verb == "join":
        join(words)
    elif verb == "expected":
        ask(Opcode.SETEXPECTED_VOTES, int(words[1]))
    elif verb == "kill":
        ids = [each.node_id for each in records() if each.name.decode() == words[1]]
        ask(Opcode.KILLNODE, *ids)
    elif verb == "leave":
        ask(Opcode.TRY_SHUTDOWN, 0)
    elif verb == "wait":
        ask(Opcode.ISQUORATE, name="cman_client")
    else:
        {{"version": version, "status": status, "nodes": nodes}}[verb]()

main()
"""

_COROSYNC = """\
import os, selectors, signal, socket, sys
import xml.etree.ElementTree as xml
from pathlib import Path

sys.path.insert(0, {project!r})
from fakecluster.server.child import ctl

# Compiled in: /usr/libexec/lcrso /etc/cluster/cluster.conf /var/run/cman_client
SERVED = Path({served!r})

def node():
    if not Path("/usr/libexec/lcrso/service_cman.lcrso").exists():
        sys.exit("corosync: no plug-in")
    nodes = xml.parse("/etc/cluster/cluster.conf").findall("clusternodes/clusternode")
    name = os.environ["CMAN_NODENAME"]
    found = [each.get("nodeid") for each in nodes if each.get("name") == name]
    if not found or os.environ["COROSYNC_DEFAULT_CONFIG_IFACE"] != "xmlconfig:cmanpreconfig":
        sys.exit(f"corosync: no node {{name}}")
    first = os.environ.get("LD_LIBRARY_PATH", "").partition(":")[0]
    if not Path(first, "libcman.so.3").is_file():
        sys.exit("corosync: no libraries")
    if socket.gethostname() != name:
        sys.exit("corosync: the host has another name")
    socket.gethostbyname(name)
    return found[0]

def crash_when(end, number):
    # Whoever kills us kills the cman that we play.
    os.read(end, 1)
    state = ctl(SERVED, "state", node=number)["nodes"][0]
    if state["running"]:
        ctl(SERVED, "cman-crash", node=number)
    os._exit(0)

class Relay:
    def __init__(self, number):
        self.places = SERVED / f"node{{number}}"
        self.selector = selectors.DefaultSelector()
        self.pairs = {{}}
        self.listeners = {{}}
        for name in ("cman_client", "cman_admin"):
            path = Path("/var/run", name)
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen()
            self.listeners[name] = listener

    def run(self):
        # Whoever comes before the cman is up waits for it, as with a real one.
        while not all(map(self.connects, self.listeners)):
            self.selector.select(0.05)
        for name, listener in self.listeners.items():
            self.selector.register(listener, selectors.EVENT_READ, name)
        while (self.places / "cman_client").exists():
            for key, _ in self.selector.select(0.05):
                if key.data is not None:
                    self.accept(key.fileobj, key.data)
                elif key.fileobj in self.pairs:
                    self.copy(key.fileobj)
        for name in ("cman_client", "cman_admin"):
            Path("/var/run", name).unlink()

    def connects(self, name):
        with socket.socket(socket.AF_UNIX) as trial:
            return trial.connect_ex(str(self.places / name)) == 0

    def accept(self, listener, name):
        ours, _ = listener.accept()
        theirs = socket.socket(socket.AF_UNIX)
        try:
            theirs.connect(str(self.places / name))
        except OSError:
            ours.close()
            return
        for one, other in ((ours, theirs), (theirs, ours)):
            self.pairs[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    def copy(self, one):
        other = self.pairs[one]
        try:
            data = one.recv(65536)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for each in (one, other):
                self.selector.unregister(each)
                del self.pairs[each]
                each.close()

def main():
    number = node()
    state = ctl(SERVED, "state", node=number)["nodes"][0]
    ctl(SERVED, "cman-start" if state["powered"] else "start", node=number)
    end, held = os.pipe()
    if os.fork() == 0:
        os.close(held)
        crash_when(end, number)
    relay = Relay(number)
    print("up", flush=True)
    relay.run()

main()
"""


def make_root(directory: Path, served: Path) -> Path:
    """Make the root, and return it.

    Args:
        directory: takes it.
        served: where the cluster is served whose cmans are played.
    """
    root = directory / "cman"
    programs = {
        "sbin/cman_tool": _TOOL.format(project=str(ROOT)),
        "sbin/corosync": _COROSYNC.format(project=str(ROOT), served=str(served)),
    }
    for name, text in programs.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)
    (root / "lib").mkdir()
    shutil.copy(standin_library(), root / "lib" / "libcman.so.3")
    (root / "libexec/lcrso").mkdir(parents=True)
    (root / "libexec/lcrso/service_cman.lcrso").write_text("a plug-in\n")
    return root
