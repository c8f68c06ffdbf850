"""``doctor``: is everything in an output folder as it was written, and what is to be done if not?

Every file that a run reads back is read and compared with its digest.  Nothing is changed, but for
damaged maps, which leave the index, so that the next run makes them.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heatproof.disk import unfinished_files
from heatproof.errors import DamagedFile, ExperimentError, HeatproofError
from heatproof.experiment.claim import RUN, read_claim
from heatproof.experiment.workspace import read_history
from heatproof.maps.store import MapStore
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.parquet import read_own
from heatproof.preparation.folders import KEPT, kept_folders
from heatproof.tables import Table, every_table
from heatproof.tables.units import Units

_UNIT = (
    "give the command of the run again: it is made again. Where it stays damaged, the experiment"
    " asks for it no longer: remove it"
)
_AGAIN = "give the command of the run again: it is made again, and nothing else"


@dataclass(frozen=True)
class Ailment:
    """Something in an output folder that is not as it should be.

    Attributes:
        place: The file or folder.
        what: What is wrong with it.
        cure: What to do.
    """

    place: Path
    what: str
    cure: str


def examine(folder: Path) -> tuple[Ailment, ...]:
    """Everything that is wrong in an output folder; empty where nothing is.

    Raises:
        ExperimentError: There is no such folder, or it holds no run.
    """
    kinds = (table.name for table in unit_tables())
    if not any((folder / name).exists() for name in (RUN, "maps", "models", *kinds)):
        raise ExperimentError(
            f"{folder} holds no run; expected the output folder of one, such as runs/demo"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedFile)  # what they tell is told here
        return tuple(
            ailment
            for examined in (_claim, _unfinished, _units, _maps, _models, _results)
            for ailment in examined(folder)
        )


def unit_tables() -> list[type[Table]]:
    """Every table whose units a run may hold, each folder once."""
    # A kind of another table, such as predictions that were called, shares its folder.
    return [table for table in every_table() if table.__base__ is Table]


def _claim(folder: Path) -> Iterator[Ailment]:
    claimed = read_claim(folder)
    if claimed is None:
        what = "is damaged" if (folder / RUN).exists() else "is not there"
        yield Ailment(folder / RUN, what, "give the command of the run again: it is written")
    elif claimed["finished"] is None:
        yield Ailment(
            folder,
            f"the run of {claimed['begun']} did not get to its report, or goes on",
            "give its command again: it goes on where it was",
        )


def _unfinished(folder: Path) -> Iterator[Ailment]:
    for file in unfinished_files(folder):
        yield Ailment(
            file,
            "is being written, or was when its run was killed",
            "leave it: the next run removes it if nobody writes it",
        )


def _units(folder: Path) -> Iterator[Ailment]:
    for table in unit_tables():
        for file in Units(folder, table).damaged():
            yield Ailment(file, "is damaged, or of an earlier version", _UNIT)


def _maps(folder: Path) -> Iterator[Ailment]:
    for store in sorted(folder.glob("maps/*/")):
        for place in MapStore(store).damaged():
            yield Ailment(place, "is damaged", _AGAIN)


def _models(folder: Path) -> Iterator[Ailment]:
    for model in sorted(folder.glob("models/*/")):
        if (model / ensembles.ENSEMBLE).exists():
            yield from _answer(model, ensembles.load)
        elif (model / cards.CARD).exists():
            for place in kept_folders(model):
                yield from _answer(place, cards.check_whole)
            yield from _answer(model, read_history)
        elif (model / KEPT).exists() or any(model.iterdir()):
            yield Ailment(model, "is not trained to its end", "give the command again: it goes on")


def _results(folder: Path) -> Iterator[Ailment]:
    """Tables beside the report, which no run reads back."""
    for file in sorted(folder.glob("*.parquet")):
        try:
            read_own(file.stem, file.read_bytes())
        except (OSError, ValueError) as error:
            yield Ailment(file, f"cannot be read ({error})", _AGAIN)


def _answer(place: Path, read: Callable[[Path], object]) -> Iterator[Ailment]:
    try:
        read(place)
    except HeatproofError as error:
        yield Ailment(place, str(error), _AGAIN)
