"""Stage: maps and probabilities that another tool made, brought into the store.

Every map must be of a film that is there, of that film's size, and agree with its label; one that
does not, or cannot be read, is set aside with its reason.  A pickle that asks for more than tensors
stops the run: somebody should know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heatproof.errors import ExperimentError, MapError, UnsafePickleError
from heatproof.explain import Maps, judge
from heatproof.maps.importers import ImportedMap, importers
from heatproof.run.explaining import Block, map_rows, prediction_rows
from heatproof.run.judges import Judging, shared_findings
from heatproof.run.progress import Progress
from heatproof.run.tables import ImportedMaps
from heatproof.run.units import digest
from heatproof.run.workspace import Workspace
from heatproof.types import ModelId, Sample


@dataclass(frozen=True)
class _Read:
    """What a folder holds: maps by film, and what was set aside."""

    maps: dict[str, list[ImportedMap]]
    aside: list[tuple[str, str]]  # film or file, reason


def import_block(work: Workspace, entry: ImportedMaps) -> tuple[Block, list[Path]]:
    """The unit of one folder of maps, and its files."""
    folder = work.experiment.folder / entry.folder
    files = importers.parse(entry.importer).files(folder)
    versions = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    films = work.data[entry.data]
    tunes = entry.data == work.experiment.score.tune
    judging = Judging(entry.name, entry.name, films, films.samples, tunes=tunes)
    identity = ModelId(**entry.id.model_dump(), checkpoints=(f"maps {digest(versions)}",))
    return Block(judging, identity, films.samples, films.findings), files


def import_maps(work: Workspace, entry: ImportedMaps, progress: Progress) -> Block:
    """Bring one folder of maps in, unless that was done."""
    block, files = import_block(work, entry)
    done = block.made(entry.method) in work.made and block.predicted in work.predictions
    if not done:
        found = _read_all(work, entry, files)
        samples = [sample for sample in block.samples if sample.image_id in found.maps]
        rows = [
            row for s in samples for row in _keep(work, block, entry, s, found.maps[s.image_id])
        ]
        predicted = [row for s in samples for row in _predicted(block, s, found.maps[s.image_id])]
        aside = [
            {**block.what, "image_id": image_id, "cluster": image_id, "reason": reason}
            for image_id, reason in found.aside
        ]
        work.made.put(block.made(entry.method), rows)
        if block.predicted not in work.predictions:
            work.predictions.put(block.predicted, predicted + aside)
    progress.advance(skipped=done)
    return block


def _read_all(work: Workspace, entry: ImportedMaps, files: list[Path]) -> _Read:
    films = work.data[entry.data]
    samples = {sample.image_id: sample for sample in films.samples}
    read = _Read({}, [])
    importer = importers.parse(entry.importer)
    for file in files:
        try:
            found = importer.read(file)
            _check(found, samples.get(found.image_id), films.name)
        except UnsafePickleError:
            raise
        except MapError as error:
            read.aside.append((file.name, str(error)))
            continue
        read.maps.setdefault(found.image_id, []).append(found)
    if not read.maps:
        shown = "; ".join(reason for _, reason in read.aside[:3])
        raise ExperimentError(f"maps {entry.name!r}: none of {len(files)} can be used: {shown}")
    tells = tuple(dict.fromkeys(m.finding for maps in read.maps.values() for m in maps))
    shared = shared_findings(entry.name, tells, films)
    read.aside.extend(_lacking(read, samples, shared))
    return read


def _check(found: ImportedMap, sample: Sample | None, data: str) -> None:
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


def _lacking(
    read: _Read, samples: dict[str, Sample], findings: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for image_id in samples:
        there = {found.finding for found in read.maps.get(image_id, [])}
        gone = [finding for finding in findings if finding not in there]
        if gone:
            yield image_id, f"no map was imported of {', '.join(gone)}"


def _keep(
    work: Workspace, block: Block, entry: ImportedMaps, sample: Sample, maps: list[ImportedMap]
) -> Iterator[dict[str, Any]]:
    for shape in dict.fromkeys(found.values.shape for found in maps):  # most often one
        alike = [found for found in maps if found.values.shape == shape]
        findings = [found.finding for found in alike]
        values = np.stack([found.values for found in alike])[None]
        validity = judge(Maps(torch.from_numpy(values)))
        versions = [sample.pixels.version()]
        work.store(entry.data).put(
            block.id, entry.method, findings, [sample.image_id], values, validity, versions
        )
        yield from map_rows(block, entry.method, [sample], findings, values, validity)


def _predicted(block: Block, sample: Sample, maps: list[ImportedMap]) -> Iterator[dict[str, Any]]:
    for found in maps:
        yield from prediction_rows(block, [sample], [found.finding], [[found.probability]])
