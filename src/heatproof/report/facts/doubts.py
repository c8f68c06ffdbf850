"""What a report must say of this run that its numbers do not show: where data, labels, annotations
and models do not agree, or a number could not be had.
"""

import math
from collections.abc import Iterator, Sequence

import polars as pl

from heatproof.analysis.localization import Localization
from heatproof.errors import PixelError
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.stages.blocks import Judged
from heatproof.tables.films import Films
from heatproof.tables.predictions import Predictions
from heatproof.types import Sample
from heatproof.words import count, listed

MANY = 10  # films whose outputs are all between 0 and 1 by chance alone: hardly
LOOKED_AT = 5  # films of a data set, for what all of them have in common
_TWELVE_IN_SIXTEEN = 1 / 15  # and what lies below
# What outputs of 0, 0.1, 0.9 and 1 are taken for, if they are taken for logits.
_ZERO, _NEAR_ZERO, _NEAR_ONE, _ONE = (1 / (1 + math.exp(-end)) for end in (0, 0.1, 0.9, 1))


def doubts(
    work: Workspace,
    judged: Sequence[Judged],
    films: Films,
    predictions: Predictions,
    panels: Sequence[Localization],
) -> tuple[str, ...]:
    """As warnings of the first screen, the most serious first."""
    shown = [one for one in judged if one.methods]
    return (
        *_probabilities(shown, predictions),
        *_chosen_on_the_judged(work.experiment.classification.validation, films, shown),
        *_dark(shown),
        *_broken(predictions),
        *_contradictions(films, shown),
        *_untold(films, shown),
        *_lone_findings(panels),
        *_untuned(work, panels),
    )


def _probabilities(judged: Sequence[Judged], predictions: Predictions) -> Iterator[str]:
    """Models from elsewhere whose outputs look like probabilities where logits are expected."""
    foreign = [record for record in judged if record.card and not record.trained]
    for model, data in dict.fromkeys((record.model, record.data) for record in foreign):
        outputs = predictions.where(model=model, data=data).frame["probability"]
        # Logits of a network that learned nothing lie close together, seldom near 0 and 1.
        sure = ~outputs.is_between(_NEAR_ZERO, _NEAR_ONE)
        if len(outputs) >= MANY and outputs.is_between(_ZERO, _ONE).all() and sure.any():
            yield (
                f"Every output of {model} on {data} lies between 0 and 1. If its network ends in a"
                " sigmoid or a softmax, its probabilities are wrong here, and with them calibration"
                ' and Brier score: say outputs = "probabilities".'
            )


def _chosen_on_the_judged(
    validation: str | None, films: Films, judged: Sequence[Judged]
) -> Iterator[str]:
    """Validation data with patients that are judged at the threshold chosen on them."""
    if validation is None:
        return
    choosing = set(films.where(data=validation).frame["cluster"])
    for data, rows in _judged_films(films, judged):
        shared = len(choosing & set(rows.frame["cluster"]))
        if shared:
            yield (
                f"{count(shared, 'patient')} of {data} {'is' if shared == 1 else 'are'} also in"
                f" {validation}, on which the operating point was chosen: sensitivity and"
                " specificity flatter the model there."
            )


def _dark(judged: Sequence[Judged]) -> Iterator[str]:
    """Data sets whose files hold more bits than the films use; looks at the pixels of a few."""
    by_data: dict[str, dict[str, Sample]] = {}
    for record in judged:
        samples = by_data.setdefault(record.data, {})
        samples |= {sample.image_id: sample for sample in record.samples}
    for data, samples in by_data.items():
        looked_at = list(samples.values())[:LOOKED_AT]
        brightest = [top for sample in looked_at if (top := _brightest(sample))]
        if brightest and max(brightest) < _TWELVE_IN_SIXTEEN:
            yield (
                f"Films of {data} are almost black: the brightest pixel of {len(brightest)}"
                f" of them is {max(brightest):.1%} of what their files can hold. Were 12 bits"
                " stored in 16? Unless the models learned from such films, none of this holds."
            )


def _brightest(sample: Sample) -> float:
    """Of one film; 0 where it cannot be read."""
    try:
        return float(sample.pixels.read().max())
    except PixelError:
        return 0.0


def _broken(predictions: Predictions) -> Iterator[str]:
    """Models that gave no number for some films, which then count nowhere."""
    wrong = predictions.where(~pl.col("probability").is_finite())
    for (model, data), rows in wrong.by("model", "data"):
        images = rows.frame["image_id"]
        yield (
            f"{model} gave no finite probability for {images.n_unique()} films of {data},"
            f" such as {images[0]}: they are in no number of its classification."
        )


def _contradictions(films: Films, judged: Sequence[Judged]) -> Iterator[str]:
    """Films that are labelled as without a finding that somebody drew on them."""
    for data, rows in _judged_films(films, judged):
        odd: dict[str, list[str]] = {}
        columns = rows.frame.select("image_id", "labels", "marks")
        for image_id, labels, marks in columns.iter_rows():
            absent = {entry["finding"] for entry in labels if entry["label"] is False}
            drawn = dict.fromkeys(
                mark["finding"] for mark in marks if mark["instances"] and not mark["benchmark"]
            )
            for finding in drawn:
                if finding in absent:
                    odd.setdefault(finding, []).append(image_id)
        for finding, names in odd.items():
            yield (
                f"{count(len(names), 'image')} of {data}, such as {names[0]}, "
                f"{'is' if len(names) == 1 else 'are'} labelled as without {finding}, and marked as"
                " with it: classification goes by the label, localization by the mark."
            )


def _untold(films: Films, judged: Sequence[Judged]) -> Iterator[str]:
    """Findings that are marked, and that no model looks for."""
    looked_for = {name for record in judged for block in record.blocks for name in block.findings}
    for data, rows in _judged_films(films, judged):
        marked = dict.fromkeys(
            mark["finding"]
            for marks in rows.frame["marks"].to_list()
            for mark in marks
            if not mark["benchmark"]
        )
        missing = [finding for finding in marked if finding not in looked_for]
        if missing:
            yield f"{listed(missing)} is marked on {data}, but no model tells it: not judged."


def _lone_findings(panels: Sequence[Localization]) -> Iterator[str]:
    """Findings that no prior can be built for, because only one patient has them."""
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


def _untuned(work: Workspace, panels: Sequence[Localization]) -> Iterator[str]:
    """Findings for which nothing could be tuned, so that tuned metrics are undefined."""
    chosen = {(one.metric, one.finding) for one in work.tuned}
    metrics = {one.metric for one in work.tuned}
    judged = dict.fromkeys(panel.finding for panel in panels if panel.metric in metrics)
    for metric in sorted(metrics):
        lacking = [finding for finding in judged if (metric, finding) not in chosen]
        if lacking:
            yield (
                f"No tuning film of {work.experiment.score.tune} has {listed(lacking)}: {metric}"
                " is not defined there."
            )


def _judged_films(films: Films, judged: Sequence[Judged]) -> Iterator[tuple[str, Films]]:
    """Every data set, with the films of it that somebody judges, each once."""
    images: dict[str, dict[str, None]] = {}
    for record in judged:
        names = images.setdefault(record.data, {})
        names |= {sample.image_id: None for sample in record.samples}
    for data, names in images.items():
        yield data, films.where(pl.col("image_id").is_in(list(names)), data=data)
