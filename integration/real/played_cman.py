"""A directory for `--cman-root` whose programs play a historic cman of one node, in a guest.

All that a guest does for a cman is what it does for a real one: the disk, the places that are
compiled in, the unit, the sockets, the saved states. The cman itself is the simulator's.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Final

from fakecluster.cman.standin import standin_library
from fakecluster.historic.root import CmanRoot

_PROJECT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("fakecluster", "o2cbd")
_MODULES: Final = "lib/modules.so.zip"
"""Named so that it counts as one of the libraries that are packed."""

_CMAN_TOOL: Final = """\
#!/usr/bin/python3
# Compiled in: /usr/sbin/corosync /var/run/cman_client
import os, subprocess, sys

if sys.argv[1:-1] != ["join", "-n"]:
    sys.exit(f"cman_tool: {sys.argv[1:]}")
# Nothing of its own environment goes to corosync, as with the real one.
environment = {"CMAN_NODENAME": sys.argv[-1], "PATH": "/usr/bin:/bin"}
corosync = subprocess.Popen(
    ["/usr/sbin/corosync", "-f"], env=environment, start_new_session=True, stdout=subprocess.PIPE
)
if b'"schema"' not in corosync.stdout.readline():
    sys.exit("corosync died: could not read cluster configuration")
"""

_COROSYNC: Final = """\
#!/usr/bin/python3
# Compiled in: /usr/libexec/lcrso /etc/cluster/cluster.conf /var/run/cman_client
import os, shutil, signal, socket, subprocess, sys, time
import xml.etree.ElementTree as xml
from pathlib import Path

HOME = Path("/usr/lib/historic-cman")
SERVED = Path("/run/played-cman")
SOCKETS = ("cman_client", "cman_admin")

def refuse(text):
    sys.exit(f"corosync: {text}")

if not Path("/usr/libexec/lcrso/service_cman.lcrso").exists():
    refuse("no plug-in")
if str(HOME / "lib") not in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
    refuse("no libraries")
top = xml.parse("/etc/cluster/cluster.conf").getroot()
node = top.find("clusternodes/clusternode")
name = node.get("name")
if name != os.environ["CMAN_NODENAME"]:
    refuse(f"plays {name} alone")
shutil.rmtree(SERVED, ignore_errors=True)  # of one that was killed
SERVED.mkdir()
topology = Path(SERVED, "topology.toml")
topology.write_text(
    f'cluster = "{top.get("name")}"\\n[[nodes]]\\nid = {node.get("nodeid")}\\n'
    f'name = "{name}"\\naddresses = ["{socket.gethostbyname(name)}"]\\n')

environment = {**os.environ, "PYTHONPATH": str(HOME / "lib/modules.so.zip")}
serving = subprocess.Popen(
    ["python3", "-m", "fakecluster", "serve", "--dir", SERVED / "cluster",
     "--topology", topology, "--no-configfs", "--libcman", "libcman.so.3"],
    env=environment, stdout=sys.stdout)
served = [SERVED / "cluster" / name / each for each in SOCKETS]
while serving.poll() is None and not all(each.is_socket() for each in served):
    time.sleep(0.05)
for path in served:
    place = Path("/var/run", path.name)
    place.unlink(missing_ok=True)
    place.symlink_to(path)
# It has left, or was told to end.
signal.signal(signal.SIGTERM, lambda *_: serving.terminate())
while serving.poll() is None and served[0].is_socket():
    time.sleep(0.05)
serving.terminate()
sys.exit(serving.wait())
"""


def make_root(directory: Path) -> CmanRoot:
    """Make it, and read it as the option does."""
    for name, text in (("cman_tool", _CMAN_TOOL), ("corosync", _COROSYNC)):
        program = directory / "sbin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    plugin = directory / "libexec/lcrso/service_cman.lcrso"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("a plug-in\n", encoding="utf-8")
    (directory / "lib").mkdir()
    shutil.copy(standin_library(), directory / "lib" / "libcman.so.3")
    with zipfile.ZipFile(directory / _MODULES, "w") as modules:
        for package in _PACKAGES:
            for path in sorted((_PROJECT / package).rglob("*.py")):
                # The same bytes each time: a changed file makes another disk.
                entry = zipfile.ZipInfo(str(path.relative_to(_PROJECT)))
                modules.writestr(entry, path.read_bytes())
    return CmanRoot.read(directory)
