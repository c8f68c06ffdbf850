"""What a paper takes from a report: every table as CSV and LaTeX, every figure as SVG and PDF."""

from collections.abc import Iterator
from itertools import chain, count

from heatproof.report.content import Content
from heatproof.report.names import file_name
from heatproof.report.paper.beside import beside
from heatproof.report.paper.comparisons import by_finding, comparisons, differences
from heatproof.report.paper.diagnoses import (
    common,
    confidence,
    failed,
    shape,
    spread,
    structures,
    subgroups,
    usual,
)
from heatproof.report.paper.results import classification, cohort, localization
from heatproof.report.paper.table import Table, csv, latex
from heatproof.report.paper.tuned import tuned
from heatproof.report.pictures.curves import precision_recall, threshold_curves
from heatproof.report.pictures.drawings import boxes, forest
from heatproof.report.pictures.forests import panels, slopes
from heatproof.report.pictures.pdf import pdf
from heatproof.report.pictures.plots import plot
from heatproof.report.pictures.scatter import scatters
from heatproof.report.prose import why


def files(content: Content) -> dict[str, str | bytes]:
    """Path, below the folder of the report, to what is in it; equal content gives equal files."""
    found: dict[str, str | bytes] = {}
    for table in tables(content):
        if table.rows:
            found[f"tables/{table.name}.csv"] = csv(table)
            found[f"tables/{table.name}.tex"] = latex(table)
    for name, svg in _figures(content):
        numbered = (f"figures/{name}-{number}.svg" for number in count(2))
        paths = chain((f"figures/{name}.svg",), numbered)  # two names may become one
        path = next(path for path in paths if path not in found)
        found[path], found[path.removesuffix("svg") + "pdf"] = svg, pdf(svg)
    return found


def _figures(content: Content) -> Iterator[tuple[str, str]]:
    of_methods = (*panels(content), *by_finding(content), *differences(content))
    for estimates in (*of_methods, *slopes(content)):
        yield estimates.name, forest(estimates)
    for drawn in (*threshold_curves(content), *precision_recall(content), *scatters(content)):
        yield drawn.name, plot(drawn)
    for (dataset, feature), spreads in why.by_feature(content).items():
        yield (
            file_name("spread", dataset, feature),
            boxes(f"{why.NOUNS[feature]}, {dataset}", spreads),
        )


def tables(content: Content) -> tuple[Table, ...]:
    """Every table."""
    own = (shape, confidence, subgroups, usual, common)
    reasons = (one(content, content.diagnoses) for one in own)
    return (
        cohort(content),
        localization(content),
        classification(content),
        comparisons(content),
        tuned(content),
        *reasons,
        spread(content),
        failed(content),
        structures(content),
        beside(content),
    )
