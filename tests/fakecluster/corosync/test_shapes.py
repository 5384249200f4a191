"""docs/shapes.md is what the shapes say, and every real file is among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.corosync.shapes import DATA, main, shapes, shapes_page

ROOT = Path(__file__).parents[3]
AT_MOST = 2
"""Settings lines that any of them needs."""


def test_page_is_made_of_the_shapes() -> None:
    """Else: `python -m fakecluster.corosync.shapes --write docs/shapes.md`."""
    assert (ROOT / "docs" / "shapes.md").read_text(encoding="utf-8") == shapes_page(
        shapes(ROOT / DATA)
    )


def test_every_numbered_file_is_a_shape() -> None:
    there = {each.name for each in (ROOT / DATA).glob("[0-9]*.conf")}
    assert [shape.file for shape in shapes(ROOT / DATA)] == sorted(there)


def test_no_shape_needs_more_than_two_lines() -> None:
    assert max(len(shape.write) for shape in shapes(ROOT / DATA)) == AT_MOST


def test_page_is_written_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    main(["--write", str(tmp_path / "page.md")])
    main([])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == capsys.readouterr().out
