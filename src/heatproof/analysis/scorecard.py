"""The scorecard: each method by the four criteria of the FDA/OSEL framework.

Lago, Zamzmi, Eich and Delfino, Bioengineering 2026, 13(1):111,
https://doi.org/10.3390/bioengineering13010111, ask of an explanation *consistency* (does it stay as
it is for similar inputs?), *plausibility* (is it near what is known to be true?), *fidelity* (does
it say what the model does?) and *usefulness* (are people better with it?).  Their criteria are
called aspects here, since a criterion of trust is something else.

========================  ==========================================================================
aspect                    evidence that decides
========================  ==========================================================================
consistency               verdicts of the trust grid on maps that must stay alike: by another
                          training, or after the film was changed
plausibility              the score of maps minus that of the location prior, by one metric, film by
                          film; readers stand beside it
fidelity                  verdicts on maps that must change, since the model did (random weights,
                          permuted labels), and the gain over shuffled maps by the metrics that are
                          known to tell which of two maps is truer
usefulness                what readers gain with the map over no map, in a study of many readers
========================  ==========================================================================

An aspect fails where anything that decides fails.  It passes where everything that decides passes,
and the evidence that can show it is there: that a map changes with the model is necessary to its
fidelity, and does not show it.  It is not tested where nothing was measured, and inconclusive
otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np

from heatproof.analysis.fidelity import Fidelity
from heatproof.fidelity.truth import DOUBTED
from heatproof.localize.controls.human_benchmark import HumanBenchmark
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.registry import part_name
from heatproof.stats.multiple import adjusted
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.estimates import Estimates
from heatproof.tables.verdicts import Verdicts
from heatproof.trust.criteria import LOCALIZATION, must_change, wording
from heatproof.types import Estimate, Outcome

_NAN = float("nan")
_OWN_RULE = "heatproof"
_LOCALIZED = ("mean", "value")  # what Estimates calls the score of a method
Place = tuple[str, str, str, str]
"""Data set, model, finding and method."""
_CONCLUDED = {
    "superior": Outcome.PASS,
    "non-inferior": Outcome.PASS,
    "inferior": Outcome.FAIL,
    "undecided": Outcome.INCONCLUSIVE,
}


class Aspect(StrEnum):
    """One of the four criteria of the framework."""

    CONSISTENCY = "consistency"
    PLAUSIBILITY = "plausibility"
    FIDELITY = "fidelity"
    USEFULNESS = "usefulness"


class Kind(StrEnum):
    """What evidence rests on."""

    TRUST = "trust grid"
    PRIOR = "location prior"
    READERS = "readers"
    CHANCE = "shuffled maps"
    WITHOUT = "reading without the map"


SHOWN_BY = {
    Aspect.CONSISTENCY: Kind.TRUST,
    Aspect.PLAUSIBILITY: Kind.PRIOR,
    Aspect.FIDELITY: Kind.CHANCE,
    Aspect.USEFULNESS: Kind.WITHOUT,
}
"""The evidence without which an aspect does not pass."""


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for or against a method.

    Attributes:
        kind: What it rests on.
        about: What was asked, in a few words, such as ``"Repeatability"``.
        measure: Spec of the metric or similarity; or the figure of a reader study.
        estimate: What was measured.
        threshold: What the estimate is compared with, in its unit; nan where there is none.
        above: Whether it passes above the threshold, or below.
        outcome: By its rule.
        p: Of the threshold, in [0, 1]: corrected (Holm), but for the trust grid, whose table has it
            uncorrected beside the corrected verdict; nan without a test.
        decides: Whether the outcome of the aspect rests on it.
        own: What the maps themselves reach, where ``estimate`` is a difference.
        notes: Sentences without which it would be misread.
    """

    kind: Kind
    about: str
    measure: str
    estimate: Estimate
    threshold: float
    above: bool
    outcome: Outcome
    p: float = _NAN
    decides: bool = True
    own: Estimate | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_difference(self) -> bool:
        """Whether the estimate is a difference, whose threshold is then 0, or a margin below."""
        return self.kind is not Kind.TRUST and not np.isnan(self.threshold)


