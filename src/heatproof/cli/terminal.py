"""Where commands write: progress and messages to stderr, results alone to stdout."""

import os

from rich import markup
from rich.console import Console

from heatproof.escaping import for_terminal

# Several processes may train together, numbered by torchrun, SLURM or Lightning: the first prints.
_NUMBER = next(filter(None, map(os.environ.get, ("RANK", "SLURM_PROCID", "LOCAL_RANK"))), "0")
# Rich writes no colours where the environment says NO_COLOR, or where stderr is no terminal.
console = Console(stderr=True, quiet=_NUMBER != "0")


def escape(text: str) -> str:
    """Text of others as markup that shows it, and that neither Rich nor a terminal executes."""
    return markup.escape(for_terminal(text))
