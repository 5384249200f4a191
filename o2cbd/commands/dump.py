"""`o2cbd dump`."""

from __future__ import annotations

import click

from o2cbd.commands.asking import ask
from o2cbd.commands.common import absolute, config_option, runtime_dir_of, runtime_dir_option, say
from o2cbd.output import open_output


@click.command("dump")
@click.option("--output", metavar="F", callback=absolute, help="Write there (default: stdout).")
@config_option
@runtime_dir_option
def command(output: str | None, config: str | None, runtime_dir: str | None) -> None:
    """Write the running daemon's flight recorder; exit code 69 when none runs.

    The format is the simulator's trace, one JSON object a line: `fakecluster replay F` shows it,
    `fakecluster replay F --html PAGE` draws it.
    """
    reply = ask(runtime_dir_of(runtime_dir, config), {"request": "dump"})
    text = "".join(f"{line}\n" for line in reply["lines"])
    if output is None:
        say(text, newline=False)
        return
    with open_output(output) as file:
        file.write(text)
