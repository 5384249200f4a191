"""The settings file: what it means, and that every problem is named at once with its key path."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from o2cbd import settings_file
from o2cbd.core.reports import Severity
from o2cbd.core.rules import (
    MajorityRule,
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    Scope,
    TableRules,
    Timing,
    TwoNodeRule,
)
from o2cbd.settings import (
    DaemonSettings,
    HoldSettings,
    LogFormat,
    LogSettings,
    Paths,
    Problem,
    ServiceTiming,
    SettingsError,
)

EVERYTHING = """
[membership]
source = "cman"
libcman = "/opt/cman/libcman.so.3"
[cluster]
name = "prod"
o2cb_name = "shared"
idle_timeout_ms = 60000
keepalive_delay_ms = 4000
reconnect_delay_ms = 1000
fence_method = "panic"
dead_threshold = 61
heartbeat_mode = "global"
[table]
scope = "configured"
port = 7778
num_offset = -1
[nodes.alpha]
address = "192.168.1.7"
port = 7000
num = 0
[nodes."beta gamma"]
port = 7001
[removals]
quorum = "ignore"
two_node = "allow"
majority = "trust-manager"
settle_s = 0.5
[hold]
name = "o2cb.other"
mode = "0600"
[paths]
configfs = "/a"
mounts = "/b"
debugfs = "/c"
runtime_dir = "/d"
[timing]
resync_s = 5
retry_first_s = 0.5
retry_max_s = 2
pinned_retry_s = 0.25
hold_retry_s = 0.1
hold_warn_s = 30
stuck_after_s = 1
stop_grace_s = 1.5
[log]
format = "json"
level = "debug"
"""


def problems_of(text: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        settings_file.from_data(tomllib.loads(text), origin="F")
    return {problem.path: problem.text for problem in caught.value.problems}


def test_empty_file_is_all_defaults() -> None:
    """What is not named has the default that a start without a file has."""
    rules = Rules(table=TableRules(settings_file="F"))
    assert settings_file.from_data({}, origin="F") == DaemonSettings(rules=rules)


def test_default_scope_is_the_sources() -> None:
    """Corosync's node list has the addresses of nodes that are away."""
    scopes = [
        settings_file.from_data({"membership": {"source": source}}, origin="F").rules.table.scope
        for source in ("cman", "corosync")
    ]
    assert scopes == [Scope.MEMBERS, Scope.CONFIGURED]


