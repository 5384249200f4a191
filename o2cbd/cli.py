"""The command line: one module a command, imported only when it is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from o2cbd import __version__
from o2cbd.core.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE
from o2cbd.output import OutputError, checked_stdout

_COMMANDS: Mapping[str, str] = {
    "run": "Run the daemon in the foreground.",
    "status": "Show the daemon's state, its nodes and what is pending.",
    "plan": "Show the steps that would be done now, and why others wait.",
    "diff": "Compare cluster.conf, the wanted table and the kernel's, value by value.",
    "export": "Write the wanted table as a cluster.conf of ocfs2-tools.",
    "flush": "Remove an unused cluster from this kernel.",
    "check-config": "Check a settings file without changing anything.",
    "hold": "Run a command while o2cbd makes no changes.",
    "forget": "Confirm that a lost node is down, so that it may be removed.",
    "dump": "Write the flight recorder as a trace, for `fakecluster replay`.",
    "wait": "Wait for conditions of the daemon's state.",
}
"""With the line for the overview, so that it needs no import."""


class LazyGroup(click.Group):
    """Finds each command in the module of its name; wrong usage ends with sysexits' 64."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the overview."""
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"o2cbd.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the overview."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        """Run, with this project's exit codes."""
        kwargs["standalone_mode"] = False
        if not standalone_mode:
            return super().main(*args, **kwargs)
        try:
            with checked_stdout():
                code = super().main(*args, **kwargs)
        except OutputError as error:
            if error.text:
                click.echo(f"o2cbd: {error.text}", err=True)
            code = error.code
        except click.UsageError as error:
            error.show()
            code = EXIT_USAGE
        except click.ClickException as error:
            error.show()
            code = getattr(error, "code", error.exit_code)
        except click.Abort:
            code = EXIT_INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)


@click.command(
    cls=LazyGroup,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", prog_name="o2cbd", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep the OCFS2 cluster tables of this kernel equal to the cluster's membership."""


def main() -> None:
    """Run the command line and exit."""
    cli.main(prog_name="o2cbd")


if __name__ == "__main__":
    main()
