"""The verbs, in one thread and virtual time, without mounts."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakecluster.clock import Timeline
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.server.cluster import ServedCluster, ServeOptions
from fakecluster.server.layout import ServeDirectory
from fakecluster.server.verbs import ServedVerbs
from fakecluster.transport.poller import Poller
from o2cbd.core.rules import SECOND_US
from o2cbd.hold import sysv


class Console:
    """Two nodes and their verbs."""

    def __init__(self, directory: Path, **options_given: Any) -> None:
        self.timeline = Timeline()
        self.home = ServeDirectory(directory)
        given = {"topology": Topology.of(2), **options_given}
        options = ServeOptions(timings=Timings(), libcman=None, configfs=False, **given)
        self.cluster = ServedCluster(options, self.home, Poller(), self.timeline)
        self.verbs = ServedVerbs(self.cluster)
        self.answers: list[Mapping[str, Any]] = []
        self.run(5)

    def run(self, seconds: int) -> None:
        self.timeline.run_until(self.timeline.now_us() + seconds * SECOND_US)

    def say(self, verb: str, **fields: Any) -> Mapping[str, Any]:
        """The answer, which is there at once."""
        before = len(self.answers)
        self.verbs.handle({"verb": verb, **fields}, self.answers.append)
        assert len(self.answers) == before + 1
        return self.answers[-1]

    def complaint(self, verb: str, **fields: Any) -> str:
        answer = self.say(verb, **fields)
        assert answer["ok"] is False
        return str(answer["error"])


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def console() -> Iterator[Console]:
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as path:
        made = Console(Path(path))
        yield made
        made.cluster.close()
        made.home.remove()


def test_every_node_forms_one_cluster(console: Console) -> None:
    assert console.cluster.formed is True
    assert [each["members"] for each in console.say("state")["nodes"]] == [[1, 2], [1, 2]]


def test_an_unknown_verb_is_told_the_known_ones(console: Console) -> None:
    text = console.complaint("dance")
    assert "no such verb: dance" in text
    assert all(verb in text for verb in ("partition", "shutdown", "crash-daemon-at"))


@pytest.mark.parametrize(
    ("verb", "fields", "complaint"),
    [
        ("kill", {}, "node: is missing"),
        ("start", {"node": "1"}, ""),
        ("cman-cont", {"node": "1"}, ""),
        ("partition", {"groups": "x"}, "no groups"),
        ("notice", {"node": "1", "fault": "eat"}, "fault: 'eat' is none of drop"),
        ("notice", {"node": "1", "fault": "drop", "count": 0}, "count"),
        ("add-node", {"id": 2, "addresses": []}, "there already"),
        ("add-node", {"id": 3, "addresses": ["x"]}, "no numeric address"),
        ("add-node", {"addresses": []}, "id: is missing"),
        ("address", {"node": "1", "addresses": ["nowhere"]}, ""),
        ("fail-read", {"node": "1", "errno": "EFOO"}, "no errno"),
        ("crash-daemon-at", {"node": "1", "call": "x:0"}, "names no call"),
        ("crash-daemon-at", {"node": "1", "call": "mkdri:2"}, "no call is named 'mkdri'; there"),
        ("fault", {"node": "1", "call": "write:nmu", "errno": "EIO"}, "write:num"),
        ("mount", {"node": "1"}, "EINVAL"),
        ("pin", {"node": "1", "name": "typo"}, "no node is named 'typo'; there are node1, node2"),
        ("unpin", {"node": "1", "name": "typo"}, "no node is named 'typo'; there are node1, node2"),
        ("give-address", {"node": "1", "address": "x"}, "'x' is no numeric address"),
        ("take-address", {"node": "1", "address": "10.0.0.2"}, "no address 10.0.0.2, it has 10.0"),
        ("partition", {"groups": "1/9"}, "9"),
        ("cut", {"speaker": "1", "listener": "typo"}, "no such node: typo"),
        ("mend", {"speaker": "9", "listener": "1"}, "no such node: 9"),
        ("fence", {"node": "2", "by": "typo"}, "no such node: typo"),
        ("fence", {"node": "typo", "by": "1"}, "no such node: typo"),
        ("qdisk", {"node": "1"}, "no quorum disk"),
        ("rename-node", {"node": "typo", "name": "x"}, "no such node: typo"),
        ("rename-cluster", {"name": "x" * 99}, "cluster"),
        ("expected", {"node": "1", "votes": 9}, "EINVAL"),
        ("remove-node", {"node": "2", "lagging": [9]}, "9"),
        ("add-node", {"id": 3, "addresses": ["10.0.0.3"], "lagging": [9]}, "9"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    console: Console, verb: str, fields: dict[str, Any], complaint: str
) -> None:
    before = console.say("state")
    assert complaint in console.complaint(verb, **fields)
    assert console.say("state") == before


def test_what_is_in_a_kernel_can_be_pinned_and_what_is_pinned_unpinned(console: Console) -> None:
    """Also what no configuration names: a stale entry, and one that is gone from it."""
    model = console.cluster.model(1)
    model.mkdir("/cluster/o2")
    model.mkdir("/cluster/o2/node/stale")
    assert console.say("pin", node="1", name="stale")["ok"] is True
    console.say("pin", node="1", name="node2")
    console.say("rename-node", node="2", name="beta")
    assert console.say("unpin", node="1", name="node2")["ok"] is True
    assert console.say("state", node="1")["nodes"][0]["pins"] == ["stale"]


def test_a_lagging_node_hears_of_a_new_node_later(console: Console) -> None:
    answer = console.say("add-node", id=3, addresses=["10.0.0.3"], lagging=[2])
    assert (answer["ok"], answer["node"]["name"]) == (True, "node3")
    assert Path(answer["node"]["runtime_dir"]).is_dir()
    assert "--libcman" not in answer["node"]["command"]
    client = console.cluster.engine.connect(2)
    console.run(10)
    assert client.get_node_count() == 2
    assert console.cluster.engine.connect(1).get_node_count() == 3


def test_a_host_has_the_addresses_that_its_node_was_given(console: Console) -> None:
    console.say("address", node="1", addresses=["10.0.0.9", "10.1.0.9"])
    assert console.cluster.model(1).host.addresses == ("10.0.0.9", "10.1.0.9")


def test_an_address_for_the_next_join(console: Console) -> None:
    console.say("address", node="1", addresses=["10.0.0.9"], at_rejoin=True)
    client = console.cluster.engine.connect(2)
    assert client.get_node(1).address == "10.0.0.1"
    console.say("leave", node="1")
    console.run(5)
    console.say("cman-start", node="1")
    console.run(10)
    assert client.get_node(1).address == "10.0.0.9"


def test_a_stopped_cman_cannot_be_asked_to_shut_down(console: Console) -> None:
    console.say("cman-stop", node="1")
    assert console.say("state", node="1")["nodes"][0]["stopped"] is True
    assert "answers nobody" in console.complaint("shutdown", node="1")


def test_a_second_shutdown_is_ealready(console: Console) -> None:
    voter = console.cluster.engine.connect(1, deliver=lambda _: None)
    voter.start_notification()
    console.verbs.handle({"verb": "shutdown", "node": "1"}, console.answers.append)
    assert console.say("shutdown", node="1") == {
        "ok": True,
        "allowed": False,
        "errno": "EALREADY",
    }
    console.run(6)
    assert console.answers[1:] == [{"ok": True, "allowed": False, "errno": "EBUSY"}]


def test_a_cman_that_dies_while_it_is_asked(console: Console) -> None:
    console.cluster.engine.connect(1, deliver=lambda _: None).start_notification()
    console.verbs.handle({"verb": "shutdown", "node": "1"}, console.answers.append)
    console.verbs.handle({"verb": "cman-crash", "node": "1"}, console.answers.append)
    assert console.answers == [{"ok": True, "allowed": False, "errno": "EHOSTDOWN"}, {"ok": True}]


def test_a_kill_of_a_host_whose_cman_has_left(console: Console) -> None:
    console.say("leave", node="2")
    console.run(5)
    assert console.say("kill", node="2") == {"ok": True, "killed_pids": []}
    assert "no power" in console.complaint("cman-start", node="2")
    assert console.say("start", node="2")["ok"] is True


def test_the_hold_of_a_host_goes_with_its_power_and_with_the_server(console: Console) -> None:
    name = console.cluster.places(1).settings.read_text().split('name = "')[1].split('"')[0]
    key = sysv.key_of(name)
    before = sysv.find(key)
    assert before is not None
    console.say("kill", node="1")
    console.say("start", node="1")
    assert sysv.find(key) not in {None, before}
    console.cluster.close()
    assert sysv.find(key) is None


def test_two_servers_have_different_holds(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as path:
        other = Console(Path(path))
        texts = {
            each.cluster.places(i).settings.read_text() for each in (console, other) for i in (1, 2)
        }
        other.cluster.close()
        other.home.remove()
    assert len(texts) == 4


def test_where_the_daemon_finds_the_package(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout is named in PYTHONPATH, an installation is not."""
    root = str(Path(sysv.__file__).parents[2])
    assert console.cluster.describe(1)["env"].get("PYTHONPATH", root) == root
    monkeypatch.setattr("site.getsitepackages", lambda: [root])
    assert set(console.cluster.describe(1)["env"]) == {"CMAN_SOCKET_DIR"}


