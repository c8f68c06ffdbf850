"""Which films the gallery of a report shows, and their pictures.

The gallery holds a seeded draw of true and false positives and negatives, and the films that are
localized best and worst, so that it never shows only what looks good.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, UInt8

from heatproof.analysis.failures import missed
from heatproof.data.annotations.readers import first_of, ranked_readers
from heatproof.data.annotations.references import marks_of, reference_mask, references_of
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.localize import DatasetMetric, Metric, lower_is_better
from heatproof.maps import render
from heatproof.maps.store import MapStore
from heatproof.report.gallery import CaseMap, Gallery, GalleryCase, Group, Picture
from heatproof.stages.blocks import Judged
from heatproof.stages.framing import geometry_of
from heatproof.tables.predictions import Called
from heatproof.tables.scores import Scores
from heatproof.types import MapKey, Sample

FILM_SIDE = 1024  # pixels of the long side of a film, enough to judge a small finding
MAP_SIDE = 360  # of a map over it: maps are coarser than films
_GROUPS = {  # by label and call
    (True, True): Group.TRUE_POSITIVE,
    (False, True): Group.FALSE_POSITIVE,
    (False, False): Group.TRUE_NEGATIVE,
    (True, False): Group.FALSE_NEGATIVE,
}


@dataclass(frozen=True)
class Selection:
    """How the films of the gallery are chosen.

    Attributes:
        count: Films of each kind; 0 for no gallery.
        rank_by: Spec of the metric that says which films are localized best and worst.
        seed: Seed of the draw.
    """

    count: int
    rank_by: str
    seed: int


@dataclass(frozen=True)
class Choice:
    """One film and finding that the gallery shows, and why."""

    group: Group
    why: str
    image_id: str
    finding: str


@dataclass(frozen=True)
class _Album:
    """What the cases of one data set and model are made from.

    Attributes:
        films: ``image_id`` to the member that judges the film, and the film.
        store: The maps of the data set.
        readers: The readers of the data set in the order in which they count, by finding.
    """

    data: str
    model: str
    films: Mapping[str, tuple[Judged, Sample]]
    predictions: Called
    scores: Scores
    store: MapStore
    readers: Mapping[str, tuple[str, ...]]


def pick(
    judged: Sequence[Judged],
    predictions: Called,
    scores: Scores,
    metrics: Mapping[str, Metric],
    selection: Selection,
    open_store: Callable[[str], MapStore],
) -> Gallery:
    """The cases of every data set and model.

    Args:
        judged: Models and data sets.
        predictions: Probabilities and thresholds of all films.
        scores: Scores of all maps.
        metrics: The metrics of the experiment by spec.
        selection: How films are chosen.
        open_store: The maps of a data set, by its name.
    """
    pairs = dict.fromkeys((record.data, record.model) for record in judged if record.methods)
    samples = {record.data: record.films.samples for record in judged}
    readers = {
        data: ranked_readers(sample.annotations for sample in of_data)
        for data, of_data in samples.items()
    }
    cases: list[GalleryCase] = []
    for data, model in pairs if selection.count else ():
        store = open_store(data)
        # A film whose maps did not stay has nothing to show.
        stayed = [] if store.films is None else [pl.col("image_id").is_in(sorted(store.films))]
        album = _Album(
            data,
            model,
            _films(judged, data, model),
            predictions.where(*stayed, data=data, model=model),
            scores.where(*stayed, data=data, model=model),
            store,
            readers[data],
        )
        choices = chosen(album.predictions, album.scores, metrics, selection)
        with side_by_side() as pool:
            cases += pool.map(partial(_case, album), choices)
    return Gallery(
        cases=tuple(cases),
        how_chosen=f"Drawn with seed {selection.seed}, at most {selection.count} of each kind; best"
        f" and worst by {_measure(metrics[selection.rank_by])}, averaged over the methods.",
        legend=render.LEGEND,
        scale=_picture(render.scale()),
        signed_scale=_picture(render.scale(signed=True)),
    )


def chosen(
    predictions: Called, scores: Scores, metrics: Mapping[str, Metric], selection: Selection
) -> Iterator[Choice]:
    """The films of one data set and model that the gallery shows, group by group."""
    misses = missed(metrics, predictions, scores).select("image_id", "finding")
    # The order is kept, since the draw is by position.
    yield from _random(predictions, misses.unique(maintain_order=True).rows(), selection)
    yield from _extremes(scores, metrics[selection.rank_by], selection)


def regions_marked(film: Sample, finding: str, readers: Mapping[str, tuple[str, ...]]) -> int:
    """The number of regions that were marked: by the reader who counts, where there are several.

    Args:
        film: A film of the data set.
        finding: The finding.
        readers: The readers of the data set in the order in which they count, by finding.
    """
    reader = first_of(readers, film.annotations, finding)
    return sum(mark.instances for mark in marks_of(film, finding, reader)) if reader else 0


def _films(judged: Sequence[Judged], data: str, model: str) -> dict[str, tuple[Judged, Sample]]:
    return {
        sample.image_id: (record, sample)
        for record in judged
        if (record.data, record.model) == (data, model) and record.methods
        for sample in record.samples
    }


def _measure(metric: Metric) -> str:
    """The name of what the metric measures of one map."""
    return metric.per_map if isinstance(metric, DatasetMetric) else metric.title


def _random(
    predictions: Called, misses: list[tuple[str, str]], selection: Selection
) -> Iterator[Choice]:
    """A seeded draw from each group of films; a group with fewer films is shown whole."""
    generator = np.random.default_rng(selection.seed)
    pools: dict[Group, list[tuple[str, str]]] = {}
    with_threshold = set(predictions.frame.drop_nulls("threshold")["finding"])
    columns = predictions.frame.select("image_id", "finding", "label", "probability", "threshold")
    for image_id, finding, label, probability, threshold in columns.iter_rows():
        if finding not in with_threshold:
            pools.setdefault(Group.RANDOM, []).append((image_id, finding))
        # A film whose label is uncertain or unknown is neither right nor wrong.
        elif label is not None and threshold is not None and np.isfinite(probability):
            group = _GROUPS[label, probability >= threshold]
            pools.setdefault(group, []).append((image_id, finding))
    pools[Group.MISSED] = misses
    for group in Group:  # always in this order, since all groups draw from one generator
        pool = pools.get(group, [])
        # A whole permutation is drawn, so that a larger gallery holds all films of a smaller one.
        for index in sorted(generator.permutation(len(pool))[: selection.count]):
            yield Choice(group, f"drawn from {len(pool)}", *pool[index])


def _extremes(scores: Scores, metric: Metric, selection: Selection) -> Iterator[Choice]:
    """The films with the best and the worst mean over the methods; no film is both."""
    lower = lower_is_better(metric)
    means = (
        scores.marked()
        .where(pl.col("value").is_not_nan(), metric=selection.rank_by)
        .frame.group_by("image_id", "finding")
        .agg(pl.col("value").mean())
        # Grouping leaves no order, and names break ties: equal tables give equal galleries.
        .sort("value", "image_id", "finding", descending=[lower, False, False])
    )
    places = means.select("image_id", "finding").rows()  # the worst first
    count = min(selection.count, len(places) // 2)
    best, worst = places[::-1][:count], places[:count]
    of_best, of_worst = ("lowest", "highest") if lower else ("highest", "lowest")
    for group, word, films in ((Group.BEST, of_best, best), (Group.WORST, of_worst, worst)):
        why = f"among the {count} {word} {_measure(metric)} of {len(places)}"
        for image_id, finding in films:
            yield Choice(group, why, image_id, finding)


def _case(album: _Album, choice: Choice) -> GalleryCase:
    """The film with all its maps; reads its pixels."""
    member, sample = album.films[choice.image_id]
    image = sample.pixels.read()
    film = _picture(render.plain(image, FILM_SIDE))
    prediction = album.predictions.where(image_id=choice.image_id, finding=choice.finding).frame
    return GalleryCase(
        group=choice.group,
        why=choice.why,
        dataset=album.data,
        image_id=choice.image_id,
        finding=choice.finding,
        model=album.model,
        film=film,
        maps=tuple(_maps(album, member, sample, choice.finding, image)),
        label=sample.labels.get(choice.finding),
        probability=prediction["probability"][0] if len(prediction) else None,
        threshold=prediction["threshold"][0] if len(prediction) else None,
        annotations=regions_marked(sample, choice.finding, album.readers),
        outlines=tuple(
            render.outline(mask, film.height, film.width) for mask in _masks(sample, choice.finding)
        ),
    )


def _maps(
    album: _Album, member: Judged, sample: Sample, finding: str, image: Float[np.ndarray, "h w"]
) -> Iterator[CaseMap]:
    """The map of every method that made one of this film and finding."""
    geometry = geometry_of(member)
    scores = album.scores.where(image_id=sample.image_id, finding=finding)
    for method in member.methods:
        key = MapKey(member.id, method, sample.image_id, finding)
        # Not every method has a map of every film: imported ones may lack some.
        if key not in album.store:
            continue
        stored = album.store.get(key)
        values, over = stored.over(geometry)
        saliency = over.back(values, (image.shape[0], image.shape[1]))
        rows = scores.where(method=method).frame.select("metric", "value").iter_rows()
        yield CaseMap(
            method=method,
            layer=_picture(render.layer(saliency, MAP_SIDE)),
            native=(stored.values.shape[0], stored.values.shape[1]),
            validity=stored.validity,
            scores=dict(rows),
            signed=bool((saliency < 0).any()),
        )


def _masks(sample: Sample, finding: str) -> list[Bool[np.ndarray, "h w"]]:
    """The masks of all readers who marked the finding."""
    readers = [reader for _, reader in references_of(sample, (finding,))]
    try:
        return [reference_mask(sample, finding, reader) for reader in readers]
    except (AnnotationError, PixelError):
        return []  # the report lists the film, with its reason, where it was to be scored


def _picture(pixels: UInt8[np.ndarray, "h w c"]) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(render.encode(pixels), "image/webp", width, height)
