"""Text of others is shown, and executed by nobody."""

import io

import polars as pl
import pytest
from rich.console import Console

from heatproof import cli
from heatproof.escaping import column_for_spreadsheet, for_spreadsheet, for_terminal

FORMULAS = [
    '=HYPERLINK("http://evil","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\N{FULLWIDTH EQUALS SIGN}1+1",
    "-x",
]
TEXTS = ["", "Nodule", "-", "+", "-1.5", "+2e-3", "a=b", "1-2", "\N{EN DASH}", "'=1", " =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_the_mark_of_text(text):
    assert for_spreadsheet(text) == f"'{text}"


@pytest.mark.parametrize("text", TEXTS)
def test_other_text_and_numbers_stay(text):
    assert for_spreadsheet(text) == text


def test_a_column_is_escaped_as_its_cells_are():
    frame = pl.DataFrame({"text": [*FORMULAS, *TEXTS, None]})
    found = frame.with_columns(column_for_spreadsheet("text"))["text"].to_list()
    assert found == [*map(for_spreadsheet, [*FORMULAS, *TEXTS]), None]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\x08", r"a\rb\x08"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", r"\u202egpj.exe"),
        ("na\udcffve", r"na\udcffve"),
        ("naïve\n\tµ", "naïve\n\tµ"),
    ],
)
def test_a_terminal_executes_nothing(text, shown):
    assert for_terminal(text) == shown


def test_the_command_line_shows_names_as_they_are_written():
    out = io.StringIO()
    Console(file=out, width=200).print(cli.escape("[red]x\x1b[2J[/red]"))
    assert out.getvalue() == "[red]x\\x1b[2J[/red]\n"
