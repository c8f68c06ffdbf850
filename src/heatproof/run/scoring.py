"""Stage: every map against every annotation of its finding, and the mean-mask prior likewise.

A metric of maps makes its value here; a metric of data sets sees of the map what it needs.  Both
look where something is marked, and those that see negatives also at films labelled without the
finding, once for every reader who marked it on any film.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool

from heatproof.data.geometry import Geometry, Squash
from heatproof.errors import AnnotationError, PixelError
from heatproof.localize import DatasetMetric, Metric, Reference, sees_negatives, specialize
from heatproof.localize.controls import MeanMask
from heatproof.maps.store import StoredMap
from heatproof.registry import files_of
from heatproof.run.explaining import Block
from heatproof.run.films import Films, annotations_digest, blocks
from heatproof.run.progress import Progress
from heatproof.run.units import digest
from heatproof.run.workspace import Workspace
from heatproof.types import MapKey, Sample, Validity

PRIOR = "mean_mask"
FRAME = Squash(256, 256)  # the common frame of the prior: finer than any lesion's outline needs
THREADS = 4  # each holds a film of full size several times over: 0.2 GB at 2,320 x 2,828
UNSCORED = (Validity.NOT_FINITE,)

Found = Mapping[tuple[str, str], StoredMap]  # by film and finding


@dataclass(frozen=True)
class Task:
    """Maps of one method over some films, to be scored.

    Attributes:
        name: Of the unit of scores.
        what: The first columns of every row.
        method: Its spec.
        samples: The films.
        findings: Those explained.
        places: Finding and reader of every mask that a film is compared with.
        maps: Fetches them; a film without one was set aside when it was explained.
        geometry: Brings a map back to the film.
    """

    name: str
    what: Mapping[str, str]
    method: str
    samples: tuple[Sample, ...]
    places: Mapping[str, tuple[tuple[str, str], ...]]
    maps: Callable[[], Found]
    geometry: Geometry


def block_task(work: Workspace, block: Block, method: str, geometry: Geometry) -> Task:
    """The maps that one model and method made of one block of films."""
    compared = _places(work, block.judging.films, block.samples, block.findings)

    def maps() -> Found:
        wanted = {(image_id, finding) for image_id, at in compared.items() for finding, _ in at}
        made = work.made.read([block.made(method)]).select("image_id", "finding").iter_rows()
        places = [place for place in made if place in wanted]
        keys = [MapKey(block.id, method, *place) for place in places]
        return dict(zip(places, work.store(block.what["data"]).get_many(keys), strict=True))

    return Task(
        name=digest(
            block.made(method), _annotations(block.samples), list(compared.items()), _measures(work)
        ),
        what=block.what,
        method=method,
        samples=block.samples,
        places=compared,
        maps=maps,
        geometry=geometry,
    )


def prior_tasks(work: Workspace, films: Films, size: int) -> list[Task]:
    """The mean-mask prior of every film that counts, built without the film's own patient."""
    annotated = tuple(sample for sample in films.samples if sample.annotations)
    masks = _PriorMasks(annotated)
    whole = digest(films.name, _annotations(annotated), [s.cluster for s in annotated], FRAME)
    every = _places(work, films, films.samples, films.findings)
    judged = tuple(sample for sample in films.samples if every[sample.image_id])
    tasks = []
    for block in blocks(judged, size):
        compared = {sample.image_id: every[sample.image_id] for sample in block}
        tasks.append(
            Task(
                name=digest(whole, _annotations(block), list(compared.items()), _measures(work)),
                what={"data": films.name, "group": "", "model": ""},
                method=PRIOR,
                samples=block,
                places=compared,
                maps=partial(masks.priors, block, compared),
                geometry=FRAME,
            )
        )
    return tasks


def score(work: Workspace, tasks: Sequence[Task], progress: Progress) -> None:
    """Write the units that are missing; films of a unit are scored side by side."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, THREADS)) as pool:
        for task in tasks:
            done = task.name in work.scores
            if not done:
                one = partial(_score, work, task, task.maps())
                rows = pool.map(one, task.samples)
                work.scores.put(task.name, [row for part in rows for row in part])
            progress.advance(skipped=done)


def _places(
    work: Workspace, films: Films, samples: Sequence[Sample], findings: Sequence[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Finding and reader of every mask, by film; empty ones where a metric sees negatives."""
    readers: dict[str, dict[str, None]] = {}
    if any(map(sees_negatives, work.metrics.values())):
        for finding, source in (p for s in films.samples for p in _references(s, findings)):
            readers.setdefault(finding, {})[source] = None
    places = {}
    for sample in samples:
        absent = [finding for finding in findings if sample.labels.get(finding) is False]
        empty = ((finding, source) for finding in absent for source in readers.get(finding, ()))
        places[sample.image_id] = tuple(dict.fromkeys((*_references(sample, findings), *empty)))
    return places


