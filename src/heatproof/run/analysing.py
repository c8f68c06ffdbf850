"""Stage: scores and predictions to estimates, and estimates to the report.

Everything here is computed anew each time, from the units that the other stages wrote: seconds of
work, and nothing that could be stale.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.report import content, measured, paper
from heatproof.report.content import Content
from heatproof.report.html import render
from heatproof.report.measured import Localization
from heatproof.run import describing, diagnosing, structures, verdicts
from heatproof.run.against import (
    COMPARISONS,
    against_models,
    against_outlines,
    against_readers,
    rows_of,
)
from heatproof.run.classifying import classification, with_thresholds
from heatproof.run.doubts import doubts
from heatproof.run.explaining import Judged
from heatproof.run.failures import failures
from heatproof.run.filmwise import one_by_one
from heatproof.run.gallery import pick
from heatproof.run.localizing import PRIOR_NAME, localization
from heatproof.run.progress import Progress
from heatproof.run.rare import frequent, rare, trustworthy
from heatproof.run.units import write_whole
from heatproof.run.workspace import Workspace
from heatproof.types import Estimate

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
    shapes = diagnosing.shapes(work, tables.scores)
    elsewhere = work.structures.read(structures.on_structures(work, judged))
    page = _page(work, judged, tables, predictions, shapes, elsewhere, progress)
    on_paper = paper.files(page)
    results: dict[str, str | bytes | pl.DataFrame] = {
        "report.html": render(page),
        **on_paper,
        **_estimated(page),
        "scores.parquet": tables.scores,
        "predictions.parquet": predictions,
        "shapes.parquet": shapes,
        "shapes.csv": _csv(shapes),
    }
    if len(elsewhere):
        results["structures.parquet"] = elsewhere
    if trusted:
        results["trust.parquet"] = tables.trust
        results["verdicts.parquet"] = verdicts.verdict_table(page.trust)
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
    reasons = tuple(diagnosing.diagnoses(work, enough, tables.predictions, shapes))
    progress.advance(note="diagnosis")
    pairs = trustworthy(tables.trust, few)
    grids = verdicts.trust(pairs, tables.scores, work.rules, describing.measures(work))
    progress.advance(note="verdicts")
    cases = pick(work, judged, predictions, tables.scores)
    progress.advance(note="gallery")
    return Content(
        title=work.experiment.name,
        question=work.experiment.question,
        provenance=describing.provenance(work, judged),
        cohorts=tuple(describing.cohorts(work, tables.aside)),
        set_aside=tables.aside,
        overlaps=tuple(describing.overlaps(judged)),
        models=tuple(describing.models(judged)),
        methods=tuple(describing.methods_made(work, judged, tables.made)),
        metrics=tuple(describing.metrics_used(work, panels)),
        classification=classified,
        localization=panels,
        tuned=work.tuned,
        rare=few,
        comparisons=comparisons,
        failures=tuple(failures(work.metrics, predictions, tables.scores)),
        diagnoses=reasons,
        spreads=tuple(diagnosing.spreads(shapes)),
        structures=tuple(structures.estimated(work, elsewhere)),
        rules=tuple(describing.rules_used(work.rules)),
        trust=grids,
        gallery=cases,
        warnings=doubts(work, judged, predictions, panels),
        limits=(CELLS,),
    )


def _estimated(page: Content) -> dict[str, str | bytes | pl.DataFrame]:
    """The numbers of the page as tables, by file."""
    estimates = pl.DataFrame(
        list(_rows(page.localization, page.classification)), infer_schema_length=None
    )
    against = pl.DataFrame(list(rows_of(page.comparisons)), COMPARISONS)
    diagnosis = pl.DataFrame(list(diagnosing.rows_of(page.diagnoses)), diagnosing.DIAGNOSIS)
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


class Tables:
    """What the stages wrote, of this experiment as it stands now.

    Attributes:
        predictions: One row per film and finding.
        made: One row per map.
        scores: One row per map, reader and metric; of a metric of data sets, what it saw of the
            map.
        trust: One row per pair of maps and similarity.
        aside: What was set aside: films, and single maps or annotations.
    """

    def __init__(
        self,
        work: Workspace,
        judged: Sequence[Judged],
        scored: Sequence[str],
        trusted: Sequence[str],
    ) -> None:
        blocks = [(one, block) for one in judged for block in one.blocks]
        predicted = work.predictions.read(block.predicted for _, block in blocks)
        measured = work.scores.read(scored)
        self.made = work.made.read(
            block.made(method) for one, block in blocks for method in one.methods
        )
        self.predictions = predicted.filter(pl.col("reason").is_null())
        self.scores = measured.filter(pl.col("reason").is_null())
        self.trust = work.trust.read(trusted)
        self.aside = _aside(work, predicted, measured)


def _aside(
    work: Workspace, predicted: pl.DataFrame, measured: pl.DataFrame
) -> tuple[content.SetAside, ...]:
    columns = ["data", "image_id", "reason"]
    missing = [
        (films.name, image_id, reason)
        for films in work.data.values()
        for image_id, reason in films.missing.items()
    ]
    found = pl.concat([predicted.select(columns), measured.select(columns)]).drop_nulls("reason")
    rows = dict.fromkeys((*missing, *found.unique(maintain_order=True).iter_rows()))
    told = predicted.filter(pl.col("reason").is_null()).select("data", "image_id")
    judged = set(told.iter_rows())
    films = {(name, image_id) for name, image_id, _ in missing}
    films |= {(f.name, sample.image_id) for f in work.data.values() for sample in f.samples}
    gone = films - judged
    return tuple(
        content.SetAside(name, image_id, reason, (name, image_id) in gone)
        for name, image_id, reason in rows
    )


def _rows(
    panels: Sequence[Localization], classified: Sequence[measured.Classification]
) -> Iterator[dict[str, Any]]:
    """Every estimate of the report, one row each."""
    for panel in panels:
        what: dict[str, Any] = {
            "data": panel.dataset,
            "finding": panel.finding,
            "metric": panel.metric,
        }
        for row in panel.rows:
            row_of = what | {"model": row.model, "method": row.method}
            yield from _measured(row_of, row)
            if row.difference:
                yield row_of | _numbers(f"difference to the {PRIOR_NAME}", row.difference)
        for control in (*((panel.prior,) if panel.prior else ()), *panel.controls):
            control_of = what | {"model": panel.model or None, "method": control.spec}
            yield from _measured(control_of, control)
    for one in classified:
        of: dict[str, Any] = {"data": one.dataset, "finding": one.finding, "model": one.model}
        yield of | {"metric": "auroc of the classifier"} | _numbers("value", one.auroc)
        yield of | {"metric": "brier"} | _numbers("mean", one.brier)
        for name in ("sensitivity", "specificity", "ppv", "npv") if one.point else ():
            yield of | {"metric": name} | _numbers("value", getattr(one.point, name))


def _measured(
    what: dict[str, Any], measured: measured.Row | measured.Control
) -> Iterator[dict[str, Any]]:
    undefined = {"undefined": measured.undefined}
    if measured.per_map is None:
        yield what | _numbers("mean", measured.estimate) | undefined
    else:
        yield what | _numbers("value", measured.estimate) | undefined
        yield what | _numbers("mean of maps", measured.per_map) | undefined


def _numbers(statistic: str, estimate: Estimate) -> dict[str, Any]:
    names = ("value", "low", "high", "level", "cases")
    return {"statistic": statistic} | {name: getattr(estimate, name) for name in names}