@dataclass(frozen=True)
class Entry:
    """What a card says by one aspect."""

    aspect: Aspect
    evidence: tuple[Evidence, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Of all evidence; ``NOT_TESTED`` where nothing was measured."""
        tested = [one for one in self.evidence if one.outcome is not Outcome.NOT_TESTED]
        decides = [one for one in tested if one.decides]
        found = {one.outcome for one in decides}
        if not tested:
            return Outcome.NOT_TESTED
        if Outcome.FAIL in found:
            return Outcome.FAIL
        shown = any(one.kind is SHOWN_BY[self.aspect] for one in decides)
        return Outcome.PASS if shown and found == {Outcome.PASS} else Outcome.INCONCLUSIVE


@dataclass(frozen=True)
class Card:
    """What is known of one method, for one model, data set and finding.

    Attributes:
        model: Name of the model; verdicts of the trust grid are about all models of the data set.
        method: Spec of the method.
        entries: One per aspect, in the order of ``Aspect``.
    """

    dataset: str
    model: str
    finding: str
    method: str
    entries: tuple[Entry, ...]

    def entry(self, aspect: Aspect) -> Entry:
        """What it says by an aspect."""
        return next(entry for entry in self.entries if entry.aspect is aspect)


@dataclass(frozen=True)
class WithMap:
    """What readers gained with maps, in a study of many readers and cases.

    Attributes:
        method: Spec of the method that made the maps.
        model: Name of the model; empty where the run has one.
        finding: What was read for; empty where the study is about one that is not named.
        figure: What is compared, such as ``"auc"``.
        difference: With the map minus without, and its two-sided p, uncorrected.
    """

    method: str
    model: str
    finding: str
    figure: str
    difference: Estimate


@dataclass(frozen=True)
class Sources:
    """What a scorecard is made of.

    Attributes:
        verdicts: The trust grid, under every rule; heatproof's own counts, or else the first.
        estimates: Scores of localization.
        comparisons: Methods beside the human benchmark.
        fidelity: What metrics of fidelity say.
        reading: What readers gained with maps.
        findings: The finding by the data set and the name in ``estimates``, of the reader who
            counts; other rows of estimates are left out.
        metric: Spec of the metric by which plausibility is decided; the first where it is empty or
            was not measured.
        made: The maps that there are, whether or not anything was asked of them.  Estimates of
            anything else are those of controls.
    """

    verdicts: Verdicts = field(default_factory=lambda: Verdicts.of_rows([]))
    estimates: Estimates = field(default_factory=lambda: Estimates.of_rows([]))
    comparisons: Comparisons = field(default_factory=lambda: Comparisons.of_rows([]))
    fidelity: Sequence[Fidelity] = ()
    reading: Sequence[WithMap] = ()
    findings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    metric: str = ""
    made: Sequence[Place] = ()


@dataclass(frozen=True)
class Scorecard:
    """The cards of a run, and the rules behind them.

    Attributes:
        rule: Spec of the rule of the trust grid; empty without one.
        metric: Spec of the metric by which plausibility is decided; empty without one.
        cards: One per data set, model, finding and method.
    """

    rule: str
    metric: str
    cards: tuple[Card, ...]


def scorecard(sources: Sources) -> Scorecard:
    """What a run says of each of its methods."""
    rules = list(dict.fromkeys(sources.verdicts.frame["rule"]))
    rule = next((spec for spec in rules if part_name(spec) == _OWN_RULE), next(iter(rules), ""))
    metric = _deciding(sources)
    found: dict[Place, list[tuple[Aspect, Evidence]]] = {place: [] for place in sources.made}
    for place, aspect, evidence in chain(
        _plausibility(sources, metric),
        _trust(sources, rule),
        _fidelity(sources.fidelity),
    ):
        found.setdefault(place, []).append((aspect, evidence))
    for place, evidence in _usefulness(sources.reading, list(found)):
        found[place].append((Aspect.USEFULNESS, evidence))
    cards = tuple(
        Card(*place, tuple(Entry(a, tuple(e for of, e in told if of is a)) for a in Aspect))
        for place, told in found.items()
    )
    return Scorecard(rule, metric, cards)


def _deciding(sources: Sources) -> str:
    """The metric of localization that decides."""
    scored = sources.estimates.frame.filter(sources.estimates.frame["method"].is_not_null())
    metrics = list(dict.fromkeys(scored["metric"]))
    return sources.metric if sources.metric in metrics else next(iter(metrics), "")


def _plausibility(sources: Sources, metric: str) -> Iterator[tuple[Place, Aspect, Evidence]]:
    own: dict[tuple[Place, str], Estimate] = {}
    gains: dict[tuple[Place, str], tuple[Estimate, float]] = {}
    for row in sources.estimates.frame.iter_rows(named=True):
        finding = sources.findings.get((row["data"], row["finding"]))
        if finding is None or row["method"] is None or row["model"] is None:
            continue  # of a reader who does not count, of a classifier, or of a control
        key = ((row["data"], row["model"], finding, row["method"]), row["metric"])
        if row["statistic"] in _LOCALIZED:
            own[key] = _estimate(row)
        elif row["statistic"] == f"difference to the {MeanMask.title}":
            gains[key] = _estimate(row), row["p_corrected"]
    made = set(sources.made)
    for (place, spec), reached in own.items():
        if place not in made:
            continue  # a control, which by a metric of data sets has a row per model, too
        evidence = Evidence(
            Kind.PRIOR, "Localization", spec, reached, _NAN, True, Outcome.NOT_TESTED,
            decides=spec == metric,
        )  # fmt: skip
        if (place, spec) in gains:
            gain, p = gains[place, spec]
            outcome = _of_gain(gain, p)
            evidence = replace(
                evidence, estimate=gain, threshold=0.0, outcome=outcome, p=p, own=reached
            )
        yield place, Aspect.PLAUSIBILITY, evidence
    yield from _beside_readers(sources.comparisons)


def _beside_readers(comparisons: Comparisons) -> Iterator[tuple[Place, Aspect, Evidence]]:
    for row in comparisons.frame.iter_rows(named=True):
        # The macro average over findings is of no card.
        if row["other"] == HumanBenchmark.title and row["statistic"] == "difference":
            place = (row["data"], row["model"], row["finding"], row["method"])
            if row["finding"]:
                outcome = _CONCLUDED[row["conclusion"]]
                yield place, Aspect.PLAUSIBILITY, Evidence(
                    Kind.READERS, "Localization", row["metric"], _estimate(row), -row["margin"],
                    True, outcome, row["holm"], decides=False,
                )  # fmt: skip


def _trust(sources: Sources, rule: str) -> Iterator[tuple[Place, Aspect, Evidence]]:
    """Verdicts, which are about all models of a data set together, on the card of each."""
    models: dict[tuple[str, str], dict[str, None]] = {}
    for data, model, _, method in sources.made:
        models.setdefault((data, method), {})[model] = None
    for row in sources.verdicts.frame.filter(rule=rule).iter_rows(named=True):
        aspect, evidence = _of_verdict(row)
        if evidence is not None:
            for model in models.get((row["data"], row["method"]), {"": None}):
                yield (row["data"], model, row["finding"], row["method"]), aspect, evidence


def _of_verdict(row: Mapping[str, Any]) -> tuple[Aspect, Evidence | None]:
    """What a verdict speaks to; localization is decided model by model, and has readers here."""
    criterion, strong = row["criterion"], Outcome(row["strong"])
    evidence = Evidence(
        Kind.TRUST,
        wording(criterion).title,
        row["measure"],
        replace(_estimate(row), method=row["interval"]),
        row["threshold"],
        row["above"],
        Outcome(row["verdict"]),
        row["p"],
        notes=(row["notes"],) if row["notes"] else (),
    )
    if part_name(criterion) != LOCALIZATION:
        return Aspect.FIDELITY if must_change(criterion) else Aspect.CONSISTENCY, evidence
    if strong is Outcome.NOT_TESTED:
        return Aspect.PLAUSIBILITY, None
    return Aspect.PLAUSIBILITY, replace(
        evidence, kind=Kind.READERS, outcome=strong, threshold=_NAN, p=_NAN, decides=False
    )


def _fidelity(records: Iterable[Fidelity]) -> Iterator[tuple[Place, Aspect, Evidence]]:
    """Gains over chance, corrected over those that decide."""
    records = list(records)
    decide = [
        one.gain is not None and one.reliability is not None and one.reliability.auroc >= DOUBTED
        for one in records
    ]
    p = np.array(
        [
            one.gain.p if one.gain and tells and not one.gain.hindrance else _NAN
            for one, tells in zip(records, decide, strict=True)
        ]
    )
    corrected = adjusted(p).tolist()
    for one, tells, holm in zip(records, decide, corrected, strict=True):
        place = (one.dataset, one.model, one.finding, one.method)
        if one.gain is None:
            told = Evidence(
                Kind.CHANCE, "Value", one.metric, one.value, _NAN, True, Outcome.NOT_TESTED
            )
        else:
            # A metric that cannot tell concludes nothing, whatever its p.
            outcome = _of_gain(one.gain, holm)
            told = Evidence(
                Kind.CHANCE, "Gain over chance", one.metric, one.gain, 0.0, True, outcome, holm,
                own=one.value,
            )  # fmt: skip
        quoted = (
            "How often this metric tells the truer of two maps was not measured with these options."
            if one.reliability is None
            else f"It tells the truer of two maps with an AUROC of {one.reliability}."
        )
        yield place, Aspect.FIDELITY, replace(told, decides=tells, notes=(quoted,))


def _usefulness(
    reading: Sequence[WithMap], places: Sequence[Place]
) -> Iterator[tuple[Place, Evidence]]:
    corrected = adjusted(np.array([one.difference.p for one in reading], float)).tolist()
    for one, holm in zip(reading, corrected, strict=True):
        for place in places:
            _, model, finding, method = place
            asked = one.model or model, one.finding or finding, one.method
            if asked == (model, finding, method):
                outcome = _of_gain(one.difference, holm)
                yield place, Evidence(
                    Kind.WITHOUT, "Reading with the map", one.figure, one.difference, 0.0, True,
                    outcome, holm,
                )  # fmt: skip


def _of_gain(gain: Estimate, p: float | None) -> Outcome:
    """What a difference shows whose two-sided p is corrected; better above 0."""
    if np.isnan(gain.value):
        return Outcome.NOT_TESTED
    if p is None or not p <= 1 - gain.level:  # nan: nothing is concluded
        return Outcome.INCONCLUSIVE
    return Outcome.PASS if gain.value > 0 else Outcome.FAIL


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["value"], row["low"], row["high"], row["level"], row["cases"], "")
