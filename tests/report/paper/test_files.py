"""Tables and figures as files: what is in them is what the records say."""

import csv
import io
import math
import re
from dataclasses import replace
from operator import itemgetter
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.analysis.diagnosis import Spread
from heatproof.analysis.localization import Localization, MethodRow
from heatproof.diagnose.confidence import POOLED, Confidence
from heatproof.report.content import Content
from heatproof.report.page.html import render
from heatproof.report.paper.files import files, tables
from heatproof.report.paper.published_table import published_table
from heatproof.report.paper.result_tables import cohort_table, comparison_table
from heatproof.report.paper.table import (
    PaperColumn,
    PaperTable,
    as_csv,
    as_latex,
    cell_text,
    narrowed,
)
from heatproof.report.pictures.curves import precision_recall, threshold_curves
from heatproof.report.pictures.drawings import Forest, boxes_svg, forest_svg
from heatproof.report.pictures.pdf import pdf
from heatproof.report.pictures.plots import Plot, PlotCurve, plot_svg
from heatproof.report.pictures.scatter import scatters
from heatproof.report.published import published_numbers
from heatproof.types import Estimate
from tests.report import trial

SVG = "{http://www.w3.org/2000/svg}"
TABLE = PaperTable(
    "t",
    "A & B",
    (
        PaperColumn("Name", itemgetter(0)),
        PaperColumn("Mean", itemgetter(1), Estimate),
        PaperColumn("Gain", itemgetter(2), Estimate, signed=True),
    ),
    (("50%_{a}", trial.est(0.31), trial.diff(-0.1)), ("b, c", trial.UNDEFINED, None)),
)


def test_csv_holds_every_digit_and_nothing_where_nothing_is_known():
    rows = list(csv.reader(io.StringIO(as_csv(TABLE))))
    assert rows[0] == ["Name", "Mean", "Mean low", "Mean high", "Gain", "Gain low", "Gain high"]
    assert float(rows[1][2]) == trial.est(0.31).low
    assert float(rows[1][4]) == -0.1
    assert rows[2] == ["b, c", "", "", "", "", "", ""]


def test_a_table_for_programs_has_their_names_in_csv_and_its_headings_for_people():
    columns = tuple(replace(column, key=column.name.lower()) for column in TABLE.columns)
    keyed = replace(TABLE, columns=columns)
    rows = list(csv.reader(io.StringIO(as_csv(keyed))))
    assert rows[0] == ["name", "mean", "mean_low", "mean_high", "gain", "gain_low", "gain_high"]
    assert rows[1:] == list(csv.reader(io.StringIO(as_csv(TABLE))))[1:]
    assert as_latex(keyed) == as_latex(TABLE)


def test_latex_says_what_the_page_says_and_escapes_it():
    text = as_latex(TABLE)
    assert r"\caption{A \& B}" in text
    assert r"50\%\_\{a\} & 0.31 [0.26, 0.36] & \textminus{}0.10" in text
    assert r"b, c & not defined & -- \\" in text
    assert r"\begin{tabular}{lrr}" in text


def test_a_page_leaves_out_columns_that_say_nothing():
    kinds = {"same": str, "name": str, "empty": Estimate, "n": int}
    columns = tuple(PaperColumn(name, itemgetter(name), kind) for name, kind in kinds.items())
    records = [{"same": "x", "name": name, "empty": None, "n": 5} for name in "ab"]
    table = PaperTable("t", "", columns, records)
    assert [column.name for column in narrowed(table).columns] == ["name", "n"]
    assert narrowed(table).rows == (("a", 5), ("b", 5))
    assert narrowed(replace(table, records=records[:1])).rows == (("x", "a", 5),)


@given(st.text())
def test_latex_lines_stay_lines(name: str):
    columns = (PaperColumn("a", itemgetter(0)), PaperColumn("b", itemgetter(1)))
    line = as_latex(PaperTable("t", "", columns, ((name, "x"),))).split("\n")[6]
    assert len(re.findall(r"(?<!\\)&", line)) == 1
    assert not re.search(r"(?<!\\)[%$#_]", line)


@pytest.mark.parametrize(
    ("cell", "signed", "text"),
    [(1200, False, "1,200"), (0.0001, False, "<0.001"), (0.5, True, "+0.50"), (None, False, "–")],
)
def test_a_cell_is_text_by_its_kind(cell, signed, text):
    assert cell_text(cell, PaperColumn("a", itemgetter(0), signed=signed)) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [trial.usual, trial.large, trial.detection, trial.compared, trial.empty, trial.troubled],
)
def test_every_file_can_be_read_and_equal_content_gives_equal_files(make):
    found = files(make())
    assert files(make()) == found
    for path, text in found.items():
        assert re.fullmatch(r"(tables/[a-z]+\.(csv|tex)|figures/[a-z0-9-]+\.(svg|pdf))", path)
        if path.endswith(".pdf"):
            assert text.startswith(b"%PDF")
            assert f"{path.removesuffix('pdf')}svg" in found
            continue
        assert not re.search(r"\bnan\b", text)
        if path.endswith(".svg"):
            ET.fromstring(text)
        elif path.endswith(".csv"):
            rows = list(csv.reader(io.StringIO(text)))
            assert len({len(row) for row in rows}) == 1


