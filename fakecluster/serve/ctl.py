"""`fakecluster ctl`: one verb to a running server, its JSON answer, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fakecluster.cman.engine import NoticeFault
from fakecluster.listener import PathTooLongError
from fakecluster.serve.ask import DEFAULT_TIMEOUT_S, NoServerError, ask

EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_TEMPFAIL = 75


@click.group("ctl")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory that `fakecluster serve` was given.  [required]",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=DEFAULT_TIMEOUT_S, show_default=True
)
@click.pass_context
def ctl_command(context: click.Context, directory: Path | None, timeout: float) -> None:
    """Do something to a cluster that `fakecluster serve` runs.

    A node is given by its id or its name. Prints the answer as one JSON line. Exit: 0 done,
    64 the request makes no sense, 69 no server, 75 refused or timed out.
    """
    context.obj = (directory, timeout)


def _do(verb: str, **arguments: Any) -> int:
    """Ask; print the answer; return the exit code."""
    context = click.get_current_context()
    directory, timeout = context.obj
    if directory is None:
        # Not click's to ask for: it would, before it shows the help of a verb.
        raise click.UsageError("Missing option '--dir'.", context.parent)
    given = {key: value for key, value in arguments.items() if value is not None}
    try:
        answer = ask(directory, verb, given, timeout_s=timeout)
    except PathTooLongError as error:
        return _fail(error, EX_USAGE)
    except NoServerError as error:
        return _fail(error, EX_UNAVAILABLE)
    except TimeoutError:
        click.echo(f"fakecluster ctl: no answer in {timeout} s", err=True)
        return EX_TEMPFAIL
    click.echo(json.dumps(answer, sort_keys=True))
    if not answer.get("ok"):
        click.echo(f"fakecluster ctl: {answer.get('error', 'failed')}", err=True)
        return EX_USAGE
    return EX_TEMPFAIL if answer.get("allowed") is False else 0


def _fail(error: OSError, code: int) -> int:
    click.echo(f"fakecluster ctl: {error.filename}: {error.strerror}", err=True)
    return code


_node = click.argument("node", metavar="NODE")
_count = click.option("--count", type=click.IntRange(min=1), default=1, show_default=True)
_cman_port = click.argument("port", type=click.IntRange(min=0, max=255))
_lagging = click.option(
    "--lagging", multiple=True, type=int, help="Node ids whose configuration stays as it was."
)


@ctl_command.command("state")
@click.argument("node", metavar="[NODE]", required=False)
def _state(node: str | None) -> int:
    """Show the whole cluster, or one node of it."""
    return _do("state", node=node)


@ctl_command.command("view")
@_node
def _view(node: str) -> int:
    """Show what a node's cman holds for true: members, addresses, quorum."""
    return _do("view", node=node)


@ctl_command.command("journal")
@_node
def _journal(node: str) -> int:
    """Show every call that changed, or tried to change, the node's configfs."""
    return _do("journal", node=node)


@ctl_command.command("kill")
@_node
def _kill(node: str) -> int:
    """Cut a host's power: its sockets go stale, its daemons die, its kernel forgets.

    Those processes die that have been clients of its cman and live there, as their
    CMAN_SOCKET_DIR says. The kernel's tables are empty at the next `start`.
    """
    return _do("kill", node=node)


@ctl_command.command("start")
@_node
def _start(node: str) -> int:
    """Boot a host that has no power, and start its cman."""
    return _do("start", node=node)


@ctl_command.command("leave")
@_node
@click.option("--remove", is_flag=True, help="Leave for good: quorum is counted without it.")
def _leave(node: str, remove: bool) -> int:  # noqa: FBT001 - click's calling convention
    """Let a node leave at once; nobody is asked."""
    return _do("leave", node=node, remove=remove)


@ctl_command.command("partition")
@click.argument("groups", metavar="1,2/3")
def _partition(groups: str) -> int:
    """Cut the network between groups of node ids; the disk heartbeat goes on."""
    return _do("partition", groups=groups)


@ctl_command.command("cut")
@click.argument("speaker")
@click.argument("listener")
def _cut(speaker: str, listener: str) -> int:
    """Let LISTENER hear nothing from SPEAKER, one way."""
    return _do("cut", speaker=speaker, listener=listener)


