"""A glance at a model and a few real films, before a run: what does the network see and say?

Up to 16 films, as many with as without each finding, at most for as long as is said.  A film is
shown as the network sees it.  What looks wrong becomes a warning: blank or nearly black films, a
classifier at chance, probabilities that are not near how often the finding occurs, marks on the
black beside the body, marks that a crop cuts off.  So few films prove nothing; a warning says where
to look.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from heatproof.data.annotations.references import union
from heatproof.data.geometry import Placing
from heatproof.data.splits.sampling import some
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.assignment import Assignment
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.still import held_still
from heatproof.preparation.setups import Film
from heatproof.run.normalization import normalization_warning
from heatproof.types import Sample
from heatproof.words import count, listed, number

MOST = 16
SECONDS = 20.0
_BLANK = 0.01  # range of the network's input, as a share of black to white
_BLACK = 0.06  # mean grey value: 12 bits read as 16 are below it
_DARK = 0.03  # grey value of what lies beside a body
_OUTSIDE = 0.9  # share of a mark that is dark
_CUT = 0.1  # share of all that is marked
_APART = 0.25  # of a probability, on average, from how often the finding occurs
_ALIKE = 0.02  # range of probabilities over films
_REMEMBERED = 8  # films that batch norm is asked about
_SURE = 6  # numbers: that many logits seldom all lie between 0 and 1
_TWICE = 0.5, 1 / (1 + math.exp(-1)) + 1e-6  # the sigmoid of 0 and of 1
_ENOUGH = 4  # films with, and without, a finding


@dataclass(frozen=True)
class Seen:
    """One film as the network sees it, and what it says.

    Attributes:
        name: Of the film.
        labels: Whether it has each finding; None where nobody knows.
        probabilities: By finding.
        image: The canvas, grey, from 0 to 1.
        marked: What readers marked, on the canvas.
        brightness: Mean grey value of the film.
        cut: Share of the marks that a crop cuts off; nan where nothing is marked.
        dark: Share of the marks that lies on black; likewise.
    """

    name: str
    labels: Mapping[str, bool | None]
    probabilities: Mapping[str, float]
    image: Float[np.ndarray, "y x"]
    marked: Bool[np.ndarray, "y x"]
    brightness: float
    cut: float
    dark: float


@dataclass(frozen=True)
class Glance:
    """A few films.

    Attributes:
        seen: The films.
        aurocs: By finding, where there are films with and without it.
        warnings: What looks wrong.
    """

    seen: tuple[Seen, ...]
    aurocs: Mapping[str, float]
    warnings: tuple[str, ...]


def glance(model: Model, assigned: Sequence[Assignment], until: float) -> Glance:
    """Look at a few films.

    Args:
        model: As it is.
        assigned: The films that it judges.
        until: When to stop, as of ``time.monotonic``.
    """
    samples = [sample for assignment in assigned for sample in assignment.samples]
    labelled = {finding for assignment in assigned for finding in assignment.films.findings}
    findings = [finding for finding in model.findings if finding in labelled]
    seen: list[Seen] = []
    films: list[Film] = []
    for sample in _chosen(samples, findings):
        if time.monotonic() > until:
            break
        try:
            pixels = sample.pixels.read()
            seen.append(_seen(model, sample, pixels, findings))
            films += [pixels] if len(films) < _REMEMBERED else []
        except PixelError:
            continue  # which a run sets aside, and tells
    aurocs = {
        finding: auroc for finding in findings if (auroc := _auroc(seen, finding)) is not None
    }
    warnings = [*_warnings(seen, aurocs, _prevalences(samples, findings))] if seen else []
    warnings += _probabilities_twice(model, seen)
    if time.monotonic() < until and (told := normalization_warning(model, films)):
        warnings.append(told)
    return Glance(tuple(seen), aurocs, tuple(warnings))


def _chosen(samples: Sequence[Sample], findings: Sequence[str]) -> list[Sample]:
    """Films with and without each finding in turn, then any, in an order drawn once."""
    order = np.random.default_rng(0).permutation(len(samples))
    shuffled = [samples[place] for place in order]
    queues = [
        [sample for sample in shuffled if sample.labels.get(finding) is label]
        for finding in findings
        for label in (True, False)
    ]
    return some(shuffled, queues, MOST)


def _seen(model: Model, sample: Sample, pixels: Film, findings: Sequence[str]) -> Seen:
    image = model.preprocessing.tensor(pixels)
    # A model in memory may be on a GPU.
    device = next((weight.device for weight in model.parameters()), image.device)
    with held_still(model), torch.no_grad():
        probabilities = model.probabilities(model(image[None].to(device)))[0].tolist()
    black, white = model.preprocessing.ends(image)
    grey = ((image - black) / (white - black).clamp(min=1e-12)).mean(dim=0)
    marks = _marks(sample, findings, (pixels.shape[0], pixels.shape[1]))
    geometry, cut, dark = model.preprocessing.geometry, math.nan, math.nan
    marked = np.zeros(model.preprocessing.size, bool)
    if marks.any():
        dark = float((pixels[marks] < _DARK).mean())
        if isinstance(geometry, Placing):
            marked = geometry.mask(marks)
            cut = 1 - float(geometry.seen(marks.shape)[marks].mean())
    said = dict(zip(model.findings, probabilities, strict=True))
    return Seen(
        sample.image_id,
        {finding: sample.labels.get(finding) for finding in findings},
        {finding: said[finding] for finding in findings},
        grey.clamp(0, 1).numpy(),
        marked,
        float(pixels.mean()),
        cut,
        dark,
    )


def _marks(
    sample: Sample, findings: Sequence[str], size: tuple[int, int]
) -> Bool[np.ndarray, "h w"]:
    marks = [mark for mark in sample.annotations if mark.finding in findings]
    try:
        return union(marks, size)
    except AnnotationError:
        return np.zeros(size, bool)  # which a run sets aside, and tells


def _prevalences(samples: Sequence[Sample], findings: Sequence[str]) -> dict[str, float]:
    """The share of labelled films that have each finding."""
    known = {
        finding: [label for sample in samples if (label := sample.labels.get(finding)) is not None]
        for finding in findings
    }
    return {finding: sum(labels) / len(labels) for finding, labels in known.items() if labels}


def _split(seen: Sequence[Seen], finding: str) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the films with and without a finding."""
    with_it, without = (
        np.array([one.probabilities[finding] for one in seen if one.labels[finding] is label])
        for label in (True, False)
    )
    return with_it, without


