"""ocfs2-tools' own `o2cb` and o2cbd over one file and one (fake) kernel: each takes the other's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fakecluster.cman.standin.build import find_compiler
from fakecluster.configfs import mounts
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from o2cbd import clusterconf
from o2cbd.clusterconf import FileCluster, FileNode

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
SHAPES = ROOT / "tests" / "process" / "data" / "cluster_conf"
PATIENCE_S = 60

# What o2cb looks at to know a configfs, where a FUSE mount shows its own.
_MAGIC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/vfs.h>
int statfs64(const char *path, struct statfs64 *found)
{
    int (*real)(const char *, struct statfs64 *) = dlsym(RTLD_NEXT, "statfs64");
    int code = real(path, found);
    if (code == 0 && strcmp(path, "/sys/kernel/config") == 0)
        found->f_type = 0x62656570;
    return code;
}
int statfs(const char *path, struct statfs *found)
{
    return statfs64(path, (struct statfs64 *)found);
}
"""

# A /sys with what the module ocfs2_nodemanager shows, and the mount in its place.
_ENTER = """
set -e
hostname "$1"; config=$2; magic=$3; shift 3
mount -t tmpfs none /run
mkdir /run/config
mount --bind "$config" /run/config
mount -t tmpfs none /sys
mkdir -p /sys/kernel/config /sys/fs/o2cb /sys/fs/ocfs2
echo 5 > /sys/fs/o2cb/interface_revision
echo o2cb > /sys/fs/ocfs2/cluster_stack
mount --bind /run/config /sys/kernel/config
exec env LD_PRELOAD="$magic" "$@"
"""

OURS = FileNode(name="alpha", num=0, address="10.0.0.1", port=7777)
PEERS = (
    FileNode(name="beta-2.lan", num=254, address="10.0.0.2", port=17777),
    FileNode(name="Gamma_3", num=3, address="10.0.0.3", port=1),
)
TABLE = FileCluster(name="o2", nodes=(OURS, *PEERS))
GLOBAL = FileCluster(
    name="o2",
    nodes=(OURS, *PEERS),
    heartbeat_mode="global",
    regions=("0123456789ABCDEF0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDE0"),
)


@pytest.fixture(autouse=True)
def _tools(missing: Mapping[str, str]) -> None:
    """Skip where they are not installed."""
    if "o2cb" in missing:
        pytest.skip(missing["o2cb"])


def tool() -> str:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which("o2cb", path=path)
    assert found is not None
    return found


def listed(cluster: FileCluster) -> list[str]:
    """What `o2cb list-cluster --oneline` shows of it."""
    return sorted(
        [
            *(f"heartbeat: {region} {cluster.name}" for region in cluster.regions),
            *(
                f"node: {node.num} {node.name} {node.address}:{node.port} {cluster.name}"
                for node in cluster.nodes
            ),
            f"cluster: {len(cluster.nodes)} {cluster.heartbeat_mode} {cluster.name}",
        ]
    )


