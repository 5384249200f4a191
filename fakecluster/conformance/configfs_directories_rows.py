"""Rows of the observed table "Directories"."""

from __future__ import annotations

from fakecluster.conformance.configfs_row import (
    C,
    ConfigfsRow,
    Steps,
    addressed,
    at,
    cluster,
    complete,
    do,
    get,
    host,
    lines,
    local_node,
    mkdir,
    put,
    rmdir,
    row,
)

_TABLE = "Directories"
_LONG = "x" * 256


def _row(name: str, *parts: Steps, needs: tuple[str, ...] = ()) -> ConfigfsRow:
    return row(f"directories/{name}", _TABLE, *parts, needs=needs)


def _names() -> list[ConfigfsRow]:
    rows = [
        _row(
            "cluster-name-255",
            mkdir(f"cluster/{_LONG[:255]}"),
            do("names", "cluster", f"={_LONG[:255]}"),
        ),
        _row("cluster-name-256", mkdir(f"cluster/{_LONG}", "ENAMETOOLONG")),
        _row("node-name-64", cluster(), mkdir(at(_LONG[:64]))),
        _row("node-name-65", cluster(), mkdir(at(_LONG[:65]), "ENAMETOOLONG")),
        _row("node-name-256", cluster(), mkdir(at(_LONG), "ENAMETOOLONG")),
        _row("region-name-32", cluster(), mkdir(f"{C}/heartbeat/{_LONG[:32]}")),
        _row("region-name-33", cluster(), mkdir(f"{C}/heartbeat/{_LONG[:33]}", "ENAMETOOLONG")),
    ]
    odd = {"space": "a b", "utf-8": "knöten", "leading-dash": "-a"}
    rows += [
        _row(f"node-name-{what}", cluster(), mkdir(at(name)), do("names", f"{C}/node", f"={name}"))
        for what, name in odd.items()
    ]
    return rows


def _made_and_removed() -> list[ConfigfsRow]:
    region = f"{C}/heartbeat/R"
    return [
        _row("second-cluster", cluster(), mkdir("cluster/other", "ENOSPC")),
        _row("cluster-again", cluster(), mkdir(C, "EEXIST")),
        _row("node-again", cluster(), mkdir(at("a")), mkdir(at("a"), "EEXIST")),
        _row("region-again", cluster(), mkdir(region), mkdir(region, "EEXIST")),
        _row("mkdir-in-a-cluster", cluster(), mkdir(f"{C}/foo", "EPERM")),
        _row("mkdir-in-a-node", cluster(), mkdir(at("a")), mkdir(at("a", "x"), "EPERM")),
        _row("file-in-node", cluster(), do("create", f"{C}/node/file", "EACCES")),
        _row("rmdir-node-group", cluster(), rmdir(f"{C}/node", "EPERM")),
        _row("rmdir-heartbeat-group", cluster(), rmdir(f"{C}/heartbeat", "EPERM")),
        _row("rmdir-cluster-with-a-node", cluster(), mkdir(at("a")), rmdir(C, "ENOTEMPTY")),
        _row("rmdir-cluster-with-a-region", cluster(), mkdir(region), rmdir(C, "ENOTEMPTY")),
        _row("rmdir-empty-cluster", cluster(), rmdir(C), do("names", "cluster", "=")),
        _row("rmdir-region", cluster(), mkdir(region), rmdir(region)),
        _row("rmdir-missing-cluster", rmdir(C, "ENOENT")),
        _row("rmdir-missing-node", cluster(), rmdir(at("a"), "ENOENT")),
        _row("rmdir-remote-node", cluster(), complete("a", 1), rmdir(at("a"))),
        _row("rmdir-half-made-node", cluster(), addressed("a"), rmdir(at("a"))),
        _row("rmdir-local-node", cluster(), local_node("a", 1), rmdir(at("a"))),
        _row(
            "rmdir-local-node-closes-the-listener",
            cluster(),
            local_node("a", 1),
            host("listening", "7777", "=yes"),
            rmdir(at("a")),
            host("listening", "7777", "=no"),
            needs=("bind",),
        ),
        _row(
            "rmdir-under-an-open-handle",
            cluster(),
            mkdir(at("a")),
            do("open", at("a", "num"), handle="fd", data="rw"),
            rmdir(at("a")),
            do("read", "", "ENOENT", handle="fd"),
            do("write", "", "ENOENT", handle="fd", data="1"),
        ),
        _row(
            "handle-of-a-removed-node-is-not-the-new-one",
            cluster(),
            mkdir(at("a")),
            do("open", at("a", "ipv4_port"), handle="fd", data="rw"),
            rmdir(at("a")),
            mkdir(at("a")),
            do("write", "", "ENOENT", handle="fd", data="7777"),
            lines("a", ipv4_port="0"),
        ),
    ]


