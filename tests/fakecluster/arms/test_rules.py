"""A spec's settings and words, as a daemon reads them."""

import click
import pytest

from fakecluster.arms.rules import rules_of, settings_text
from fakecluster.arms.suite import spec_of
from o2cbd.core.rules import Rules, Scope, TableRules
from o2cbd.settings import SettingsError


def test_nothing_said_is_the_daemons_default() -> None:
    table = TableRules(settings_file="the scenario's settings")
    assert rules_of(spec_of(1), 1) == Rules(table=table)


def test_the_common_file_one_hosts_own_and_its_words_add_up() -> None:
    spec = spec_of(
        2,
        settings='[table]\nscope = "configured"',
        settings_of={2: "[nodes.a]\nport = 9"},
        options={2: ("--port", "7800", "--cluster", "web")},
    )
    assert settings_text(spec, 1) == '[table]\nscope = "configured"'
    first, second = rules_of(spec, 1), rules_of(spec, 2)
    assert (first.table.scope, first.table.port, first.cluster) == (Scope.CONFIGURED, 7777, None)
    assert (second.table.scope, second.table.port, second.cluster) == (
        Scope.CONFIGURED,
        7800,
        "web",
    )
    assert second.table.nodes["a"].port == 9


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"settings": "[table]\nscop = 1"}, SettingsError),
        ({"options": {1: ("--port", "0")}}, click.UsageError),
        ({"options": {1: ("--cluster", "no good")}}, click.UsageError),
    ],
)
def test_what_a_daemon_would_refuse_is_refused(
    spec: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        rules_of(spec_of(1, **spec), 1)