def test_a_cluster_that_cannot_be_made_leaves_nothing_open(tmp_path: Path) -> None:
    """A file where a node's directory should be."""
    before = open_descriptors()
    home = ServeDirectory(tmp_path)
    (tmp_path / "node2").write_text("in the way")
    options = ServeOptions(topology=Topology.of(2), timings=Timings(), libcman=None, configfs=False)
    with pytest.raises(FileExistsError):
        ServedCluster(options, home, Poller(), Timeline())
    home.remove()
    assert open_descriptors() == before


def listed(console: Console, node: str) -> dict[int, tuple[str, bool]]:
    """What a node's manager lists."""
    view = console.say("view", node=node)["view"]
    return {each["id"]: (each["name"], each["member"]) for each in view["listed"]}


def test_a_view_is_what_the_nodes_manager_holds_for_true(console: Console) -> None:
    console.say("partition", groups="1/2")
    console.run(20)
    assert listed(console, "1") == {1: ("node1", True), 2: ("node2", False)}
    assert listed(console, "2") == {1: ("node1", False), 2: ("node2", True)}
    assert console.say("view", node="1")["view"]["quorate"] is False
    console.say("kill", node="1")
    assert console.say("view", node="1")["view"] is None


def test_one_cut_link_parts_two_nodes_and_mending_joins_them(console: Console) -> None:
    console.say("cut", speaker="2", listener="1")
    console.run(20)
    assert listed(console, "1")[2] == ("node2", False)
    console.say("mend", speaker="node2", listener="node1")
    console.run(20)
    assert listed(console, "1")[2] == ("node2", True)


