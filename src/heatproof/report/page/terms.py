"""The words of the page that a reader may not know, each explained in a sentence or two."""

from dataclasses import dataclass

from heatproof.analysis.rare import FEW_CASES
from heatproof.report.content import Content
from heatproof.report.page.grouping import interval_level, interval_methods, other_controls
from heatproof.report.prose.families import family_of_differences
from heatproof.stats.classification import TO_RANK
from heatproof.stats.estimates import TO_CONCLUDE, TO_DIFFER
from heatproof.types import Validity
from heatproof.words import listed

VALIDITY_TEXTS = {
    Validity.OK: "may be read as a map",
    Validity.ZERO: "zero everywhere: the method found nothing, or only negative evidence",
    Validity.CONSTANT: "one value everywhere: it points nowhere",
    Validity.NOT_FINITE: "holds values that are no numbers",
    Validity.INCOMPLETE: "does not add up to the model's output within the method's tolerance",
    Validity.TIED: "has its maximum in several places that do not touch, so it points at none",
}


@dataclass(frozen=True)
class Term:
    """One term and what it means."""

    name: str
    text: str


def terms(content: Content) -> dict[str, Term]:
    """Key to term, in the order of the page."""
    return {
        "map": Term(
            "Saliency map",
            "A picture of where in a film, according to some method, a classifier's output for one"
            " finding comes from.",
        ),
        "logit": Term(
            "Logit",
            "The output of a classifier for one finding before it becomes a probability: the higher"
            " it is, the more it speaks for the finding; 0 is a probability of one half.",
        ),
        "native": Term(
            "Features, native size",
            "Inside a network a film is a coarse grid, often 7 × 7 to 32 × 32 cells. A map at the"
            " resolution of the features has no finer detail than that.",
        ),
        "prior": Term(
            "Prior",
            "The mean of the reference masks of all other patients: where this lesion usually is."
            " It never sees the film that it is scored on. A map that does no better adds nothing"
            " to what was known before looking.",
        ),
        **_controls(content),
        "interval": Term("Interval", _interval(content)),
        "better": Term(
            "Better, worse",
            "The paired difference, on the same films, is shown not to be zero: its p is small"
            f" enough after correction (Holm) over {family_of_differences(content)}. Each interval"
            f" is for one number alone, without that correction. With fewer than {TO_CONCLUDE}"
            f" patients, or fewer than {TO_DIFFER} who differ from the others, nothing is"
            f" concluded; of an AUROC, with fewer than {TO_RANK} patients with or without the"
            f" finding. Fewer than {FEW_CASES} cases are called few.",
        ),
        "auroc": Term(
            "AUROC",
            "The chance that a film with the finding gets a higher probability than one without."
            " 0.5 is guessing, 1 is perfect.",
        ),
        "roc": Term(
            "ROC curve",
            "Sensitivity over one minus specificity, as the threshold of the probability falls"
            " from 1 to 0. The area below it is the AUROC.",
        ),
        "calibration": Term(
            "Calibration",
            "Of the films with about the same probability, the share that has the finding. The two"
            " are equal where probabilities can be taken at their word.",
        ),
        "point": Term(
            "Operating point", "The probability from which on a film is called positive."
        ),
        "sensitivity": Term(
            "Sensitivity, specificity",
            "The share of films with the finding that are called positive, and of films without it"
            " that are called negative.",
        ),
        "ppv": Term(
            "PPV, NPV",
            "The share of films called positive that have the finding, and of films called negative"
            " that do not.",
        ),
        "brier": Term(
            "Brier score",
            "Mean squared distance between probability and label: 0 is perfect, always saying one"
            " half gives 0.25.",
        ),
        "undefined": Term(
            "Undefined",
            "A value that cannot be computed, such as an overlap where nothing was marked. It is"
            " counted, and never taken as zero.",
        ),
        **{
            f"not-{kind.name.lower().replace('_', '-')}": Term(
                f"Map not valid: {kind}", _not_valid(meaning)
            )
            for kind, meaning in VALIDITY_TEXTS.items()
            if kind is not Validity.OK
        },
    }


def _not_valid(meaning: str) -> str:
    said = meaning.replace("zero everywhere", "is zero everywhere")
    return f"The map {said.replace('one value everywhere', 'has one value everywhere')}."


def _controls(content: Content) -> dict[str, Term]:
    beside = other_controls(content)
    if not beside:
        return {}
    text = (
        f"Maps made without the model: {listed(beside)}. Edges show what the film alone gives, the"
        " random map what a metric gives for nothing, and the other readers what those reach who"
        " marked the same film. “Best at” a size is the reference itself, averaged over cells of"
        " that size: about the best score that so coarse a map can have."
    )
    return {"controls": Term("Controls", text)}


def _interval(content: Content) -> str:
    ways = interval_methods(content)
    how = f" ({'; '.join(ways)})" if ways else ""
    return (
        f"In {interval_level(content)} of such experiments an interval made this way holds the true"
        " value. Patients are independent, with all their films; films are taken for independent"
        f" where patients are unknown or the experiment says so{how}."
    )
