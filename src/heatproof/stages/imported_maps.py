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
from heatproof.experiment.films import blocks
from heatproof.experiment.judging import Judging, shared_findings
from heatproof.experiment.settings import ImportedMaps
from heatproof.experiment.workspace import Workspace
from heatproof.maps.importers import ImportedMap, importers
from heatproof.progress import Progress
from heatproof.saliency import Maps, judge
from heatproof.stages.blocks import BLOCK, Block, map_rows, prediction_rows
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample

AT_ONCE = 40  # maps that a thread holds: 16 MB of 320 x 320, and as much again several times over


@dataclass(frozen=True)
class _Rows:
    """What files hold, without the maps themselves.

    Attributes:
        made: Rows of ``MAPS``.
        predicted: Rows of ``PREDICTIONS``.
        aside: Film or file, and the reason.
    """

    made: list[dict[str, Any]]
    predicted: list[dict[str, Any]]
    aside: list[tuple[str, str]]

    def of(self, block: Block) -> "_Rows":
        """Those of the films of one unit, in the order of the films."""
        place = {sample.image_id: number for number, sample in enumerate(block.samples)}
        made, predicted = (
            sorted(
                (row for row in rows if row["image_id"] in place),
                key=lambda row: place[row["image_id"]],
            )
            for rows in (self.made, self.predicted)
        )
        return _Rows(made, predicted, [])


def import_blocks(work: Workspace, entry: ImportedMaps) -> tuple[tuple[Block, ...], Sequence[Path]]:
    """The units of one folder of maps, and its files."""
    folder = work.experiment.folder / entry.folder
    files = importers.parse(entry.importer).files(folder)
    versions = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    films = work.data[entry.data]
    tunes = entry.data == work.experiment.score.tune
    judging = Judging(entry.name, entry.name, films, films.samples, tunes=tunes)
    identity = ModelId(**entry.id.model_dump(), checkpoints=(f"maps {digest(versions)}",))
    units = blocks(films.samples, BLOCK)
    return tuple(Block(judging, identity, some, films.findings) for some in units), files


def import_maps(work: Workspace, entry: ImportedMaps, progress: Progress) -> tuple[Block, ...]:
    """Bring one folder of maps in, unless that was done."""
    units, files = import_blocks(work, entry)
    done = all(
        one.made(entry.method) in work.made and one.predicted in work.predictions for one in units
    )
    if not done:
        rows = _read_all(work, units[0], entry, files)
        for one in units:
            own = rows.of(one)
            aside = [
                {**one.what, "image_id": image_id, "cluster": image_id, "reason": reason}
                for image_id, reason in (rows.aside if one is units[0] else ())
            ]
            work.made.put(one.made(entry.method), own.made)
            if one.predicted not in work.predictions:
                work.predictions.put(one.predicted, own.predicted + aside)
    progress.advance(skipped=done)
    return units


def _read_all(work: Workspace, block: Block, entry: ImportedMaps, files: Sequence[Path]) -> _Rows:
    """Every map into the store, some at a time: all of them would not fit into memory."""
    samples = {sample.image_id: sample for sample in block.judging.samples}
    some = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
    with side_by_side() as pool:
        read = list(pool.map(partial(_read, work, block, entry, samples), some))
    rows = _Rows(
        [row for one in read for row in one.made],
        [row for one in read for row in one.predicted],
        [pair for one in read for pair in one.aside],
    )
    if not rows.predicted:
        shown = "; ".join(reason for _, reason in rows.aside[:3])
        raise ExperimentError(f"maps {entry.name!r}: none of {len(files)} can be used: {shown}")
    tells = tuple(dict.fromkeys(row["finding"] for row in rows.predicted))
    shared = shared_findings(entry.name, tells, block.judging.films)
    rows.aside.extend(_lacking(rows, samples, shared))
    return rows


def _read(
    work: Workspace,
    block: Block,
    entry: ImportedMaps,
    samples: Mapping[str, Sample],
    files: Sequence[Path],
) -> _Rows:
    """Some files: their maps into the store."""
    importer, rows = importers.parse(entry.importer), _Rows([], [], [])
    usable: list[tuple[Sample, ImportedMap]] = []
    for file in files:
        try:
            found = importer.read(file)
            usable.append((_film(found, samples, entry.data), found))
        except UnsafePickleError:
            raise
        except MapError as error:
            rows.aside.append((file.name, str(error)))
    for sample, found in usable:
        probability = [[found.probability]]
        rows.predicted.extend(prediction_rows(block, [sample], [found.finding], probability))
    for shape in dict.fromkeys(found.values.shape for _, found in usable):  # most often one
        alike = [(sample, found) for sample, found in usable if found.values.shape == shape]
        rows.made.extend(_keep(work, block, entry, alike))
    return rows


def _film(found: ImportedMap, samples: Mapping[str, Sample], data: str) -> Sample:
    """The film of a map; raises MapError where they do not fit together."""
    sample = samples.get(found.image_id)
    if sample is None:
        raise MapError(f"map of image {found.image_id!r}, which {data!r} does not have")
    size = sample.pixels.size()
    if found.size != size:
        raise MapError(
            f"map of an image of {found.size} (height, width), but {found.image_id!r} has {size};"
            " is it another image of the same name?"
        )
    label = sample.labels.get(found.finding, found.label)
    if label is not None and label != found.label:
        raise MapError(
            f"the file calls {found.finding!r} {found.label} for {found.image_id!r},"
            f" the data set says {label}"
        )
    return sample


def _lacking(
    rows: _Rows, samples: Mapping[str, Sample], findings: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    there: dict[str, set[str]] = {}
    for row in rows.predicted:
        there.setdefault(row["image_id"], set()).add(row["finding"])
    for image_id in samples:
        gone = [finding for finding in findings if finding not in there.get(image_id, ())]
        if gone:
            yield image_id, f"no map was imported of {', '.join(gone)}"


def _keep(
    work: Workspace,
    block: Block,
    entry: ImportedMaps,
    maps: Sequence[tuple[Sample, ImportedMap]],
) -> Iterator[dict[str, Any]]:
    """Store maps of one size, films with the same findings together."""
    films: dict[str, list[tuple[Sample, ImportedMap]]] = {}
    for sample, found in maps:
        films.setdefault(sample.image_id, []).append((sample, found))
    alike: dict[tuple[str, ...], list[list[tuple[Sample, ImportedMap]]]] = {}
    for film in films.values():
        alike.setdefault(tuple(found.finding for _, found in film), []).append(film)
    for findings, some in alike.items():
        samples = [film[0][0] for film in some]
        values = np.stack([[found.values for _, found in film] for film in some])
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
