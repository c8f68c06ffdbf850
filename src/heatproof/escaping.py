"""Text of others, made harmless for whoever shows it: terminals and spreadsheets.

Pages escape in their templates, and tables of LaTeX where they are written.
"""

import re
import unicodedata

import polars as pl

# A spreadsheet takes a cell that begins so for a formula, also where it is imported as text:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = "^(?:[=@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH COMMERCIAL AT}]|[-+\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}].)"  # noqa: E501
_NUMBER = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
_MARK = "'"  # by which spreadsheets know text
# What a terminal executes (control characters), or what turns the order of letters around.
_ACTIVE = ("Cc", "Cf", "Cs")
_SHOWN = "\n\t\N{SOFT HYPHEN}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def for_terminal(text: str) -> str:
    r"""The text with characters that a terminal would execute written out, such as ``\x1b``."""
    return "".join(
        letter
        if letter in _SHOWN or unicodedata.category(letter) not in _ACTIVE
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def for_spreadsheet(text: str) -> str:
    """The text of a cell, with an apostrophe before what would be a formula."""
    is_formula = re.match(_FORMULA, text, re.DOTALL) and not re.match(_NUMBER, text)
    return _MARK + text if is_formula else text


def column_for_spreadsheet(column: str) -> pl.Expr:
    """A column of text, cell by cell as ``for_spreadsheet``."""
    cell = pl.col(column)
    is_formula = cell.str.contains(f"(?s){_FORMULA}") & ~cell.str.contains(_NUMBER)
    return pl.when(is_formula).then(pl.lit(_MARK) + cell).otherwise(cell).alias(column)
