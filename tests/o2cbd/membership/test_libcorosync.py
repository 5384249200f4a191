"""The raw layer: the generated module, loading, and libraries of other versions."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
from pathlib import Path

import pytest

from fakecluster.cman.standin.build import find_compiler
from o2cbd.membership import _corosync_abi as committed
from o2cbd.membership import corosync_build
from o2cbd.membership.libcorosync import load
from o2cbd.membership.libcorosync_table import CorosyncError

# What came before 3.1.0: no model, no question. It is one library in the place of all three.
OLD = """
#include <stddef.h>
#include <stdint.h>
typedef void (*quorum_fn)(uint64_t, uint32_t, uint64_t, uint32_t, uint32_t *);
static quorum_fn notify;
int quorum_initialize(uint64_t *handle, quorum_fn *callbacks, uint32_t *type)
{ *handle = 7; notify = *callbacks; *type = 1; return 1; }
int quorum_finalize(uint64_t handle) { return handle == 7 ? 1 : 9; }
int quorum_fd_get(uint64_t handle, int *fd) { *fd = 3; return 1; }
int quorum_trackstart(uint64_t handle, unsigned flags) { return flags == 2 ? 1 : 7; }
int quorum_dispatch(uint64_t handle, int flags)
{ uint32_t view[] = {1, 4294967295u}; notify(handle, 1, 1ull << 40, 2, view); return 1; }
int cmap_initialize(void) { return 6; }
int cmap_finalize(void) { return 1; }
int cmap_fd_get(void) { return 1; }
int cmap_dispatch(void) { return 1; }
int cmap_get(void) { return 1; }
int cmap_iter_init(void) { return 1; }
int cmap_iter_next(void) { return 1; }
int cmap_iter_finalize(void) { return 1; }
int cmap_track_add(void) { return 1; }
int corosync_cfg_initialize(void) { return 1; }
int corosync_cfg_finalize(void) { return 1; }
int corosync_cfg_fd_get(void) { return 1; }
int corosync_cfg_dispatch(void) { return 1; }
int corosync_cfg_replyto_shutdown(void) { return 1; }
int corosync_cfg_local_get(void) { return 1; }
int corosync_cfg_get_node_addrs(void) { return 12; }
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, compiler: None) -> str:
    source = tmp_path_factory.mktemp("old") / "old.c"
    source.write_text(OLD)
    library = source.with_suffix(".so")
    compile_it = [find_compiler(os.environ), "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(compile_it, check=True)
    return str(library)


def test_the_committed_interface_is_what_the_generator_writes(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.py"
    corosync_build.generate(fresh)
    kept = Path(str(committed.__file__))
    assert ast.dump(ast.parse(fresh.read_text())) == ast.dump(ast.parse(kept.read_text()))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("struct cmap_notify_value", 24),
        ("struct quorum_ring_id", 16),
        ("quorum_callbacks_t", 8),
        ("quorum_model_v1_data_t", 24),
        ("corosync_cfg_callbacks_t", 8),
        ("corosync_cfg_node_address_t", 32),
    ],
)
def test_layouts_have_corosyncs_sizes(name: str, size: int) -> None:
    assert committed.ffi.sizeof(name) == size


def test_a_missing_library_is_elibacc_with_its_name() -> None:
    with pytest.raises(
        OSError, match=r"cannot load no-such-libcfg\.so, a library of corosync 3 \(install it\)"
    ) as raised:
        load(libcfg="no-such-libcfg.so")
    assert raised.value.errno == errno.ELIBACC


def test_another_library_is_elibacc_with_what_it_lacks() -> None:
    with pytest.raises(
        OSError, match=r"libc\.so\.6 is not from corosync 3: it has no quorum_"
    ) as raised:
        load(libquorum="libc.so.6")
    assert (raised.value.errno, raised.value.filename) == (errno.ELIBACC, "libc.so.6")


def test_an_old_libquorum_is_spoken_to_by_model_0(old: str) -> None:
    heard: list[tuple[bool, int, tuple[int, ...]]] = []

    def on_quorum(quorate: bool, ring: int, members: tuple[int, ...]) -> None:
        heard.append((quorate, ring, members))

    quorum = load(old, old, old).quorum_initialize(on_quorum, lambda *_: None)
    assert (quorum.model, quorum.quorum_type, quorum.fd_get()) == (0, 1, 3)
    quorum.trackstart(2)
    quorum.dispatch(2)
    assert heard == [(True, 2**40, (1, 2**32 - 1))]
    quorum.finalize()


def test_what_a_callback_raises_is_raised_by_dispatch(old: str) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    quorum = load(old, old, old).quorum_initialize(broken, lambda *_: None)
    with pytest.raises(MemoryError):
        quorum.dispatch(2)
    with pytest.raises(MemoryError):
        quorum.dispatch(2)


def test_an_old_libcfg_has_no_question(old: str) -> None:
    assert not load(old, old, old).can_vote


def test_an_error_names_the_call_and_the_code(old: str) -> None:
    table = load(old, old, old)
    with pytest.raises(CorosyncError, match=r"cmap_initialize: CS_ERR_TRY_AGAIN \(6\)") as raised:
        table.cmap_initialize()
    assert (raised.value.code, raised.value.errno) == (6, errno.EAGAIN)
    cfg = table.cfg_initialize(lambda _flags: None)
    with pytest.raises(CorosyncError, match="corosync_cfg_get_node_addrs") as raised:
        cfg.get_node_addrs(9)
    assert raised.value.errno == errno.ENOENT
