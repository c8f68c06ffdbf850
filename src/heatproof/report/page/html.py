"""The self-contained HTML page: no network, no external font, script or picture.

The page escapes every string of the content, because names of films, findings and experiments are
other people's input.  A Content-Security-Policy in the page itself forbids loading anything, and
running any script but the page's own, which the policy names by its hash.  Equal content gives
equal bytes.
"""

import base64
import hashlib
from functools import cache
from typing import Any

import jinja2

from heatproof import words
from heatproof.analysis.rare import FEW_CASES
from heatproof.report.content import Content
from heatproof.report.gallery import Picture
from heatproof.report.names import described_metrics, method_names
from heatproof.report.page import grouping
from heatproof.report.paper import (
    beside_published,
    diagnosis_tables,
    published_table,
    result_tables,
    table,
)
from heatproof.report.pictures import positions
from heatproof.report.pictures.forests import slope_forests
from heatproof.report.prose import families, trust_grid, why_maps_fail
from heatproof.report.prose.answers import answers
from heatproof.report.prose.cautions import cautions
from heatproof.stats.classification import TO_RANK
from heatproof.stats.estimates import TO_CONCLUDE, TO_DIFFER
from heatproof.types import Estimate, Validity

VALIDITY_TEXTS = {
    Validity.OK: "may be read as a map",
    Validity.ZERO: "zero everywhere: the method found nothing, or only negative evidence",
    Validity.CONSTANT: "one value everywhere: it points nowhere",
    Validity.NOT_FINITE: "holds values that are no numbers",
    Validity.INCOMPLETE: "does not add up to the model's output within the method's tolerance",
    Validity.TIED: "has its maximum in several places that do not touch, so it points at none",
}


def render(content: Content) -> str:
    """The page of a report."""
    environment = page_environment()
    # The script is read and not rendered: its hash must be that of the text on the page.
    script, _, _ = _loader().get_source(environment, "report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        content=content,
        script=script,
        script_hash=digest,
        names=method_names(content),
        metrics=described_metrics(content),
        level=grouping.interval_level(content),
    )


def data_uri(picture: Picture) -> str:
    """The picture as an address that holds the picture itself."""
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def undefined_reason(estimate: Estimate, positives: int, negatives: int, why: str = "") -> str:
    """Why a statistic over positives and negatives is not estimable, in words."""
    if not positives or not negatives:
        lacking = [w for w, n in (("positives", positives), ("negatives", negatives)) if not n]
        return f"no {words.listed(lacking)}"
    return why or words.count(estimate.cases, "case")


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
    "uri": data_uri,
}
_FUNCTIONS = (
    answers,
    cautions,
    undefined_reason,
    grouping.cases_by_group,
    grouping.classification_by_dataset,
    grouping.compared_differences,
    grouping.dataset_metrics,
    grouping.distinct,
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
    result_tables.comparison_table,
    result_tables.tuned_table,
    diagnosis_tables.common_table,
    diagnosis_tables.confidence_table,
    diagnosis_tables.shape_table,
    diagnosis_tables.structure_table,
    diagnosis_tables.subgroup_table,
    diagnosis_tables.usual_table,
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
