"""What readers gain with the maps of a run: figures with a map minus those without one.

From a study of ``heatproof read``, or from a table of ratings of any other, as ``heatproof mrmc``
takes it, in which a modality is the spec of a method and ``none`` is no map.
"""

from collections.abc import Iterator
from pathlib import Path

from heatproof.analysis.scorecard import WithMap
from heatproof.errors import ExperimentError
from heatproof.interactive.reader_study import ReaderStudy, compare_readers
from heatproof.reading.export import finished
from heatproof.reading.page import figures_of_task
from heatproof.reading.serving import opened
from heatproof.reading.study import NO_MAP, Maps, Study, load
from heatproof.stats.mrmc.files import read
from heatproof.types import Estimate
from heatproof.words import count

_LEVEL = 0.95


def gains(study: Path, run: Path) -> tuple[WithMap, ...]:
    """What readers gained with the maps of a run.

    Args:
        study: The file of a study (``.toml``), or of ratings.
        run: Folder of the run whose maps were read.

    Raises:
        ExperimentError: The study compares no map of this run with no map.
        DataError: The ratings cannot be read, or do not allow the analysis.
    """
    found = tuple(_of_study(load(study), run) if study.suffix == ".toml" else _of_ratings(study))
    if not found:
        raise ExperimentError(
            f"{study} compares no map of {run} with no map: a task of kind 'decision' with"
            f" shows = [{NO_MAP!r}, 'MAPS'] does, whose MAPS have run = {str(run)!r} and a method;"
            f" in a table of ratings, modalities are {NO_MAP!r} and the spec of a method"
        )
    return found


def _of_ratings(file: Path) -> Iterator[WithMap]:
    rated = read(file)
    compared = compare_readers(rated, level=_LEVEL)
    for name, difference in _differences(compared, len(rated.cases)):
        yield WithMap(name, "", "", compared.figure, difference)


def _of_study(study: Study, run: Path) -> Iterator[WithMap]:
    room = opened(study)
    try:
        reads = finished(room, room.ledger)
    finally:
        room.ledger.close()
    maps = {each.name: each for each in study.maps if _is_of(each, study, run)}
    for task in study.tasks:
        cases = [r for r in reads if r.reading.task == task.name and r.reading.part == "case"]
        compared, _ = figures_of_task(task, cases)
        if compared is None:
            continue
        films = len({one.reading.image_id for one in cases if one.truth is not None})
        for name, difference in _differences(compared, films):
            if name in maps:
                one = maps[name]
                yield WithMap(
                    str(one.method), one.model or "", task.finding, compared.figure, difference
                )


def _is_of(maps: Maps, study: Study, run: Path) -> bool:
    return maps.run is not None and (study.folder / maps.run).resolve() == run.resolve()


def _differences(study: ReaderStudy, cases: int) -> Iterator[tuple[str, Estimate]]:
    """Each map minus no map, with its name."""
    readers = study.readers["reader"].n_unique()
    for row in study.differences.iter_rows(named=True):
        names = row["first"], row["second"]
        if NO_MAP not in names:
            continue
        how = f"{study.method}, over {study.analysis.random}; {count(readers, 'reader')}"
        ends = (row["value"], row["low"], row["high"])
        if names[0] == NO_MAP:  # which is then without minus with
            ends = (-row["value"], -row["high"], -row["low"])
        yield names[names[0] == NO_MAP], Estimate(*ends, _LEVEL, cases, how, row["p"])
