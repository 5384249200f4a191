"""Cases from the field, each with a whole o2cbd a host on real corosyncs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.corosync_site import (
    MEMBERSHIP,
    Host,
    Site,
    proposed,
    settings_with,
    site,
    written,
)

pytestmark = pytest.mark.process

Make = Callable[..., Site]

AUTO = 167772160
"""What udpu makes of 10.0.0.0 where the list has no ids."""
EXIT_TRY_AGAIN = 75
EXIT_BAD_SETTINGS = 78
AT_ONCE = "[removals]\nsettle_s = 0\n"
"""A removal that is wanted is done with the pass that wants it."""
MEMBERS = '[table]\nscope = "members"\n'


@pytest.fixture
def make(libcorosync: CorosyncTable, fuse: None) -> Iterator[Make]:
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(site(libcorosync, *args, **more))


def plain(count: int, *, first_id: int = 1) -> dict[int, list[str]]:
    return {first_id + number: [f"10.0.0.{number + 1}"] for number in range(count)}


def two_rings(first: str, second: str) -> dict[int, list[str]]:
    return {number: [f"{first}{number}", f"{second}{number}"] for number in (1, 2)}


def all_up(made: Site, settings: str = MEMBERSHIP) -> None:
    """Start every corosync and every daemon, and wait until all are in sync."""
    made.start(*made.hosts)
    for host in made.hosts.values():
        host.set(settings)
        host.run()
        host.told("synced")


def rows(status: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: f"{each['num']} {each['address']}" for each in status["nodes"]}


def own(status: dict[str, Any]) -> list[str]:
    return [each["name"] for each in status["nodes"] if each["local"]]


def reasons(status: dict[str, Any]) -> dict[int, str]:
    return {each["id"]: each["reason"] for each in status["left_out"]}


def warned(status: dict[str, Any]) -> list[str]:
    return [each["text"] for each in status["warnings"]]


def _sees(ring: list[int], fits: Callable[[dict[str, Any]], object], now: dict[str, Any]) -> bool:
    return members(now) == ring and bool(fits(now))


def members(status: dict[str, Any]) -> list[int]:
    return [each["id"] for each in status["members"]]


def still(host: Host) -> dict[str, Any]:
    """What the daemon would do and waits for: nothing."""
    plan = host.plan()
    assert (plan["steps"], plan["pending"]) == ([], [])
    return plan


def refused_wait(host: Host) -> str:
    """Return why what waits for being in sync waits."""
    done = host.ask("wait", "--in-sync", "--timeout", "0")
    assert done.returncode == EXIT_TRY_AGAIN
    return done.stderr


def check_live(host: Host) -> subprocess.CompletedProcess[str]:
    words = ["check-config", str(host.settings), "--live"]
    return subprocess.run(host.command(*words), capture_output=True, text=True, check=False)


# -- K1: our own node


@pytest.mark.row("nameless")
def test_nodes_without_names_are_in_sync_on_both_hosts(make: Make) -> None:
    made = make(plain(2), file="f1a-no-node-names.conf")
    all_up(made)
    for node_id, host in made.hosts.items():
        status = host.status()
        assert rows(status) == {"node1": "1 10.0.0.1", "node2": "2 10.0.0.2"}
        assert own(status) == [f"node{node_id}"]
        assert host.ask("wait", "--in-sync", "--quorate", "--timeout", "9").returncode == 0


@pytest.mark.row("own-node")
@pytest.mark.parametrize(
    ("file", "first_id"), [("f1b-ids-from-1000.conf", 1000), ("f1c-no-node-ids.conf", AUTO + 1)]
)
def test_who_has_no_number_is_not_in_sync_and_makes_no_cluster(
    make: Make, file: str, first_id: int
) -> None:
    made = make(plain(2, first_id=first_id), file=file)
    made.start(*made.hosts)
    for node_id, host in made.hosts.items():
        host.run()
        excluded = f"this node (id {node_id}) is excluded: its node id {node_id}"
        status = host.until(lambda now: now["first_pass_done"])
        assert status["state"] == "pending"
        assert status["reason"].startswith(excluded)
        assert status["local_id"] == node_id
        assert excluded in refused_wait(host)
        assert made.lab.host(node_id).run("ls", f"{host.configfs}/cluster") == ""
        host.end()
        host.set(settings_with(proposed(status)))
        host.run()
        host.told("synced")
        assert own(host.status()) == [f"n{node_id - first_id + 1}"]


@pytest.mark.row("another-id")
def test_ids_that_a_reload_gives_to_nodes_that_run_without_change_nothing(make: Make) -> None:
    made = make(plain(2, first_id=AUTO + 1), file="f1c-no-node-ids.conf")
    all_up(made, f"{MEMBERSHIP}[table]\nnum_offset = {-AUTO}\n{AT_ONCE}")
    before = {each: host.inodes("n1", "n2", cluster="alpha") for each, host in made.hosts.items()}

    made.reload("f1c2-then-ids-by-reload.conf")

    for node_id, host in made.hosts.items():
        status = host.until(lambda now: now["state"] == "pending" and now["reason"])
        assert f"this node (id {node_id}) is excluded" in status["reason"]
        assert (
            f"the node list gives it id {node_id - AUTO}, and it runs as id {node_id}"
            in (reasons(status)[node_id - AUTO])
        )
        assert own(status) == [f"n{node_id - AUTO}"]
        still(host)
        assert "is excluded" in refused_wait(host)
        assert host.inodes("n1", "n2", cluster="alpha") == before[node_id]


@pytest.mark.row("another-id")
@pytest.mark.parametrize("transport", ["udpu", "knet"])
def test_an_id_that_a_reload_gives_to_a_node_that_runs_as_another_touches_nobody(
    make: Make, transport: str
) -> None:
    """With knet the others lose it at once, often before it has read the file; with udpu none."""
    file, then = (
        written(each).replace("udpu", transport)
        for each in ("f1g-before.conf", "f1g-then-id-2-is-20.conf")
    )
    made = make(plain(3), text=file)
    all_up(made, MEMBERSHIP + AT_ONCE)
    names = ("n1", "n2", "n3")
    before = {each: host.inodes(*names, cluster="alpha") for each, host in made.hosts.items()}
    cut_off = transport == "knet"

    made.reload_text(then)

    for node_id in (1, 3):
        host, ring = made.hosts[node_id], [1, 3] if cut_off else [1, 2, 3]
        status = host.until(partial(_sees, ring, lambda now: 20 in reasons(now)))
        assert "the node list gives it id 20, and it" in reasons(status)[20]
        assert "as id 2:" in reasons(status)[20]
        still(host)
    host = made.hosts[2]
    status = host.until(lambda now: members(now) == [2] if cut_off else now["state"] == "pending")
    if cut_off:
        assert status["quorate"] is False
    if status["state"] == "pending":
        assert "this node (id 2) is excluded" in status["reason"]
        assert "this node (id 2) is excluded" in refused_wait(host)
        assert "the node list gives it id 20, and it runs as id 2:" in reasons(status)[20]
    still(host)
    for node_id, each in made.hosts.items():
        assert each.inodes(*names, cluster="alpha") == before[node_id]


def test_an_edited_id_that_is_taken_back_leaves_all_in_sync(make: Make) -> None:
    made = make(plain(3), file="f1g-before.conf")
    all_up(made, MEMBERSHIP + AT_ONCE)
    before = made.hosts[2].inodes("n1", "n2", "n3", cluster="alpha")
    made.reload("f1g-then-id-2-is-20.conf")
    made.hosts[2].until(lambda now: now["state"] == "pending" and "is excluded" in now["reason"])
    made.reload("f1g-before.conf")
    for host in made.hosts.values():
        host.until(lambda now: now["state"] == "synced" and now["left_out"] == [])
    assert made.hosts[2].inodes("n1", "n2", "n3", cluster="alpha") == before


@pytest.mark.row("another-id")
def test_a_host_that_a_reload_takes_out_of_the_list_keeps_its_own_entry(make: Make) -> None:
    made = make(plain(3), file="f1g-before.conf")
    all_up(made, MEMBERSHIP + AT_ONCE)
    here = made.hosts[2]
    before = here.inodes("n2", cluster="alpha")
    made.reload_text(
        re.sub(r" node \{\n  ring0_addr: 10\.0\.0\.2\n.*?\}\n", "", BEFORE, flags=re.DOTALL)
    )
    status = here.until(lambda now: now["state"] == "pending" and "is excluded" in now["reason"])
    assert "which the node list does not have" in reasons(status)[2]
    assert here.inodes("n2", cluster="alpha") == before


BEFORE = written("f1g-before.conf")


def test_a_reload_that_fails_and_takes_an_id_away_changes_nothing(make: Make) -> None:
    """Corosync 3.1.7 refuses the file, and leaves its map without the id."""
    made = make(plain(3), text=BEFORE.replace("udpu", "knet"))
    all_up(made, MEMBERSHIP + AT_ONCE)
    before = {each: host.inodes("n2", cluster="alpha") for each, host in made.hosts.items()}
    with pytest.raises(subprocess.CalledProcessError):
        made.reload_text(BEFORE.replace("udpu", "knet").replace("  nodeid: 2\n", ""))
    assert "nodeid" not in made.lab.host(1).run("corosync-cmapctl", "nodelist.node.1.")
    for node_id, host in made.hosts.items():
        host.end()
        host.run()
        host.told("synced")
        still(host)
        assert host.inodes("n2", cluster="alpha") == before[node_id]


# -- K2: addresses of two families


RING_1 = f"{MEMBERSHIP}ring = 1\n"
SUBNET = f'{MEMBERSHIP}subnet = "10.1.0.0/16"\n'
HOSTS = {"localhost": "127.0.0.1"} | {
    f"{name}{number}": f"{prefix}{number}"
    for name, prefix in {"four": "10.0.0.", "more": "10.1.0.", "six": "fd00:1::"}.items()
    for number in (1, 2)
}


@pytest.mark.row("address-families")
@pytest.mark.parametrize("settings", [MEMBERSHIP, RING_1, SUBNET])
def test_ipv4_behind_an_ipv6_ring_is_read_as_it_is_written(make: Make, settings: str) -> None:
    made = make(two_rings("fd00:1::", "10.1.0."), file="f2a-ipv6-ring0-ipv4-ring1.conf")
    all_up(made, settings)
    for host in made.hosts.values():
        assert rows(host.status()) == {"n1": "1 10.1.0.1", "n2": "2 10.1.0.2"}


@pytest.mark.row("address-families")
@pytest.mark.parametrize("named", [False, True])
def test_ipv6_behind_an_ipv4_ring_never_reaches_the_kernel(make: Make, named: bool) -> None:
    text = written("f2b-ipv4-ring0-ipv6-ring1.conf")
    if named:
        text = text.replace("fd00:1::", "six")
    made = make(two_rings("10.0.0.", "fd00:1::"), text=text, names=HOSTS)
    made.start(*made.hosts)
    for node_id, host in made.hosts.items():
        host.set(RING_1)
        host.run()
        status = host.until(lambda now: now["first_pass_done"])
        there = "its addresses are 10.0.0." if named else f"only fd00:1::{node_id} there"
        assert f"no IPv4 address on ring 1 ({there}" in status["reason"]
        assert rows(status) == {}
        host.end()
        host.set(MEMBERSHIP)
        host.run()
        host.told("synced")
        assert rows(host.status()) == {"n1": "1 10.0.0.1", "n2": "2 10.0.0.2"}


@pytest.mark.row("address-families")
def test_names_on_rings_of_two_families_are_not_believed(make: Make) -> None:
    text = written("f2a-ipv6-ring0-ipv4-ring1.conf")
    text = text.replace("fd00:1::", "six").replace("10.1.0.", "more")
    made = make(two_rings("fd00:1::", "10.1.0."), text=text, names=HOSTS)
    made.start(*made.hosts)
    here = made.hosts[1]
    here.run()
    status = here.until(lambda now: now["first_pass_done"])
    assert "no IPv4 address, only fd00:1::1 (o2cb does not support IPv6)" in status["reason"]
    assert rows(status) == {}


def test_names_on_rings_of_one_family_are_those_that_corosync_has(make: Make) -> None:
    """Also of a node that is away."""
    text = written("f2b-ipv4-ring0-ipv6-ring1.conf")
    text = text.replace("10.0.0.", "four").replace("fd00:1::", "more")
    made = make(two_rings("10.0.0.", "10.1.0."), text=text, names=HOSTS)
    made.start(1)
    here = made.hosts[1]
    here.set(RING_1)
    here.run()
    here.told("synced")
    assert rows(here.status()) == {"n1": "1 10.1.0.1", "n2": "2 10.1.0.2"}


# -- K3: quorum that proves nothing


@pytest.mark.row("minority")
def test_lowered_expected_votes_let_nobody_be_removed(make: Make) -> None:
    made = make(plain(3), file="f3a-three-nodes.conf")
    all_up(made, MEMBERSHIP + MEMBERS + AT_ONCE)
    made.lab.connect([[1], [2, 3]])
    alone = made.hosts[1]
    alone.until(lambda now: members(now) == [1] and now["quorate"] is False)
    made.lab.host(1).run("corosync-quorumtool", "-e", "1")
    status = alone.until(
        lambda now: now["quorate"] and [each["why"] for each in now["pending"]] == ["minority"] * 2
    )
    assert sorted(rows(status)) == ["n1", "n2", "n3"]
    assert "the members have 1 of the 3 votes of all listed nodes" in status["pending"][0]["reason"]
    for node_id in (2, 3):
        made.hosts[node_id].until(lambda now: sorted(rows(now)) == ["n2", "n3"])


def test_lost_nodes_stay_in_the_table_by_default(make: Make) -> None:
    made = make(plain(3), file="f3a-three-nodes.conf")
    all_up(made, MEMBERSHIP + AT_ONCE)
    made.lab.connect([[1], [2, 3]])
    made.hosts[1].until(lambda now: members(now) == [1])
    made.lab.host(1).run("corosync-quorumtool", "-e", "1")
    for node_id, ring in {1: [1], 2: [2, 3], 3: [2, 3]}.items():
        host = made.hosts[node_id]
        status = host.until(partial(_sees, ring, lambda now: now["quorate"]))
        assert sorted(rows(status)) == ["n1", "n2", "n3"]
        still(host)


# -- K4 and K6: names, and all reasons at once


@pytest.mark.row("all-reasons", "check-live")
@pytest.mark.parametrize(
    ("file", "first_id", "lines"),
    [
        ("f6a-hyphen.conf", 1, [("cluster", 'o2cb_name = "labcluster"')]),
        ("f6b-no-cluster-name.conf", 1, [("cluster", 'o2cb_name = "ocfs2"')]),
        (
            "f7-three-mistakes-at-once.conf",
            AUTO + 1,
            [("cluster", 'o2cb_name = "mycluster"'), ("table", f"num_offset = {-AUTO}")],
        ),
    ],
)
def test_all_that_is_to_be_written_is_told_at_once_and_does(
    make: Make, file: str, first_id: int, lines: list[tuple[str, str]]
) -> None:
    """By check-config --live, the offline plan, status and the log alike."""
    made = make(plain(2, first_id=first_id), file=file)
    made.start(first_id)
    here = made.hosts[first_id]
    assert list(proposed(here.plan())) == lines
    checked = check_live(here)
    assert checked.returncode == EXIT_BAD_SETTINGS
    assert all(line in checked.stderr for _section, line in lines)
    here.run()
    status = here.until(lambda now: now["state"] == "waiting" and now["members"])
    assert list(proposed(status)) == lines
    here.told_all([line for _section, line in lines])
    here.end()
    here.set(settings_with(proposed(status)))
    here.run()
    here.told("synced")
    assert len(own(here.status())) == 1
    assert check_live(here).returncode == 0


def test_mistakes_of_one_node_are_told_at_once(make: Make) -> None:
    """A name with a hyphen, ids from 1000 and no IPv4, of each node."""
    text = re.sub(r"nodeid: (\d)", r"nodeid: 100\1", written("28-ipv6-only.conf"))
    text = text.replace("abcPVEclust", "pve-cluster")
    made = make({1001: ["fd00:9::1", "10.9.0.1"]}, text=text)
    made.lab.start(1001)
    here = made.hosts[1001]
    lines = proposed(here.plan())
    assert list(lines) == [
        ("cluster", 'o2cb_name = "pvecluster"'),
        ("table", "num_offset = -1000"),
        ("nodes.pv-1", 'address = "its IPv4 address"'),
        ("nodes.pv-2", 'address = "its IPv4 address"'),
    ]
    settings = settings_with(lines)
    for address in ("10.9.0.1", "10.9.0.2"):
        settings = settings.replace("its IPv4 address", address, 1)
    here.set(settings)
    here.run()
    here.told("synced")
    assert rows(here.status()) == {"pv-1": "1 10.9.0.1", "pv-2": "2 10.9.0.2"}


# -- K5: another name


def test_a_cluster_under_the_name_of_before_goes_by_the_command_of_the_reason(make: Make) -> None:
    made = make(plain(2), file="f5-stock.conf")
    here = made.hosts[1]
    made.lab.start(1)
    here.run()
    here.told("synced")
    assert rows(here.status()) == {"node1": "1 127.0.0.1"}
    here.end()
    made.lab.leave(1)

    made.lab.configuration.written = written("f5-then-the-real-one.conf")
    made.lab.write()
    made.start(1, 2)
    here.run()
    status = here.until(lambda now: now["state"] == "pending" and now["pending"])
    command = re.search(r"o2cbd (flush --cluster \w+)", status["pending"][0]["reason"])
    assert command is not None
    assert command[1] == "flush --cluster debian"
    done = here.ask(*command[1].split())
    assert done.returncode == 0, done.stderr
    here.told("synced")
    assert rows(here.status()) == {"n1": "1 10.0.0.1", "n2": "2 10.0.0.2"}


# -- K7: settings of nobody


@pytest.mark.row("all-reasons")
def test_settings_of_nobody_are_warned_of_everywhere(make: Make) -> None:
    made = make(plain(2), file="f4-full-names.conf")
    made.start(1)
    here = made.hosts[1]
    here.set(
        f'{MEMBERSHIP}[nodes.alpha]\naddress = "10.9.0.1"\n[nodes.beta]\naddress = "10.9.0.2"\n'
    )
    warnings = [
        f"[nodes.{name}]: no such node; the manager has {name}.example.com"
        for name in ("alpha", "beta")
    ]
    assert warnings == warned(here.plan())
    checked = check_live(here)
    assert checked.returncode == EXIT_BAD_SETTINGS
    assert checked.stderr.splitlines() == [f"o2cbd: {warning}" for warning in warnings]
    here.run()
    here.told_all(warnings)
    here.told("synced")
    assert set(warnings) <= set(warned(here.status()))
    assert rows(here.status()) == {
        "alpha.example.com": "1 10.0.0.1",
        "beta.example.com": "2 10.0.0.2",
    }
