"""Which names and addresses o2cb can take, and what to tell where it cannot."""

from __future__ import annotations

import re

from o2cbd.core.model import (
    CLUSTER_NAME_MAX_CHARS,
    NODE_NAME_MAX_BYTES,
    UNSET_ADDRESS,
)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# Patterns, since every pass looks at every member.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_SLASH_OR_CONTROL = re.compile(r"[/\x00-\x1f\x7f-\x9f]")


def is_ipv4(text: str) -> bool:
    """True for the canonical dotted text of an IPv4 address, `0.0.0.0` included."""
    return _IPV4.fullmatch(text) is not None


def node_name_problem(name: str) -> str | None:
    """Say why o2cb cannot have a node of this name; None when it can."""
    if not name:
        return "its name is empty"
    if name in {".", ".."}:
        return f"its name {name!r} cannot be a directory"
    if _SLASH_OR_CONTROL.search(name) is not None:
        return f"its name {name!r} has a slash or a control character"
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > NODE_NAME_MAX_BYTES:
        return f"its name has {size} bytes (o2cb's limit is {NODE_NAME_MAX_BYTES})"
    return None


def address_problem(address: str) -> str | None:
    """Say why o2cb cannot use this address; None when it can."""
    if not is_ipv4(address):
        return f"{address!r} is not an IPv4 address"
    if address == UNSET_ADDRESS:
        return f"{UNSET_ADDRESS} is not a node address (it can crash the kernel)"
    return None


def cluster_name_problem(name: str) -> str | None:
    """Return why OCFS2's tools cannot use this cluster name; None when they can."""
    if not name:
        return "the cluster manager has no cluster name"
    if len(name) > CLUSTER_NAME_MAX_CHARS:
        return (
            f"the cluster name {name!r} has {len(name)} characters (OCFS2's limit is"
            f" {CLUSTER_NAME_MAX_CHARS})"
        )
    if not (name.isascii() and name.isalnum()):
        return f"the cluster name {name!r} is not alphanumeric, as OCFS2 requires"
    return None


def proposed_cluster_name(name: str) -> str:
    """Return a name that OCFS2 takes, as near to this one as can be; equal on all nodes."""
    kept = "".join(char for char in name if char.isascii() and char.isalnum())
    return kept[:CLUSTER_NAME_MAX_CHARS] or "ocfs2"


def nodes_section(name: str) -> str:
    """Return the heading of a node's settings, as TOML writes it: `[nodes.alpha]`."""
    if _BARE_KEY.fullmatch(name) is not None:
        return f"[nodes.{name}]"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'[nodes."{escaped}"]'
