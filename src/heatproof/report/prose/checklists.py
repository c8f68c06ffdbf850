"""Checklists of reporting, filled from the run: CLAIM 2024 and TRIPOD+AI.

Numbers and topics are those of the checklists; the topics are said in our words.  A run knows
nothing of what stands in a manuscript alone (a title, an ethics vote): such items are left to the
authors, and nothing that was not done is called done.

CLAIM 2024: Tejani et al., Radiology: Artificial Intelligence 2024, doi 10.1148/ryai.240300.
TRIPOD+AI: Collins et al., BMJ 2024, doi 10.1136/bmj-2023-078378.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from heatproof.report.content import Content
from heatproof.report.prose.trust_grid import trust_grids
from heatproof.words import count, listed


class Filled(StrEnum):
    """What a run says to one item."""

    DONE = "done"
    PARTLY = "partly"
    NOT_DONE = "not done"
    AUTHORS = "for the authors"


Answer = tuple[Filled, str]


@dataclass(frozen=True)
class Item:
    """One item of a checklist, and what the run says to it."""

    number: str
    topic: str
    filled: Filled
    says: str


def claim(content: Content) -> tuple[Item, ...]:
    """CLAIM 2024, items 1 to 44."""
    return _filled(_CLAIM, content)


def tripod_ai(content: Content) -> tuple[Item, ...]:
    """TRIPOD+AI, items 1 to 27c."""
    return _filled(_TRIPOD, content)


_Question = Callable[[Content], Answer]


def _filled(items: tuple[tuple[str, str, _Question], ...], content: Content) -> tuple[Item, ...]:
    return tuple(Item(number, topic, *answer(content)) for number, topic, answer in items)


def _if(present: object, done: str, otherwise: str) -> Answer:
    return (Filled.DONE, done) if present else (Filled.NOT_DONE, otherwise)


def _always(filled: Filled, says: str) -> _Question:
    return lambda _: (filled, says)


def _purpose(content: Content) -> Answer:
    if not content.question:
        return Filled.NOT_DONE, "The experiment states no question."
    return Filled.PARTLY, f"The question of the experiment: {content.question}"


def _data(content: Content) -> Answer:
    if not content.cohorts:
        return Filled.NOT_DONE, "No data set was judged."
    named = listed(cohort.name for cohort in content.cohorts)
    return Filled.PARTLY, f"Data sets: {named}. Centres and dates are for the authors."


def _preprocessing(content: Content) -> Answer:
    known = [model for model in content.models if model.preprocessing]
    if not known:
        return Filled.NOT_DONE, "No preprocessing is described."
    return (Filled.DONE if len(known) == len(content.models) else Filled.PARTLY), listed(
        (f"{model.name}: {model.preprocessing}" for model in known), most=4
    )


def _acquisition(content: Content) -> Answer:
    ways = [way for cohort in content.cohorts for way in cohort.stored]
    if not ways:
        return Filled.NOT_DONE, "No file header told how films were made."
    return Filled.PARTLY, "How films are stored and read is listed; scanners are for the authors."


def _reference(content: Content) -> Answer:
    marked = sum(row.annotated for cohort in content.cohorts for row in cohort.counts)
    if not marked:
        return Filled.NOT_DONE, "Nothing is marked on the films."
    return Filled.PARTLY, "What readers marked; who they were and how is for the authors."


def _readers(content: Content) -> Answer:
    compared = any(row.decrease is not None for row in content.comparisons)
    grids = [high for grid in content.trust for high in grid.high if high.control == "readers"]
    return _if(
        compared or grids,
        "Readers are compared with each other or with maps on the same films.",
        "No second reader of the same films was compared.",
    )


def _partitions(content: Content) -> Answer:
    known = [o for o in content.overlaps if o.trained is not None and o.tuned is not None]
    if not known:
        return Filled.NOT_DONE, "Which patients the models have seen is not known."
    seen = [overlap for overlap in known if overlap.trained or overlap.tuned]
    what = "no patient is in training and in test data"
    if seen:
        what = f"{listed(dict.fromkeys(o.model for o in seen))} was judged on patients it has seen"
    return (
        Filled.DONE if len(known) == len(content.overlaps) else Filled.PARTLY,
        f"Counted by patient: {what}.",
    )


def _compared_with_development(content: Content) -> Answer:
    if not any(o.trained is not None and o.tuned is not None for o in content.overlaps):
        return Filled.NOT_DONE, "The data of development are not known to the run."
    return (
        Filled.PARTLY,
        "Patients that a model has seen are counted; how the data of development differ is for the"
        " authors.",
    )


def _sample_size(content: Content) -> Answer:
    needed = any(row.needed.cases for row in content.comparisons)
    grids = any(v.needed for grid in content.trust for v in grid.verdicts)
    if not (needed or grids):
        return Filled.NOT_DONE, "No sample size was planned or computed."
    return (
        Filled.PARTLY,
        "Cases that would settle open questions are given; a plan made before"
        " the study is for the authors.",
    )


def _model(content: Content) -> Answer:
    if not content.models:
        return Filled.NOT_DONE, "No model is described."
    said = (f"{model.name}: {model.architecture}, head {model.head}" for model in content.models)
    return Filled.DONE, listed(said, most=4)


def _software(content: Content) -> Answer:
    made = content.provenance.versions
    if not made:
        return Filled.NOT_DONE, "No version is known."
    return Filled.DONE, listed(f"{name} {version}" for name, version in made)


def _initial(content: Content) -> Answer:
    seeds = [model for model in content.models if model.seed is not None]
    if not seeds:
        return Filled.NOT_DONE, "Seeds of the trainings are unknown."
    return Filled.PARTLY, "Seeds of the trainings are given."


def _training(content: Content) -> Answer:
    here = [model for model in content.models if model.history]
    if not here:
        return Filled.NOT_DONE, "The models were not trained in this run."
    return (
        Filled.DONE,
        "Settings are in the experiment file; each epoch's validation AUROC is drawn.",
    )


def _selection(content: Content) -> Answer:
    chosen = [model for model in content.models if model.best is not None]
    return _if(
        chosen,
        "The epoch with the best validation AUROC was kept.",
        "The models were not selected in this run.",
    )


def _ensembles(content: Content) -> Answer:
    pooled = [m.name for m in content.models if any("ensemble" in name for name, _ in m.facts)]
    return (Filled.DONE, listed(pooled)) if pooled else (Filled.NOT_DONE, "No ensemble is here.")


def _metrics(content: Content) -> Answer:
    names = [metric.name for metric in content.metrics]
    names += ["AUROC", "Brier score", "calibration"] if content.classification else []
    return (Filled.DONE, listed(names)) if names else (Filled.NOT_DONE, "Nothing was measured.")


def _uncertainty(content: Content) -> Answer:
    measured = content.classification or content.localization
    return _if(
        measured,
        "Every value has an interval, with patients as the units, or films where patients are"
        " unknown or the experiment says so; p is corrected over declared families.",
        "Nothing was measured.",
    )


def _robustness(content: Content) -> Answer:
    if not trust_grids(content):
        return Filled.NOT_DONE, "No criterion of trust has a verdict."
    return (
        Filled.DONE,
        f"Criteria of trust: {listed(content.asked.criteria or ['localization'], most=8)}.",
    )


def _explained(content: Content) -> Answer:
    return _if(
        content.methods,
        f"{count(len(content.methods), 'saliency method')}, and whether their maps may be trusted.",
        "No saliency method was used.",
    )


def _external(content: Content) -> Answer:
    several = len(content.cohorts) > 1
    if not several:
        return Filled.NOT_DONE, "One data set was judged."
    return Filled.PARTLY, "Several data sets were judged; which are external is for the authors."


def _counts(content: Content) -> Answer:
    if not content.cohorts:
        return Filled.NOT_DONE, "No data set was judged."
    films = sum(cohort.films for cohort in content.cohorts)
    return (
        Filled.DONE,
        f"{count(films, 'film')} judged, {len(content.set_aside)} entries set aside.",
    )


def _demographics(content: Content) -> Answer:
    known = [c for c in content.cohorts if c.sexes or c.age_median is not None]
    if not known:
        return Filled.NOT_DONE, "Neither age nor sex is known."
    return (
        Filled.PARTLY,
        "Age, sex and view of the films that were judged, where known; those of"
        " training films are for the authors.",
    )


def _performance(content: Content) -> Answer:
    return _if(
        content.classification,
        "AUROC, sensitivity, specificity, predictive values and calibration, with intervals.",
        "Classification was not measured.",
    )


def _failures(content: Content) -> Answer:
    return _if(
        content.failures or content.diagnoses or content.gallery.cases,
        "Films that were wrongly called, regions that maps miss, and what goes with bad maps.",
        "No failure was listed.",
    )


def _fairness(content: Content) -> Answer:
    groups = any(diagnosis.subgroups for diagnosis in content.diagnoses)
    return _if(
        groups,
        "Maps are compared between groups of patients.",
        "No groups of patients were compared.",
    )


def _point(content: Content) -> Answer:
    points = dict.fromkeys(row.point.chosen_on for row in content.classification if row.point)
    if not points:
        return Filled.NOT_DONE, "No threshold was chosen."
    return Filled.DONE, f"Threshold: {listed(points, most=3)}."


_authors = _always(Filled.AUTHORS, "The run does not know it.")

_eligibility = _always(
    Filled.PARTLY,
    "Each film that was set aside is listed with its reason; why films were"
    " eligible is for the authors.",
)


def _missing(content: Content) -> Answer:
    return _if(
        content.classification or content.localization,
        "Uncertain and unknown labels are counted and left out; values that cannot be computed are"
        " counted, and never taken as zero.",
        "Nothing was measured.",
    )


def _internal(content: Content) -> Answer:
    if not content.classification:
        return Filled.NOT_DONE, "Classification was not measured."
    return Filled.PARTLY, "Performance is given; which data are internal is for the authors."


_limits = _always(
    Filled.PARTLY,
    "What these numbers do not show is said; what the study cannot show is for the authors.",
)

_availability = _always(
    Filled.PARTLY,
    "The command, versions, hashes and the experiment file; where data and"
    " weights can be had is for the authors.",
)

_CLAIM: tuple[tuple[str, str, _Question], ...] = (
    ("1", "Title or abstract names the study as one of AI, and its kind", _authors),
    ("2", "Structured abstract", _authors),
    ("3", "Background, intended use and role", _authors),
    ("4", "Aims, objectives and hypotheses", _purpose),
    ("5", "Prospective or retrospective", _authors),
    ("6", "Goal of the study", _purpose),
    ("7", "Sources of the data", _data),
    ("8", "Inclusion and exclusion", _eligibility),
    ("9", "Preprocessing of the data", _preprocessing),
    ("10", "Selection of subsets of the data", _eligibility),
    ("11", "De-identification", _authors),
    ("12", "Missing data", _missing),
    ("13", "Acquisition of the images", _acquisition),
    ("14", "How the reference standard was obtained", _reference),
    ("15", "Why that reference standard", _authors),
    ("16", "Who annotated the reference standard", _authors),
    ("17", "Annotation of the test set", _reference),
    ("18", "Variability between and within annotators", _readers),
    ("19", "How data were assigned to partitions", _partitions),
    ("20", "Level at which partitions are disjoint", _partitions),
    ("21", "Intended sample size", _sample_size),
    ("22", "The model in detail", _model),
    ("23", "Software", _software),
    ("24", "Initial values of the parameters", _initial),
    ("25", "Training", _training),
    ("26", "How the final model was selected", _selection),
    ("27", "Ensembles", _ensembles),
    ("28", "Metrics", _metrics),
    ("29", "Significance and uncertainty", _uncertainty),
    ("30", "Robustness or sensitivity", _robustness),
    ("31", "Explainability", _explained),
    ("32", "Evaluation on internal data", _internal),
    ("33", "Testing on external data", _external),
    ("34", "Registration of a clinical trial", _authors),
    ("35", "Numbers included and excluded", _counts),
    ("36", "Demographic and clinical characteristics", _demographics),
    ("37", "Performance and its uncertainty", _performance),
    ("38", "Diagnostic performance and its precision", _performance),
    ("39", "Failures", _failures),
    ("40", "Limitations", _limits),
    ("41", "Implications for practice", _authors),
    ("42", "Protocol or further technical details", _availability),
    ("43", "Availability of software, model and data", _availability),
    ("44", "Funding and the role of funders", _authors),
)
_TRIPOD: tuple[tuple[str, str, _Question], ...] = (
    ("1", "Title", _authors),
    ("2", "Abstract", _authors),
    ("3a", "Context of health care, and why a model", _authors),
    ("3b", "Intended population, purpose and users", _authors),
    ("3c", "Known inequalities of health", _authors),
    ("4", "Objectives", _purpose),
    ("5a", "Sources of the data, and why they are representative", _data),
    ("5b", "Dates of the data", _authors),
    ("6a", "Setting and centres", _authors),
    ("6b", "Eligibility", _eligibility),
    ("6c", "Treatments", _authors),
    ("7", "Preparation of the data", _preprocessing),
    ("8a", "Outcome, and how it was assessed", _reference),
    ("8b", "Who assessed the outcome", _authors),
    ("8c", "Blinding of the assessment", _authors),
    ("9a", "Choice of predictors", _authors),
    ("9b", "Predictors, and how they were measured", _acquisition),
    ("9c", "Who assessed predictors, where that needs judgement", _authors),
    ("10", "Sample size", _sample_size),
    ("11", "Missing data", _missing),
    ("12a", "How data were used and partitioned", _partitions),
    ("12b", "Handling of predictors", _preprocessing),
    ("12c", "Kind of model, building steps, tuning, internal validation", _training),
    ("12d", "Heterogeneity between clusters", _external),
    ("12e", "Measures and plots of performance", _metrics),
    ("12f", "Updating of the model", _authors),
    ("12g", "How predictions were computed", _availability),
    ("13", "Class imbalance", _authors),
    ("14", "Fairness", _fairness),
    ("15", "Output of the model, and thresholds", _point),
    ("16", "Differences between development and evaluation data", _compared_with_development),
    ("17", "Ethical approval", _authors),
    ("18a", "Funding", _authors),
    ("18b", "Conflicts of interest", _authors),
    ("18c", "Protocol", _authors),
    ("18d", "Registration", _authors),
    ("18e", "Availability of the data", _authors),
    ("18f", "Availability of the code", _availability),
    ("19", "Involvement of patients and the public", _authors),
    ("20a", "Flow of participants", _counts),
    ("20b", "Characteristics of participants", _demographics),
    ("20c", "Development and evaluation data compared", _compared_with_development),
    ("21", "Numbers of participants and outcomes in each analysis", _counts),
    ("22", "Specification of the full model", _model),
    ("23a", "Performance, also in subgroups", _performance),
    ("23b", "Heterogeneity of performance", _external),
    ("24", "Results of updating", _authors),
    ("25", "Interpretation", _authors),
    ("26", "Limitations", _limits),
    ("27a", "Handling of poor or missing input", _eligibility),
    ("27b", "Interaction and expertise needed of users", _authors),
    ("27c", "Next steps of research", _authors),
)
