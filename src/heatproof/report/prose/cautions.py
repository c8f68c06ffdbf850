"""Warnings: what a reader must know before believing a number; they follow from the records.

Serious warnings stand above the short answer: a model was judged on patients that it was trained or
tuned on, or nobody knows whether it was.  A pair of model and data set without a ``PatientOverlap``
counts as unknown.
"""

import math
from dataclasses import dataclass

from heatproof.analysis.rare import FEW_CASES, Rare
from heatproof.report.content import Content, PatientOverlap
from heatproof.report.names import method_names
from heatproof.types import Validity
from heatproof.words import count, listed, patients_and_films

_SUBJECTS = {"maps": "maps", "classifier": "the classifier"}


@dataclass(frozen=True)
class Caution:
    """One warning of the first screen."""

    text: str
    serious: bool = False


def cautions(content: Content) -> tuple[Caution, ...]:
    """All warnings, serious ones first."""
    texts = (
        *content.warnings,
        *_rare(content),
        *_few_cases(content),
        *_one_sided(content),
        *_set_aside(content),
        *_invalid(content),
        *_unknown_patients(content),
    )
    serious = (Caution(text, serious=True) for text in _seen_patients(content))
    return (*serious, *(Caution(text) for text in texts))


def _seen_patients(content: Content) -> list[str]:
    """Models that are judged on patients that they have seen, or may have seen."""
    overlaps = {(overlap.model, overlap.dataset): overlap for overlap in content.overlaps}
    judged = dict.fromkeys(
        [(row.model, row.dataset) for row in content.classification]
        + [(row.model, panel.dataset) for panel in content.localization for row in panel.rows]
        + list(overlaps)
    )
    texts = []
    for model, dataset in judged:
        # A pair without a record counts as unknown.
        overlap = overlaps.get((model, dataset)) or PatientOverlap(model, dataset, None, None)
        if text := _overlap(overlap):
            texts.append(text)
    return texts


def _overlap(overlap: PatientOverlap) -> str:
    """Empty where the model has seen none of the patients."""
    model, dataset = overlap.model, overlap.dataset
    numbers = {"trained": overlap.trained, "tuned": overlap.tuned}
    seen = [f"{verb} on {number:,}" for verb, number in numbers.items() if number]
    unknown = [verb for verb, number in numbers.items() if number is None]
    if seen:
        total = patients_and_films(overlap.patients, overlap.lone)
        others = "".join(f" Whether it was {verb} on others is not known." for verb in unknown)
        told = " Films of unknown patients are told by their names." if overlap.lone else ""
        return (
            f"{model} was {listed(seen)} of the {total} of {dataset} on which it is judged here."
            f"{told} Its results there say little about new patients.{others}"
        )
    if unknown:
        return (
            f"It is not known whether {model} was {' or '.join(unknown)} on patients of {dataset}."
            " If it was, its results there say little about new patients."
        )
    return ""


def _rare(content: Content) -> list[str]:
    """Findings with too few positives to conclude anything from, by data set."""
    localized = {panel.dataset for panel in content.localization}
    by_dataset: dict[tuple[str, str], list[Rare]] = {}
    for rare in content.rare:
        # Where nothing was localized, there are no maps to warn of.
        if rare.what == "classifier" or rare.dataset in localized:
            by_dataset.setdefault((rare.dataset, rare.what), []).append(rare)
    # The same findings may be too rare for maps and for the classifier: one sentence for both.
    subjects: dict[tuple[str, str], list[str]] = {}
    for (dataset, what), rares in by_dataset.items():
        findings = listed((f"{rare.finding} ({rare.positives})" for rare in rares), most=6)
        subjects.setdefault((dataset, findings), []).append(_SUBJECTS[what])
    return [
        f"Nothing is concluded about {listed(about)} on {dataset} for {findings}: too few"
        " positives. Their numbers describe these films, and no others."
        for (dataset, findings), about in subjects.items()
    ]


def _few_cases(content: Content) -> list[str]:
    fewest: dict[str, dict[str, int]] = {}
    for panel in content.localization:
        findings = fewest.setdefault(panel.dataset, {})
        # Findings that nothing is concluded about have no intervals, and a warning of their own.
        estimates = [row.estimate for row in panel.rows]
        intervals = [one.cases for one in estimates if not math.isnan(one.low)]
        if intervals:
            cases = min(intervals)
            findings[panel.finding] = min(cases, findings.get(panel.finding, cases))
    few = {
        dataset: [f"{finding} {n}" for finding, n in findings.items() if n < FEW_CASES]
        for dataset, findings in fewest.items()
    }
    return [
        f"Few cases on {dataset}: {listed(findings, most=6)}. Fewer than {FEW_CASES}"
        " cases say little about rare failures."
        for dataset, findings in few.items()
        if findings
    ]


def _one_sided(content: Content) -> list[str]:
    """Findings of which a data set has no positive, or no negative."""
    texts = []
    for dataset in dict.fromkeys(row.dataset for row in content.classification):
        rows = [row for row in content.classification if row.dataset == dataset]
        for noun, findings in (
            ("negatives", [row.finding for row in rows if not row.negatives]),
            ("positives", [row.finding for row in rows if not row.positives]),
        ):
            if findings:
                names = listed(dict.fromkeys(findings), most=4)
                texts.append(
                    f"{dataset} has no {noun} for {names}: how well a classifier tells the finding"
                    " from its absence cannot be estimated there."
                )
    return texts


def _set_aside(content: Content) -> list[str]:
    # A film may be listed twice, with two reasons.
    whole, parts = (
        len({(a.dataset, a.image_id) for a in content.set_aside if a.whole is kind})
        for kind in (True, False)
    )
    texts = []
    if whole:
        verb = "was" if whole == 1 else "were"
        texts.append(
            f"{count(whole, 'film')} {verb} set aside and {verb} not judged; each is listed below."
        )
    if parts:
        # Of imported maps a file may be of no film that is known.
        nouns = count(parts, "film or file", "films or files")
        texts.append(f"Of {nouns} some map or annotation could not be used; each is listed below.")
    return texts


def _invalid(content: Content) -> list[str]:
    """Methods with maps that are not valid."""
    texts = []
    names = method_names(content)
    for method in content.methods:
        totals = {kind: sum(maps.counts.get(kind, 0) for maps in method.maps) for kind in Validity}
        invalid = [f"{n:,} {kind}" for kind, n in totals.items() if n and kind is not Validity.OK]
        if invalid:
            texts.append(
                f"Not every map of {names[method.spec]} is valid: of {sum(totals.values()):,},"
                f" {listed(invalid)}."
            )
    return texts


def _unknown_patients(content: Content) -> list[str]:
    unknown = [cohort.name for cohort in content.cohorts if cohort.patients is None]
    if not unknown:
        return []
    return [
        f"Patients are unknown in {listed(unknown)}: intervals there are by film, and too narrow"
        " where a patient has several. Whether a model has seen other films of a patient cannot be"
        " told."
    ]
