"""A served cluster with real processes of somebody else's daemon."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster import Cluster, DrawnHistory, ServedHost, serve
from fakecluster.clusters.real import RealCluster
from fakecluster.server.child import ServeFailedError
from fakecluster.trace.file import check_trace

from .conftest import EXAMPLE

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("compiler")]

Serve = Callable[..., RealCluster]


def leader_command(host: ServedHost) -> list[str]:
    return [sys.executable, "-u", str(EXAMPLE / "leader.py"), str(host.directory)]


@pytest.fixture
def served(one_leader: Callable[[Cluster], None]) -> Iterator[Serve]:
    """Serves clusters; AF_UNIX takes 107 bytes, so their paths are short."""
    with contextlib.ExitStack() as stack:

        def serve_one(nodes: Any, command: Any = leader_command, **more: Any) -> RealCluster:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
            more.setdefault("invariant", one_leader)
            return stack.enter_context(serve(nodes, command, directory, **more))

        yield serve_one


def test_daemons_live_with_their_hosts(served: Serve) -> None:
    cluster = served(3)
    cluster.form()
    cluster.settle()
    assert [cluster.read(node, "leader") for node in (1, 2, 3)] == ["1", "1", "1"]

    cluster.kill(1)
    assert not cluster.daemon_runs(1)
    assert cluster.read(1, "leader") is None
    cluster.eventually(lambda: cluster.read(3, "leader") == "2", "node 2 leads")
    with pytest.raises(ServeFailedError, match="node 1 has no power"):
        cluster.kill(1)

    cluster.start(1)
    cluster.settle()
    cluster.daemon_term(3)
    cluster.eventually(lambda: cluster.exit_code(3) == 0, "node 3's daemon ends")
    cluster.daemon_kill(2)
    assert cluster.working == (1,)
    assert ": leader 1" in cluster.log(3)
    assert check_trace(cluster.trace("good").as_text().splitlines()) == []
    assert cluster.trace().lines[0].t_us < 60_000_000


def test_a_question_of_shutdown_is_asked_and_decided(served: Serve) -> None:
    cluster = served(1)
    cluster.form()
    cluster.settle()
    question = cluster.shutdown(1)
    # Nobody says no: this daemon answers nothing, and cman's time for it ends.
    cluster.eventually(lambda: question.outcome is not None, "the shutdown is decided")
    assert question.outcome == "EBUSY"


def test_a_process_finds_its_cman_by_its_environment(served: Serve, tmp_path: Path) -> None:
    program = "import os; print(os.environ['CMAN_SOCKET_DIR'], os.environ['LD_LIBRARY_PATH'])"
    cluster = served(1, lambda _host: [sys.executable, "-c", program], invariant=None)
    cluster.start(1)
    cluster.eventually(lambda: cluster.exit_code(1) == 0, "it ends")
    sockets, libraries = cluster.log(1).split()
    assert Path(sockets, "cman_client").is_socket()
    assert Path(libraries.split(":")[0], "libcman.so.3").is_file()


@pytest.mark.usefixtures("fuse")
def test_a_host_has_a_configfs_where_it_is_asked_for(served: Serve) -> None:
    cluster = served(1, configfs=True)
    cluster.start(1, daemon=False)
    assert (cluster.host(1).configfs / "cluster").is_dir()


def test_what_is_wrong_at_rest_is_found_with_real_processes(served: Serve) -> None:
    cluster = served(1)
    cluster.form()
    cluster.settle()
    cluster.invariant = _never
    assert cluster.findings(0.5) == ["it is never right"]


def _never(_cluster: Cluster) -> None:
    raise AssertionError("it is never right")


def test_a_drawn_history_runs_on_real_processes(
    served: Serve, one_leader: Callable[[Cluster], None]
) -> None:
    kept: list[Any] = []
    with contextlib.ExitStack() as stack:
        DrawnHistory(
            2,
            daemon=None,
            serve=served,
            invariant=one_leader,
            stack=stack,
            kept=kept.append,
            recorded=False,
        ).run(2, kinds=("power", "isolate", "daemon", "cman-stop"))
    (cluster,) = kept
    assert cluster.working == (1, 2)
