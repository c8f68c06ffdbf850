"""Where commands write: progress and messages to stderr, results alone to stdout."""

import os

from rich import markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heatproof.escaping import for_terminal

# Several processes may train together, numbered by torchrun, SLURM or Lightning: the first prints.
_NUMBER = next(filter(None, map(os.environ.get, ("RANK", "SLURM_PROCID", "LOCAL_RANK"))), "0")
# Rich writes no colours where the environment says NO_COLOR, or where stderr is no terminal.
console = Console(stderr=True, quiet=_NUMBER != "0")


def escape(text: str) -> str:
    """Text of others as markup that shows it, and that neither Rich nor a terminal executes."""
    return markup.escape(for_terminal(text))


def table(*headings: str, title: str | None = None) -> Table:
    """A table that folds what is too wide for the terminal, and cuts nothing off."""
    made = Table(title=title, title_justify="left")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def print_hanging(out: Console, markup_text: str, first: int = 0, indent: int = 4) -> None:
    """Print a paragraph whose lines after the first are indented."""
    text = Text.from_markup(" " * first + markup_text)
    lines = text.wrap(out, max(out.width - indent, 20))
    out.print(Text("\n" + " " * indent).join(lines), highlight=False)
