"""What a paper takes from a report: every table as CSV and LaTeX, every figure as SVG and PDF."""

from collections.abc import Iterator
from itertools import chain, count
from typing import Any

from heatproof.report.content import Content
from heatproof.report.names import file_name
from heatproof.report.paper.beside_published import beside_published, verdicts_beside_published
from heatproof.report.paper.checklist_tables import claim_table, tripod_table
from heatproof.report.paper.curve_tables import calibration_table, curve_table, roc_table
from heatproof.report.paper.diagnosis_tables import (
    common_table,
    confidence_table,
    failure_table,
    shape_table,
    spread_table,
    structure_table,
    subgroup_table,
    usual_table,
)
from heatproof.report.paper.fidelity_tables import fidelity_table
from heatproof.report.paper.grid_tables import (
    published_trust_table,
    reading_table,
    trust_table,
    validity_table,
)
from heatproof.report.paper.published_table import published_table
from heatproof.report.paper.result_tables import (
    classification_table,
    cohort_table,
    comparison_table,
    localization_table,
    tuned_table,
)
from heatproof.report.paper.table import PaperTable, as_csv, as_latex
from heatproof.report.pictures.curves import precision_recall, threshold_curves
from heatproof.report.pictures.drawings import boxes_svg, forest_svg
from heatproof.report.pictures.forests import (
    comparison_forests,
    difference_forests,
    localization_forests,
    slope_forests,
)
from heatproof.report.pictures.pdf import pdf
from heatproof.report.pictures.plots import plot_svg
from heatproof.report.pictures.scatter import scatters
from heatproof.report.prose.why_maps_fail import FEATURE_NOUNS, spreads_by_feature


def files(content: Content) -> dict[str, str | bytes]:
    """Path below the folder of the report to the content of the file.

    Equal content gives equal files.  A table without rows has no file.
    """
    written: dict[str, str | bytes] = {}
    for table in tables(content):
        if table.rows:
            written[f"tables/{table.name}.csv"] = as_csv(table)
            written[f"tables/{table.name}.tex"] = as_latex(table)
    for name, svg in _figures(content):
        numbered = (f"figures/{name}-{number}.svg" for number in count(2))
        paths = chain((f"figures/{name}.svg",), numbered)  # two figures may have one name
        path = next(path for path in paths if path not in written)
        written[path], written[path.removesuffix("svg") + "pdf"] = svg, pdf(svg)
    return written


def tables(content: Content) -> tuple[PaperTable[Any], ...]:
    """Every table, also those without rows."""
    return (
        cohort_table(content),
        reading_table(content),
        validity_table(content),
        trust_table(content),
        localization_table(content),
        classification_table(content),
        roc_table(content),
        calibration_table(content),
        curve_table(content),
        comparison_table(content),
        tuned_table(content),
        shape_table(content, content.diagnoses),
        confidence_table(content, content.diagnoses),
        subgroup_table(content, content.diagnoses),
        usual_table(content, content.diagnoses),
        common_table(content, content.diagnoses),
        spread_table(content),
        failure_table(content),
        structure_table(content),
        fidelity_table(content),
        published_table(content),
        beside_published(content),
        verdicts_beside_published(content),
        published_trust_table(content),
        claim_table(content),
        tripod_table(content),
    )


def _figures(content: Content) -> Iterator[tuple[str, str]]:
    """Name and SVG of every figure."""
    for forests in (localization_forests, comparison_forests, difference_forests, slope_forests):
        for forest in forests(content):
            yield forest.name, forest_svg(forest)
    for plots in (threshold_curves, precision_recall, scatters):
        for plot in plots(content):
            yield plot.name, plot_svg(plot)
    for (dataset, feature), spreads in spreads_by_feature(content).items():
        title = f"{FEATURE_NOUNS[feature]}, {dataset}"
        yield file_name("spread", dataset, feature), boxes_svg(title, spreads)