FILLED = [
    table
    for content in (trial.compared(), trial.trusted())
    for table in tables(content)
    if table.rows
]


def test_an_experiment_that_measures_everything_fills_every_table_of_its_own():
    empty = {table.name for table in tables(trial.compared())} - {table.name for table in FILLED}
    of_studies = {"published", "study", "study_verdicts"}  # on the same films, or repeated
    assert empty == {*of_studies, "curves"}  # and of thresholds


@pytest.mark.parametrize("table", FILLED, ids=lambda table: table.name)
def test_every_cell_is_of_the_kind_of_its_column(table):
    for row in table.rows:
        for cell, column in zip(row, table.columns, strict=True):
            if cell is not None and cell != "too few":
                assert isinstance(cell, column.kind), column.name


def test_a_comparison_stands_under_its_headings():
    columns = comparison_table(trial.compared()).columns
    [first, *_] = trial.compared().comparisons
    cells = {column.name: column.cell(first) for column in columns}
    assert cells["Method"] == "Grad-CAM"
    assert cells["Against"] == "human benchmark"
    assert cells["Mean"] == first.ours
    assert cells["Theirs"] == first.theirs
    assert cells["Decrease, of theirs"] == first.decrease
    assert (cells["p"], cells["p, Holm"]) == (first.p, first.holm)
    assert (cells["Cases"], cells["Cases needed"]) == (50, 120)


def test_every_estimate_of_localization_is_in_its_table():
    content = trial.usual()
    [table] = [one for one in tables(content) if one.name == "localization"]
    cells = [cell for row in table.rows for cell in row]
    for panel in content.localization:
        assert panel.prior
        for measured in (*panel.rows, panel.prior):
            assert measured.estimate in cells


def test_a_forest_has_a_dot_at_every_defined_value():
    drawn = Forest("f", "t", (("a", trial.est(0.0)), ("b", trial.est(1.0)), ("c", trial.UNDEFINED)))
    svg = ET.fromstring(forest_svg(drawn))
    dots = [float(dot.get("cx", "")) for dot in svg.iter(f"{SVG}circle")]
    lines = [re.match(r"M([\d.]+)", p.get("d", "")) for p in svg.iter(f"{SVG}path")]
    ends = [float(line[1]) for line in lines[:5] if line]
    assert dots == [ends[0], ends[-1]]  # of the axis
    assert "not defined" in forest_svg(drawn)


def test_boxes_go_from_quartile_to_quartile():
    svg = ET.fromstring(
        boxes_svg("t", [Spread("d", "f", "elongation", 9, 0.0, 1.0, 2.0, 3.0, 4.0)])
    )
    box = list(svg.iter(f"{SVG}rect"))[1]  # the first is the paper
    starts = [re.match(r"M([\d.]+)", path.get("d", "")) for path in svg.iter(f"{SVG}path")][:5]
    least, *_, most = (float(start[1]) for start in starts if start)
    assert float(box.get("width", "")) == pytest.approx((most - least) / 2)
    assert float(box.get("x", "")) == pytest.approx(least + (most - least) / 4)


def chexpert(**changes) -> Content:
    row = MethodRow("densenet", "grad_cam", trial.est(0.2), 0)
    sure = Confidence(
        POOLED, "all", (trial.effect("probability", 0.1, 0.1, "linear"),), trial.diff(0.3)
    )
    fields = {
        "localization": (Localization("cxl", "Support Devices", "iou", (row,)),),
        "diagnoses": (
            trial.diagnosis(
                "grad_cam", (0.5, 0.1), dataset="cxl", metric="iou", confidence=(sure,)
            ),
        ),
        "spreads": (Spread("cxl", "Support Devices", "elongation", 9, 0.0, 1.0, 2.0, 3.0, 4.0),),
    }
    return Content("t", "", trial.PROVENANCE, **(fields | changes))


