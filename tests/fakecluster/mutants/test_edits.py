"""Edits find their place by what the code does, however it is written down."""

from __future__ import annotations

import ast

import pytest

from fakecluster.mutants.edits import Edit, Insert, Replace, What, in_function
from fakecluster.mutants.trees import spots

SOURCE = '''
class Keeper:
    def keep(self, one, other):
        """Keep something."""
        self.count = one.size + 1
        if one.ready and not (other is None or other.late):
            self.store(one, due=other.due, why=Why.LATE)
            return [one, other]
        return first(one) or second(other) or None
'''


def changed(edit: Edit, source: str = SOURCE) -> str:
    tree = ast.parse(source)
    (place,) = edit.places(in_function(spots("x", tree), edit.function))
    place.change()
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (Replace("keep", What.CONDITION, "late", "False"), "not (other is None or False)"),
        (Replace("keep", What.CONDITION, "ready", "not OLD"), "if not one.ready and"),
        (Replace("Keeper.keep", What.OPERAND, "first"), "return False or second(other) or None"),
        (Replace("keep", What.OPERAND, "ready"), "if True and (not"),
        (Replace("keep", What.ELEMENT, "other"), "return [one]"),
        (Replace("keep", What.ELEMENT, "other", "*(OLD, OLD)"), "return [one, *(other, other)]"),
        (Replace("keep", What.ARGUMENT, "due", "OLD + 1"), "due=other.due + 1"),
        (Replace("keep", What.ARGUMENT, "why Why.LATE", "None"), "why=None"),
        (Replace("keep", What.ASSIGNED, "count", "0"), "self.count = 0\n"),
        (Replace("keep", What.RETURNED, "second", "None"), "        return None"),
        (Replace("keep", What.STATEMENT, "store"), "            pass\n"),
        (Replace("keep", What.STATEMENT, "store", "forget(one)"), "            forget(one)\n"),
        (Insert("keep", "one = None\nother = one"), "\n        one = None\n        other = one\n"),
    ],
)
def test_each_kind_of_change(edit: Edit, line: str) -> None:
    assert line in changed(edit)


def test_no_change_of_names_around_it_matters() -> None:
    moved = SOURCE.replace("Keeper", "Other").replace("one.ready", "(\n  one\n.ready\n)")
    edit = Replace("keep", What.CONDITION, "ready", "True")
    assert changed(edit, moved) == changed(edit).replace("Keeper", "Other")


@pytest.mark.parametrize(
    "edit",
    [
        Replace("keep", What.CONDITION, "gone", "True"),
        Replace("other", What.CONDITION, "ready", "True"),
        Replace("keep", What.ARGUMENT, "when", "True"),
        Insert("gone", "pass"),
    ],
)
def test_what_is_not_there_is_not_found(edit: Edit) -> None:
    assert edit.places(in_function(spots("x", ast.parse(SOURCE)), edit.function)) == []
