"""The functions of libcman.so.3 that the daemon needs, by ctypes; errors are OSErrors."""

import ctypes
import os

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)


class Node(ctypes.Structure):
    """cman_node_t."""

    _fields_ = [
        ("nodeid", ctypes.c_int),
        ("address_length", ctypes.c_int),
        ("address", ctypes.c_char * 28),
        ("name", ctypes.c_char * 256),
        ("member", ctypes.c_int),
        ("incarnation", ctypes.c_uint),
        ("jointime", ctypes.c_long * 2),
    ]


class Libcman:
    """The library."""

    def __init__(self):
        self._library = ctypes.CDLL("libcman.so.3", use_errno=True)
        self._library.cman_init.restype = ctypes.c_void_p

    def init(self):
        handle = self._library.cman_init(None)
        if not handle:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return Handle(self._library, ctypes.c_void_p(handle))


class Handle:
    """A connection to cman."""

    def __init__(self, library, handle):
        self._library, self._handle, self._callback = library, handle, None

    def _call(self, name, *args):
        result = getattr(self._library, name)(self._handle, *args)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
        return result

    def finish(self):
        self._call("cman_finish")

    def start_notification(self, callback):
        self._callback = CALLBACK(lambda _handle, _private, reason, arg: callback(reason, arg))
        self._call("cman_start_notification", self._callback)

    def get_fd(self):
        return self._call("cman_get_fd")

    def dispatch(self, flags):
        return self._call("cman_dispatch", flags)

    def get_node_count(self):
        return self._call("cman_get_node_count")

    def get_nodes(self, most):
        count, nodes = ctypes.c_int(), (Node * most)()
        self._call("cman_get_nodes", most, ctypes.byref(count), nodes)
        return count.value, nodes[: count.value]

    def is_quorate(self):
        return self._call("cman_is_quorate")
