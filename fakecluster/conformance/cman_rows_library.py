"""What libcman itself does, be it the real one or a stand-in: called through cffi."""

from __future__ import annotations

import errno
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cffi import FFI

from fakecluster.cman.wire.codec import Opcode
from fakecluster.conformance.cman_row import Rows
from fakecluster.conformance.cman_scene import Scene, spaced

LIBRARY: Final = Rows("libcman itself")

_ONE: Final = 0
_ALL: Final = 1
_TYPES: Final = """
typedef void (*event_fn)(void *, void *, int, int);
typedef void (*data_fn)(void *, void *, char *, int, uint8_t, int);
typedef struct { char qi_name[256]; int qi_state; int qi_votes; } qdev;
void *cman_init(void *);
void *cman_admin_init(void *);
int cman_finish(void *);
int cman_start_notification(void *, event_fn);
int cman_start_recv_data(void *, data_fn, uint8_t);
int cman_send_data(void *, const void *, int, int, uint8_t, int);
int cman_get_fd(void *);
int cman_dispatch(void *, int);
int cman_get_node_count(void *);
int cman_get_nodes(void *, int, int *, void *);
int cman_is_active(void *);
int cman_is_quorate(void *);
int cman_replyto_shutdown(void *, int);
int cman_get_quorum_device(void *, qdev *);
"""
_NODE_BYTES: Final = 320


class _Library:
    """The functions that the rows use."""

    def __init__(self, path: Path) -> None:
        self.ffi: Any = FFI()
        self.ffi.cdef(_TYPES)
        self.c: Any = self.ffi.dlopen(str(path))

    def result(self, result: int) -> str:
        """Return what a call gave, as a number or the symbol of its errno."""
        code = self.ffi.errno
        return str(result) if result >= 0 else errno.errorcode.get(code, str(code))


_load = functools.cache(_Library)


@contextmanager
def _handle(s: Scene, node_id: int = 1, *, admin: bool = False) -> Iterator[tuple[_Library, Any]]:
    assert s.driver.library is not None
    library = _load(s.driver.library)
    s.driver.use_library_on(node_id)
    opener = library.c.cman_admin_init if admin else library.c.cman_init
    handle = opener(library.ffi.NULL)
    if handle == library.ffi.NULL:
        raise OSError(library.ffi.errno, "cman_init")
    try:
        yield library, handle
    finally:
        library.c.cman_finish(handle)


@LIBRARY.row("dispatch with nothing there; ALL and ONE with an event", "0, 0 and 8", library=True)
def dispatch_returns(s: Scene) -> str:
    with _handle(s) as (lib, handle):
        callback = lib.ffi.callback("event_fn", lambda *_: None)
        lib.c.cman_start_notification(handle, callback)
        found = [lib.c.cman_dispatch(handle, _ALL)]
        for flags in (_ALL, _ONE):
            s.admin(2).ints(Opcode.SET_VOTES, 0, 2 if flags else 1)
            s.moment()
            found.append(lib.c.cman_dispatch(handle, flags))
    return f"{found[0]}, {found[1]} and {found[2]}"


@LIBRARY.row(
    "events that come before a reply: the descriptor", "another, then the first", library=True
)
def changing_descriptor(s: Scene) -> str:
    with _handle(s) as (lib, handle):
        callback = lib.ffi.callback("event_fn", lambda *_: None)
        lib.c.cman_start_notification(handle, callback)
        first = lib.c.cman_get_fd(handle)
        s.admin(2).ints(Opcode.SET_VOTES, 0, 2)
        s.moment()
        lib.c.cman_is_active(handle)
        other = lib.c.cman_get_fd(handle)
        lib.c.cman_dispatch(handle, _ALL)
        last = lib.c.cman_get_fd(handle)
    then = "the first" if last == first else "not the first"
    return f"{'another' if other != first else 'the same'}, then {then}"


