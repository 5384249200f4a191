"""ocfs2-tools' own services beside us: which are on, and what is told of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from o2cbd.core.reports import Report, Severity
from o2cbd.service.ocfs2_tools import look

GLOBAL = (
    "cluster:\n\tname = prod\n\theartbeat_mode = global\n\tnode_count = 0\n\n"
    "heartbeat:\n\tcluster = prod\n\tregion = 0A\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host as Debian's package of ocfs2-tools leaves it: services linked, o2cb not enabled."""
    write(tmp_path / "etc/default/o2cb", "# O2CB_ENABLED=true\nO2CB_ENABLED=false\n")
    for name in ("o2cb", "ocfs2"):
        write(tmp_path / "etc/init.d" / name, "#!/bin/sh\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def switch_on(root: Path, service: str) -> None:
    """As update-rc.d does."""
    link(root / f"etc/rc2.d/S01{service}", f"../init.d/{service}")


def told(root: Path) -> list[tuple[str, Severity, str]]:
    return [(one.code, one.severity, one.text) for one in look(root, followed=False)]


def texts(reports: tuple[Report, ...]) -> str:
    return "\n".join(report.text for report in reports)


def test_a_host_without_ocfs2_tools_is_told_nothing(tmp_path: Path) -> None:
    assert look(tmp_path, followed=False) == ()


def test_what_is_there_and_switched_off_is_told_nothing(root: Path) -> None:
    """o2cb is linked and does nothing without O2CB_ENABLED; K links stop what never started."""
    switch_on(root, "o2cb")
    link(root / "etc/rc6.d/K01ocfs2", "../init.d/ocfs2")
    assert look(root, followed=False) == ()


@pytest.mark.row("ocfs2-tools")
def test_o2cb_that_is_on_is_named_with_its_file_its_cluster_and_what_it_does(root: Path) -> None:
    switch_on(root, "o2cb")
    write(root / "etc/default/o2cb", "O2CB_ENABLED=true\nO2CB_BOOTCLUSTER=prod\n")
    assert told(root) == [
        (
            "ocfs2-tools-o2cb",
            Severity.WARNING,
            (
                "o2cb.service of ocfs2-tools is enabled (O2CB_ENABLED=true in"
                ' /etc/default/o2cb): at boot it writes cluster "prod" from'
                " /etc/ocfs2/cluster.conf into the tables that o2cbd manages, and o2cbd corrects"
                " differences, and stopping it removes nodes; disable it: systemctl disable o2cb"
            ),
        )
    ]


def test_without_a_cluster_of_its_own_it_still_stops_what_we_keep(root: Path) -> None:
    switch_on(root, "o2cb")
    write(root / "etc/default/o2cb", "O2CB_ENABLED=true\nO2CB_BOOTCLUSTER=\n")
    assert "writes no cluster (O2CB_BOOTCLUSTER is empty)" in texts(look(root, followed=False))


def test_enabled_without_a_service_that_starts_is_off(root: Path) -> None:
    """`systemctl disable o2cb` is what we advise, so it is enough."""
    write(root / "etc/default/o2cb", "O2CB_ENABLED=true\n")
    assert look(root, followed=False) == ()


@pytest.mark.row("ocfs2-tools")
def test_ocfs2_that_is_on_is_named_with_what_it_does(root: Path) -> None:
    switch_on(root, "ocfs2")
    assert told(root) == [
        (
            "ocfs2-tools-ocfs2",
            Severity.WARNING,
            (
                "ocfs2.service of ocfs2-tools is enabled (/etc/rc2.d/S01ocfs2): at boot it"
                " mounts the OCFS2 volumes of /etc/fstab without waiting for the tables, and"
                " stopping it kills the processes that use them; disable it: systemctl disable"
                " ocfs2"
            ),
        )
    ]


@pytest.mark.parametrize("where", ["multi-user.target.wants", "o2cbd.service.requires"])
def test_a_unit_that_is_wanted_is_on_too(root: Path, where: str) -> None:
    """Where the distribution has units in place of scripts."""
    link(root / f"etc/systemd/system/{where}/ocfs2.service", "/lib/systemd/system/ocfs2.service")
    assert f"is enabled (/etc/systemd/system/{where}/ocfs2.service)" in texts(
        look(root, followed=False)
    )


@pytest.mark.parametrize("service", ["o2cb", "ocfs2"])
def test_a_masked_service_is_off(root: Path, service: str) -> None:
    switch_on(root, service)
    write(root / "etc/default/o2cb", "O2CB_ENABLED=true\n")
    link(root / f"etc/systemd/system/{service}.service", "/dev/null")
    assert look(root, followed=False) == ()


def test_the_other_place_of_the_file_comes_first(root: Path) -> None:
    """As the script of ocfs2-tools looks for it."""
    switch_on(root, "o2cb")
    write(root / "etc/sysconfig/o2cb", "export X=1\n  O2CB_ENABLED='true'\n")
    assert "O2CB_ENABLED=true in /etc/sysconfig/o2cb" in texts(look(root, followed=False))


def test_the_last_word_of_the_file_counts(root: Path) -> None:
    switch_on(root, "o2cb")
    write(root / "etc/default/o2cb", 'O2CB_ENABLED=true\nO2CB_ENABLED="false" # later\n')
    assert look(root, followed=False) == ()


def test_a_cluster_conf_alone_is_a_notice_with_its_clusters(root: Path) -> None:
    write(
        root / "etc/ocfs2/cluster.conf",
        "cluster:\n\tnode_count = 0\n\tname = prod\n\n"
        "cluster:\n\tname=test\n\tnode_count = 0\n# name = none\n",
    )
    assert told(root) == [
        (
            "ocfs2-tools-file",
            Severity.NOTICE,
            (
                "/etc/ocfs2/cluster.conf exists (prod, test): o2cbd does not use it, and"
                " corrects what `o2cb register-cluster` writes from it where that differs from"
                " the cluster manager; `o2cbd diff` compares them"
            ),
        )
    ]


def test_a_file_that_cannot_be_used_says_why(root: Path) -> None:
    write(root / "etc/ocfs2/cluster.conf", "cluster:\n\tname = a\n")
    assert "exists (line 1: cluster: of a has no node_count)" in texts(look(root, followed=False))


def test_all_is_told_at_once(root: Path) -> None:
    for service in ("o2cb", "ocfs2"):
        switch_on(root, service)
    write(root / "etc/default/o2cb", "O2CB_ENABLED=true\n")
    write(root / "etc/ocfs2/cluster.conf", GLOBAL)
    assert [code for code, _severity, _text in told(root)] == [
        "ocfs2-tools-o2cb",
        "ocfs2-tools-ocfs2",
        "ocfs2-tools-file",
        "global-heartbeat",
    ]


def test_a_file_that_is_followed_is_no_news_but_its_heartbeat(root: Path) -> None:
    write(root / "etc/ocfs2/cluster.conf", GLOBAL)
    (report,) = look(root, followed=True)
    assert report.text == (
        "cluster prod in /etc/ocfs2/cluster.conf has a global heartbeat (1 region): o2cbd keeps its"
        ' nodes and starts no heartbeat; [cluster] heartbeat_mode = "global" keeps the mode, `o2cb'
        " start-heartbeat` starts the regions"
    )
    write(root / "etc/ocfs2/cluster.conf", "zork")
    assert look(root, followed=True) == ()


@pytest.mark.row("ocfs2-tools")
def test_what_cannot_be_read_is_never_a_failure(root: Path) -> None:
    """A directory in the place of a file, and bytes that are no text."""
    switch_on(root, "o2cb")
    (root / "etc/sysconfig/o2cb").mkdir(parents=True)
    (root / "etc/ocfs2/cluster.conf").mkdir(parents=True)
    (root / "etc/default/o2cb").write_bytes(b"\xff\xfe\nO2CB_ENABLED=true\n")
    assert [report.code for report in look(root, followed=False)] == ["ocfs2-tools-o2cb"]
