"""Warnings about one run: data, labels, annotations and models that do not agree, and numbers that
could not be computed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from heatproof.analysis.analyse import Tables
from heatproof.analysis.localization import Localization
from heatproof.analysis.rare import TO_SUSPECT
from heatproof.data.datasets.pooled import TABLE
from heatproof.data.decoding.levels import TAIL
from heatproof.errors import PixelError
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.maps.tuning import TunedValue
from heatproof.stages.blocks import Judged
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.types import Sample
from heatproof.words import count, listed

_PLACE = ("data", "image_id", "finding")
LOOKED_AT = 5  # films of a data set whose pixels are read: all of a data set are stored alike
# The largest number of 12 bits is 1/16 of that of 16 bits; a little more allows for noise.
_TWELVE_IN_SIXTEEN = 1 / 15
# The probabilities that outputs of 0, 0.1, 0.9 and 1 become when they are taken for logits.
_ZERO, _NEAR_ZERO, _NEAR_ONE, _ONE = (1 / (1 + math.exp(-logit)) for logit in (0, 0.1, 0.9, 1))


@dataclass(frozen=True)
class Tuning:
    """Values of metrics that tuning films chose.

    Attributes:
        dataset: The data set of the tuning films; None where nothing is tuned.
        values: One per metric, model, method and finding.
    """

    dataset: str | None
    values: Sequence[TunedValue]


def doubts(
    judged: Sequence[Judged],
    tables: Tables,
    panels: Sequence[Localization],
    validation: str | None,
    tuning: Tuning,
) -> tuple[str, ...]:
    """Warnings of the first screen, the most serious first.

    Args:
        judged: Models and data sets.
        tables: All films, what the models say about them, and what was measured of the marks.
        panels: What was measured of maps.
        validation: The data set that the operating point was chosen on; None where there is none.
        tuning: The values of metrics that were chosen.
    """
    with_maps = [record for record in judged if record.methods]
    return (
        *_probabilities(with_maps, tables.predictions),
        *_chosen_on_the_judged(validation, tables.films, with_maps),
        *_dark(with_maps),
        *_not_finite(tables.predictions),
        *_told_by_table(tables.films, with_maps),
        *_contradictions(tables, with_maps),
        *_empty_or_full(tables, with_maps),
        *_not_looked_for(tables.films, with_maps),
        *_lone_findings(panels),
        *_untuned(tuning, panels),
    )


def _probabilities(judged: Sequence[Judged], predictions: Predictions) -> Iterator[str]:
    """Models from elsewhere whose outputs look like probabilities where logits are expected."""
    # A model that was trained here gives logits.
    foreign = [record for record in judged if record.card and not record.trained]
    for model, data in dict.fromkeys((record.model, record.data) for record in foreign):
        outputs = predictions.where(model=model, data=data).frame["probability"]
        # Logits of a network that learned nothing lie close together, seldom near 0 and 1.
        sure = ~outputs.is_between(_NEAR_ZERO, _NEAR_ONE)
        # A few logits may all lie between 0 and 1 by chance.
        if len(outputs) >= TO_SUSPECT and outputs.is_between(_ZERO, _ONE).all() and sure.any():
            yield (
                f"Every output of {model} on {data} lies between 0 and 1. If its network ends in a"
                " sigmoid or a softmax, its probabilities are wrong here, and with them calibration"
                ' and Brier score: say outputs = "probabilities".'
            )


def _chosen_on_the_judged(
    validation: str | None, films: Films, judged: Sequence[Judged]
) -> Iterator[str]:
    """Patients of the validation data who are judged at the threshold that was chosen on them."""
    if validation is None:
        return
    choosing = films.where(data=validation)
    for data, rows in _judged_films(films, judged):
        patients, lone = (
            len(theirs & ours)
            for theirs, ours in zip(_known_and_lone(choosing), _known_and_lone(rows), strict=True)
        )
        there = f"{validation}, on which the operating point was chosen"
        if patients:
            yield (
                f"{count(patients, 'patient')} of {data} {'is' if patients == 1 else 'are'} also in"
                f" {there}: sensitivity and specificity flatter the model there."
            )
        if lone:
            nouns = (
                "film of an unknown patient has" if lone == 1 else "films of unknown patients have"
            )
            yield (
                f"{lone:,} {nouns} in {data} the name of a film of {there}: if they are the same,"
                " sensitivity and specificity flatter the model there."
            )


def _known_and_lone(films: Films) -> tuple[set[str], set[str]]:
    """The known patients of some films, and the names of those whose patient is unknown."""
    is_known = pl.col("patient").is_not_null()
    known, lone = films.frame.filter(is_known), films.frame.filter(~is_known)
    return set(known["patient"]), set(lone["image_id"])


def _dark(judged: Sequence[Judged]) -> Iterator[str]:
    """Data sets whose files hold more bits than their films use; reads the pixels of a few."""
    by_data: dict[str, dict[str, Sample]] = {}
    for record in judged:
        samples = by_data.setdefault(record.data, {})
        # Several models may judge a film, which counts once.
        samples |= {sample.image_id: sample for sample in record.samples}
    for data, samples in by_data.items():
        looked_at = list(samples.values())[:LOOKED_AT]
        brightest = [value for sample in looked_at if (value := _brightest(sample))]
        # Where none could be read, nothing is claimed.
        if brightest and max(brightest) < _TWELVE_IN_SIXTEEN:
            yield (
                f"Films of {data} are almost black: the brightest pixels of {len(brightest)}"
                f" of them are {max(brightest):.1%} of what their files can hold. Were 12 bits"
                " stored in 16? Then say maximum = 4095 for this data set. Unless the models"
                " learned from such films, none of this holds."
            )


def _brightest(sample: Sample) -> float:
    """The brightest pixels of one film, in [0, 1]; 0 where the film cannot be read.

    They are its brightest thousandth, since single pixels may be hot.
    """
    try:
        return float(np.quantile(sample.pixels.read(), 1 - TAIL))
    except PixelError:
        return 0.0


def _not_finite(predictions: Predictions) -> Iterator[str]:
    """Models whose probability of some films is not finite; these films count nowhere."""
    broken = predictions.where(~pl.col("probability").is_finite())
    for (model, data), rows in broken.by("model", "data"):
        images = rows.frame["image_id"]
        yield (
            f"{model} gave no finite probability for {count(images.n_unique(), 'film')} of {data},"
            f" such as {images[0]}: of its classification, they count as present or absent, and in"
            " no other number."
        )


def _told_by_table(films: Films, judged: Sequence[Judged]) -> Iterator[str]:
    """Findings that only films of some tables of a pooled data set have, and only others lack."""
    for data, rows in _judged_films(films, judged):
        tables = rows.attributes().get(TABLE)
        if tables is None:
            continue
        for finding in rows.findings():
            labelled = list(zip(tables, rows.labels_of(finding), strict=True))
            present, absent = (
                sorted({str(table) for table, (_, label) in labelled if label is wanted})
                for wanted in (True, False)
            )
            if present and absent and not {*present} & {*absent}:
                yield (
                    f"All films of {data} with {finding} are from {listed(present)}, and all"
                    f" without it from {listed(absent)}: whatever tells these films apart (scanner,"
                    f" scaling, letters on the film) tells {finding}, too, so a model that looks at"
                    " nothing else would seem to be good."
                )


def _empty_or_full(tables: Tables, judged: Sequence[Judged]) -> Iterator[str]:
    """Marks that hold no pixel of their film, or all."""
    empty = _empty_marks(tables)
    full = {*tables.shapes.where(area_ratio=1.0).frame.select(*_PLACE).rows()}
    for data, rows in _judged_films(tables.films, judged):
        names = rows.frame["image_id"].to_list()
        for finding in rows.findings():
            labels = dict(zip(names, rows.labels_of(finding), strict=True))
            # An empty mask of a film without the finding says so, and is no mistake.
            without = [
                name
                for name, (_, label) in labels.items()
                if (data, name, finding) in empty and label is not False
            ]
            whole = [name for name in names if (data, name, finding) in full]
            for films, what in ((without, "no pixel"), (whole, "all pixels")):
                if films:
                    yield (
                        f"{count(len(films), 'mark')} of {finding} on {data}, such as that of"
                        f" {films[0]}, {'holds' if len(films) == 1 else 'hold'} {what} of the film:"
                        " was it saved as it was drawn?"
                    )


def _empty_marks(tables: Tables) -> set[tuple[str, str, str]]:
    """Data set, film and finding of every mark without a pixel, as far as maps were scored there.

    Whether the file of a mask holds anything shows only when it is read.
    """
    marked = {
        (data, image_id, mark["finding"])
        for data, image_id, marks in tables.films.frame.select("data", "image_id", "marks").rows()
        for mark in marks
    }
    return marked & {*tables.scores.where(regions=0).frame.select(*_PLACE).rows()}


def _contradictions(tables: Tables, judged: Sequence[Judged]) -> Iterator[str]:
    """Films that are labelled as without a finding that a reader marked on them."""
    empty = _empty_marks(tables)
    for data, rows in _judged_films(tables.films, judged):
        contradicting: dict[str, list[str]] = {}
        columns = rows.frame.select("image_id", "labels", "marks")
        for image_id, labels, marks in columns.iter_rows():
            absent = {entry["finding"] for entry in labels if entry["label"] is False}
            marked = dict.fromkeys(
                mark["finding"] for mark in marks if mark["instances"] and not mark["benchmark"]
            )
            for finding in marked:
                if finding in absent and (data, image_id, finding) not in empty:
                    contradicting.setdefault(finding, []).append(image_id)
        for finding, names in contradicting.items():
            yield (
                f"{count(len(names), 'film')} of {data}, such as {names[0]}, "
                f"{'is' if len(names) == 1 else 'are'} labelled as without {finding}, and marked as"
                " with it: classification goes by the label, localization by the mark."
            )


def _not_looked_for(films: Films, judged: Sequence[Judged]) -> Iterator[str]:
    """Findings that readers marked and no model looks for."""
    looked_for = {name for record in judged for block in record.blocks for name in block.findings}
    for data, rows in _judged_films(films, judged):
        marked = dict.fromkeys(
            mark["finding"]
            for marks in rows.frame["marks"].to_list()
            for mark in marks
            if mark["instances"] and not mark["benchmark"]
        )
        missing = [finding for finding in marked if finding not in looked_for]
        if missing:
            yield f"{listed(missing)} is marked on {data}, but no model looks for it: not judged."


def _lone_findings(panels: Sequence[Localization]) -> Iterator[str]:
    """Findings without a prior, because one patient alone has them.

    The prior of a film is built from other patients, so that it does not hold the film itself.
    """
    lone: dict[str, list[str]] = {}
    for panel in panels:
        if panel.prior and not panel.prior.estimate.cases:
            findings = lone.setdefault(panel.dataset, [])
            if panel.finding not in findings:
                findings.append(panel.finding)
    for dataset, findings in lone.items():
        yield (
            f"On {dataset} no other patient is annotated for {', '.join(findings)}: without one"
            f" there is no {MeanMask.title} to compare with."
        )


def _untuned(tuning: Tuning, panels: Sequence[Localization]) -> Iterator[str]:
    """Findings that no tuning film has, so that tuned metrics are undefined there."""
    chosen = {(value.metric, value.finding) for value in tuning.values}
    metrics = {value.metric for value in tuning.values}
    findings = dict.fromkeys(panel.finding for panel in panels if panel.metric in metrics)
    for metric in sorted(metrics):
        lacking = [finding for finding in findings if (metric, finding) not in chosen]
        if lacking:
            yield (
                f"No tuning film of {tuning.dataset} has {listed(lacking)}: {metric}"
                " is not defined there."
            )


def _judged_films(films: Films, judged: Sequence[Judged]) -> Iterator[tuple[str, Films]]:
    """Every data set, with the films of it that a model judges, each once."""
    by_data: dict[str, dict[str, None]] = {}
    for record in judged:
        names = by_data.setdefault(record.data, {})
        names |= {sample.image_id: None for sample in record.samples}
    for data, names in by_data.items():
        yield data, films.where(pl.col("image_id").is_in(list(names)), data=data)
