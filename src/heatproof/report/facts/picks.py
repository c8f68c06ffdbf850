"""Which films a report shows, and their pictures.

A seeded draw of true and false positives and negatives, and the best and the worst localized: never
only those that look good.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, UInt8

from heatproof.analysis.failures import missed
from heatproof.data.references import reference_mask
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.workspace import Workspace
from heatproof.localize import DatasetMetric, Metric, lower_is_better
from heatproof.maps import render
from heatproof.report.gallery import CaseMap, Gallery, GalleryCase, Group, Picture
from heatproof.stages.blocks import Judged
from heatproof.stages.framing import geometry_of
from heatproof.tables.predictions import Called
from heatproof.tables.scores import Scores
from heatproof.types import MapKey, Sample

SIDE = 360  # pixels of the long side of a picture
_CALLED = {
    (True, True): Group.TRUE_POSITIVE,
    (False, True): Group.FALSE_POSITIVE,
    (False, False): Group.TRUE_NEGATIVE,
    (True, False): Group.FALSE_NEGATIVE,
}


@dataclass(frozen=True)
class Pick:
    """One film and finding, chosen, and why."""

    group: Group
    why: str
    image_id: str
    finding: str


@dataclass(frozen=True)
class _Wall:
    """One data set and one group of models: what there is to pick from."""

    work: Workspace
    data: str
    group: str
    judges: Mapping[str, tuple[Judged, Sample]]  # by film
    predictions: Called
    scores: Scores


def pick(
    work: Workspace,
    judged: Sequence[Judged],
    predictions: Called,
    scores: Scores,
) -> Gallery:
    """The cases of every data set and group of models."""
    count = work.experiment.report.gallery
    pairs = dict.fromkeys((j.data, j.model) for j in judged if j.methods)
    cases: list[GalleryCase] = []
    for data, group in pairs if count else ():
        wall = _Wall(
            work,
            data,
            group,
            _judges(judged, data, group),
            predictions.where(data=data, model=group),
            scores.where(data=data, model=group),
        )
        cases += [_case(wall, chosen) for chosen in (*_drawn(wall), *_ranked(wall))]
    return Gallery(
        cases=tuple(cases),
        drawn=f"Drawn with seed {work.experiment.report.seed}, {count} of each kind; best and"
        f" worst by {_measure(work.metrics[_rank(work)])}, averaged over the methods.",
        legend=render.LEGEND,
        scale=_picture(render.scale()),
        signed_scale=_picture(render.scale(signed=True)),
    )


def _judges(judged: Sequence[Judged], data: str, group: str) -> dict[str, tuple[Judged, Sample]]:
    return {
        sample.image_id: (one, sample)
        for one in judged
        if (one.data, one.model) == (data, group) and one.methods
        for sample in one.samples
    }


def _rank(work: Workspace) -> str:
    return work.experiment.report.rank_by or next(iter(work.metrics))


def _measure(metric: Metric) -> str:
    """What it tells of one map."""
    return metric.per_map if isinstance(metric, DatasetMetric) else metric.title


def _drawn(wall: _Wall) -> Iterator[Pick]:
    count = wall.work.experiment.report.gallery
    generator = np.random.default_rng(wall.work.experiment.report.seed)
    pools: dict[Group, list[tuple[str, str]]] = {}
    told = wall.predictions
    pointed = set(told.frame.drop_nulls("threshold")["finding"])
    columns = told.frame.select("image_id", "finding", "label", "probability", "threshold")
    for image_id, finding, label, probability, threshold in columns.iter_rows():
        if finding not in pointed:
            pools.setdefault(Group.RANDOM, []).append((image_id, finding))
        elif label is not None and threshold is not None and np.isfinite(probability):
            group = _CALLED[label, probability >= threshold]
            pools.setdefault(group, []).append((image_id, finding))
    gone = missed(wall.work.metrics, told, wall.scores).select("image_id", "finding")
    pools[Group.MISSED] = gone.unique(maintain_order=True).rows()
    for group in Group:
        pool = pools.get(group, [])
        for index in sorted(generator.permutation(len(pool))[:count]):
            yield Pick(group, f"drawn from {len(pool)}", *pool[index])


def _ranked(wall: _Wall) -> Iterator[Pick]:
    rank, count = _rank(wall.work), wall.work.experiment.report.gallery
    lower = lower_is_better(wall.work.metrics[rank])
    means = (
        wall.scores.marked()
        .where(pl.col("value").is_not_nan(), metric=rank)
        .frame.group_by("image_id", "finding")
        .agg(pl.col("value").mean())
        .sort("value", "image_id", "finding", descending=[lower, False, False])
    )
    rows = means.select("image_id", "finding").rows()
    shown = min(count, len(rows) // 2)
    title = _measure(wall.work.metrics[rank])
    best, worst = reversed(rows[len(rows) - shown :]), rows[:shown]
    words = ("lowest", "highest") if lower else ("highest", "lowest")
    kinds = zip((Group.BEST, Group.WORST), words, (best, worst), strict=True)
    for group, word, found in kinds:
        for place in found:
            yield Pick(group, f"among the {shown} {word} {title} of {len(rows)}", *place)


def _case(wall: _Wall, chosen: Pick) -> GalleryCase:
    one, sample = wall.judges[chosen.image_id]
    image = sample.pixels.read()
    told = wall.predictions.where(image_id=chosen.image_id, finding=chosen.finding).frame
    marks = [a for a in sample.annotations if a.finding == chosen.finding]
    return GalleryCase(
        group=chosen.group,
        why=chosen.why,
        dataset=wall.data,
        image_id=chosen.image_id,
        finding=chosen.finding,
        model=wall.group,
        film=_picture(render.plain(image, SIDE)),
        maps=tuple(_maps(wall, one, sample, chosen.finding, image)),
        label=sample.labels.get(chosen.finding),
        probability=told["probability"][0] if len(told) else None,
        threshold=told["threshold"][0] if len(told) else None,
        annotations=sum(mark.instances for mark in marks),
    )


def _maps(
    wall: _Wall, one: Judged, sample: Sample, finding: str, image: Float[np.ndarray, "h w"]
) -> Iterator[CaseMap]:
    geometry = geometry_of(one)
    outlines = _outlines(sample, finding)
    measured = wall.scores.where(image_id=sample.image_id, finding=finding)
    store = wall.work.store(wall.data)
    for method in one.methods:
        key = MapKey(one.id, method, sample.image_id, finding)
        if key not in store:
            continue
        found = store.get(key)
        saliency = geometry.back(found.values, (image.shape[0], image.shape[1]))
        rows = measured.where(method=method).frame.select("metric", "value").iter_rows()
        yield CaseMap(
            method=method,
            overlay=_picture(render.overlay(image, saliency, outlines, SIDE)),
            native=(found.values.shape[0], found.values.shape[1]),
            validity=found.validity,
            scores=dict(rows),
        )


def _outlines(sample: Sample, finding: str) -> list[Bool[np.ndarray, "h w"]]:
    sources = dict.fromkeys(a.source for a in sample.annotations if a.finding == finding)
    try:
        return [reference_mask(sample, finding, source) for source in sources]
    except (AnnotationError, PixelError):
        return []  # set aside where it was to be scored, with its reason


def _picture(pixels: UInt8[np.ndarray, "h w 3"]) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(render.encode(pixels), "image/webp", width, height)
