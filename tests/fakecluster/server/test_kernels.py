"""Power, mounts and the heartbeat across the kernels of served hosts, in virtual time."""

import errno
from pathlib import Path

import pytest

from fakecluster.clock import Timeline
from fakecluster.configfs.heartbeat import nums_line
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.server.kernelfiles import KernelFiles
from fakecluster.server.kernels import MOUNT_POINT, ServedKernels
from fakecluster.server.layout import Places
from o2cbd.core.rules import SECOND_US
from o2cbd.usage.mounts import ocfs2_mounts


class Hosts:
    """Two hosts with a table that names both."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.told: list[int] = []
        self.kernels = ServedKernels(self.timeline, cluster="web", changed=self.told.append)
        for host in (1, 2):
            model = ConfigfsModel(addresses=(f"10.0.0.{host}",))
            self.kernels.add(host, model)
            model.mkdir("/cluster/web")
            for num in (1, 2):
                node = f"/cluster/web/node/node{num}"
                model.mkdir(node)
                model.write_value(f"{node}/ipv4_port", b"7777")
                model.write_value(f"{node}/ipv4_address", b"10.0.0.%d" % num)
                model.write_value(f"{node}/num", b"%d" % num)
            model.write_value(f"/cluster/web/node/node{host}/local", b"1")
            model.write_value("/cluster/web/heartbeat/dead_threshold", b"5")

    def live(self, host: int) -> frozenset[int]:
        return self.kernels.model(host).heartbeat.live_nums

    def mount_both(self) -> None:
        self.kernels.mount(1)
        self.kernels.mount(2)


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


def test_a_mount_is_seen_by_all_that_look(hosts: Hosts) -> None:
    hosts.mount_both()
    assert (hosts.live(1), hosts.live(2)) == (frozenset({1, 2}), frozenset({1, 2}))
    assert hosts.kernels.model(1).heartbeat.connected_nums == frozenset({2})
    assert hosts.told == [1, 1, 2]
    region = f"/cluster/web/heartbeat/{hosts.kernels.region}"
    assert int(hosts.kernels.model(2).read_value(f"{region}/pid")) > 0


def test_the_mount_table_is_one_that_the_daemon_understands(hosts: Hosts) -> None:
    assert ocfs2_mounts(hosts.kernels.mountinfo(1)) == ()
    hosts.kernels.mount(1)
    assert ocfs2_mounts(hosts.kernels.mountinfo(1)) == (MOUNT_POINT,)
    hosts.kernels.umount(1)
    assert ocfs2_mounts(hosts.kernels.mountinfo(1)) == ()


def test_a_umount_unpins_at_once(hosts: Hosts) -> None:
    hosts.mount_both()
    hosts.kernels.umount(2)
    assert (hosts.live(1), hosts.live(2)) == (frozenset({1}), frozenset())
    hosts.kernels.model(1).rmdir("/cluster/web/node/node2")


def test_a_power_cut_unpins_after_the_dead_threshold(hosts: Hosts) -> None:
    hosts.mount_both()
    hosts.kernels.power_off(2)
    assert hosts.kernels.powered(2) is False
    with pytest.raises(OSError, match="busy"):
        hosts.kernels.model(1).rmdir("/cluster/web/node/node2")
    hosts.timeline.run_until(10 * SECOND_US)
    hosts.kernels.model(1).rmdir("/cluster/web/node/node2")


def test_power_on_boots_an_empty_kernel(hosts: Hosts) -> None:
    hosts.kernels.power_off(2)
    hosts.kernels.power_on(2)
    hosts.kernels.power_on(1)
    assert hosts.kernels.model(2).scandir("/cluster") == ()
    assert [each.name for each in hosts.kernels.model(1).scandir("/cluster")] == ["web"]


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda kernels: kernels.power_off(1), (errno.ENODEV, "no power")),
        (lambda kernels: kernels.mount(1), (errno.EBUSY, "mounted here already")),
        (lambda kernels: kernels.model(1).power_cycle(), (errno.EINVAL, "no local node")),
    ],
)
def test_a_mount_that_cannot_be(hosts: Hosts, prepare: object, expected: tuple[int, str]) -> None:
    assert callable(prepare)
    prepare(hosts.kernels)
    number, words = expected
    with pytest.raises(OSError, match=words) as caught:
        hosts.kernels.mount(1)
    assert caught.value.errno == number


def test_a_umount_of_what_is_not_mounted(hosts: Hosts) -> None:
    with pytest.raises(OSError, match="not mounted here") as caught:
        hosts.kernels.umount(1)
    assert caught.value.errno == errno.EINVAL


def test_files_are_written_when_they_differ(tmp_path: Path) -> None:
    places = Places(tmp_path / "node1")
    places.make()
    files = KernelFiles(places)
    files.write(mountinfo="m\n", live_nums={2, 1}, connected_nums=())
    live = places.debugfs / "o2hb/livenodes"
    first = live.stat().st_ino
    assert (places.mounts.read_text(), live.read_text()) == ("m\n", "1 2 \n")
    assert (places.debugfs / "o2net/connected_nodes").read_text() == "\n"
    files.write(mountinfo="m\n", live_nums={1, 2}, connected_nums={2})
    assert live.stat().st_ino == first
    assert (places.debugfs / "o2net/connected_nodes").read_text() == "2 \n"


def test_a_node_map_is_sorted() -> None:
    assert nums_line([10, 2, 1]) == "1 2 10 \n"
