"""`o2cbd flush`: an unused cluster goes whole, a used one stays whole, with every reason."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.cli import cli
from o2cbd.commands import flush
from o2cbd.core.model import AddNode, CreateCluster, Node, RemoveNode, SetAttribute, Step
from o2cbd.hold.semaphore import SysvHold
from o2cbd.service.locks import AlreadyRunningError, lock_configfs
from tests.o2cbd.commands.conftest import FakeDaemon, Reply
from tests.streams import separate_runner

NODES = tuple(
    Node(name=name, num=num, address=f"10.0.0.{num + 1}", port=7777, local=name == "alpha")
    for num, name in enumerate(("gamma", "alpha", "beta"))
)
MOUNTED = "36 35 8:1 / /srv/shared rw - ocfs2 /dev/sda1 rw,heartbeat=local,cluster_stack=o2cb\n"


class Host:
    """A fake kernel with the cluster `stock`, and the host's other places as files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.model = ConfigfsModel(addresses=[node.address for node in NODES])
        (directory / "config" / "cluster").mkdir(parents=True)
        self.mounts = directory / "mounts"
        self.mounts.write_text("")
        self.hold = SysvHold(str(directory))
        self.settings = directory / "flush.toml"
        self.settings.write_text(
            f'[paths]\nconfigfs = "{directory}/config"\nmounts = "{self.mounts}"\n'
            f'debugfs = "{directory}/debug"\nruntime_dir = "{directory}"\n'
            f'[hold]\nname = "{directory}"\n'
        )
        self.make("stock")

    def make(self, cluster: str) -> None:
        tree = DirectTree(self.model)
        tree.do(CreateCluster(cluster=cluster))
        for node in NODES:
            tree.do(AddNode(cluster=cluster, node=node))
        tree.do(SetAttribute(cluster=cluster, node="alpha", attribute="local", value="1"))
        tree.close()

    def flush(self, *words: str) -> Result:
        return separate_runner().invoke(cli, ["flush", "--config", str(self.settings), *words])

    def reasons(self, *words: str) -> list[str]:
        """Why it stays; then it is whole."""
        before = self.there()
        result = self.flush(*words)
        assert (result.exit_code, self.there()) == (75, before), result.output
        head, *reasons = result.stderr.splitlines()
        assert head == "o2cbd: cluster stock was not removed:"
        return [reason.removeprefix("o2cbd: ") for reason in reasons]

    def there(self) -> list[str]:
        tree = DirectTree(self.model)
        tables = tree.read("stock", own=None, attributes=(), fresh=True)
        tree.close()
        return [*tables.clusters, *(entry.name for entry in tables.entries)]


class Noting(DirectTree):
    """Notes what is taken away."""

    removed: list[str]

    def do(self, step: Step) -> None:
        assert isinstance(step, RemoveNode)
        self.removed.append(step.node)
        super().do(step)

    def remove_cluster(self, cluster: str) -> None:
        self.removed.append(cluster)
        super().remove_cluster(cluster)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path)
    monkeypatch.setattr(flush, "OsNodeTree", lambda *_places: DirectTree(made.model))
    yield made
    made.hold.close()