def _score(work: Workspace, task: Task, maps: Found, sample: Sample) -> list[dict[str, Any]]:
    rows = []
    for finding, source in task.places[sample.image_id]:
        found = maps.get((sample.image_id, finding))
        if found is None:
            continue
        row: dict[str, Any] = {
            **task.what,
            "image_id": sample.image_id,
            "cluster": sample.cluster,
            "finding": finding,
            "reference": source,
            "method": task.method,
        }
        try:
            reference, spacing = _reference(sample, finding, source), sample.pixels.spacing()
        except (AnnotationError, PixelError) as error:
            rows.append(row | {"reason": str(error)})
            continue
        row |= {"validity": found.validity.value, "regions": _regions(reference)}
        parts = {
            spec: specialize(metric, finding, spacing)
            for spec, metric in work.metrics.items()
            if _counts(metric, reference, marked=(finding, source) in _references(sample))
        }
        values = _measured(parts, found, task.geometry, reference)
        rows += [row | {"metric": spec} | value for spec, value in values.items()]
    return rows


def _counts(metric: Metric, reference: Reference, *, marked: bool) -> bool:
    """Whether a metric looks at such a film.

    Marks that hold no pixel leave a metric of maps undefined; to one of data sets the film is one
    without the finding.
    """
    if reference.mask.any() or sees_negatives(metric):
        return True
    return marked and not isinstance(metric, DatasetMetric)


def _measured(
    parts: Mapping[str, Metric], found: StoredMap, geometry: Geometry, reference: Reference
) -> dict[str, dict[str, Any]]:
    """Value, and what was seen, by metric."""
    if found.validity in UNSCORED:
        unseen = {"value": float("nan"), "seen": [float("nan")]}
        return {
            spec: unseen if isinstance(part, DatasetMetric) else {"value": float("nan")}
            for spec, part in parts.items()
        }
    height, width = reference.mask.shape
    saliency = geometry.back(found.values, (height, width))
    measured: dict[str, dict[str, Any]] = {}
    for spec, part in parts.items():
        if isinstance(part, DatasetMetric):
            seen = part.of_map(found.values, geometry, reference)
            told = float("nan") if np.isnan(seen[0]) else part.alone(seen)
            measured[spec] = {"value": float(told), "seen": seen.tolist()}
        else:
            measured[spec] = {"value": float(part(saliency, reference.mask))}
    return measured


def _reference(sample: Sample, finding: str, source: str) -> Reference:
    drawn = [a for a in sample.annotations if (a.finding, a.source) == (finding, source)]
    return Reference(reference_mask(sample, finding, source), tuple(a.shape for a in drawn))


def _regions(reference: Reference) -> int:
    """How many regions are marked: as many as were drawn, at least one where any pixel is."""
    if not reference.mask.any():
        return 0
    return max(sum(shape.instances for shape in reference.shapes), 1)


def reference_mask(sample: Sample, finding: str, source: str) -> Bool[np.ndarray, "h w"]:
    """Every pixel that one reader marked for one finding, at the size of the film."""
    height, width = sample.pixels.size()
    mask = np.zeros((height, width), bool)
    for annotation in sample.annotations:
        if (annotation.finding, annotation.source) == (finding, source):
            mask |= annotation.mask(height, width)
    return mask


class _PriorMasks:
    """The prior of each finding and reader, summed when first asked for."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._sums: dict[str, MeanMask] = {}

    def priors(
        self,
        samples: Sequence[Sample],
        places: Mapping[str, tuple[tuple[str, str], ...]],
    ) -> Found:
        """Of these films, for everything that they are compared with."""
        return {
            (sample.image_id, finding): self._prior(sample, finding)
            for sample in samples
            for finding in dict.fromkeys(finding for finding, _ in places[sample.image_id])
        }

    def _prior(self, sample: Sample, finding: str) -> StoredMap:
        if finding not in self._sums:
            self._sums[finding] = MeanMask.of(self._masks(finding), (FRAME.height, FRAME.width))
        mean = self._sums[finding].without(sample.cluster)
        if mean is None:  # nobody else has the finding, so there is no prior to judge by
            return StoredMap(np.full((1, 1), np.nan, np.float32), Validity.NOT_FINITE)
        return StoredMap(mean, Validity.OK)

    def _masks(self, finding: str) -> Iterator[tuple[str, Bool[np.ndarray, "y x"]]]:
        for sample in self._samples:
            sources = [source for _, source in _references(sample, (finding,))]
            for source in sources[:1]:  # one mask per film: the first reader's
                try:
                    mask = reference_mask(sample, finding, source)
                except (AnnotationError, PixelError):
                    continue  # it is set aside, with its reason, where it is scored
                yield sample.cluster, FRAME.mask(mask)


def _references(sample: Sample, findings: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Finding and reader of every annotation, each once, in order."""
    pairs = (
        (a.finding, a.source)
        for a in sample.annotations
        if findings is None or a.finding in findings
    )
    return list(dict.fromkeys(pairs))


def _annotations(samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    return [(s.image_id, s.pixels.version(), s.cluster, annotations_digest(s)) for s in samples]


def _measures(work: Workspace) -> str:
    """Changes when a metric does, or a table that it reads."""
    tables = sorted(path for metric in work.metrics.values() for path in files_of(metric))
    return digest(list(work.metrics), [table.read_text(encoding="utf-8") for table in tables])
