"""The built stand-in with all its functions, and connections to a scripted cman."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from cffi import FFI

from fakecluster.cman.standin import standin_library
from fakecluster.testing.scripted_wire import Script, scripted

TYPES = """
typedef void *cman_handle_t;
typedef void (*cman_callback_t)(cman_handle_t, void *, int, int);
typedef void (*cman_datacallback_t)(cman_handle_t, void *, char *, int, uint8_t, int);
typedef void (*cman_confchgcallback_t)(cman_handle_t, void *, unsigned int *, int,
    unsigned int *, int, unsigned int *, int);
typedef struct { int cna_addrlen; char cna_address[28]; } cman_node_address_t;
struct test_timeval { long tv_sec; long tv_usec; };
typedef struct {
    int cn_nodeid; cman_node_address_t cn_address; char cn_name[256]; int cn_member;
    unsigned int cn_incarnation; struct test_timeval cn_jointime;
} cman_node_t;
typedef struct {
    int cnx_nodeid; int cnx_state; int cnx_votes; int cnx_expected_votes; int cnx_leave_reason;
} cman_node_extra_t;
typedef struct {
    unsigned int cv_major; unsigned int cv_minor; unsigned int cv_patch; unsigned int cv_config;
} cman_version_t;
typedef struct { char ci_name[17]; uint16_t ci_number; uint32_t ci_generation; } cman_cluster_t;
typedef struct {
    int ei_node_state; int ei_flags; int ei_node_votes; int ei_total_votes; int ei_expected_votes;
    int ei_quorum; int ei_members; char ei_ports[32]; int ei_num_addresses; char ei_addresses[1];
} cman_extra_info_t;
typedef struct { char qi_name[256]; int qi_state; int qi_votes; } cman_qdev_info_t;
"""

# Every function, with its arguments after the handle.
FUNCTIONS: dict[str, str] = {
    "cman_finish": "",
    "cman_setprivdata": "void *",
    "cman_getprivdata": "void **",
    "cman_start_notification": "cman_callback_t",
    "cman_stop_notification": "",
    "cman_start_confchg": "cman_confchgcallback_t",
    "cman_stop_confchg": "",
    "cman_get_fd": "",
    "cman_dispatch": "int",
    "cman_get_node_count": "",
    "cman_get_nodes": "int, int *, cman_node_t *",
    "cman_get_disallowed_nodes": "int, int *, cman_node_t *",
    "cman_get_node": "int, cman_node_t *",
    "cman_get_node_extra": "int, cman_node_extra_t *",
    "cman_get_node_addrs": "int, int, int *, cman_node_address_t *",
    "cman_get_subsys_count": "",
    "cman_is_active": "",
    "cman_is_quorate": "",
    "cman_is_listening": "int, uint8_t",
    "cman_get_version": "cman_version_t *",
    "cman_get_cluster": "cman_cluster_t *",
    "cman_get_extra_info": "cman_extra_info_t *, int",
    "cman_get_fenceinfo": "int, uint64_t *, int *, char *",
    "cman_replyto_shutdown": "int",
    "cman_set_version": "const cman_version_t *",
    "cman_set_votes": "int, int",
    "cman_set_expected_votes": "int",
    "cman_set_dirty": "",
    "cman_set_debuglog": "int",
    "cman_kill_node": "int",
    "cman_leave_cluster": "int",
    "cman_shutdown": "int",
    "cman_node_fenced": "int, uint64_t, char *",
    "cman_send_data": "const void *, int, int, uint8_t, int",
    "cman_start_recv_data": "cman_datacallback_t, uint8_t",
    "cman_end_recv_data": "",
    "cman_barrier_register": "const char *, int, int",
    "cman_barrier_change": "const char *, int, int",
    "cman_barrier_wait": "const char *",
    "cman_barrier_delete": "const char *",
    "cman_register_quorum_device": "char *, int",
    "cman_unregister_quorum_device": "",
    "cman_poll_quorum_device": "int",
    "cman_update_quorum_device": "char *, int",
    "cman_get_quorum_device": "cman_qdev_info_t *",
}


class Library:
    """The stand-in, every function of it; no belief of the daemon's lies in between."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ffi: Any = FFI()
        self.ffi.cdef(TYPES)
        self.ffi.cdef("void *cman_init(void *); void *cman_admin_init(void *);")
        for name, arguments in FUNCTIONS.items():
            self.ffi.cdef(f"int {name}({', '.join(filter(None, ['cman_handle_t', arguments]))});")
        self.c: Any = self.ffi.dlopen(str(path))

    @property
    def functions(self) -> dict[str, str]:
        return FUNCTIONS

    def fails(self, result: int) -> int | None:
        """Return errno where the call failed, else None."""
        return self.ffi.errno if result == -1 else None


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, compiler: None) -> Library:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return Library(standin_library())


@pytest.fixture
def socket_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMAN_SOCKET_DIR", str(tmp_path))
    return tmp_path


class Talk(Protocol):
    """Opens a connection to a cman that follows the script."""

    def __call__(self, script: Script, *, admin: bool = False) -> AbstractContextManager[Any]: ...


@pytest.fixture
def talk(library: Library, socket_dir: Path) -> Talk:
    """Open a client connection to a cman that follows the script; finished at the end."""

    @contextmanager
    def talking(script: Script, *, admin: bool = False) -> Iterator[Any]:
        name = "cman_admin" if admin else "cman_client"
        opener = library.c.cman_admin_init if admin else library.c.cman_init
        with scripted(socket_dir / name, script):
            handle = opener(library.ffi.NULL)
            assert handle != library.ffi.NULL
            try:
                yield handle
            finally:
                library.c.cman_finish(handle)
        (socket_dir / name).unlink()

    return talking
