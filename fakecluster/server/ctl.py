"""`fakecluster ctl`: one verb to a running server, its JSON answer, and an exit code."""

from __future__ import annotations

import functools
import inspect
import json
import os
from pathlib import Path
from typing import Any

import click

from fakecluster.cman.notices import NoticeFault
from fakecluster.server.ask import DEFAULT_TIMEOUT_S, NoServerError, ask
from fakecluster.transport.listener import PathTooLongError
from fakecluster.verbs import REQUIRED, Argument, Command, Kind, arguments_of, commands
from o2cbd.core.reports import symbol


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
    given = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in arguments.items()
        if value is not None
    }
    try:
        answer = ask(directory, verb, given, timeout_s=timeout)
    except PathTooLongError as error:
        return _fail(error, os.EX_USAGE)
    except NoServerError as error:
        return _fail(error, os.EX_UNAVAILABLE)
    except TimeoutError:
        click.echo(f"fakecluster ctl: no answer in {timeout} s", err=True)
        return os.EX_TEMPFAIL
    click.echo(json.dumps(answer, sort_keys=True))
    if not answer.get("ok"):
        click.echo(f"fakecluster ctl: {answer.get('error', 'failed')}", err=True)
        return os.EX_USAGE
    return os.EX_TEMPFAIL if answer.get("allowed") is False else 0


def _fail(error: OSError, code: int) -> int:
    click.echo(f"fakecluster ctl: {error.filename}: {error.strerror}", err=True)
    return code


@ctl_command.command("state")
@click.argument("node", metavar="[NODE]", required=False)
def _state(node: str | None) -> int:
    """Show the whole cluster, or one node of it."""
    return _do("state", node=node)


@ctl_command.command("view")
@click.argument("node", metavar="NODE")
def _view(node: str) -> int:
    """Show what a node's cman holds for true: members, addresses, quorum."""
    return _do("view", node=node)


@ctl_command.command("journal")
@click.argument("node", metavar="NODE")
def _journal(node: str) -> int:
    """Show every call that changed, or tried to change, the node's configfs."""
    return _do("journal", node=node)


# --- verbs: their words and options are those of `fakecluster.verbs` ------------------------------


def _verb_command(command: Command) -> click.Command:
    arguments = [one for one in arguments_of(command.verb) if one.spelled.request is not None]
    return click.Command(
        command.word,
        callback=functools.partial(_do, command.word),
        help=inspect.cleandoc(command.doc),
        params=[
            _parameter(one) for one in sorted(arguments, key=lambda one: not one.spelled.first)
        ],
    )


def _parameter(one: Argument) -> click.Parameter:
    spelled, many = one.spelled, one.kind is Kind.ADDRESSES
    if spelled.optional_word or (one.without is REQUIRED and not spelled.as_option):
        return click.Argument(
            [one.request],
            metavar=spelled.metavar,
            type=_type(one),
            nargs=-1 if many else 1,
            required=not spelled.optional_word,
        )
    words = [f"--{one.request.replace('_', '-')}", one.request]
    if one.kind is Kind.FLAG:
        return click.Option(words, is_flag=True, help=spelled.help)
    if one.kind is Kind.NODES:
        return click.Option(words, multiple=True, type=int, help=spelled.help)
    return click.Option(
        words,
        type=_type(one),
        required=one.without is REQUIRED,
        default=_default(one),
        show_default=True,
        metavar=spelled.metavar,
        help=spelled.help,
    )


def _default(one: Argument) -> Any:
    if one.without is REQUIRED or callable(one.without):
        return None
    if isinstance(one.without, int):
        return symbol(one.without) if one.kind is Kind.ERRNO else one.without // one.spelled.scale
    return one.without


def _type(one: Argument) -> Any:
    match one.kind:
        case Kind.COUNT:
            return click.IntRange(1, one.spelled.most)
        case Kind.NUMBER:
            return click.IntRange(0, one.spelled.most)
        case Kind.FAULT:
            return click.Choice([each.value for each in NoticeFault])
        case _:
            return None


for _each in commands().values():
    ctl_command.add_command(_verb_command(_each))
