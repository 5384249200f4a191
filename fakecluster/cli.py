"""The command line of fakecluster."""

from __future__ import annotations

import importlib

import click

from fakecluster.gc_tuning import collect_less
from o2cbd import __version__
from o2cbd.output import OutputError, checked_stdout
from o2cbd.start import open_standard_descriptors

_COMMANDS = {
    "serve": ("fakecluster.server.cli", "serve_command"),
    "gate": ("fakecluster.gate.cli", "gate_command"),
    "ctl": ("fakecluster.server.ctl", "ctl_command"),
    "demo": ("fakecluster.demo.cli", "demo_command"),
    "mutants": ("fakecluster.commands.mutants", "mutants_command"),
    "run": ("fakecluster.commands.run", "run_command"),
    "merge": ("fakecluster.merge.cli", "merge_command"),
    "compare": ("fakecluster.compare.cli", "compare_command"),
    "replay": ("fakecluster.commands.run", "replay_command"),
}
"""Where each command lives; imported when it is asked for."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{name} is no command")
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fakecluster")
def cli() -> None:
    """Simulate multi-node clusters to test cluster daemons."""


EX_USAGE = 64


def main() -> None:
    """Run the command line; wrong usage exits with 64."""
    collect_less()
    open_standard_descriptors()
    try:
        with checked_stdout():
            code = cli.main(standalone_mode=False)
    except OutputError as error:
        if error.text:
            click.echo(f"fakecluster: {error.text}", err=True)
        raise
    except click.Abort:
        raise SystemExit(130) from None
    except click.ClickException as error:
        error.show()
        usage = isinstance(error, click.UsageError)
        raise SystemExit(EX_USAGE if usage else error.exit_code) from None
    raise SystemExit(code if isinstance(code, int) else 0)
