"""What `fakecluster serve` prints when all is up, and when the topology cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fakecluster.server import cli

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


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("cluster = ", ["invalid TOML: Invalid value (at end of document)"]),
        (
            "two_node = 1\nnumber = true",
            ["number: True is no whole number", "two_node: 1 is neither true nor false"],
        ),
    ],
)
def test_every_problem_of_a_topology_names_its_file(
    tmp_path: Path, content: str, problems: list[str]
) -> None:
    file = tmp_path / "t.toml"
    file.write_text(content)
    words = ["--dir", str(tmp_path / "d"), "--topology", str(file)]
    shown = CliRunner().invoke(cli.serve_command, words, standalone_mode=False)
    assert shown.return_value == 64
    assert shown.output.splitlines() == [f"fakecluster serve: {file}: {each}" for each in problems]
    assert not (tmp_path / "d").exists()
