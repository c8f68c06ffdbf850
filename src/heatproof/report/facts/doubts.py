"""Warnings about one run: data, labels, annotations and models that do not agree, and numbers that
could not be computed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from heatproof.analysis.localization import Localization
from heatproof.analysis.rare import TO_SUSPECT
from heatproof.errors import PixelError
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.maps.tuning import TunedValue
from heatproof.stages.blocks import Judged
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.types import Sample
from heatproof.words import count, listed

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
    films: Films,
    predictions: Predictions,
    panels: Sequence[Localization],
    validation: str | None,
    tuning: Tuning,
) -> tuple[str, ...]:
    """Warnings of the first screen, the most serious first.

    Args:
        judged: Models and data sets.
        films: All films.
        predictions: What the models say about films.
        panels: What was measured of maps.
        validation: The data set that the operating point was chosen on; None where there is none.
        tuning: The values of metrics that were chosen.
    """
    with_maps = [record for record in judged if record.methods]
    return (
        *_probabilities(with_maps, predictions),
        *_chosen_on_the_judged(validation, films, with_maps),
        *_dark(with_maps),
        *_not_finite(predictions),
        *_contradictions(films, with_maps),
        *_not_looked_for(films, with_maps),
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
                f"Films of {data} are almost black: the brightest pixel of {len(brightest)}"
                f" of them is {max(brightest):.1%} of what their files can hold. Were 12 bits"
                " stored in 16? Unless the models learned from such films, none of this holds."
            )


def _brightest(sample: Sample) -> float:
    """The brightest pixel of one film, in [0, 1]; 0 where the film cannot be read."""
    try:
        return float(sample.pixels.read().max())
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


def _contradictions(films: Films, judged: Sequence[Judged]) -> Iterator[str]:
    """Films that are labelled as without a finding that a reader marked on them."""
    for data, rows in _judged_films(films, judged):
        contradicting: dict[str, list[str]] = {}
        columns = rows.frame.select("image_id", "labels", "marks")
        for image_id, labels, marks in columns.iter_rows():
            absent = {entry["finding"] for entry in labels if entry["label"] is False}
            marked = dict.fromkeys(
                mark["finding"] for mark in marks if mark["instances"] and not mark["benchmark"]
            )
            for finding in marked:
                if finding in absent:
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