def test_a_renamed_node_is_known_by_its_new_name(console: Console) -> None:
    console.say("rename-node", node="2", name="beta")
    console.run(1)
    assert listed(console, "1")[2] == ("beta", True)
    assert console.say("leave", node="beta")["ok"] is True


def test_a_host_gets_and_loses_an_address_and_cman_is_not_told(console: Console) -> None:
    console.say("give-address", node="1", address="10.9.0.1")
    assert console.cluster.model(1).host.addresses == ("10.0.0.1", "10.9.0.1")
    console.say("take-address", node="1", address="10.0.0.1")
    assert console.cluster.model(1).host.addresses == ("10.9.0.1",)
    assert console.cluster.engine.connect(2).get_node(1).address == "10.0.0.1"


@pytest.mark.parametrize(
    ("verb", "fields"), [("shutdown", {"node": "2"}), ("fence", {"node": "1", "by": "2"})]
)
@pytest.mark.parametrize(("end", "symbol"), [("leave", "ENOENT"), ("kill", "ECONNREFUSED")])
def test_a_cman_that_is_not_there_is_named(
    console: Console, verb: str, fields: dict[str, str], end: str, symbol: str
) -> None:
    """The errno is what a client gets; the words are for whoever typed the verb."""
    console.say(end, node="2")
    console.run(1)
    answer = console.say(verb, **fields)
    told = f"{symbol}: the cman of node 2 takes no connection"
    assert (answer["ok"], answer["errno"], answer["error"]) == (False, symbol, told)


def test_rings_merge_in_steps_where_a_seed_is_given() -> None:
    seen = set()
    for seed in (None, *range(8)):
        with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as path:
            console = Console(Path(path), topology=Topology.of(3), seed=seed)
            console.say("partition", groups="1/2/3")
            console.run(20)
            console.say("heal")
            views = set()
            for _ in range(100):
                console.timeline.run_until(console.timeline.now_us() + 5000)
                views.add(console.cluster.engine.state(1).members)
            seen.add((seed is None, len(views) > 2))
            console.cluster.close()
            console.home.remove()
    assert seen == {(True, False), (False, False), (False, True)}


def test_mended_calls_fail_no_more(console: Console) -> None:
    model = console.cluster.model(1)
    console.say("fault", node="1", call="mkdir", errno="EIO", count=9)
    with pytest.raises(OSError, match="Input/output"):
        model.mkdir("/cluster/o2")
    console.say("mend-calls", node="1")
    model.mkdir("/cluster/o2")
    assert model.find("/cluster/o2") is not None


