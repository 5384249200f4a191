"""C programs of libcman.h, compiled with pkg-config's flags, on a served cluster."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.cman.standin import standin_library
from fakecluster.server.child import ServedChild
from integration.libcman_program import EXAMPLE, SOURCE, compiled, exported

pytestmark = pytest.mark.process

NODES = ("--nodes", "3", "--cluster", "o2", "--no-configfs")


@pytest.fixture
def served(pkg_config: None) -> Iterator[ServedChild]:
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as name:
        child = ServedChild(Path(name) / "d", *NODES)
        child.start()
        yield child
        child.stop()


def environment(served: ServedChild, node_id: int, library: Path) -> dict[str, str]:
    place = {"CMAN_SOCKET_DIR": served.node(node_id)["socket_dir"]}
    return {**os.environ, **place, "LD_LIBRARY_PATH": str(library.parent)}


def test_every_function_of_the_table_does_what_it_says(served: ServedChild, tmp_path: Path) -> None:
    library = standin_library()
    program = compiled(SOURCE, library, tmp_path / "program")
    done = subprocess.run(
        [program, "1", "2", "o2"],
        env=environment(served, 1, library),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == exported(library)
    assert len(done.stdout.split()) == 47


def test_the_manuals_example_lists_nodes_and_follows_notices(
    served: ServedChild, tmp_path: Path
) -> None:
    library = standin_library()
    program = compiled(EXAMPLE, library, tmp_path / "nodes")
    with subprocess.Popen(
        [program], env=environment(served, 1, library), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            lines = iter(running.stdout.readline, "")
            assert [next(lines).split()[:3] for _ in range(4)] == [
                ["quorate"],
                ["1", "member", "10.0.0.1"],
                ["2", "member", "10.0.0.2"],
                ["3", "member", "10.0.0.3"],
            ]
            served.ctl("kill", node=3)
            while next(lines).split()[:3] != ["3", "away", "-"]:
                pass
            served.ctl("cman-crash", node=1)
            assert running.wait() == 0
        finally:
            running.kill()
