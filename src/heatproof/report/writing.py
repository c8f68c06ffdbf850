"""Stage: scores and predictions to estimates, and estimates to the report.

Everything here is computed anew each time, from the units that the other stages wrote: seconds of
work, and nothing that could be stale.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from heatproof.analysis.classification import classification, with_thresholds
from heatproof.analysis.comparison import (
    COMPARISONS,
    against_models,
    against_outlines,
    against_readers,
    rows_of,
)
from heatproof.analysis.diagnosis import DIAGNOSIS, diagnoses, spreads
from heatproof.analysis.diagnosis import rows_of as rows_of_diagnoses
from heatproof.analysis.estimates import rows_of_estimates
from heatproof.analysis.failures import failures
from heatproof.analysis.filmwise import one_by_one
from heatproof.analysis.localization import localization
from heatproof.analysis.rare import frequent, rare, trustworthy
from heatproof.analysis.structures import estimated
from heatproof.analysis.verdicts import trust, verdict_table
from heatproof.experiment.workspace import Workspace
from heatproof.progress import Progress
from heatproof.report.content import Content
from heatproof.report.facts.cohorts import cohorts
from heatproof.report.facts.doubts import doubts
from heatproof.report.facts.models import models, patient_overlaps
from heatproof.report.facts.parts import measures, methods_made, metrics_used, rules_used
from heatproof.report.facts.picks import pick
from heatproof.report.facts.provenance import provenance
from heatproof.report.page.html import render
from heatproof.report.paper.files import files
from heatproof.stages.blocks import Judged
from heatproof.stages.shapes import shapes
from heatproof.stages.structures import on_structures
from heatproof.stages.written import Tables
from heatproof.tables.units import write_whole

PAPER = ".paper"  # lists the tables and figures that the last report wrote


CELLS = (
    "Coarse maps (class maps, Grad-CAM) are enlarged by the usual convention: each cell is drawn"
    " over its own square of the film. In networks whose convolutions stride, what a cell sees"
    " lies up to half a cell up and left of that square (measured on ResNet-18: 16 of 32 pixels),"
    " so such maps are scored, and seen, that much off."
)


def write_report(
    work: Workspace,
    judged: Sequence[Judged],
    scored: Sequence[str],
    trusted: Sequence[str],
    progress: Progress,
) -> Path:
    """Estimate, and write ``report.html`` with its tables beside it."""
    progress.start("report", 5)
    tables = Tables(work, judged, scored, trusted)
    if tables.aside:
        progress.warn(f"{len(tables.aside)} set aside; the report lists each with its reason.")
    predictions = with_thresholds(work, tables.predictions)
    marked = shapes(work, tables.scores)
    elsewhere = work.structures.read(on_structures(work, judged))
    page = _page(work, judged, tables, predictions, marked, elsewhere, progress)
    on_paper = files(page)
    results: dict[str, str | bytes | pl.DataFrame] = {
        "report.html": render(page),
        **on_paper,
        **_estimated(page),
        "scores.parquet": tables.scores,
        "predictions.parquet": predictions,
        "shapes.parquet": marked,
        "shapes.csv": _csv(marked),
    }
    if len(elsewhere):
        results["structures.parquet"] = elsewhere
    if trusted:
        results["trust.parquet"] = tables.trust
        results["verdicts.parquet"] = verdict_table(page.trust)
    for name, what in results.items():
        write_whole(work.folder / name, what)
    _remove_others(work.folder, on_paper)
    progress.advance(note="page")
    progress.finish()
    return work.folder / "report.html"


def _page(
    work: Workspace,
    judged: Sequence[Judged],
    tables: "Tables",
    predictions: pl.DataFrame,
    shapes: pl.DataFrame,
    elsewhere: pl.DataFrame,
    progress: Progress,
) -> Content:
    """Everything that the report says."""
    panels = tuple(localization(work, tables.scores, tables.predictions))
    classified = tuple(classification(work, judged, predictions))
    few = rare(work, tables.scores, classified)
    films = one_by_one(work, tables.scores, tables.predictions)
    comparisons = (
        *against_readers(work, films, few),
        *against_models(work, films, few),
        *against_outlines(work, films, few),
    )
    progress.advance(note="estimates")
    enough = frequent(films, few)
    reasons = tuple(diagnoses(work, enough, tables.predictions, shapes))
    progress.advance(note="diagnosis")
    pairs = trustworthy(tables.trust, few)
    grids = trust(pairs, tables.scores, work.rules, measures(work))
    progress.advance(note="verdicts")
    cases = pick(work, judged, predictions, tables.scores)
    progress.advance(note="gallery")
    return Content(
        title=work.experiment.name,
        question=work.experiment.question,
        provenance=provenance(work, judged),
        cohorts=tuple(cohorts(work, tables.aside)),
        set_aside=tables.aside,
        overlaps=tuple(patient_overlaps(judged)),
        models=tuple(models(judged)),
        methods=tuple(methods_made(work, judged, tables.made)),
        metrics=tuple(metrics_used(work, panels)),
        classification=classified,
        localization=panels,
        tuned=work.tuned,
        rare=few,
        comparisons=comparisons,
        failures=tuple(failures(work.metrics, predictions, tables.scores)),
        diagnoses=reasons,
        spreads=tuple(spreads(shapes)),
        structures=tuple(estimated(work, elsewhere)),
        rules=tuple(rules_used(work.rules)),
        trust=grids,
        gallery=cases,
        warnings=doubts(work, judged, predictions, panels),
        limits=(CELLS,),
    )


def _estimated(page: Content) -> dict[str, str | bytes | pl.DataFrame]:
    """The numbers of the page as tables, by file."""
    estimates = pl.DataFrame(
        list(rows_of_estimates(page.localization, page.classification)), infer_schema_length=None
    )
    against = pl.DataFrame(list(rows_of(page.comparisons)), COMPARISONS)
    diagnosis = pl.DataFrame(list(rows_of_diagnoses(page.diagnoses)), DIAGNOSIS)
    found: dict[str, str | bytes | pl.DataFrame] = {
        "estimates.parquet": estimates,
        "comparisons.parquet": against,
        "comparisons.csv": _csv(against),
        "diagnosis.parquet": diagnosis,
        "diagnosis.csv": _csv(diagnosis),
    }
    if page.tuned:
        found["tuned.parquet"] = pl.DataFrame([asdict(one) for one in page.tuned])
    return found


def _remove_others(folder: Path, written: Collection[str]) -> None:
    """Remove the tables and figures that an earlier report wrote, and this one did not."""
    listing = folder / PAPER
    earlier = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    for name in set(earlier) - set(written):
        (folder / name).unlink(missing_ok=True)
    write_whole(listing, "\n".join(written) + "\n")


def _csv(table: pl.DataFrame) -> str:
    """With nothing where a number is undefined, as spreadsheets expect."""
    return table.with_columns(pl.col(pl.Float64).fill_nan(None)).write_csv()
