"""What a spec tells a host's daemon, as that reads its settings file and command line."""

from __future__ import annotations

import functools
import tomllib

from fakecluster.arms.values import ClusterSpec
from o2cbd import given_settings
from o2cbd.commands import run
from o2cbd.core.rules import Rules
from o2cbd.settings_file import from_data


def settings_text(spec: ClusterSpec, host: int) -> str:
    """Return the TOML that a spec adds to a host's settings file."""
    return "\n".join(text for text in (spec.settings, spec.settings_of.get(host, "")) if text)


def rules_of(spec: ClusterSpec, host: int) -> Rules:
    """Return the rules that a host's daemon makes of its file and its command line.

    Raises:
        SettingsError: the daemon would refuse the file.
        click.UsageError: the daemon would refuse the command line.
    """
    return _rules(settings_text(spec, host), tuple(spec.options.get(host, ())))


@functools.cache
def _rules(text: str, words: tuple[str, ...]) -> Rules:
    settings = from_data(tomllib.loads(text), origin="the scenario's settings")
    given = run.command.make_context("o2cbd run", list(words)).params
    overridden = given_settings.overridden(
        settings,
        membership=given["membership"],
        libcman=None,
        paths={},
        cluster=given["cluster"],
        port=given["port"],
    )
    return overridden.rules