@pytest.mark.row("flush")
@pytest.mark.parametrize("words", [(), ("--cluster", "stock")])
def test_an_unused_cluster_goes_and_our_node_last(
    host: Host, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Noting(host.model)
    tree.removed = []
    monkeypatch.setattr(flush, "OsNodeTree", lambda *_places: tree)
    result = host.flush(*words)
    assert (result.exit_code, result.output) == (0, "removed cluster stock with 3 nodes\n")
    assert tree.removed == ["gamma", "beta", "alpha", "stock"]
    assert host.there() == []


def test_nothing_there_is_good(host: Host) -> None:
    host.flush()
    result = host.flush()
    where = f"{host.directory}/config"
    assert (result.exit_code, result.output) == (0, f"no cluster in {where}: nothing to flush\n")
    result = host.flush("--cluster", "stock")
    assert result.output == f"no cluster stock in {where}: nothing to flush\n"


def test_another_cluster_is_left_alone(host: Host) -> None:
    result = host.flush("--cluster", "other")
    assert result.exit_code == 0
    assert "no cluster other in" in result.output
    assert "(but stock): nothing to flush" in result.output
    assert len(host.there()) == 4


def test_a_host_without_configfs_has_nothing_to_flush(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    result = host.flush("--configfs", "/nonexistent")
    assert (result.exit_code, result.output) == (
        0,
        "no cluster in /nonexistent: nothing to flush\n",
    )


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_what_is_no_name_is_wrong_usage(host: Host, name: str) -> None:
    assert host.flush("--cluster", name).exit_code == 64


# --- in use


@pytest.mark.row("flush")
def test_a_region_and_what_it_sees_keep_it(host: Host) -> None:
    host.model.heartbeat.start("0A", pid=4711)
    host.model.heartbeat.see([1, 2])
    assert host.reasons() == [
        (
            "heartbeat region 0A is there (process 4711): unmount its volume, or `o2cb"
            " stop-heartbeat` where it is a global one"
        ),
        "the disk heartbeat sees node alpha (num 1) alive: wait until that ends",
        "the disk heartbeat sees node beta (num 2) alive: wait until that ends",
    ]


def test_a_mount_keeps_it(host: Host) -> None:
    host.mounts.write_text(MOUNTED)
    assert host.reasons() == ["an OCFS2 volume is mounted on /srv/shared: unmount it"]


def test_facts_that_cannot_be_read_keep_it(host: Host) -> None:
    host.mounts.unlink()
    host.mounts.mkdir()
    assert host.reasons() == [f"{host.mounts}: EISDIR: cannot tell whether it is in use"]


def test_a_connected_peer_keeps_it(host: Host) -> None:
    (host.directory / "debug" / "o2net").mkdir(parents=True)
    (host.directory / "debug" / "o2net" / "connected_nodes").write_text("0 9 \n")
    assert host.reasons() == [
        "o2net is connected with node gamma (num 0): wait until that ends",
        "o2net is connected with node ? (num 9): wait until that ends",
    ]


HOLDER = """
import sys
from o2cbd.hold.semaphore import SysvHold
hold = SysvHold(sys.argv[1])
assert hold.take() is None
print("held", flush=True)
sys.stdin.read()
"""


LOOK = """
import sys
from o2cbd.hold.semaphore import SysvHold
print(SysvHold(sys.argv[1]).holder())
"""


@pytest.mark.row("flush")
def test_a_hold_keeps_it_and_all_reasons_come_at_once(host: Host) -> None:
    host.mounts.write_text(MOUNTED)
    command = [sys.executable, "-c", HOLDER, str(host.directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert host.reasons() == [
            f"process {holder.pid} holds the semaphore: retry when it is released",
            "an OCFS2 volume is mounted on /srv/shared: unmount it",
        ]
        holder.communicate()
    host.mounts.write_text("")
    assert host.flush().exit_code == 0


def test_the_hold_is_ours_meanwhile_and_given_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int | None] = []

    class Looking(DirectTree):
        def remove_cluster(self, cluster: str) -> None:
            # A hold that is our own is none, so another process looks.
            command = [sys.executable, "-c", LOOK, str(host.directory)]
            shown = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            seen.append(int(shown.stdout))
            with pytest.raises(AlreadyRunningError):
                lock_configfs(host.directory / "config")
            super().remove_cluster(cluster)

    monkeypatch.setattr(flush, "OsNodeTree", lambda *_places: Looking(host.model))
    assert host.flush().exit_code == 0
    assert seen == [os.getpid()]
    lock_configfs(host.directory / "config").release()


def test_an_entry_whose_removal_is_dangerous_keeps_it(host: Host) -> None:
    """Others wrote 0.0.0.0."""
    host.model.rmdir("/cluster/stock/node/beta")
    host.model.mkdir("/cluster/stock/node/beta")
    for attribute, value in (("ipv4_port", b"7777"), ("ipv4_address", b"0.0.0.0"), ("num", b"2")):
        host.model.write_value(f"/cluster/stock/node/beta/{attribute}", value)
    assert host.reasons() == [
        (
            "0.0.0.0 was written into node beta, and its removal can crash this kernel: restart"
            " this host instead"
        )
    ]


def test_a_removal_that_fails_stops_it_and_says_what_is_gone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pinned(DirectTree):
        def do(self, step: Step) -> None:
            if step == RemoveNode(cluster="stock", node="beta"):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            super().do(step)

    monkeypatch.setattr(flush, "OsNodeTree", lambda *_places: Pinned(host.model))
    result = host.flush()
    assert (result.exit_code, result.stderr) == (
        75,
        (
            "o2cbd: node beta cannot be removed (EBUSY): it is in use now; already removed:"
            " gamma; run this again when it is unused\n"
        ),
    )
    assert host.there() == ["stock", "alpha", "beta"]


# --- beside a daemon


@pytest.mark.row("flush")
@pytest.mark.parametrize(
    ("cluster", "does"),
    [("stock", "keeps it"), (None, "does not know its cluster's name yet")],
)
def test_the_daemon_that_keeps_it_is_to_be_stopped_first(
    host: Host, daemon: FakeDaemon, status: Reply, cluster: str | None, does: str
) -> None:
    daemon.answer = lambda _request: {**status, "cluster": cluster}
    assert host.reasons() == [f"o2cbd (process 4711) {does}: systemctl stop o2cbd"]


def test_a_daemon_that_waits_for_its_end_is_in_nobodys_way(
    host: Host, daemon: FakeDaemon, status: Reply
) -> None:
    """It has the lock of the tables."""
    daemon.answer = lambda _request: {**status, "cluster": "real", "pid": os.getpid()}
    lock = lock_configfs(host.directory / "config")
    assert host.flush("--cluster", "stock").exit_code == 0
    lock.release()


def test_a_daemon_elsewhere_keeps_it(host: Host) -> None:
    lock = lock_configfs(host.directory / "config")
    (reason,) = host.reasons()
    lock.release()
    assert reason == (
        f"{host.directory}/config/cluster is locked by process {os.getpid()}, an o2cbd that does"
        f" not answer in {host.directory}: stop it, or give its --runtime-dir"
    )


def test_a_daemon_that_does_not_answer_ends_it(host: Host, daemon: FakeDaemon) -> None:
    daemon.answer = lambda _request: {"error": "no"}
    assert host.flush().exit_code == 64
    assert len(host.there()) == 4