@LIBRARY.row("get_nodes inside a callback", "0 of 3", library=True)
def reading_inside_a_callback(s: Scene) -> str:
    seen: list[str] = []
    with _handle(s) as (lib, handle):
        count = lib.ffi.new("int *")
        nodes = lib.ffi.new("char[]", 8 * _NODE_BYTES)

        def told(*_: object) -> None:
            result = lib.result(lib.c.cman_get_nodes(handle, 8, count, nodes))
            seen.append(f"{result} of {count[0]}")

        callback = lib.ffi.callback("event_fn", told)
        lib.c.cman_start_notification(handle, callback)
        s.admin(2).ints(Opcode.SET_VOTES, 0, 2)
        s.moment()
        lib.c.cman_dispatch(handle, _ALL)
    return spaced(seen)


@LIBRARY.row("get_nodes with room for fewer", "EINVAL, nothing copied", library=True)
def small_buffer(s: Scene) -> str:
    with _handle(s) as (lib, handle):
        count = lib.ffi.new("int *")
        nodes = lib.ffi.new("char[]", 2 * _NODE_BYTES)
        result = lib.result(lib.c.cman_get_nodes(handle, 2, count, nodes))
        copied = any(bytes(lib.ffi.buffer(nodes)))
    return f"{result}, {'something' if copied else 'nothing'} copied"


@LIBRARY.row(
    "SIGKILL: dispatch, get_node_count, is_active, replyto_shutdown, finish",
    "EHOSTDOWN EHOSTDOWN EHOSTDOWN 0 0",
    library=True,
    up=(1,),
)
def dead_cman(s: Scene) -> str:
    with _handle(s) as (lib, handle):
        lib.c.cman_is_active(handle)  # else it may not have been accepted, which is ECONNRESET
        s.driver.crash(1)
        s.moment()
        found = [
            lib.result(lib.c.cman_dispatch(handle, _ALL)),
            lib.result(lib.c.cman_get_node_count(handle)),
            lib.result(lib.c.cman_is_active(handle)),
            lib.result(lib.c.cman_replyto_shutdown(handle, 1)),
        ]
    return spaced([*found, 0])


@LIBRARY.row("SIGSTOP: a request; after SIGCONT", "blocks, 1", library=True)
def library_blocks(s: Scene) -> str:
    answers: list[int] = []
    with _handle(s) as (lib, handle):
        s.driver.stop(1)
        asking = threading.Thread(target=lambda: answers.append(lib.c.cman_is_quorate(handle)))
        asking.start()
        s.moment()
        blocked = asking.is_alive()
        s.driver.cont(1)
        asking.join()
    return f"{'blocks' if blocked else 'returns'}, {answers[0]}"


@LIBRARY.row("D12: cman_get_quorum_device", "0 /dev/q 2", library=True)
def quorum_device(s: Scene) -> str:
    s.admin(1).device(Opcode.REG_QUORUMDEV, 2, b"/dev/q")
    with _handle(s) as (lib, handle):
        info = lib.ffi.new("qdev *")
        result = lib.result(lib.c.cman_get_quorum_device(handle, info))
        name = lib.ffi.string(info.qi_name).decode()
        return spaced([result, name, info.qi_votes])


@LIBRARY.row(
    "D13: DATA that is refused: who gets the refusal; the next reply",
    "the data callback, 1",
    library=True,
)
def refused_data(s: Scene) -> str:
    seen: list[int] = []
    with _handle(s) as (lib, handle):
        callback = lib.ffi.callback("data_fn", lambda *given: seen.append(given[5]))
        lib.c.cman_start_recv_data(handle, callback, 5)
        lib.c.cman_send_data(handle, b"x", 1, 0, 5, 99)
        reply = lib.result(lib.c.cman_is_quorate(handle))
        lib.c.cman_dispatch(handle, _ALL)
    who = "the data callback" if seen and seen[0] < 0 else "nobody"
    return f"{who}, {reply}"
