"""Stage: maps and probabilities that another tool made, brought into the store.

Every map must be of a film that is there, and agree with its size and label where the file says
them; one that does not, or cannot be read, is set aside with its reason.  A pickle that asks for
more than tensors stops the run: somebody should know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heatproof.data.geometry import FILM, Geometry, geometries
from heatproof.data.threads import side_by_side
from heatproof.errors import ExperimentError, MapError, UnsafePickleError
from heatproof.experiment.assignment import Assignment, Role, shared_findings
from heatproof.experiment.settings import ImportedMaps
from heatproof.experiment.workspace import Workspace
from heatproof.maps.importers import FoundMap, ImportedMap, importers
from heatproof.maps.naming import KnownFilms
from heatproof.maps.probabilities import read_probabilities
from heatproof.progress import Progress
from heatproof.registry import files_of, part_name, relative_to
from heatproof.saliency import Maps, judge
from heatproof.stages.blocks import BLOCK, Block, blocks, map_rows, prediction_rows
from heatproof.stages.loop import complete
from heatproof.stages.made import without_maps
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample

AT_ONCE = 40  # maps that a thread takes at once: 16 MB where they are 320 x 320
# Bytes that it holds before it stores them, since one map of a whole film may be as large; several
# copies of that are made on the way.
_HELD = 1 << 24


@dataclass(frozen=True)
class ListedMaps:
    """One folder of maps, of which none is read yet.

    Attributes:
        entry: What the experiment says of it.
        found: The maps.
        blocks: The films of their data, block by block.
        probabilities: Those of a table, by film and finding.
    """

    entry: ImportedMaps
    found: Sequence[FoundMap]
    blocks: tuple[Block, ...]
    probabilities: Mapping[tuple[str, str], float]

    @property
    def samples(self) -> Mapping[str, Sample]:
        """The films by identifier."""
        return {sample.image_id: sample for sample in self.blocks[0].assignment.samples}


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


def list_maps(work: Workspace, entry: ImportedMaps) -> ListedMaps:
    """Find the maps of one folder, and read what lies beside them.

    Raises:
        HeatproofError: There are none, or a file that the entry names is missing or malformed.
    """
    films = work.data[entry.data]
    known = KnownFilms(
        entry.data, tuple(sample.image_id for sample in films.samples), films.findings
    )
    importer = relative_to(importers.parse(entry.importer), work.experiment.folder)
    beside = [*files_of(importer)]
    if entry.probabilities is not None:
        beside.append(work.experiment.folder / entry.probabilities)
    for file in beside:
        if not file.is_file():
            raise ExperimentError(f"maps {entry.name!r}: there is no file {file}")
    found = importer.find(work.experiment.folder / entry.folder, known)
    role: Role = "tunes" if entry.data == work.experiment.score.tune else "judged"
    assignment = Assignment(entry.name, entry.name, films, films.samples, role)
    checkpoint = f"maps {_made_of(entry, found, beside)}"
    # The files stand for the weights, which are not here: other files are another model.
    identity = ModelId(**entry.id.model_dump(), checkpoints=(checkpoint,))
    of_films = tuple(
        Block(assignment, identity, samples, films.findings)
        for samples in blocks(films.samples, BLOCK)
    )
    table = read_probabilities(beside[-1], known) if entry.probabilities is not None else {}
    return ListedMaps(entry, found, of_films, table)


def canvas_of(entry: ImportedMaps) -> Geometry:
    """What the maps of a folder cover."""
    return FILM if entry.geometry is None else geometries.parse(entry.geometry)


def _made_of(entry: ImportedMaps, found: Sequence[FoundMap], beside: Sequence[Path]) -> str:
    """Digest of the files, and of what says how they are read."""
    places = dict.fromkeys(one.file for one in found)  # a file may hold many maps
    files = [file for place in places for file in _files(place)]
    versions = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    # What has its usual value has no part in the name, which then is that of version 0.1.
    said: list[object] = [entry.importer] if part_name(entry.importer) != entry.importer else []
    if entry.axes != "yx" or entry.geometry is not None:
        said += [entry.axes, entry.geometry]
    said += [(file.stat().st_size, file.stat().st_mtime_ns) for file in beside]
    return digest(versions, *said)


def _files(place: Path) -> list[Path]:
    """The file, or all files of the folder that an array lies in."""
    return sorted(filter(Path.is_file, place.rglob("*"))) if place.is_dir() else [place]


def import_maps(work: Workspace, entry: ImportedMaps, progress: Progress) -> tuple[Block, ...]:
    """Bring one folder of maps in, unless that was done; returns its blocks of films.

    A folder is one unit, since a file says only when it is read which film it is of.
    """
    listed = list_maps(work, entry)

    def is_done(listed: ListedMaps) -> bool:
        lacking = without_maps(work, listed.blocks, entry.method)
        return not lacking and all(block.predicted in work.predictions for block in listed.blocks)

    def write(listed: ListedMaps, rows: _Rows) -> None:
        aside = [
            # What is set aside may be a file of no known film, whose patient nobody knows.
            {
                **listed.blocks[0].columns,
                "image_id": image_id,
                "cluster": image_id,
                "reason": reason,
            }
            for image_id, reason in rows.aside
        ]
        for block in listed.blocks:
            work.made.put(block.made(entry.method), _of_block(rows.made, block))
            if block.predicted not in work.predictions:
                predicted = _of_block(rows.predicted, block)
                work.predictions.put(block.predicted, predicted + aside)
            aside = []  # films set aside are listed once, in the first unit

    complete(
        [listed],
        name=lambda listed: f"maps of {listed.entry.name}",
        is_done=is_done,
        read=partial(_read_all, work, progress=progress),
        write=write,
        progress=progress,
        leases=work.leases,
    )
    return listed.blocks


def _of_block(rows: Sequence[dict[str, Any]], block: Block) -> list[dict[str, Any]]:
    """The rows of the films of one block, in the order of the films."""
    place = {sample.image_id: number for number, sample in enumerate(block.samples)}
    in_block = (row for row in rows if row["image_id"] in place)
    return sorted(in_block, key=lambda row: place[row["image_id"]])


def _read_all(work: Workspace, listed: ListedMaps, progress: Progress) -> _Rows:
    """Bring every map into the store, some at a time: all of them would not fit into memory."""
    entry, rows = listed.entry, _Rows([], [], [])
    with side_by_side() as pool:
        for portion in pool.map(partial(_read, work, listed), blocks(listed.found, AT_ONCE)):
            rows.made.extend(portion.made)
            rows.predicted.extend(portion.predicted)
            rows.aside.extend(portion.aside)
            read, count = len(rows.predicted) + len(rows.aside), len(listed.found)
            progress.tell(f"{entry.name}: {read} of {count} maps", read / count)
    if not rows.predicted:
        reasons = "; ".join(reason for _, reason in rows.aside[:3])
        raise ExperimentError(
            f"maps {entry.name!r}: none of {len(listed.found)} can be used: {reasons}"
        )
    _check_once(rows, entry)
    findings = tuple(dict.fromkeys(row["finding"] for row in rows.predicted))
    shared = shared_findings(entry.name, findings, listed.blocks[0].assignment.films)
    rows.aside.extend(_lacking(rows, listed.samples, shared))
    return rows


def _check_once(rows: _Rows, entry: ImportedMaps) -> None:
    """Raises ExperimentError where two maps are of one film and finding."""
    seen: set[tuple[str, str]] = set()
    for row in rows.predicted:
        place = row["image_id"], row["finding"]
        if place in seen:
            raise ExperimentError(
                f"maps {entry.name!r}: two maps of {place[1]!r} for film {place[0]!r} in"
                f" {entry.folder}; are the maps of several methods or models there? Narrow folder,"
                " or the pattern of the importer"
            )
        seen.add(place)


def _read(work: Workspace, listed: ListedMaps, found: Sequence[FoundMap]) -> _Rows:
    """Bring some maps into the store."""
    rows, samples = _Rows([], [], []), listed.samples
    usable: list[tuple[Sample, ImportedMap]] = []
    for one in found:
        try:
            imported = _as_said(one.read(), listed)
            usable.append((_film(imported, samples, listed.entry), imported))
        except UnsafePickleError:
            raise  # it is a MapError too, and must not be set aside
        except MapError as error:
            rows.aside.append((one.name, str(error)))
        if sum(imported.values.nbytes for _, imported in usable) > _HELD:
            _store(work, listed, usable, rows)
            usable = []
    _store(work, listed, usable, rows)
    return rows


def _as_said(imported: ImportedMap, listed: ListedMaps) -> ImportedMap:
    """The map with its rows first, and with the probability of the table."""
    probability = listed.probabilities.get(
        (imported.image_id, imported.finding), imported.probability
    )
    values = imported.values
    if listed.entry.axes == "xy":
        values = np.ascontiguousarray(values.T)
    return replace(imported, values=values, probability=probability)


def _store(
    work: Workspace, listed: ListedMaps, usable: Sequence[tuple[Sample, ImportedMap]], rows: _Rows
) -> None:
    """Store maps, and add their rows."""
    block = listed.blocks[0]
    for sample, imported in usable:
        probability = [[imported.probability]]
        rows.predicted.extend(prediction_rows(block, [sample], [imported.finding], probability))
    # Two maps of one place cannot be stored together; that there are two is told at the end.
    once = {(imported.image_id, imported.finding): (film, imported) for film, imported in usable}
    for shape in dict.fromkeys(imported.values.shape for _, imported in once.values()):
        alike = [pair for pair in once.values() if pair[1].values.shape == shape]
        rows.made.extend(_keep(work, block, listed.entry, alike))


def _film(imported: ImportedMap, samples: Mapping[str, Sample], entry: ImportedMaps) -> Sample:
    """The film of a map; raises MapError where they do not fit together."""
    sample = samples.get(imported.image_id)
    if sample is None:
        raise MapError(f"map of image {imported.image_id!r}, which {entry.data!r} does not have")
    size = sample.pixels.size()
    if imported.size is not None and imported.size != size:
        raise MapError(
            f"map of an image of {imported.size} (height, width), but {imported.image_id!r} has"
            f" {size}; is it another image of the same name?"
        )
    if entry.geometry is None:
        _check_proportions(imported, size, entry)
    # A label that is absent or uncertain contradicts nothing that the file says.
    label = sample.labels.get(imported.finding, imported.label)
    if None not in (label, imported.label) and label != imported.label:
        raise MapError(
            f"the file calls {imported.finding!r} {imported.label} for {imported.image_id!r},"
            f" the data set says {label}"
        )
    return sample


def _check_proportions(imported: ImportedMap, size: tuple[int, int], entry: ImportedMaps) -> None:
    """Raises MapError where a map has the proportions of its film on its side."""
    rows, columns = imported.values.shape
    # Other proportions may be meant: networks see films squashed to squares.
    if rows != columns and rows * size[0] == columns * size[1]:
        other = "xy" if entry.axes == "yx" else "yx"
        raise MapError(
            f"the map of {imported.finding!r} is {rows} x {columns} (rows, columns), and its film"
            f" {imported.image_id!r} is {size[0]} x {size[1]}: is it transposed? Then say axes ="
            f' "{other}" in [[maps]]'
        )


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
            [block.films.version(sample) for sample in samples],
        )
        yield from map_rows(block, entry.method, samples, findings, values, validity)
