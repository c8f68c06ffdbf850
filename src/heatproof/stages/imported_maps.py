"""Stage: maps and probabilities that another tool made, brought into the store.

Every map must be of a film that is there, of that film's size, and agree with its label; one that
does not, or cannot be read, is set aside with its reason.  A pickle that asks for more than tensors
stops the run: somebody should know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heatproof.data.threads import side_by_side
from heatproof.errors import ExperimentError, MapError, UnsafePickleError
from heatproof.experiment.assignment import Assignment, Role, shared_findings
from heatproof.experiment.settings import ImportedMaps
from heatproof.experiment.workspace import Workspace
from heatproof.maps.importers import ImportedMap, importers
from heatproof.progress import Progress
from heatproof.saliency import Maps, judge
from heatproof.stages.blocks import BLOCK, Block, blocks, map_rows, prediction_rows
from heatproof.stages.loop import complete
from heatproof.stages.made import without_maps
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample

# Maps that a thread holds at once: 16 MB where they are 320 x 320, and several copies of that while
# they are read, checked and stored.
AT_ONCE = 40


@dataclass(frozen=True)
class _Rows:
    """The rows of some files of maps, without the maps themselves.

    Attributes:
        made: Rows of ``MapsMade``.
        predicted: Rows of ``Predictions``.
        aside: Name of a film or file, and the reason why it is set aside.
    """

    made: list[dict[str, Any]]
    predicted: list[dict[str, Any]]
    aside: list[tuple[str, str]]


def import_blocks(work: Workspace, entry: ImportedMaps) -> tuple[tuple[Block, ...], Sequence[Path]]:
    """The films of one folder of maps, block by block, and its files."""
    folder = work.experiment.folder / entry.folder
    files = importers.parse(entry.importer).files(folder)
    versions = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    films = work.data[entry.data]
    role: Role = "tunes" if entry.data == work.experiment.score.tune else "judged"
    assignment = Assignment(entry.name, entry.name, films, films.samples, role)
    # The files stand for the weights, which are not here: other files are another model.
    identity = ModelId(**entry.id.model_dump(), checkpoints=(f"maps {digest(versions)}",))
    return tuple(
        Block(assignment, identity, samples, films.findings)
        for samples in blocks(films.samples, BLOCK)
    ), files


def import_maps(work: Workspace, entry: ImportedMaps, progress: Progress) -> tuple[Block, ...]:
    """Bring one folder of maps in, unless that was done; returns its blocks of films.

    A folder is one unit, since a file says only when it is read which film it is of.
    """
    units, files = import_blocks(work, entry)

    def is_done(entry: ImportedMaps) -> bool:
        lacking = without_maps(work, units, entry.method)
        return not lacking and all(block.predicted in work.predictions for block in units)

    def read(entry: ImportedMaps) -> _Rows:
        return _read_all(work, units[0], entry, files)

    def write(entry: ImportedMaps, rows: _Rows) -> None:
        aside = [
            # What is set aside may be a file of no known film, whose patient nobody knows.
            {**units[0].columns, "image_id": image_id, "cluster": image_id, "reason": reason}
            for image_id, reason in rows.aside
        ]
        for block in units:
            work.made.put(block.made(entry.method), _of_block(rows.made, block))
            if block.predicted not in work.predictions:
                predicted = _of_block(rows.predicted, block)
                work.predictions.put(block.predicted, predicted + aside)
            aside = []  # films set aside are listed once, in the first unit

    complete([entry], is_done, read, write, progress)
    return units


def _of_block(rows: Sequence[dict[str, Any]], block: Block) -> list[dict[str, Any]]:
    """The rows of the films of one block, in the order of the films."""
    place = {sample.image_id: number for number, sample in enumerate(block.samples)}
    in_block = (row for row in rows if row["image_id"] in place)
    return sorted(in_block, key=lambda row: place[row["image_id"]])


def _read_all(work: Workspace, block: Block, entry: ImportedMaps, files: Sequence[Path]) -> _Rows:
    """Bring every map into the store, some at a time: all of them would not fit into memory."""
    samples = {sample.image_id: sample for sample in block.assignment.samples}
    portions = blocks(files, AT_ONCE)
    with side_by_side() as pool:
        read = list(pool.map(partial(_read, work, block, entry, samples), portions))
    rows = _Rows(
        [row for portion in read for row in portion.made],
        [row for portion in read for row in portion.predicted],
        [pair for portion in read for pair in portion.aside],
    )
    if not rows.predicted:
        reasons = "; ".join(reason for _, reason in rows.aside[:3])
        raise ExperimentError(f"maps {entry.name!r}: none of {len(files)} can be used: {reasons}")
    findings = tuple(dict.fromkeys(row["finding"] for row in rows.predicted))
    shared = shared_findings(entry.name, findings, block.assignment.films)
    rows.aside.extend(_lacking(rows, samples, shared))
    return rows


def _read(
    work: Workspace,
    block: Block,
    entry: ImportedMaps,
    samples: Mapping[str, Sample],
    files: Sequence[Path],
) -> _Rows:
    """Bring the maps of some files into the store."""
    importer, rows = importers.parse(entry.importer), _Rows([], [], [])
    usable: list[tuple[Sample, ImportedMap]] = []
    for file in files:
        try:
            imported = importer.read(file)
            usable.append((_film(imported, samples, entry.data), imported))
        except UnsafePickleError:
            raise  # it is a MapError too, and must not be set aside
        except MapError as error:
            rows.aside.append((file.name, str(error)))
    for sample, imported in usable:
        probability = [[imported.probability]]
        rows.predicted.extend(prediction_rows(block, [sample], [imported.finding], probability))
    for shape in dict.fromkeys(imported.values.shape for _, imported in usable):  # most often one
        alike = [
            (sample, imported) for sample, imported in usable if imported.values.shape == shape
        ]
        rows.made.extend(_keep(work, block, entry, alike))
    return rows


def _film(imported: ImportedMap, samples: Mapping[str, Sample], data: str) -> Sample:
    """The film of a map; raises MapError where they do not fit together."""
    sample = samples.get(imported.image_id)
    if sample is None:
        raise MapError(f"map of image {imported.image_id!r}, which {data!r} does not have")
    size = sample.pixels.size()
    if imported.size != size:
        raise MapError(
            f"map of an image of {imported.size} (height, width), but {imported.image_id!r} has"
            f" {size}; is it another image of the same name?"
        )
    # A label that is absent or uncertain contradicts nothing that the file says.
    label = sample.labels.get(imported.finding, imported.label)
    if label is not None and label != imported.label:
        raise MapError(
            f"the file calls {imported.finding!r} {imported.label} for {imported.image_id!r},"
            f" the data set says {label}"
        )
    return sample


def _lacking(
    rows: _Rows, samples: Mapping[str, Sample], findings: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Films that lack the map of a finding, and the reason to set them aside."""
    imported: dict[str, set[str]] = {}
    for row in rows.predicted:
        imported.setdefault(row["image_id"], set()).add(row["finding"])
    for image_id in samples:
        lacking = [finding for finding in findings if finding not in imported.get(image_id, ())]
        if lacking:
            yield image_id, f"no map was imported of {', '.join(lacking)}"


def _keep(
    work: Workspace,
    block: Block,
    entry: ImportedMaps,
    maps: Sequence[tuple[Sample, ImportedMap]],
) -> Iterator[dict[str, Any]]:
    """Store maps of one size; one call of ``put`` takes films with the same findings."""
    films: dict[str, list[tuple[Sample, ImportedMap]]] = {}
    for sample, imported in maps:
        films.setdefault(sample.image_id, []).append((sample, imported))
    alike: dict[tuple[str, ...], list[list[tuple[Sample, ImportedMap]]]] = {}
    for film in films.values():
        alike.setdefault(tuple(imported.finding for _, imported in film), []).append(film)
    for findings, group in alike.items():
        samples = [film[0][0] for film in group]
        values = np.stack([[imported.values for _, imported in film] for film in group])
        validity = judge(Maps(torch.from_numpy(values)))
        work.store(entry.data).put(
            block.id,
            entry.method,
            findings,
            [sample.image_id for sample in samples],
            values,
            validity,
            [sample.pixels.version() for sample in samples],
        )
        yield from map_rows(block, entry.method, samples, findings, values, validity)
