"""`fakecluster ctl` explains itself, with and without a cluster."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from fakecluster.cli import cli
from fakecluster.serve.verbs import QUESTIONS
from fakecluster.verbs import commands


@pytest.mark.parametrize("verb", sorted([*QUESTIONS, *commands()]))
def test_the_help_of_a_verb_needs_no_directory(verb: str) -> None:
    shown = CliRunner().invoke(cli, ["ctl", verb, "--help"])
    assert (shown.exit_code, shown.output[:6]) == (0, "Usage:")


def test_a_verb_without_a_directory_says_which_option_is_missing() -> None:
    shown = CliRunner().invoke(cli, ["ctl", "state"])
    assert shown.exit_code == 2  # click's own; main makes 64 of it
    assert "Missing option '--dir'" in shown.output
