"""The verbs, in one thread and virtual time, without mounts."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fakecluster.clock import Timeline
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology
from fakecluster.poller import Poller
from fakecluster.serve.cluster import ServedCluster, ServeOptions
from fakecluster.serve.layout import ServeDirectory
from fakecluster.serve.verbs import Verbs
from o2cbd.hold import sysv

SECOND_US = 1_000_000


class Console:
    """Two nodes and their verbs."""

    def __init__(self, directory: Path) -> None:
        self.timeline = Timeline()
        self.home = ServeDirectory(directory)
        options = ServeOptions(
            topology=Topology.of(2), timings=Timings(), libcman=None, configfs=False
        )
        self.cluster = ServedCluster(options, self.home, Poller(), self.timeline)
        self.verbs = Verbs(self.cluster)
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
        ("kill", {}, "node: None is no text"),
        ("start", {"node": "1"}, ""),
        ("cman-cont", {"node": "1"}, ""),
        ("partition", {"groups": "x"}, "no groups"),
        ("notice", {"node": "1", "fault": "eat"}, "fault: there are drop"),
        ("notice", {"node": "1", "fault": "drop", "count": 0}, "count"),
        ("add-node", {"id": 2, "addresses": []}, "there already"),
        ("add-node", {"id": 3, "addresses": ["x"]}, "no numeric address"),
        ("add-node", {"addresses": []}, "id: None"),
        ("address", {"node": "1", "addresses": ["nowhere"]}, ""),
        ("fail-read", {"node": "1", "errno": "EFOO"}, "no errno"),
        ("crash-daemon-at", {"node": "1", "call": "x:0"}, "names no call"),
        ("mount", {"node": "1"}, "EINVAL"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    console: Console, verb: str, fields: dict[str, Any], complaint: str
) -> None:
    before = console.say("state")
    assert complaint in console.complaint(verb, **fields)
    assert console.say("state") == before


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


def test_leave_with_remove(console: Console) -> None:
    assert console.say("leave", node="2", remove=True)["ok"] is True
    console.run(5)
    assert console.cluster.engine.connect(1).get_extra_info().expected_votes == 1


def test_a_stopped_cman_cannot_be_asked_to_shut_down(console: Console) -> None:
    console.say("cman-stop", node="1")
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
    assert console.say("start", node="2")["ok"] is True


def test_the_hold_of_a_host_goes_with_its_power_and_with_the_server(console: Console) -> None:
    name = console.cluster.places(1).settings.read_text().split('name = "')[1].split('"')[0]
    key = sysv.key_of(name)
    sysv.make_or_find(key, 0o600)
    console.say("kill", node="1")
    console.say("start", node="1")
    assert sysv.find(key) is None
    sysv.make_or_find(key, 0o600)
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
