"""What is refused before any call is made: it leaves configfs, or it can take a kernel down."""

from __future__ import annotations

import errno
import re

from o2cbd.core.model import AddNode, CreateCluster, RemoveNode, SetAttribute, Step

NODE_ATTRIBUTES = ("ipv4_port", "ipv4_address", "num", "local")
"""In the order in which libo2cb writes them."""

# The kernel scans "%3u.%3u.%3u.%3u", blanks before each number allowed, and ignores what follows.
_ZERO_ADDRESS = re.compile(r"\s*0{1,3}\.\s*0{1,3}\.\s*0{1,3}\.\s*(?:000|0{1,2}(?!\d))")


def refuse(step: Step) -> None:
    """Refuse a step that must never reach a kernel.

    `local`: nothing but 1 is ever wanted; 0 drops every o2net link, under a running heartbeat it
    is a kernel bug on older trees. `0.0.0.0`: is taken, and a later rmdir can oops with locks
    held. Names that are paths would leave the directory that they are meant for.

    Raises:
        OSError: EINVAL; filename says what of the step it is.
    """
    check_name(step.cluster)
    match step:
        case CreateCluster():
            pass
        case RemoveNode(node=name):
            check_name(name)
        case AddNode(node=node):
            check_name(node.name)
            _check_address(node.address, f"node/{node.name}/ipv4_address")
        case SetAttribute(node=None, attribute=attribute):
            check_name(attribute.removeprefix("heartbeat/"))
        case SetAttribute(node=str(name), attribute=attribute, value=value):
            check_name(name)
            where = f"node/{name}/{attribute}"
            if attribute not in NODE_ATTRIBUTES:
                raise OSError(errno.EINVAL, "not an attribute of a node", where)
            if attribute == "local" and value != "1":
                raise OSError(errno.EINVAL, "only local=1 is ever written", where)
            if attribute == "ipv4_address":
                _check_address(value, where)


def check_name(name: str) -> None:
    """Refuse what is no name of one directory entry.

    Raises:
        OSError: EINVAL, with the name as its filename.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise OSError(errno.EINVAL, "not a name", name.replace("\0", "\\0"))


def _check_address(address: str, where: str) -> None:
    if _ZERO_ADDRESS.match(address):
        raise OSError(errno.EINVAL, "0.0.0.0 is never written", where)