def _auroc(seen: Sequence[Seen], finding: str) -> float | None:
    with_it, without = _split(seen, finding)
    if not with_it.size or not without.size:
        return None
    above = with_it[:, None] - without
    return float((above > 0).mean() + (above == 0).mean() / 2)


def _probabilities_twice(model: Model, seen: Sequence[Seen]) -> Iterator[str]:
    """Where outputs that are said to be logits look like probabilities."""
    if not isinstance(model, Adapted) or model.readout.outputs != "logits":
        return
    said = np.array([[*one.probabilities.values()] for one in seen])
    low, high = _TWICE
    if said.size >= _SURE and ((said >= low) & (said <= high)).all():
        yield (
            f"All outputs for {count(len(seen), 'film')} lie between 0 and 1; does the network end"
            " in a sigmoid or softmax? Then say outputs = 'probabilities'"
        )


def _warnings(
    seen: Sequence[Seen], aurocs: Mapping[str, float], prevalences: Mapping[str, float]
) -> Iterator[str]:
    yield from _of_films(seen)
    yield from _of_marks(seen)
    for finding, prevalence in prevalences.items():
        yield from _of_finding(seen, finding, aurocs.get(finding, math.nan), prevalence)


def _of_films(seen: Sequence[Seen]) -> Iterator[str]:
    blank = [one.name for one in seen if np.ptp(one.image) < _BLANK]
    if blank:
        yield (
            f"{_films(blank, seen)} blank to the network; does mean, std or a crop leave nothing?"
        )
    black = [one.name for one in seen if one.brightness < _BLACK]
    if black:
        yield (
            f"{_films(black, seen)} nearly black; do their files hold fewer bits than their format"
            " (say maximum = 4095), or a window?"
        )


def _of_marks(seen: Sequence[Seen]) -> Iterator[str]:
    marked = [one for one in seen if not math.isnan(one.dark)]
    outside = [one.name for one in marked if one.dark > _OUTSIDE]
    if outside:
        yield (
            f"On {listed(outside[:3])} the marks lie on black beside the body"
            f" ({len(outside)} of {count(len(marked), 'marked film')}); were they drawn on another"
            " resolution, or x and y exchanged?"
        )
    cut = [one.cut for one in marked if not math.isnan(one.cut)]
    if cut and np.mean(cut) > _CUT:
        yield (
            f"The crop cuts off {np.mean(cut):.0%} of what is marked, so that no map can find it;"
            " is it the crop that the network was trained with?"
        )


def _of_finding(
    seen: Sequence[Seen], finding: str, auroc: float, prevalence: float
) -> Iterator[str]:
    with_it, without = _split(seen, finding)
    every = np.concatenate([with_it, without])
    if min(len(with_it), len(without)) < _ENOUGH:
        return
    if np.ptp(every) < _ALIKE:
        yield (
            f"{finding}: all probabilities lie between {every.min():.3f} and {every.max():.3f};"
            " are the weights loaded, and is the scaling (mean, std) that of the training?"
        )
        return
    # The standard deviation of an AUROC without any relation (Mann and Whitney).
    chance = math.sqrt((len(every) + 1) / (12 * len(with_it) * len(without)))
    if auroc < 0.5 + chance:
        below = " are the films inverted," if auroc < 0.5 - chance else ""
        yield (
            f"{finding}: an AUROC of {number(auroc)} on {count(len(every), 'film')} is no better"
            f" than chance; are the preprocessing and the order of findings those of the training,"
            f"{below} and does expect = ... agree with what you saw the model give?"
        )
    # Films with and without the finding count as often as they occur.
    mean = prevalence * with_it.mean() + (1 - prevalence) * without.mean()
    if abs(mean - prevalence) > _APART:
        yield (
            f"{finding}: probabilities average {mean:.2f}, and {prevalence:.0%} of the films have"
            " it; are normalization (mean, std) and outputs those of the training, or was it"
            " trained where the finding is as frequent as that?"
        )


def _films(names: Sequence[str], seen: Sequence[Seen]) -> str:
    """Such as ``"a and b (2 of 16 films) are"``."""
    verb = "is" if len(names) == 1 else "are"
    more = " and others" if len(names) > 3 else ""  # noqa: PLR2004
    return f"{listed(names[:3])}{more} ({len(names)} of {count(len(seen), 'film')}) {verb}"
