"""The section on methods of a paper, from what the run knows; what it does not know is left out."""

from collections.abc import Iterator

from heatproof.analysis.localization import Localization
from heatproof.report.content import CohortCounts, Content, ModelText
from heatproof.report.names import described_metrics, method_names
from heatproof.report.prose.families import family_of_differences, family_of_verdicts
from heatproof.report.prose.trust_grid import criteria_of, trust_grids
from heatproof.words import count, listed

_MOST = 12  # names in one sentence; more would be a table


def methods_section(content: Content) -> tuple[tuple[str, str], ...]:
    """Heading and paragraph of each part that the experiment has."""
    parts = (
        ("Films and patients", _films),
        ("Reference standard", _reference),
        ("Models", _models),
        ("Saliency methods", _methods),
        ("Localization", _localization),
        ("Classification", _classification),
        ("Trust", _trust),
        ("Statistics", _statistics),
        ("Software", _software),
    )
    said = ((heading, " ".join(sentences(content))) for heading, sentences in parts)
    return tuple((heading, text) for heading, text in said if text)


def _films(content: Content) -> Iterator[str]:
    for cohort in content.cohorts:
        yield _cohort(cohort)
    whole = {(one.dataset, one.image_id) for one in content.set_aside if one.whole}
    if content.cohorts:
        verb = "was" if len(whole) == 1 else "were"
        yield (
            f"{count(len(whole), 'film')} could not be read or judged and {verb} set aside."
            if whole
            else "No film was set aside."
        )


def _cohort(cohort: CohortCounts) -> str:
    who = "patients whose number is unknown"
    if cohort.patients is not None:
        who = count(cohort.patients, "patient")
    text = f"{cohort.name} comprised {count(cohort.films, 'film')} of {who}"
    if cohort.age_median is not None:
        text += f" (median age {cohort.age_median:g} years"
        if cohort.age_range:
            text += f", range {cohort.age_range[0]:g} to {cohort.age_range[1]:g}"
        text += ")"
    if cohort.sexes:
        text += f"; sex: {listed(f'{name} {number}' for name, number in cohort.sexes.items())}"
    if cohort.views:
        text += f"; view: {listed(f'{name} {number}' for name, number in cohort.views.items())}"
    labels = (
        f"{row.finding} was present on {row.positive}, absent on {row.negative}, uncertain on"
        f" {row.uncertain} and unknown on {row.unknown}"
        for row in cohort.counts[:_MOST]
    )
    said = "; ".join(labels)
    return f"{text}. {said}." if said else f"{text}."


def _reference(content: Content) -> Iterator[str]:
    marked = [
        f"{row.annotated} films for {row.finding} in {cohort.name}"
        for cohort in content.cohorts
        for row in cohort.counts
        if row.annotated
    ]
    if marked:
        yield (
            "The reference standard of localization is what readers marked, on"
            f" {listed(marked, most=_MOST)}."
        )


def _models(content: Content) -> Iterator[str]:
    for model in content.models:
        yield _model(model)
    for overlap in content.overlaps:
        if overlap.trained == 0 and overlap.tuned == 0:
            continue
        known = overlap.trained is not None and overlap.tuned is not None
        yield (
            f"Of the {overlap.what} of {overlap.dataset}, {overlap.model} was trained on"
            f" {overlap.trained} and tuned on {overlap.tuned}."
            if known
            else f"Whether {overlap.model} has seen {overlap.what} of {overlap.dataset} is unknown."
        )


def _model(model: ModelText) -> str:
    text = f"{model.name} is a network of the architecture {model.architecture}"
    text += f" with a head of the kind {model.head}"
    text += f", trained on {model.trained_on}" if model.trained_on else ""
    text += f" from seed {model.seed}" if model.seed is not None else ""
    text += "."
    if model.history and model.best is not None:
        text += f" The weights of epoch {model.best + 1} of {len(model.history)} were kept, by"
        text += " validation AUROC."
    return text + (f" Preprocessing: {model.preprocessing}." if model.preprocessing else "")


def _methods(content: Content) -> Iterator[str]:
    names = method_names(content)
    if content.methods:
        yield (
            f"{count(len(content.methods), 'saliency method')} made maps:"
            f" {listed(names[method.spec] for method in content.methods)}."
            " Maps were enlarged to the film before they were measured."
        )


def _localization(content: Content) -> Iterator[str]:
    if not content.localization:
        return
    metrics = described_metrics(content).values()
    yield f"Maps were measured against the reference standard by {listed(m.name for m in metrics)}."
    controls = dict.fromkeys(_controls(content.localization))
    if controls:
        yield f"They were compared with maps made without the model: {listed(controls)}."
    yield "Values that cannot be computed were counted and left out, never taken as zero."


def _controls(panels: tuple[Localization, ...]) -> Iterator[str]:
    for panel in panels:
        yield from (control.name for control in (panel.prior, *panel.controls) if control)


def _classification(content: Content) -> Iterator[str]:
    if not content.classification:
        return
    yield "Classification was measured by AUROC, Brier score and calibration."
    points = dict.fromkeys(row.point.chosen_on for row in content.classification if row.point)
    for how in points:
        yield f"Operating point: {how}."


def _trust(content: Content) -> Iterator[str]:
    grids = trust_grids(content)
    if not grids:
        return
    yield "Trust in the maps was asked of each method by these criteria."
    for criterion in criteria_of(grids):
        yield f"{criterion.title}: {criterion.explains}"
    yield f"Verdicts are by the rule {grids[0].rule.name}. {grids[0].rule.definition}"


def _statistics(content: Content) -> Iterator[str]:
    estimates = [row.auroc for row in content.classification]
    estimates += [row.estimate for panel in content.localization for row in panel.rows]
    if not estimates:
        return
    yield (
        f"Intervals are at the level of {estimates[0].level:.0%}, with patients as the independent"
        " units, or films where patients are unknown or the experiment says so."
    )
    if content.localization:
        yield (
            "A method is called better or worse than the prior only where the paired difference is"
            f" shown after correction (Holm) over {family_of_differences(content)}."
        )
    if trust_grids(content):
        yield f"Verdicts are corrected (Holm) over {family_of_verdicts(content)}."


def _software(content: Content) -> Iterator[str]:
    versions = [f"{name} {version}" for name, version in content.provenance.versions]
    if versions:
        yield f"All numbers were made with {listed(versions)}."
    if content.provenance.seeds:
        seeds = (f"{name} {seed}" for name, seed in content.provenance.seeds)
        yield f"Seeds: {listed(seeds, most=_MOST)}."
