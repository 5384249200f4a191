"""ocfs2-tools' cluster.conf: what libo2cb's parser was seen to take (1.8.7) is taken."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2cbd import clusterconf
from o2cbd.clusterconf import ClusterFileError, FileCluster, FileNode

NODE = (
    "node:\n\tname = {name}\n\tcluster = c\n\tnumber = {number}\n"
    "\tip_address = 10.0.0.{host}\n\tip_port = 7777\n"
)
A = NODE.format(name="a", number=0, host=1)
B = NODE.format(name="b", number=1, host=2)
C = "cluster:\n\tname = c\n\tnode_count = 2\n"
WHOLE = f"{A}\n{B}\n{C}"
NODE_A = FileNode(name="a", num=0, address="10.0.0.1", port=7777)
NODE_B = FileNode(name="b", num=1, address="10.0.0.2", port=7777)
CLUSTER = FileCluster(name="c", nodes=(NODE_A, NODE_B))
GLOBAL = C.replace("\tnode", "\theartbeat_mode = global\n\tnode")
REGION = "heartbeat:\n\tcluster = c\n\tregion = 0123456789ABCDEF0123456789ABCDEF\n"


def problems(text: str | bytes) -> str:
    """What is wrong; "" for a good file."""
    try:
        clusterconf.parse(text.encode() if isinstance(text, str) else text)
    except ClusterFileError as error:
        return "\n".join(error.lines())
    return ""


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"{C}\n{A}\n{B}",
        f"{A}{B}{C}",
        f"# made by hand\n{WHOLE}",
        WHOLE.replace("\tnumber", "#\tnumber = 7\n\tnumber"),
        WHOLE.replace("\t", "    "),
        WHOLE.replace(" = ", "="),
        WHOLE.replace(" = ", "\t=\t"),
        WHOLE.rstrip("\n"),
        f"{WHOLE}\t\n\n",
        WHOLE.replace("node:\n", "node:  \n"),
        WHOLE.replace("number = 1", "number =  +01  "),
        WHOLE.replace("\tnumber = 1", "\tnumber = 9\n\tnumber = 1"),
        WHOLE.replace("\tnumber", "\tzork = x # y\n\tnumber"),
        f"{WHOLE}\nzork:\n\tname = x\n",
    ],
)
def test_every_way_to_write_it_is_read(text: str) -> None:
    assert clusterconf.parse(text.encode()) == (CLUSTER,)


def test_the_global_heartbeat_is_read() -> None:
    (cluster,) = clusterconf.parse(f"{A}\n{B}\n{GLOBAL}\n{REGION}".encode())
    assert cluster.heartbeat_mode == "global"
    assert cluster.regions == ("0123456789ABCDEF0123456789ABCDEF",)


def test_a_name_is_bytes_that_are_kept() -> None:
    (cluster,) = clusterconf.parse(WHOLE.replace("name = a", "name = ä").encode("latin-1"))
    assert cluster.nodes[0].name == "\udce4"
    assert os.fsencode(clusterconf.render(cluster)) == WHOLE.replace("name = a", "name = ä").encode(
        "latin-1"
    )


def test_more_nodes_than_it_counts_are_read() -> None:
    """Whoever adds one forgets the count, which ocfs2-tools never look at."""
    assert clusterconf.parse(WHOLE.replace("count = 2", "count = 1").encode()) == (CLUSTER,)


@pytest.mark.row("static-bad-file")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no cluster: stanza: the file is empty or half-written"),
        ("\n\n", "no cluster: stanza: the file is empty or half-written"),
        (A, "no cluster: stanza: the file is empty or half-written"),
        (
            f"{C}\n{A}",
            "line 3: node_count = 2, and 1 of its nodes are in the file: is the file half-written?",
        ),
        (f"{A}\n{B}\nclus", "line 15: neither a stanza like `node:` nor an indented"),
        (f"{A}\n{B}\ncluster:", "line 15: cluster: has no name, no node_count"),
        (f"{A}\n{B}\ncluster:\n\tna", "line 16: neither a stanza"),
        (WHOLE.replace("\n", "\r\n"), "line 1: Windows line endings"),
        (f"{WHOLE}\0\0", "line 18: not a text file: it has a NUL byte"),
        (
            WHOLE.replace("\tnumber = 1", "\n\tnumber = 1"),
            "line 12: number is outside of any stanza",
        ),
        (WHOLE.replace("\tnumber = 1", "number = 1"), "line 11: neither a stanza"),
        (WHOLE.replace("\tnumber = 1\n", ""), "line 8: node: of b has no number"),
        (WHOLE.replace("node:", "Node:", 1), "line 1: Node: is written node:"),
        (WHOLE.replace("name = a", "name = a\\"), "line 2: name continues on the next line"),
        (WHOLE.replace("name = a", "name = ../a"), "line 2: its name '../a' has a slash"),
        (WHOLE.replace("name = b", "name = a"), "line 9: name a is also in line 2"),
        (WHOLE.replace("number = 1", "number = 0"), "line 11: number 0 is also in line 4"),
        (WHOLE.replace("0.0.2", "0.0.1"), "line 12: ip_address 10.0.0.1 is also in line 5"),
        (
            WHOLE.replace("number = 1", "number = 255"),
            "line 11: number '255' is not a number from 0 to ",
        ),
        (WHOLE.replace("number = 1", "number = 0x1"), "line 11: number '0x1' is not a number"),
        (
            WHOLE.replace("port = 7777", "port = 65535", 1),
            "line 6: ip_port '65535' is not a number",
        ),
        (WHOLE.replace("10.0.0.2", "0.0.0.0"), "line 12: 0.0.0.0 is not a node address"),
        (WHOLE.replace("10.0.0.2", "b.example"), "line 12: 'b.example' is not an IPv4 address"),
        (WHOLE.replace("cluster = c", "cluster = d", 1), "line 3: no cluster: stanza has the name"),
        (f"{WHOLE}\n{C}", "line 19: cluster c is also in line 15"),
        (f"{A}\n{B}\n{GLOBAL.replace('global', 'wide')}", "invalid heartbeat_mode 'wide'"),
        (
            f"{WHOLE}\n{REGION}\n{REGION}",
            "line 25: region 0123456789ABCDEF0123456789ABCDEF is also",
        ),
    ],
)
def test_a_problem_has_its_line(text: str, said: str) -> None:
    assert said in problems(text)


def test_what_may_follow_from_another_problem_is_none_of_its_own() -> None:
    assert problems("zork") == (
        "line 1: neither a stanza like `node:` nor an indented `key = value`: 'zork'"
    )


def test_all_problems_come_at_once() -> None:
    text = WHOLE.replace("number = 0", "number = x").replace("10.0.0.2", "::1")
    assert [line.partition(":")[0] for line in problems(text).splitlines()] == ["line 4", "line 12"]


def test_of_very_many_problems_the_first_are_shown() -> None:
    assert problems("zork\n" * 1000).splitlines()[-1] == "and 990 more"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        file.truncate(clusterconf.MAX_BYTES + 1)
    with pytest.raises(ClusterFileError, match="over 1048576 bytes"):
        clusterconf.load(str(tmp_path / "f"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError, match="not a regular file") as caught:
        clusterconf.load(str(tmp_path / "f"))
    assert caught.value.errno == errno.EINVAL


@given(st.binary(max_size=200) | st.text(alphabet="nodecluster: \t\n=#1", max_size=80))
def test_nothing_but_its_own_error_comes_of_junk(data: bytes | str) -> None:
    problems(data)


@given(st.integers(0, len(WHOLE) - 2))
def test_a_file_that_was_cut_off_is_never_whole(length: int) -> None:
    """As it is written here, with the cluster last; or as by others, with a node last."""
    cut = WHOLE[:length]
    assert problems(cut) or clusterconf.parse(cut.encode()) == (CLUSTER,)
    cut = f"{C}\n{A}\n{B}"[:length]
    assert problems(cut)


@pytest.mark.parametrize("last", ["name = b", "number = 1", "ip_address = 10.0.0.2"])
def test_node_that_may_be_cut_off_within_its_last_value_is_refused(last: str) -> None:
    cut = f"{C}\n{A}\n" + B.replace(f"\t{last}\n", "") + f"\t{last}"
    said = "no newline after a node's value: is the file half-written? if not, end the line"
    assert problems(cut) == f"line 17: {said}"


def test_directory_is_no_file_and_does_not_stay_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - only counted
    with pytest.raises(OSError, match="not a regular file") as caught:
        clusterconf.load(str(tmp_path))
    assert caught.value.filename == str(tmp_path)
    del caught
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - only counted


TWO = f"{WHOLE}\n{WHOLE.replace('= c', '= d')}"


def test_of_several_clusters_the_named_one_is_chosen() -> None:
    clusters = clusterconf.parse(TWO.encode())
    assert clusterconf.choose(clusters, "d").name == "d"
    assert clusterconf.choose(clusters[:1], None).name == "c"
    with pytest.raises(ClusterFileError, match=r"several clusters \(c, d\): name the one with"):
        clusterconf.choose(clusters, None)
    with pytest.raises(ClusterFileError, match="no cluster e, only c, d"):
        clusterconf.choose(clusters, "e")


def test_what_is_written_is_read_back() -> None:
    whole = FileCluster(name="c", nodes=(NODE_B, NODE_A), heartbeat_mode="global", regions=("0A",))
    for cluster in (CLUSTER, whole):
        assert clusterconf.parse(clusterconf.render(cluster).encode()) == (cluster,)


def test_a_name_that_would_not_be_read_back_is_refused() -> None:
    odd = FileCluster(name="c", nodes=(FileNode(name=" a", num=1, address="1.1.1.1", port=1),))
    with pytest.raises(ClusterFileError, match="cannot write a name"):
        clusterconf.render(odd)


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cluster.conf"
    path.write_text("old")
    before = path.stat().st_ino
    umask = os.umask(0o077)
    try:
        clusterconf.write(str(path), "new")
    finally:
        os.umask(umask)
    assert path.read_text() == "new"
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError) as caught:
        clusterconf.write(str(tmp_path / "none" / "f"), "new")
    assert caught.value.filename == str(tmp_path / "none" / "f")


def test_a_link_is_followed_and_a_pipe_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    clusterconf.write(str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    reading, writing = os.pipe()
    try:
        clusterconf.write(f"/proc/self/fd/{writing}", "new")
        assert os.read(reading, 10) == b"new"
    finally:
        os.close(reading)
        os.close(writing)
