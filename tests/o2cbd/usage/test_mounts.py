"""Which lines of a mountinfo table are OCFS2 volumes of an o2cb cluster."""

from __future__ import annotations

import pytest

from o2cbd.usage.mounts import ocfs2_mounts

HEAD = "36 35 98:0 /"
LOCAL = "rw,_netdev,heartbeat=local,nointr,data=ordered,errors=remount-ro"


def line(mount_point: str, kind: str = "ocfs2", options: str = LOCAL, optional: str = "") -> str:
    return f"{HEAD} {mount_point} rw,relatime {optional}- {kind} /dev/vdb {options}\n"


def test_no_line_no_mount() -> None:
    assert ocfs2_mounts("") == ()


def test_ocfs2_is_named_by_its_mount_point_in_the_tables_order() -> None:
    table = line("/b") + line("/", "ext4", "rw") + line("/a")
    assert ocfs2_mounts(table) == ("/b", "/a")


@pytest.mark.parametrize("optional", ["", "shared:1 ", "shared:7 master:1 ", "unbindable "])
def test_optional_fields_of_any_number_are_passed(optional: str) -> None:
    assert ocfs2_mounts(line("/data", optional=optional)) == ("/data",)


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        ("rw,heartbeat=local", True),
        ("rw,heartbeat=global", True),
        ("rw,heartbeat=local,cluster_stack=o2cb", True),
        ("rw", True),
        ("rw,heartbeat=none", False),
        ("rw,heartbeat=none,cluster_stack=o2cb", False),
        ("rw,heartbeat=local,cluster_stack=pcmk", False),
        ("rw,cluster_stack=cman", False),
    ],
)
def test_only_a_volume_under_o2cb_with_heartbeat_is_ours(options: str, *, ours: bool) -> None:
    assert ocfs2_mounts(line("/data", options=options)) == (("/data",) if ours else ())


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (r"/a\040b", "/a b"),
        (r"/tab\011", "/tab\t"),
        (r"/new\012line", "/new\nline"),
        (r"/back\134slash", "/back\\slash"),
        (r"/\303\244", "/ä"),
        (r"/\377", "/\udcff"),
        ("/ä", "/ä"),
        ("/\udcff", "/\udcff"),
        ("/-", "/-"),
    ],
)
def test_escapes_are_resolved_byte_by_byte(field: str, path: str) -> None:
    assert ocfs2_mounts(line(field)) == (path,)


@pytest.mark.parametrize(
    "broken", ["ocfs2", "36 35 98:0 / /data rw ocfs2 /dev/vdb rw", "36 35 98:0 / /data rw - ocfs2"]
)
def test_a_broken_line_is_an_error_that_says_which(broken: str) -> None:
    with pytest.raises(ValueError, match="line 2 is not a line of mountinfo"):
        ocfs2_mounts(line("/data") + broken + "\n")
