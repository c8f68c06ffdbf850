"""Text of others, made harmless for whoever shows it: terminals, spreadsheets, and pages to share.

Pages escape in their templates, and tables of LaTeX where they are written.
"""

import re
import unicodedata
from collections.abc import Iterable

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


# The folders of an absolute path; what follows them is a name.  An address of the web is none.
_FOLDERS = r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^/\\\n:;,'\"]+[/\\])+"
_QUOTED = r"([\"'])(?:~?[/\\]|[A-Za-z]:[/\\])[^\"'\n]*?([^/\\\"'\n]*)\1"


def without_folders(text: str, known: Iterable[str] = ()) -> str:
    """A message without the folders of absolute paths, which tell of a machine and its users.

    Args:
        text: The message.
        known: Folders that it may name, whatever letters they hold.
    """
    for folder in sorted(known, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    return re.sub(_FOLDERS, "", text)


def without_quoted_folders(text: str) -> str:
    """The text of an experiment file, where an absolute path keeps its name alone."""
    return re.sub(_QUOTED, "\\1\N{HORIZONTAL ELLIPSIS}/\\2\\1", text)