@pytest.mark.row("semaphore-names")
def test_every_key_reaches_its_place() -> None:
    """A file that names every key gives exactly these settings."""
    expected = DaemonSettings(
        scope_chosen=True,
        libcman="/opt/cman/libcman.so.3",
        rules=Rules(
            cluster="prod",
            o2cb_name="shared",
            table=TableRules(
                scope=Scope.CONFIGURED,
                port=7778,
                num_offset=-1,
                nodes={
                    "alpha": NodeOverride(address="192.168.1.7", port=7000, num=0),
                    "beta gamma": NodeOverride(port=7001),
                },
                settings_file="F",
            ),
            removals=RemovalRules(
                quorum=QuorumRule.IGNORE,
                two_node=TwoNodeRule.ALLOW,
                majority=MajorityRule.TRUST_MANAGER,
                settle_us=500_000,
            ),
            attributes={
                "idle_timeout_ms": "60000",
                "keepalive_delay_ms": "4000",
                "reconnect_delay_ms": "1000",
                "fence_method": "panic",
                "heartbeat/dead_threshold": "61",
                "heartbeat/mode": "global",
            },
            timing=Timing(
                resync_us=5_000_000,
                retry_first_us=500_000,
                retry_max_us=2_000_000,
                pinned_retry_us=250_000,
                hold_retry_us=100_000,
                hold_warn_us=30_000_000,
            ),
        ),
        paths=Paths(configfs="/a", mounts="/b", debugfs="/c", runtime_dir="/d"),
        hold=HoldSettings(name="o2cb.other", mode=0o600),
        log=LogSettings(format=LogFormat.JSON, level=Severity.DEBUG),
        timing=ServiceTiming(stuck_after_us=1_000_000, stop_grace_us=1_500_000),
    )

    assert expected == settings_file.from_data(tomllib.loads(EVERYTHING), origin="F")


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("colour = 1", "colour", "unknown key"),
        ("[table]\nprot = 1", "table.prot", 'unknown key, did you mean "port"?'),
        ("[nodes.a]\nip = 1", "nodes.a.ip", "unknown key"),
        ("table = 5", "table", "must be a table, not 5"),
        ('cluster = "name"', "cluster", 'must be a table, not "name"'),
        ("nodes = 5", "nodes", "must be a table, not 5"),
        ("[nodes]\na = 5", "nodes.a", "must be a table, not 5"),
        ("[table.port]", "table.port", "must be a whole number, not a table"),
        ('[table]\nport = "7777"', "table.port", 'must be a whole number, not "7777"'),
        ("[table]\nport = true", "table.port", "must be a whole number, not true"),
        ("[table]\nport = 7777.0", "table.port", "must be a whole number, not 7777.0"),
        ("[table]\nport = 0", "table.port", "0 is outside 1..65534"),
        ("[table]\nport = 65535", "table.port", "65535 is outside 1..65534"),
        ("[nodes.a]\nnum = 255", "nodes.a.num", "255 is outside 0..254"),
        ("[nodes.a]\nnum = 1\n[nodes.b]\nnum = 1", "nodes.b.num", "1 is the num of a, too"),
        ("[table]\nnum_offset = 255", "table.num_offset", "255 is outside -4294967295..254"),
        ("[removals]\nsettle_s = -1", "removals.settle_s", "-1 s is outside 0..86400 s"),
        (
            "[removals]\nmajority = true",
            "removals.majority",
            'must be "require" or "trust-manager", not true',
        ),
        (
            "[cluster]\no2cb_name = 'a-b'",
            "cluster.o2cb_name",
            "'a-b' must be letters and digits only",
        ),
        ("[table]\nscope = 1", "table.scope", 'must be "members" or "configured", not 1'),
        (
            "[nodes.a]\naddress = '0.0.0.0'",
            "nodes.a.address",
            "0.0.0.0 is not a node address (it can crash the kernel)",
        ),
        (
            "[nodes.a]\naddress = 'fe80::1'",
            "nodes.a.address",
            "'fe80::1' is not an IPv4 address",
        ),
        (
            "[nodes.a]\naddress = '239.0.0.1'",
            "nodes.a.address",
            "239.0.0.1 is not a single host's address",
        ),
        ("[nodes.'']\nport = 1", 'nodes.""', "its name is empty"),
        ("[nodes.'..']\nport = 1", 'nodes.".."', "its name '..' cannot be a directory"),
        (
            "[nodes.'a/b']\nport = 1",
            'nodes."a/b"',
            "its name 'a/b' has a slash or a control character",
        ),
        (f"[nodes.{'n' * 65}]", f"nodes.{'n' * 65}", "its name has 65 bytes (o2cb's limit is 64)"),
        ("[cluster]\nname = ''", "cluster.name", "must not be empty"),
        (
            "[cluster]\nname = 'a-b'",
            "cluster.name",
            (
                "'a-b' must be letters and digits only; if it is the manager's name, set OCFS2's"
                " with o2cb_name"
            ),
        ),
        (
            "[cluster]\nname = 'seventeenletters1'",
            "cluster.name",
            (
                "'seventeenletters1' has 17 characters; the limit is 16; if it is the manager's"
                " name, set OCFS2's with o2cb_name"
            ),
        ),
        (
            "[cluster]\nidle_timeout_ms = 2000",
            "cluster.idle_timeout_ms",
            "idle_timeout_ms (2000) must be greater than keepalive_delay_ms (2000)",
        ),
        (
            "[cluster]\nkeepalive_delay_ms = 30000",
            "cluster.keepalive_delay_ms",
            "idle_timeout_ms (30000) must be greater than keepalive_delay_ms (30000)",
        ),
        (
            "[cluster]\nreconnect_delay_ms = 0",
            "cluster.reconnect_delay_ms",
            "0 is outside 1..4294967294",
        ),
        ("[cluster]\ndead_threshold = 2", "cluster.dead_threshold", "2 is outside 3..2147483647"),
        (
            "[membership]\nsource = 'x'",
            "membership.source",
            'must be "cman" or "corosync" or "static", not "x"',
        ),
        ("[membership]\nring = 8", "membership.ring", "8 is outside 0..7"),
        ("[membership]\nring = '0'", "membership.ring", 'must be a whole number, not "0"'),
        (
            "[membership]\nsubnet = '10.77.0.0'",
            "membership.subnet",
            "'10.77.0.0' must be an IPv4 subnet like \"10.77.0.0/16\"",
        ),
        (
            "[membership]\nsubnet = '10.77.1.0/16'",
            "membership.subnet",
            "10.77.1.0/16 has host bits set: the subnet is 10.77.0.0/16",
        ),
        (
            "[membership]\nring = 1\nsubnet = '10.77.0.0/16'",
            "membership.subnet",
            "ring and subnet both choose the address: give one of them",
        ),
        ("[hold]\nmode = 384", "hold.mode", "must be a string, not 384"),
        ("[hold]\nmode = '0o600'", "hold.mode", "'0o600' must be an octal text like \"0600\""),
        ("[hold]\nmode = '1777'", "hold.mode", "1777 is over 0777"),
        ("[paths]\nconfigfs = 'x'", "paths.configfs", "'x' must be an absolute path"),
        ("[timing]\nresync_s = nan", "timing.resync_s", "nan s is outside 0.01..86400 s"),
        ("[timing]\nresync_s = '5'", "timing.resync_s", 'must be a number of seconds, not "5"'),
        ("[timing]\nstop_grace_s = 5", "timing.stop_grace_s", "5 s is outside 0.01..4.5 s"),
        (
            "[timing]\nretry_first_s = 11",
            "timing.retry_first_s",
            "retry_first_s (11) must not be greater than retry_max_s (10)",
        ),
        (
            "[removals]\nquorum = 'maybe'",
            "removals.quorum",
            'must be "require" or "ignore", not "maybe"',
        ),
        (
            "[log]\nlevel = 7",
            "log.level",
            'must be "error" or "warning" or "notice" or "info" or "debug", not 7',
        ),
    ],
)
def test_one_problem_is_named_by_its_key_path(text: str, path: str, problem: str) -> None:
    """A single mistake gives exactly one problem, at its key path."""
    assert {path: problem} == problems_of(text)