def test_published_numbers_stand_beside_the_same_quantity():
    rows = {(row[0], row[1]): row for row in published_table(chexpert()).rows}
    [printed] = published_numbers(quantity="mIoU", finding="Support Devices", where="text")
    assert rows["mIoU", "Support Devices"][2].value == printed.value == 0.163
    assert rows["mIoU", "Support Devices"][3] == trial.est(0.2)
    size = rows["slope of IoU on area ratio", "all findings"]
    assert (size[2].value, size[3].value) == (0.566, 0.5)
    sure = rows["slope of IoU on confidence", "all findings"]
    assert (sure[2].value, sure[3].value) == (0.109, 0.1)
    assert rows["Spearman of IoU and confidence", "all findings"][3] == trial.diff(0.3)
    assert all(math.isfinite(row[2].value) and "Saporta 2022" in row[-1] for row in rows.values())


def test_other_findings_methods_and_rows_are_another_quantity():
    other = Spread("cxl", "Lung Opacity", "elongation", 9, 0.0, 1.0, 2.0, 3.0, 4.0)
    slopes = published_table(chexpert(spreads=(*chexpert().spreads, other)))
    assert [row[0] for row in slopes.rows] == ["mIoU"]
    method = trial.diagnosis("gradient", (0.5, 0.1), dataset="cxl", metric="iou")
    assert [row[0] for row in published_table(chexpert(diagnoses=(method,))).rows] == ["mIoU"]
    assert published_table(trial.usual()).rows == ()


def test_the_page_says_what_published_slopes_on_confidence_were_made_of():
    said = "after a probability cut-off for each finding"
    assert said in " ".join(render(chexpert()).split())
    assert said not in " ".join(render(trial.usual()).split())


def at_thresholds(spec: str, values: dict[float, float]) -> Content:
    panels = tuple(
        trial.panel("d", "Edema", spec.format(at), {"grad_cam": value}, 0.2, 30)
        for at, value in values.items()
    )
    return replace(trial.empty(), localization=panels)


def test_metrics_that_differ_in_a_threshold_are_points_of_one_curve():
    content = at_thresholds("iou(binarize=fixed(threshold={}))", {0.4: 0.3, 0.2: 0.1, 0.6: 0.2})
    [drawn] = threshold_curves(content)
    ours = drawn.curves[0]
    assert [(at, told.value) for at, told in ours.points] == [(0.2, 0.1), (0.4, 0.3), (0.6, 0.2)]
    assert drawn.across == "Threshold of the map"
    [drawn] = threshold_curves(at_thresholds("miou(cutoff={})", {0.1: 0.3, 0.2: 0.1}))
    assert drawn.across == "Cut-off of probability"
    assert not list(threshold_curves(at_thresholds("miou(cutoff={})", {0.1: 0.3})))


def test_precision_is_drawn_over_the_recall_of_the_same_threshold():
    recall = at_thresholds("pixel_sensitivity(binarize=fixed(threshold={}))", {0.2: 0.9, 0.6: 0.4})
    precision = at_thresholds("pixel_precision(binarize=fixed(threshold={}))", {0.6: 0.8, 0.2: 0.3})
    both = replace(recall, localization=recall.localization + precision.localization)
    [drawn] = precision_recall(both)
    assert [(x, told.value) for x, told in drawn.curves[0].points] == [(0.9, 0.3), (0.4, 0.8)]
    assert not list(precision_recall(recall))


def test_a_plot_puts_what_is_larger_further_right_and_further_up():
    points = ((0.0, trial.est(0.0)), (1.0, trial.est(1.0)))
    svg = ET.fromstring(
        plot_svg(Plot("p", "t", "x", "y", (PlotCurve("a", points),), dots=((0.5, 0.5),)))
    )
    dot, *markers = list(svg.iter(f"{SVG}circle"))
    [first, last] = [(float(m.get("cx", "")), float(m.get("cy", ""))) for m in markers[:2]]
    middle = float(dot.get("cx", "")), float(dot.get("cy", ""))
    assert first[0] < last[0]
    assert first[1] > last[1]
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2))


def test_the_line_through_dots_that_lie_on_one_is_that_line():
    dots = tuple((x / 4, 0.2 + 0.4 * x / 4) for x in range(5))
    one = replace(trial.usual().diagnoses[0], points={"elongation": dots, "area_ratio": ((1, 1),)})
    [drawn] = scatters(replace(trial.usual(), diagnoses=(one,)))
    [line] = drawn.curves
    assert [told.value for _, told in line.points] == pytest.approx([0.2, 0.6])


def test_the_cohort_says_what_the_page_says():
    content = trial.usual()
    rows = cohort_table(content).rows
    assert [row[6:8] for row in rows] == [
        (of.finding, of.positive) for one in content.cohorts for of in one.counts
    ]


def test_a_pdf_holds_the_words_of_its_figure():
    drawn = pdf(forest_svg(Forest("f", "Gain $ of a_b", (("a", trial.est(0.3)),))))
    assert drawn == pdf(forest_svg(Forest("f", "Gain $ of a_b", (("a", trial.est(0.3)),))))
    assert drawn.startswith(b"%PDF")
    assert b"CreationDate" not in drawn
