"""The self-contained HTML page: no network, no external font, script or picture.

The page escapes every string of the content, because names of films, findings and experiments are
other people's input.  A Content-Security-Policy in the page itself forbids loading anything, and
running any script but the page's own, which the policy names by their hashes.  Equal content gives
equal bytes.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from heatproof import words
from heatproof.analysis.rare import FEW_CASES
from heatproof.registry import docstring_summary
from heatproof.report.content import Content
from heatproof.report.names import described_metrics, method_names
from heatproof.report.page import album, grouping
from heatproof.report.page.terms import VALIDITY_TEXTS, terms
from heatproof.report.paper import (
    beside_published,
    checklist_tables,
    diagnosis_tables,
    fidelity_tables,
    grid_tables,
    published_table,
    result_tables,
    table,
)
from heatproof.report.pictures import positions
from heatproof.report.pictures.forests import slope_forests
from heatproof.report.prose import families, fidelity, first_screen, trust_grid, why_maps_fail
from heatproof.report.prose.answers import answers
from heatproof.report.prose.cautions import cautions
from heatproof.report.prose.methods_section import methods_section
from heatproof.report.prose.references import bibtex
from heatproof.stats.classification import TO_RANK
from heatproof.stats.estimates import TO_CONCLUDE, TO_DIFFER
from heatproof.types import Estimate, Validity

TITLES = {
    "answer": "The short answer",
    "gallery": "Look for yourself",
    "trust": "May the maps be trusted?",
    "fidelity": "Are the maps true to the model?",
    "localization": "Do the maps find the lesion?",
    "classification": "Is the classifier any good?",
    "against": "As well as readers, or as another model?",
    "why": "When and why maps fail",
    "study": "Published, and here",
    "whom": "Whom it was tested on",
    "judged": "What was judged",
    "limits": "What these numbers do not show",
    "terms": "Terms",
    "paper": "For the paper",
    "provenance": "Where the numbers come from",
}
"""The sections of the page: their headings, which are also the words of the contents."""


def render(content: Content) -> str:
    """The page of a report."""
    return (
        page_environment()
        .get_template("report.html")
        .render(
            content=content,
            names=method_names(content),
            metrics=described_metrics(content),
            level=grouping.interval_level(content),
            titles=TITLES,
            terms=terms(content),
            beside=bool(album.beside_the_page(content)),
            address=album.addresses(content),
        )
    )


@dataclass(frozen=True)
class Script:
    """A script of the page, as it stands there, and the digest by which the policy lets it run."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """A script beside the templates.

    It is read and not rendered: its digest must be that of the text on the page.
    """
    text = resources.files("heatproof.report.page").joinpath(f"templates/{name}").read_text("utf-8")
    return Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


def undefined_reason(estimate: Estimate, positives: int, negatives: int, why: str = "") -> str:
    """Why a statistic over positives and negatives is not estimable, in words."""
    if not positives or not negatives:
        lacking = [w for w, n in (("positives", positives), ("negatives", negatives)) if not n]
        return f"no {words.listed(lacking)}"
    return why or words.count(estimate.cases, "case")


_LONG_WORD = re.compile(r"\b(?=\w{10})(\w+)(bility|zation|riance|lence|sion|\w{6})\b")


def hyphenated(text: str) -> str:
    """The text with a soft hyphen in each long word, where narrow columns may break it.

    A word is broken before a usual ending, and one without such an ending where six letters are
    left.

    >>> hyphenated("Repeatability, Compression").replace("\N{SOFT HYPHEN}", "-")
    'Repeata-bility, Compres-sion'
    """
    return _LONG_WORD.sub("\\1\N{SOFT HYPHEN}\\2", text)


def _loader() -> jinja2.BaseLoader:
    return jinja2.PackageLoader("heatproof.report.page", "templates")


# What templates may use by these names: filters, functions and constants.
_FILTERS: dict[str, Any] = {
    "number": words.number,
    "estimate": words.estimate,
    "interval": words.bracketed,
    "signed": words.signed,
    "count": words.count,
    "listed": words.listed,
    "sentence": words.sentence,
    "uri": album.data_uri,
    "picture_id": album.picture_id,
    "hyphenated": hyphenated,
    "summary": lambda part: docstring_summary(type(part).__doc__),
}
_FUNCTIONS = (
    answers,
    cautions,
    undefined_reason,
    script,
    album.films,
    first_screen.all_four_by_map,
    first_screen.colours,
    first_screen.first_films,
    first_screen.made_with,
    first_screen.strips,
    first_screen.three_numbers,
    grouping.cases_by_group,
    grouping.classification_by_dataset,
    grouping.compared_differences,
    grouping.dataset_metrics,
    grouping.distinct,
    grouping.filter_choices,
    grouping.forest_panels,
    grouping.interval_methods,
    grouping.other_controls,
    grouping.panels_by_finding,
    positions.box_axis,
    positions.calibration_points,
    positions.history_points,
    positions.mark,
    positions.place,
    positions.polyline,
    positions.prior_mark,
    positions.ticks,
    table.cell_text,
    table.is_estimate,
    table.is_text,
    table.narrowed,
    table.row_tags,
    result_tables.comparison_table,
    result_tables.tuned_table,
    diagnosis_tables.common_table,
    diagnosis_tables.confidence_table,
    diagnosis_tables.shape_table,
    diagnosis_tables.structure_table,
    diagnosis_tables.subgroup_table,
    diagnosis_tables.usual_table,
    checklist_tables.claim_table,
    fidelity_tables.fidelity_table,
    fidelity.doubted_metrics,
    fidelity.fidelity_metrics,
    fidelity.fidelity_sentences,
    checklist_tables.tripod_table,
    methods_section,
    bibtex,
    grid_tables.trust_table,
    grid_tables.validity_table,
    families.family_of_comparisons,
    families.family_of_differences,
    families.family_of_verdicts,
    published_table.published_table,
    beside_published.beside_published,
    beside_published.verdicts_beside_published,
    slope_forests,
    trust_grid.criteria_of,
    trust_grid.left_out,
    trust_grid.not_asked,
    trust_grid.published_grids,
    trust_grid.the_four_criteria,
    trust_grid.trust_grids,
    trust_grid.without_verdict,
    why_maps_fail.diagnosed_metric,
    why_maps_fail.diagnosis_texts,
    why_maps_fail.significance_level,
    why_maps_fail.spreads_by_feature,
    why_maps_fail.structure_sentences,
)
_CONSTANTS: dict[str, Any] = {
    "cutoff_note": published_table.CUTOFF_NOTE,
    "feature_definitions": why_maps_fail.FEATURE_DEFINITIONS,
    "feature_nouns": why_maps_fail.FEATURE_NOUNS,
    "few_cases": FEW_CASES,
    "least_patients": TO_CONCLUDE,
    "least_differing": TO_DIFFER,
    "least_of_class": TO_RANK,
    "valid": Validity.OK,
    "validities": VALIDITY_TEXTS,
}


@cache  # templates take a fifth of a second to compile
def page_environment() -> jinja2.Environment:
    """The environment of all pages: templates, filters, and the functions that templates call."""
    environment = jinja2.Environment(
        loader=_loader(),
        # Names of films, findings and experiments are input of other people.
        autoescape=True,
        # A misspelled name is an error; Jinja prints nothing for it otherwise.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= _FILTERS
    environment.tests["curved"] = grouping.has_curve
    environment.globals |= {function.__name__: function for function in _FUNCTIONS} | _CONSTANTS
    return environment


def _printable(value: object) -> object:
    """The value, unless it is nan or None: a number that reaches the page unformatted is a mistake.

    Raises:
        ValueError: The value is nan or None.
    """
    if value is None or value != value:  # noqa: PLR0124  only nan differs from itself
        raise ValueError(f"{value} would be printed; the template must say it in words")
    return value