def test_all_problems_are_told_at_once() -> None:
    """Mistakes in different sections, of all kinds, are told together, sorted by path."""
    text = """
    colour = 1
    [table]
    port = 0
    [cluster]
    name = ""
    idle_timeout_ms = 1
    [nodes.a]
    address = "10.0.0.1"
    port = 0
    [nodes.b]
    address = "10.0.0.1"
    """

    assert list(problems_of(text)) == [
        "cluster.idle_timeout_ms",
        "cluster.name",
        "colour",
        "nodes.a.port",
        "nodes.b.address",
        "table.port",
    ]


def test_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    """A syntax error is one problem of the file as a whole, with its line."""
    path = tmp_path / "o2cbd.toml"
    path.write_text("[table\n")

    with pytest.raises(SettingsError, match=r"invalid TOML: .*line 1") as caught:
        settings_file.load(str(path))
    assert [problem.path for problem in caught.value.problems] == [""]


def test_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told like any other mistake."""
    path = tmp_path / "o2cbd.toml"
    path.write_bytes(b"\xff")

    with pytest.raises(SettingsError, match="invalid TOML"):
        settings_file.load(str(path))


def test_unreadable_file_keeps_its_errno(tmp_path: Path) -> None:
    """A file that is not there is an OSError, not a problem of its content."""
    with pytest.raises(FileNotFoundError):
        settings_file.load(str(tmp_path / "absent.toml"))


def test_error_text_names_file_and_path() -> None:
    """Each line of the error's text begins with the file and the key path."""
    error = SettingsError("F", (Problem(path="a.b", text="bad"), Problem(path="", text="worse")))

    assert str(error) == "F: a.b: bad\nF: worse"
