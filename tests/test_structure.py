"""docs/structure.py measures a small tree whose figures are known."""

import runpy
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "docs/structure.py"))
FILES = {
    "__init__.py": '"""The package."""\n',
    "base.py": """
        '''The lowest file.'''

        # why: a comment on its own line
        Rows = list[int]  # an alias, and no comment of its own
        LIMIT = 3


        class Table:
            '''A table.'''

            def kept(self, rows, *, limit):
                '''The rows kept.

                Two lines of body.
                '''
                few = rows[:limit]
                return few

            def _hidden(self): ...
        """,
    "lower/__init__.py": "from .first import one\n",
    "lower/first.py": "from ..base import Table\nfrom . import second\n\n\ndef one(): ...\n",
    "lower/second.py": "import house.lower.first\n\n\nclass Table: ...\n",
    "upper/first.py": """
        from house.lower import first, one
        from house import base


        def one(): ...
    """,
}


@pytest.fixture
def tree(tmp_path: Path) -> list:
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return SCRIPT["files"](tmp_path / "house")


def test_a_file_is_measured(tree):
    base = next(file for file in tree if file.module == "house.base")
    assert (base.lines, base.code, base.comments) == (19, 13, 1)
    assert base.bodies == [2, 1]  # without the docstring
    assert base.arguments == [2, 0]  # without self
    assert base.public == ["Table"]
    assert base.types == {"Rows", "Table"}
    assert base.functions == set()  # a method is none of them
    assert base.documented == [True, True]


def test_imports_are_found_however_they_are_written(tree):
    links = SCRIPT["links"](tree)
    assert links["house.lower"] == {"house.lower.first"}
    assert links["house.lower.first"] == {"house.base", "house.lower.second"}
    assert links["house.lower.second"] == {"house.lower.first"}
    assert links["house.upper.first"] == {"house.base", "house.lower", "house.lower.first"}


def test_a_circle_of_imports_is_one_level():
    levels = SCRIPT["levels"]
    assert levels({"a": set(), "b": set()}) == 1
    assert levels({"a": {"b"}, "b": {"c"}, "c": set()}) == 3
    assert levels({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == 3
    assert levels({}) == 0


def test_the_figures_of_a_tree(tree):
    figures = SCRIPT["whole"](tree)
    assert figures["files"] == "6"
    assert figures["lines"] == str(1 + 19 + 1 + 5 + 4 + 5)
    assert figures["rooms / imports between rooms / levels"] == "4 / 3 / 3"
    assert figures["types defined in several modules"] == "1"  # Table
    assert figures["functions defined in several modules"] == "1"  # one
    assert figures["file names that repeat"] == "1"  # first.py, but not __init__.py
    assert figures["public definitions with a docstring"] == "40 %"  # 2 of 5


def test_folders_count_the_imports_among_their_own_files(tree):
    assert SCRIPT["folders"](tree) == {
        ".": "20 / 2 / 0 / 1",
        "lower": "10 / 3 / 3 / 2",  # first and second import each other
        "upper": "5 / 1 / 0 / 1",
    }


def test_a_table_shows_a_dash_for_what_a_column_does_not_have():
    text = SCRIPT["table"]("folder", {"before": {"a": "1"}, "now": {"a": "2", "b": "3"}})
    assert text.splitlines() == [
        "| folder | before | now |",
        "| --- | --- | --- |",
        "| a | 1 | 2 |",
        "| b | – | 3 |",
    ]


def test_the_tables_of_a_page_are_replaced_and_nothing_else_is():
    mark, replaced = SCRIPT["MARK"], SCRIPT["replaced"]
    page = f"Before.\n\n{mark}\nan old table\n{mark}\n\nAfter.\n"
    again = replaced(page, "| new |")
    assert again == f"Before.\n\n{mark}\n\n| new |\n\n{mark}\n\nAfter.\n"
    assert replaced(again, "| new |") == again
    with pytest.raises(SystemExit, match="0 times; expected twice"):
        replaced("A page without marks.", "| new |")
