"""What `fakecluster serve` prints when all is up."""

from __future__ import annotations

import json

import pytest

from fakecluster.serve import cli

LINE = json.dumps(
    {
        "nodes": [
            {"name": "node1", "command": ["env", "A=b c", "python3", "-m", "o2cbd", "run"]},
            {"name": "node2", "command": ["env", "A=d", "python3", "-m", "o2cbd", "run"]},
        ]
    }
)


def test_a_program_gets_the_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    cli.announce(LINE, to_a_person=False)
    assert capsys.readouterr() == (f"{LINE}\n", "")


def test_a_person_gets_the_commands_to_type_besides(capsys: pytest.CaptureFixture[str]) -> None:
    cli.announce(LINE, to_a_person=True)
    line, words = capsys.readouterr()
    assert line == f"{LINE}\n"
    assert words.splitlines()[1:] == [
        "  env 'A=b c' python3 -m o2cbd run",
        "  env A=d python3 -m o2cbd run",
    ]
