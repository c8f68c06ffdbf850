"""What a report must say of this run that its numbers do not show: where data, labels, annotations
and models do not agree, or a number could not be had.
"""

import math
from collections.abc import Iterator, Sequence

import polars as pl

from heatproof.analysis.localization import Localization
from heatproof.errors import PixelError
from heatproof.experiment.films import Films
from heatproof.experiment.workspace import Workspace
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.stages.blocks import Judged
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
    predictions: pl.DataFrame,
    panels: Sequence[Localization],
) -> tuple[str, ...]:
    """As warnings of the first screen, the most serious first."""
    shown = [one for one in judged if one.methods]
    return (
        *_probabilities(shown, predictions),
        *_chosen_on_the_judged(work, shown),
        *_dark(shown),
        *_broken(predictions),
        *_contradictions(shown),
        *_untold(shown),
        *_lone_findings(panels),
        *_untuned(work, panels),
    )


def _probabilities(judged: Sequence[Judged], predictions: pl.DataFrame) -> Iterator[str]:
    """Models from elsewhere whose outputs look like probabilities where logits are expected."""
    foreign = [one.judging for one in judged if one.card and not one.trained]
    for group, data in dict.fromkeys((one.group, one.films.name) for one in foreign):
        told = predictions.filter(group=group, data=data)["probability"]
        # Logits of a network that learned nothing lie close together, seldom near 0 and 1.
        sure = ~told.is_between(_NEAR_ZERO, _NEAR_ONE)
        if len(told) >= MANY and told.is_between(_ZERO, _ONE).all() and sure.any():
            yield (
                f"Every output of {group} on {data} lies between 0 and 1. If its network ends in a"
                " sigmoid or a softmax, its probabilities are wrong here, and with them calibration"
                ' and Brier score: say outputs = "probabilities".'
            )


def _chosen_on_the_judged(work: Workspace, judged: Sequence[Judged]) -> Iterator[str]:
    """Validation data with patients that are judged at the threshold chosen on them."""
    name = work.experiment.classification.validation
    if name is None:
        return
    tuning = {sample.cluster for sample in work.data[name].samples}
    for films, samples in _judged_films(judged):
        shared = len(tuning & {sample.cluster for sample in samples})
        if shared:
            yield (
                f"{count(shared, 'patient')} of {films.name} {'is' if shared == 1 else 'are'} also"
                f" in {name}, on which the operating point was chosen: sensitivity and specificity"
                " flatter the model there."
            )


def _dark(judged: Sequence[Judged]) -> Iterator[str]:
    """Data sets whose files hold more bits than the films use."""
    for films, samples in _judged_films(judged):
        brightest = [top for sample in samples[:LOOKED_AT] if (top := _brightest(sample))]
        if brightest and max(brightest) < _TWELVE_IN_SIXTEEN:
            yield (
                f"Films of {films.name} are almost black: the brightest pixel of {len(brightest)}"
                f" of them is {max(brightest):.1%} of what their files can hold. Were 12 bits"
                " stored in 16? Unless the models learned from such films, none of this holds."
            )


def _brightest(sample: Sample) -> float:
    """Of one film; 0 where it cannot be read."""
    try:
        return float(sample.pixels.read().max())
    except PixelError:
        return 0.0


def _broken(predictions: pl.DataFrame) -> Iterator[str]:
    """Models that gave no number for some films, which then count nowhere."""
    wrong = predictions.filter(~pl.col("probability").is_finite())
    for (group, data), rows in wrong.group_by(["group", "data"], maintain_order=True):
        yield (
            f"{group} gave no finite probability for {rows['image_id'].n_unique()} films of {data},"
            f" such as {rows['image_id'][0]}: they are in no number of its classification."
        )


def _contradictions(judged: Sequence[Judged]) -> Iterator[str]:
    """Films that are labelled as without a finding that somebody drew on them."""
    for films, samples in _judged_films(judged):
        odd: dict[str, list[str]] = {}
        for sample in samples:
            for finding in dict.fromkeys(a.finding for a in sample.annotations if a.instances):
                if sample.labels.get(finding) is False:
                    odd.setdefault(finding, []).append(sample.image_id)
        for finding, names in odd.items():
            yield (
                f"{count(len(names), 'image')} of {films.name}, such as {names[0]}, "
                f"{'is' if len(names) == 1 else 'are'} labelled as without {finding}, and marked as"
                " with it: classification goes by the label, localization by the mark."
            )


def _untold(judged: Sequence[Judged]) -> Iterator[str]:
    """Findings that are marked, and that no model tells."""
    told = {finding for one in judged for block in one.blocks for finding in block.findings}
    for films, samples in _judged_films(judged):
        marked = dict.fromkeys(a.finding for s in samples for a in s.annotations)
        untold = [finding for finding in marked if finding not in told]
        if untold:
            yield f"{listed(untold)} is marked on {films.name}, but no model tells it: not judged."


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


def _judged_films(judged: Sequence[Judged]) -> Iterator[tuple[Films, tuple[Sample, ...]]]:
    """Every data set, with the films of it that somebody judged, each once."""
    found: dict[str, tuple[Films, dict[str, Sample]]] = {}
    for one in judged:
        _, samples = found.setdefault(one.judging.films.name, (one.judging.films, {}))
        samples |= {sample.image_id: sample for sample in one.judging.samples}
    for films, samples in found.values():
        yield films, tuple(samples.values())