@ctl_command.command("mend")
@click.argument("speaker")
@click.argument("listener")
def _mend(speaker: str, listener: str) -> int:
    """Undo one `cut`."""
    return _do("mend", speaker=speaker, listener=listener)


@ctl_command.command("heal")
def _heal() -> int:
    """Undo all partitions and cuts."""
    return _do("heal")


@ctl_command.command("cman-crash")
@_node
def _cman_crash(node: str) -> int:
    """Kill -9 of a node's cman alone."""
    return _do("cman-crash", node=node)


@ctl_command.command("cman-stop")
@_node
def _cman_stop(node: str) -> int:
    """SIGSTOP of a node's cman: it takes requests and never answers."""
    return _do("cman-stop", node=node)


@ctl_command.command("cman-cont")
@_node
def _cman_cont(node: str) -> int:
    """SIGCONT of a node's cman."""
    return _do("cman-cont", node=node)


@ctl_command.command("cman-start")
@_node
def _cman_start(node: str) -> int:
    """Start a node's cman; its kernel stays as it is."""
    return _do("cman-start", node=node)


@ctl_command.command("mount")
@_node
def _mount(node: str) -> int:
    """Mount the shared volume: a region with a pid, a heartbeat that pins live nodes."""
    return _do("mount", node=node)


@ctl_command.command("umount")
@_node
def _umount(node: str) -> int:
    """Unmount the shared volume; the others see it at once."""
    return _do("umount", node=node)


@ctl_command.command("pin")
@_node
@click.argument("name", metavar="NAME")
def _pin(node: str, name: str) -> int:
    """Make rmdir of the entry NAME in NODE's kernel fail with EBUSY."""
    return _do("pin", node=node, name=name)


@ctl_command.command("unpin")
@_node
@click.argument("name", metavar="NAME")
def _unpin(node: str, name: str) -> int:
    """Undo `pin`."""
    return _do("unpin", node=node, name=name)


@ctl_command.command("address")
@_node
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option("--at-rejoin", is_flag=True, help="cman takes it when the node joins again.")
def _address(node: str, addresses: tuple[str, ...], at_rejoin: bool) -> int:  # noqa: FBT001 - click
    """Give a node other addresses."""
    return _do("address", node=node, addresses=list(addresses), at_rejoin=at_rejoin)


@ctl_command.command("give-address")
@_node
@click.argument("address")
def _give_address(node: str, address: str) -> int:
    """Let a host have an address; its cman is not told."""
    return _do("give-address", node=node, address=address)


@ctl_command.command("take-address")
@_node
@click.argument("address")
def _take_address(node: str, address: str) -> int:
    """Let a host lose an address; its cman is not told."""
    return _do("take-address", node=node, address=address)


@ctl_command.command("add-node")
@click.argument("node_id", metavar="ID", type=click.IntRange(min=1))
@click.argument("addresses", metavar="[ADDRESS...]", nargs=-1)
@click.option("--name", help="[default: node and its id]")
@click.option("--votes", type=click.IntRange(min=0), default=1, show_default=True)
@_lagging
def _add_node(
    node_id: int, addresses: tuple[str, ...], name: str | None, votes: int, lagging: tuple[int, ...]
) -> int:
    """Add a host and a node to the configuration; `start` it afterwards."""
    return _do(
        "add-node",
        id=node_id,
        addresses=list(addresses),
        name=name,
        votes=votes,
        lagging=list(lagging),
    )


@ctl_command.command("remove-node")
@_node
@_lagging
def _remove_node(node: str, lagging: tuple[int, ...]) -> int:
    """Take a node out of the configuration; its host stays."""
    return _do("remove-node", node=node, lagging=list(lagging))


@ctl_command.command("rename-node")
@_node
@click.argument("name")
def _rename_node(node: str, name: str) -> int:
    """Give a node another name in the configuration, effective at once."""
    return _do("rename-node", node=node, name=name)


@ctl_command.command("rename-cluster")
@click.argument("name")
def _rename_cluster(name: str) -> int:
    """Let every cman report another cluster name from now on."""
    return _do("rename-cluster", name=name)


@ctl_command.command("fence")
@_node
@click.option("--by", required=True, metavar="NODE", help="Whose cman is told.")
def _fence(node: str, by: str) -> int:
    """Tell cman that a node was fenced, as fenced does after it did so."""
    return _do("fence", node=node, by=by)


