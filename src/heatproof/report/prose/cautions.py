"""What a reader must know before believing a number, derived from the records.

Serious ones stand above the answer: a model judged on patients it was trained or tuned on, or of
which that is not known.  A pair of model and data set without an ``Overlap`` counts as not known.
"""

from dataclasses import dataclass

from heatproof.analysis.rare import Rare
from heatproof.report.called import FEW
from heatproof.report.content import Content, Overlap
from heatproof.report.names import method_names
from heatproof.types import Validity
from heatproof.words import count, listed

_SUBJECTS = {"maps": "maps", "classifier": "the classifier"}


@dataclass(frozen=True)
class Caution:
    """One warning of the first screen."""

    text: str
    serious: bool = False


def cautions(content: Content) -> tuple[Caution, ...]:
    """Serious ones first."""
    texts = (
        *content.warnings,
        *_rare(content),
        *_few_cases(content),
        *_one_sided(content),
        *_set_aside(content),
        *_invalid(content),
        *_unknown_patients(content),
    )
    return (*_seen(content), *(Caution(text) for text in texts))


def _seen(content: Content) -> list[Caution]:
    """Judged on patients that the model has seen, or perhaps has."""
    known = {(o.model, o.dataset): o for o in content.overlaps}
    judged = dict.fromkeys(
        [(row.model, row.dataset) for row in content.classification]
        + [(row.model, panel.dataset) for panel in content.localization for row in panel.rows]
        + list(known)
    )
    patients = {cohort.name: cohort.patients for cohort in content.cohorts}
    found = []
    for model, dataset in judged:
        overlap = known.get((model, dataset)) or Overlap(model, dataset, None, None)
        text = _overlap(overlap, patients.get(dataset))
        if text:
            found.append(Caution(text, serious=True))
    return found


def _overlap(overlap: Overlap, patients: int | None) -> str:
    who, where = overlap.model, overlap.dataset
    seen = [
        f"{verb} on {number:,}"
        for verb, number in (("trained", overlap.trained), ("tuned", overlap.tuned))
        if number
    ]
    hidden = [
        verb
        for verb, number in (("trained", overlap.trained), ("tuned", overlap.tuned))
        if number is None
    ]
    if seen:
        total = f"{patients:,} patients" if patients is not None else "patients"
        return (
            f"{who} was {listed(seen)} of the {total} of {where} on which it is judged here. "
            "Its results there say little about new patients."
            + "".join(f" Whether it was {verb} on others is not known." for verb in hidden)
        )
    if not hidden:
        return ""
    return (
        f"It is not known whether {who} was {' or '.join(hidden)} on patients of {where}. If it"
        " was, its results there say little about new patients."
    )


def _rare(content: Content) -> list[str]:
    """Findings of which nothing is concluded, by data set."""
    measured = {panel.dataset for panel in content.localization}
    few: dict[tuple[str, str], list[Rare]] = {}
    for one in content.rare:
        if one.what == "classifier" or one.dataset in measured:
            few.setdefault((one.dataset, one.what), []).append(one)
    subjects: dict[tuple[str, str], list[str]] = {}
    for (dataset, what), rare in few.items():
        named = listed((f"{one.finding} ({one.positives})" for one in rare), most=6)
        subjects.setdefault((dataset, named), []).append(_SUBJECTS[what])
    return [
        f"Nothing is concluded about {listed(about)} on {dataset} for {named}: too few positives."
        " Their numbers describe these films, and no others."
        for (dataset, named), about in subjects.items()
    ]


def _few_cases(content: Content) -> list[str]:
    described = {(o.dataset, o.finding) for o in content.rare if o.what == "maps"}
    found = []
    for dataset in dict.fromkeys(panel.dataset for panel in content.localization):
        fewest: dict[str, int] = {}
        for panel in content.localization:
            if (
                panel.dataset == dataset
                and panel.rows
                and (dataset, panel.finding) not in described
            ):
                least = min(row.estimate.cases for row in panel.rows)
                fewest[panel.finding] = min(least, fewest.get(panel.finding, least))
        few = [f"{finding} {n}" for finding, n in fewest.items() if n < FEW]
        if few:
            found.append(
                f"Few cases on {dataset}: {listed(few, most=6)}. Intervals from fewer than {FEW}"
                " cases are usually too narrow."
            )
    return found


def _one_sided(content: Content) -> list[str]:
    found = []
    for dataset in dict.fromkeys(row.dataset for row in content.classification):
        rows = [row for row in content.classification if row.dataset == dataset]
        for word, lacking in (
            ("negatives", [row.finding for row in rows if not row.negatives]),
            ("positives", [row.finding for row in rows if not row.positives]),
        ):
            if lacking:
                names = listed(dict.fromkeys(lacking), most=4)
                found.append(
                    f"{dataset} has no {word} for {names}: how well a classifier tells the finding"
                    " from its absence cannot be estimated there."
                )
    return found


def _set_aside(content: Content) -> list[str]:
    whole = sum(aside.whole for aside in content.set_aside)
    parts = len(content.set_aside) - whole
    found = []
    if whole:
        verb = "was" if whole == 1 else "were"
        found.append(
            f"{count(whole, 'image')} {verb} set aside and {verb} not judged; each is listed below."
        )
    if parts:
        what = count(parts, "map or annotation", "maps or annotations")
        found.append(f"{what} could not be used; each is listed below.")
    return found


def _invalid(content: Content) -> list[str]:
    found = []
    names = method_names(content)
    for method in content.methods:
        totals = {kind: sum(made.counts.get(kind, 0) for made in method.maps) for kind in Validity}
        total = sum(totals.values())
        bad = [f"{n:,} {kind}" for kind, n in totals.items() if n and kind is not Validity.OK]
        if bad:
            found.append(
                f"Not every map of {names[method.spec]} can be read as one: of {total:,},"
                f" {listed(bad)}."
            )
    return found


def _unknown_patients(content: Content) -> list[str]:
    unknown = [cohort.name for cohort in content.cohorts if cohort.patients is None]
    if not unknown:
        return []
    return [
        f"Patients are unknown in {listed(unknown)}: intervals there are by image, and too narrow"
        " where a patient has several."
    ]