def _refused() -> list[ConfigfsRow]:
    num, port = at("a", "num"), at("a", "ipv4_port")
    made = [*cluster(), *mkdir(at("a"))]
    return [
        _row("rename-a-node", made, do("rename", at("a"), "EPERM", to=at("b"))),
        _row("rename-an-attribute", made, do("rename", num, "EPERM", to=at("a", "other"))),
        _row("rename-over-an-attribute", made, do("rename", num, "EPERM", to=port)),
        _row("rename-a-cluster", made, do("rename", C, "EPERM", to="cluster/other")),
        _row("symlink", made, do("symlink", at("b"), "EPERM", to=at("a"))),
        _row(
            "symlink-in-a-region",
            made,
            mkdir(f"{C}/heartbeat/R"),
            do("symlink", f"{C}/heartbeat/R/a", "EPERM", to=at("a")),
        ),
        _row("hard-link", made, do("link", num, "EPERM", to=at("a", "other"))),
        _row("unlink-an-attribute", made, do("unlink", num, "EPERM")),
        _row("unlink-a-directory", made, do("unlink", at("a"), "EISDIR")),
        _row("rmdir-an-attribute", made, rmdir(num, "ENOTDIR")),
    ]


def _allowed() -> list[ConfigfsRow]:
    port = at("a", "ipv4_port")
    made = [*cluster(), *mkdir(at("a"))]
    return [
        _row(
            "chmod",
            made,
            do("chmod", port, data="666"),
            do("stat", port, "=file 0666 0 4096"),
            needs=("root",),
        ),
        _row(
            "chmod-opens-access",
            made,
            put(port, "7777", "EACCES", not_root=True),
            do("chmod", port, data="666"),
            put(port, "7777", not_root=True),
            get(port, "7777\n"),
            needs=("not-root",),
        ),
        _row(
            "chmod-of-a-directory-opens-access",
            cluster(),
            do("chmod", f"{C}/node", data="777"),
            mkdir(at("a"), not_root=True),
            needs=("not-root",),
        ),
        _row(
            "truncate",
            made,
            do("truncate", port),
            do("stat", port, "=file 0644 0 4096"),
            needs=("root",),
        ),
        _row("open-truncating", made, do("put-truncating", port, data="7777"), get(port, "7777\n")),
        _row("open-appending", made, do("put-appending", port, data="7777"), get(port, "7777\n")),
    ]


def _not_root() -> list[ConfigfsRow]:
    made = [*cluster(), *mkdir(at("a"))]
    needs = ("not-root",)
    return [
        _row("not-root-reads", made, get(at("a", "num"), "0\n", not_root=True), needs=needs),
        _row(
            "not-root-does-not-write",
            made,
            put(at("a", "ipv4_port"), "7777", "EACCES", not_root=True),
            lines("a", ipv4_port="0"),
            needs=needs,
        ),
        _row("not-root-makes-no-cluster", mkdir(C, "EACCES", not_root=True), needs=needs),
        _row(
            "not-root-makes-no-node",
            cluster(),
            mkdir(at("a"), "EACCES", not_root=True),
            needs=needs,
        ),
        _row(
            "not-root-removes-no-node", made, rmdir(at("a"), "EACCES", not_root=True), needs=needs
        ),
        _row(
            "not-root-removes-no-cluster", cluster(), rmdir(C, "EACCES", not_root=True), needs=needs
        ),
    ]


def _many() -> ConfigfsRow:
    nodes = [step for num in range(255) for step in complete(f"n{num}", num)]
    names = " ".join(sorted(f"n{num}" for num in range(255)))
    return _row("255-nodes", cluster(), nodes, do("names", f"{C}/node", f"={names}"))


def _mounted() -> list[ConfigfsRow]:
    nodes = [*cluster(), *local_node("a", 1), *complete("b", 2)]
    mounted = [*nodes, *host("mount", "R")]
    needs = ("mounted",)
    return [
        _row(
            "mounted-rmdir-own-node",
            mounted,
            rmdir(at("a"), "EBUSY"),
            lines("a", local="1"),
            needs=needs,
        ),
        _row(
            "mounted-rmdir-a-live-remote",
            mounted,
            host("see", "1,2"),
            rmdir(at("b"), "EBUSY"),
            lines("b", num="2"),
            needs=("mounted", "heartbeat"),
        ),
        _row("mounted-rmdir-the-region", mounted, rmdir(f"{C}/heartbeat/R", "EBUSY"), needs=needs),
        _row("mounted-rmdir-the-cluster", mounted, rmdir(C, "ENOTEMPTY"), needs=needs),
        _row("mounted-remove-a-silent-node", mounted, rmdir(at("b")), needs=needs),
        _row(
            "mounted-add-a-silent-node", mounted, complete("c", 3), lines("c", num="3"), needs=needs
        ),
        _row("unmounted-rmdir-own-node", mounted, host("umount", "R"), rmdir(at("a")), needs=needs),
    ]


def _watched() -> ConfigfsRow:
    return _row(
        "inotify",
        cluster(),
        do("watch", f"{C}/node", handle="watch"),
        mkdir(at("a")),
        do("events", "", "=create a", handle="watch"),
        rmdir(at("a")),
        do("events", "", "=delete a", handle="watch"),
        needs=("inotify",),
    )


DIRECTORIES = (
    *_names(),
    *_made_and_removed(),
    *_refused(),
    *_allowed(),
    *_not_root(),
    _many(),
    *_mounted(),
    _watched(),
)