@ctl_command.command("qdisk")
@_node
@click.option("--lost", is_flag=True, help="The poll fails.")
def _qdisk(node: str, lost: bool) -> int:  # noqa: FBT001 - click's calling convention
    """Let the quorum disk's daemon on a node poll."""
    return _do("qdisk", node=node, lost=lost)


@ctl_command.command("expected")
@_node
@click.argument("votes", type=click.IntRange(min=1))
def _expected(node: str, votes: int) -> int:
    """Let the cman of a node and its partition expect so many votes, as cman_tool does."""
    return _do("expected", node=node, votes=votes)


@ctl_command.command("votes")
@_node
@click.argument("votes", type=click.IntRange(min=0, max=255))
def _votes(node: str, votes: int) -> int:
    """Give a node so many votes, as cman_tool does."""
    return _do("votes", node=node, votes=votes)


@ctl_command.command("bind-port")
@_node
@_cman_port
def _bind_port(node: str, port: int) -> int:
    """Let a client of a node's cman bind a port, and ask for notices."""
    return _do("bind-port", node=node, port=port)


@ctl_command.command("close-port")
@_node
@_cman_port
def _close_port(node: str, port: int) -> int:
    """End the client that bind-port made."""
    return _do("close-port", node=node, port=port)


@ctl_command.command("config-older")
@_node
def _config_older(node: str) -> int:
    """Announce the next version of the configuration, which this node's file has not."""
    return _do("config-older", node=node)


@ctl_command.command("config-newer")
@_node
def _config_newer(node: str) -> int:
    """Write the next version of the configuration to one node alone; nobody is told."""
    return _do("config-newer", node=node)


@ctl_command.command("config-mend")
def _config_mend() -> int:
    """Give every node the newest configuration, and announce it."""
    return _do("config-mend")


@ctl_command.command("notice")
@click.argument("fault", type=click.Choice([each.value for each in NoticeFault]))
@_node
@_count
@click.option("--delay-ms", type=click.IntRange(min=0), default=1000, show_default=True)
def _notice(fault: str, node: str, count: int, delay_ms: int) -> int:
    """Lose, double, delay or bundle the next notices of a node."""
    return _do("notice", fault=fault, node=node, count=count, delay_ms=delay_ms)


@ctl_command.command("fail-read")
@_node
@click.option("--errno", default="EIO", show_default=True)
@_count
def _fail_read(node: str, errno: str, count: int) -> int:
    """Let the next readings of a node's member list fail."""
    return _do("fail-read", node=node, errno=errno, count=count)


@ctl_command.command("fault")
@_node
@click.argument("call")
@click.argument("errno")
@_count
def _fault(node: str, call: str, errno: str, count: int) -> int:
    """Let the next such calls on a node's configfs fail: mkdir, rmdir, open, write:num ..."""
    return _do("fault", node=node, call=call, errno=errno, count=count)


@ctl_command.command("mend-calls")
@_node
def _mend_calls(node: str) -> int:
    """End all that `fault` began on a node."""
    return _do("mend-calls", node=node)


@ctl_command.command("hide-mounts")
@_node
def _hide_mounts(node: str) -> int:
    """Make a node's mount table unreadable."""
    return _do("hide-mounts", node=node)


@ctl_command.command("show-mounts")
@_node
def _show_mounts(node: str) -> int:
    """Undo `hide-mounts`."""
    return _do("show-mounts", node=node)


@ctl_command.command("remove-semaphore")
@_node
def _remove_semaphore(node: str) -> int:
    """Remove a node's semaphore set; whoever holds it does not notice."""
    return _do("remove-semaphore", node=node)


@ctl_command.command("crash-daemon-at")
@_node
@click.argument("call", metavar="CALL[:K]")
def _crash_daemon_at(node: str, call: str) -> int:
    """SIGKILL whoever makes the K-th such call on a node's configfs, inside it."""
    return _do("crash-daemon-at", node=node, call=call)


@ctl_command.command("shutdown")
@_node
@click.option("--force", is_flag=True, help="Leave whatever the answers are.")
@click.option("--remove", is_flag=True, help="Leave for good.")
def _shutdown(node: str, force: bool, remove: bool) -> int:  # noqa: FBT001 - click
    """Ask cman to shut the cluster down on a node, as `cman_tool leave` does."""
    return _do("shutdown", node=node, force=force, remove=remove)
