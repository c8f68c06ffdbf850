"""Stage: every map against every annotation of its finding, and the mean-mask prior likewise.

A metric of maps makes its value here; a metric of data sets sees its one thing of the map, wherever
something is marked.
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
from heatproof.localize import DatasetMetric, Metric, specialize
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
        maps: Fetches them; a film without one was set aside when it was explained.
        geometry: Brings a map back to the film.
    """

    name: str
    what: Mapping[str, str]
    method: str
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]
    maps: Callable[[], Found]
    geometry: Geometry


def block_task(work: Workspace, block: Block, method: str, geometry: Geometry) -> Task:
    """The maps that one model and method made of one block of films."""

    def maps() -> Found:
        marked = {(s.image_id, a.finding) for s in block.samples for a in s.annotations}
        made = work.made.read([block.made(method)]).select("image_id", "finding").iter_rows()
        places = [place for place in made if place in marked]
        keys = [MapKey(block.id, method, *place) for place in places]
        return dict(zip(places, work.store(block.what["data"]).get_many(keys), strict=True))

    return Task(
        name=digest(block.made(method), _annotations(block.samples), _measures(work)),
        what=block.what,
        method=method,
        samples=block.samples,
        findings=block.findings,
        maps=maps,
        geometry=geometry,
    )


def prior_tasks(work: Workspace, films: Films, size: int) -> list[Task]:
    """The mean-mask prior of every annotated film, built without the film's own patient."""
    annotated = tuple(sample for sample in films.samples if sample.annotations)
    masks = _PriorMasks(annotated)
    whole = digest(films.name, _annotations(annotated), [s.cluster for s in annotated], FRAME)
    return [
        Task(
            name=digest(whole, [sample.image_id for sample in block], _measures(work)),
            what={"data": films.name, "group": "", "model": ""},
            method=PRIOR,
            samples=block,
            findings=films.findings,
            maps=partial(masks.priors, block),
            geometry=FRAME,
        )
        for block in blocks(annotated, size)
    ]


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


def _score(work: Workspace, task: Task, maps: Found, sample: Sample) -> list[dict[str, Any]]:
    rows = []
    for finding, source in _references(sample, task.findings):
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
            mask = reference_mask(sample, finding, source)
        except (AnnotationError, PixelError) as error:
            rows.append(row | {"reason": str(error)})
            continue
        values = _measured(work.metrics, finding, found, task.geometry, mask)
        rows += [
            row | {"metric": metric, "value": value, "validity": found.validity.value}
            for metric, value in values.items()
        ]
    return rows


def _measured(
    metrics: Mapping[str, Metric],
    finding: str,
    found: StoredMap,
    geometry: Geometry,
    mask: Bool[np.ndarray, "h w"],
) -> dict[str, float]:
    """By metric; a metric of data sets sees only maps of films on which something is marked."""
    parts = {
        spec: specialize(metric, finding)
        for spec, metric in metrics.items()
        if mask.any() or not isinstance(metric, DatasetMetric)
    }
    if found.validity in UNSCORED:
        return dict.fromkeys(parts, float("nan"))
    saliency = geometry.back(found.values, (mask.shape[0], mask.shape[1]))
    return {
        spec: float(
            part.of_map(found.values, geometry, mask)
            if isinstance(part, DatasetMetric)
            else part(saliency, mask)
        )
        for spec, part in parts.items()
    }


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

    def priors(self, samples: Sequence[Sample]) -> Found:
        """Of these films, for everything that is marked on them."""
        return {
            (sample.image_id, finding): self._prior(sample, finding)
            for sample in samples
            for finding in {annotation.finding for annotation in sample.annotations}
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
            sources = [source for name, source in _references(sample, (finding,))]
            for source in sources[:1]:  # one mask per film: the first reader's
                try:
                    mask = reference_mask(sample, finding, source)
                except (AnnotationError, PixelError):
                    continue  # it is set aside, with its reason, where it is scored
                yield sample.cluster, FRAME.mask(mask)


def _references(sample: Sample, findings: Sequence[str]) -> list[tuple[str, str]]:
    """Finding and reader of every annotation, each once, in order."""
    pairs = ((a.finding, a.source) for a in sample.annotations if a.finding in findings)
    return list(dict.fromkeys(pairs))


def _annotations(samples: Sequence[Sample]) -> list[tuple[str, str, str, str]]:
    return [(s.image_id, s.pixels.version(), s.cluster, annotations_digest(s)) for s in samples]


def _measures(work: Workspace) -> str:
    """Changes when a metric does, or a table that it reads."""
    tables = sorted(path for metric in work.metrics.values() for path in files_of(metric))
    return digest(list(work.metrics), [table.read_text(encoding="utf-8") for table in tables])
