"""The settings of one run: those of the file, and what was given in their place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from o2cbd.core.exit_codes import EXIT_BAD_SETTINGS, EXIT_NO_PERMISSION
from o2cbd.errors import said
from o2cbd.settings import DEFAULT_FILE, DEFAULT_SCOPES, DaemonSettings, SettingsError, Source


class UnusableSettingsError(Exception):
    """The settings cannot be read or are wrong; the text has all that is."""

    def __init__(self, code: int, text: str) -> None:
        """End with this exit code."""
        super().__init__(text)
        self.code = code


def read_settings(config: str | None = None) -> DaemonSettings:
    """Read the settings file that was named, or the default one if it is there.

    Raises:
        UnusableSettingsError: it cannot be read or is wrong.
    """
    path = config if config is not None else DEFAULT_FILE
    if config is None and not os.path.lexists(path):
        return DaemonSettings()
    # Only here: a start without a file need not spend it.
    from o2cbd import settings_file  # noqa: PLC0415

    try:
        return settings_file.load(path)
    except PermissionError as error:
        raise UnusableSettingsError(EXIT_NO_PERMISSION, said(error)) from None
    except OSError as error:
        raise UnusableSettingsError(EXIT_BAD_SETTINGS, said(error)) from None
    except SettingsError as error:
        raise UnusableSettingsError(EXIT_BAD_SETTINGS, str(error)) from None


def overridden(
    settings: DaemonSettings,
    *,
    membership: str | None = None,
    libcman: str | None = None,
    paths: Mapping[str, str | None] = MappingProxyType({}),
    cluster: str | None = None,
    port: int | None = None,
) -> DaemonSettings:
    """Return the settings with what was given in place of the file's, and the manager's scope."""
    given = {name: path for name, path in paths.items() if path is not None}
    rules = settings.rules
    source = settings.source if membership is None else Source(membership)
    if not settings.scope_chosen:
        rules = replace(rules, table=replace(rules.table, scope=DEFAULT_SCOPES[source]))
    if cluster is not None:
        rules = replace(rules, cluster=cluster)
    if port is not None:
        rules = replace(rules, table=replace(rules.table, port=port))
    return replace(
        settings,
        source=source,
        libcman=settings.libcman if libcman is None else libcman,
        paths=replace(settings.paths, **given),
        rules=rules,
    )