def test_a_hidden_mount_table_cannot_be_read_until_it_is_shown(console: Console) -> None:
    mounts = console.cluster.places(1).mounts
    before = mounts.read_text()
    console.say("hide-mounts", node="1")
    with pytest.raises(OSError, match="symbolic links"):
        mounts.read_text()
    # What is rendered anew meanwhile stays hidden too.
    console.say("kill", node="1")
    assert mounts.is_symlink()
    console.say("show-mounts", node="1")
    assert mounts.read_text() == before


def test_a_removed_semaphore_is_gone(console: Console) -> None:
    name = console.cluster.places(1).settings.read_text().split('name = "')[1].split('"')[0]
    sysv.make_or_find(sysv.key_of(name), 0o600)
    console.say("remove-semaphore", node="1")
    assert sysv.find(sysv.key_of(name)) is None


def test_nodes_that_are_down_wait_for_their_start() -> None:
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as path:
        console = Console(Path(path), topology=Topology.of(3), down=(2,))
        assert console.cluster.formed is True
        assert listed(console, "1")[2] == ("node2", False)
        assert console.cluster.hosts.powered(2) is False
        console.say("start", node="2")
        console.run(5)
        assert listed(console, "1")[2] == ("node2", True)
        console.cluster.close()
        console.home.remove()


def mounted(directory: Path) -> Console:
    """Two nodes with tables that have the volume mounted; a death is seen in 0.4 s."""
    console = Console(directory, dead_threshold=4, heartbeat_interval_us=100_000)
    for num in (1, 2):
        model = console.cluster.model(num)
        model.mkdir("/cluster/o2")
        for other in (1, 2):
            node = f"/cluster/o2/node/node{other}"
            model.mkdir(node)
            model.write_value(f"{node}/ipv4_port", b"7777")
            model.write_value(f"{node}/ipv4_address", b"10.0.0.%d" % other)
            model.write_value(f"{node}/num", b"%d" % other)
        model.write_value(f"/cluster/o2/node/node{num}/local", b"1")
        console.say("mount", node=str(num))
    return console


def test_a_host_whose_disk_stalls_loses_its_power_and_its_cman(tmp_path: Path) -> None:
    console = mounted(tmp_path)
    console.say("stall-disk", node="2")
    console.timeline.run_until(console.timeline.now_us() + 299_000)
    assert console.say("state", node="2")["nodes"][0]["powered"] is True
    console.timeline.run_until(console.timeline.now_us() + 1000)
    state = console.say("state", node="2")["nodes"][0]
    assert (state["powered"], state["running"], state["mounted"]) == (False, False, False)
    assert console.cluster.model(1).heartbeat.live_nums == {1, 2}
    console.timeline.run_until(console.timeline.now_us() + 100_000)
    assert console.cluster.model(1).heartbeat.live_nums == {1}
    console.cluster.close()
    console.home.remove()


def test_the_disk_heartbeat_is_as_quick_and_as_patient_as_asked(tmp_path: Path) -> None:
    """A threshold of 4 and an interval of 0.1 s: a death is seen 0.4 s later."""
    console = mounted(tmp_path)
    console.say("kill", node="2")
    assert console.complaint("stall-disk", node="2") == "EINVAL: the volume is not mounted here"
    live = console.cluster.model(1).heartbeat
    assert live.live_nums == {1, 2}
    console.timeline.run_until(console.timeline.now_us() + 399_000)
    assert live.live_nums == {1, 2}
    console.timeline.run_until(console.timeline.now_us() + 1000)
    assert live.live_nums == {1}
    # It is the kernel's at its next boot too.
    console.say("start", node="2")
    assert console.cluster.model(2).kernel.dead_threshold == 4
    console.cluster.close()
    console.home.remove()


def test_the_state_of_one_node_is_that_of_the_whole_cluster(console: Console) -> None:
    model = console.cluster.model(2)
    model.mkdir("/cluster/o2")
    model.mkdir("/cluster/o2/node/half")
    one = console.say("state", node="node2")
    assert one["nodes"] == console.say("state")["nodes"][1:]
    row = one["nodes"][0]["table"][0]
    item = model.find("/cluster/o2/node/half")
    assert item is not None
    assert (row["name"], row["num"], row["inode"]) == ("half", None, item.inode)