@pytest.mark.parametrize("cluster", [TABLE, GLOBAL, FileCluster(name="empty", nodes=())])
def test_what_is_written_is_what_o2cb_reads(cluster: FileCluster, tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_text(clusterconf.render(cluster))
    words = [tool(), f"--config-file={file}", "list-cluster", "--oneline", cluster.name]
    shown = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert sorted(shown.splitlines()) == listed(cluster)


@pytest.mark.parametrize("file", sorted(SHAPES.iterdir()), ids=lambda file: file.stem)
def test_shapes_of_files_are_read_alike(file: Path) -> None:
    (cluster,) = clusterconf.load(str(file))
    words = [tool(), f"--config-file={file}", "list-cluster", "--oneline", cluster.name]
    shown = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert sorted(shown.splitlines()) == listed(cluster)


def test_what_o2cb_writes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_text(clusterconf.render(TABLE))
    for words in (
        ("add-node", "o2", "delta", "--ip", "10.0.0.4"),
        ("add-heartbeat", "o2", "0123456789ABCDEF0123456789ABCDEF"),
        ("heartbeat-mode", "o2", "global"),
    ):
        subprocess.run([tool(), f"--config-file={file}", *words], check=True)
    (cluster,) = clusterconf.load(str(file))
    assert (cluster.heartbeat_mode, cluster.regions) == ("global", (GLOBAL.regions[0],))
    assert {node.name: node.num for node in cluster.nodes} == {
        "alpha": 0,
        "delta": 1,
        "Gamma_3": 3,
        "beta-2.lan": 254,
    }


class Host:
    """A host with a (fake) kernel, on which `o2cb` and `o2cbd` find it where they look for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "cluster.conf"
        self.configfs = directory / "config"
        self.configfs.mkdir()
        source = directory / "magic.c"
        source.write_text(_MAGIC)
        self.magic = directory / "magic.so"
        command = [
            find_compiler(os.environ),
            "-shared",
            "-fPIC",
            "-o",
            str(self.magic),
            str(source),
        ]
        subprocess.run(command, check=True)
        addresses = [node.address for node in TABLE.nodes]
        model = ConfigfsModel(owner_uid=os.getuid(), addresses=addresses)
        self.mount = FuseMount(model, self.configfs)
        self.mount.start()
        self.settings = directory / "o2cbd.toml"
        self.settings.write_text(
            f'[membership]\nsource = "static"\ncluster_conf = "{self.file}"\n'
            f'[paths]\nruntime_dir = "{directory}/run"\ndebugfs = "{directory}"\n'
            f'[hold]\nname = "{directory}"\n'
        )

    def run(self, *words: str, host_name: str = "alpha") -> str:
        """Run a command in it to its end, and return what it wrote."""
        enter = ["sh", "-c", _ENTER, "sh", host_name, str(self.configfs), str(self.magic)]
        done = subprocess.run(
            ["unshare", "--mount", "--uts", "--propagation", "private", "--", *enter, *words],
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=True,
            cwd=ROOT,
        )
        return done.stdout

    def register(self, *, host_name: str = "alpha") -> None:
        words = (tool(), f"--config-file={self.file}", "register-cluster", "o2")
        self.run(*words, host_name=host_name)

    def o2cbd(self, *words: str) -> str:
        return self.run(sys.executable, "-m", "o2cbd", *words, "--config", str(self.settings))

    def table(self) -> dict[str, tuple[str, ...]]:
        """The entries as cat shows them; this process serves them, so another one reads."""
        values = "cat num ipv4_address ipv4_port local"
        script = f"for name in *; do echo $name $(cd $name && {values}); done"
        shown = self.run("sh", "-c", f"cd /sys/kernel/config/cluster/o2/node && {script}")
        rows = [line.split() for line in shown.splitlines()]
        return {name: tuple(values) for name, *values in rows}


@pytest.fixture
def host(tmp_path: Path, fuse: None, compiler: None) -> Iterator[Host]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a mount namespace and go into it")
    made = Host(tmp_path)
    try:
        yield made
    finally:
        made.mount.stop()
        mounts.detach_stale(tmp_path)


EXPECTED = {
    "alpha": ("0", "10.0.0.1", "7777", "1"),
    "beta-2.lan": ("254", "10.0.0.2", "17777", "0"),
    "Gamma_3": ("3", "10.0.0.3", "1", "0"),
}


@pytest.mark.row("export")
@pytest.mark.parametrize("cluster", [TABLE, GLOBAL])
def test_an_exported_file_registers_to_the_same_table(cluster: FileCluster, host: Host) -> None:
    """And o2cbd, which finds it in the kernel then, has nothing to do."""
    host.file.write_text(clusterconf.render(cluster))
    exported = host.o2cbd("export")
    assert clusterconf.parse(exported.encode()) == (
        FileCluster(
            name="o2",
            nodes=tuple(sorted(cluster.nodes, key=lambda node: node.num)),
            heartbeat_mode=cluster.heartbeat_mode,
            regions=cluster.regions,
        ),
    )
    host.file.write_text(exported)
    host.register()
    assert host.table() == EXPECTED
    assert host.o2cbd("diff").startswith("Equal: cluster o2, 3 nodes")
    assert "the tables are in sync" in host.o2cbd("plan")
    host.register()
    assert host.table() == EXPECTED


@pytest.mark.row("static-members")
@pytest.mark.parametrize(
    ("host_name", "local"),
    [
        ("alpha", "alpha"),
        ("ALPHA.lan", "alpha"),
        ("beta-2.lan", "beta-2.lan"),
        ("beta-2", None),
        ("alphabet", None),
    ],
)
def test_both_find_their_own_node_alike(host_name: str, local: str | None, host: Host) -> None:
    host.file.write_text(clusterconf.render(TABLE))
    host.register(host_name=host_name)
    found = [name for name, values in host.table().items() if values[-1] == "1"]
    assert found == ([] if local is None else [local])
    own = clusterconf.node_of_host(TABLE, host_name)
    assert (None if own is None else own.name) == local
