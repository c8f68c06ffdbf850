"""The report: tables to analyses, analyses and facts to the page, and everything to files.

Everything here is computed anew each time, from the units that the stages wrote: seconds of work,
and nothing that could be stale.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from heatproof.analysis import rows
from heatproof.analysis.analyse import Analysis, Questions, Tables, analyse
from heatproof.analysis.classification import Calls, with_thresholds
from heatproof.analysis.intervals import Intervals
from heatproof.experiment.file import Experiment
from heatproof.experiment.workspace import Workspace
from heatproof.maps.tuning import TunedValue
from heatproof.progress import Progress
from heatproof.registry import docstring_summary
from heatproof.report.content import CohortCounts, Content
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
from heatproof.stages.written import Written, read_back
from heatproof.tables import Table
from heatproof.tables.units import write_whole

CSV = ("shapes", "comparisons", "diagnosis")  # also written for spreadsheets
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
    compared: Sequence[str],
    progress: Progress,
) -> Path:
    """Analyse, and write ``report.html`` with its tables beside it.

    Args:
        work: The experiment, opened.
        judged: Models and data sets.
        scored: Names of the units of scores.
        compared: Names of the units of pairs.
        progress: Hears of every part.
    """
    progress.start("report", 5)
    written = read_back(work, judged, scored, compared)
    if written.aside:
        progress.warn(f"{len(written.aside)} set aside; the report lists each with its reason.")
    tables = tables_of(work, judged, written)
    questions = questions_of(work, judged)
    analysis = analyse(tables, questions, lambda part: progress.advance(note=part))
    page = _page(work, judged, written, tables, analysis)
    progress.advance(note="gallery")
    on_paper = files(page)
    results = {
        "report.html": render(page),
        **on_paper,
        **_files(tables, analysis, page.tuned, bool(compared)),
    }
    for name, content in results.items():
        write_whole(work.folder / name, content.frame if isinstance(content, Table) else content)
    _remove_others(work.folder, on_paper)
    progress.advance(note="page")
    progress.finish()
    return work.folder / "report.html"


def tables_of(work: Workspace, judged: Sequence[Judged], written: Written) -> Tables:
    """What is analysed: what the stages wrote, and what follows from it film by film."""
    return Tables(
        films=written.films,
        predictions=written.predictions,
        called=with_thresholds(written.predictions, written.films, _calls(work.experiment)),
        scores=written.scores,
        shapes=shapes(work, written.scores),
        structures=work.structures.read(on_structures(work, judged)),
        pairs=written.pairs,
    )


def questions_of(work: Workspace, judged: Sequence[Judged]) -> Questions:
    """What the experiment asks of its tables."""
    experiment = work.experiment
    folds = (name for model in experiment.models for name in (*model.judges, *model.trained_on))
    return Questions(
        metrics=work.measures,
        judged={(r.data, r.model) for r in judged if r.methods},
        intervals=intervals_of(experiment),
        calls=_calls(experiment),
        compare=compared_models(experiment),
        rules=work.rules,
        measures=measures(work),
        folds=frozenset(folds),
    )


def intervals_of(experiment: Experiment) -> Intervals:
    """How the experiment wants its intervals."""
    chosen = experiment.statistics
    return Intervals(
        by=chosen.by,
        resamples=chosen.resamples,
        level=chosen.level,
        seed=chosen.seed,
        min_positives=chosen.min_positives,
        margin=chosen.margin,
    )


def compared_models(experiment: Experiment) -> list[tuple[str, str]]:
    """Models that are compared: those declared, and ensembles beside their best checkpoints."""
    ensembles = [(model, model.ensemble) for model in experiment.models if model.ensemble]
    found = [
        (one.group or one.name, other.group or other.name)
        for one, many in ensembles
        for other, single in ensembles
        if many.best > single.best == 1 and many.of == single.of
    ]
    declared = [(one, other) for one, other in experiment.statistics.compare]
    return list(dict.fromkeys([*declared, *found]))


def _calls(experiment: Experiment) -> Calls:
    chosen = experiment.classification
    seed = experiment.statistics.seed
    return Calls(chosen.validation, chosen.sensitivity, chosen.by, seed)


def _page(
    work: Workspace,
    judged: Sequence[Judged],
    written: Written,
    tables: Tables,
    analysis: Analysis,
) -> Content:
    """Everything that the report says."""
    experiment, panels = work.experiment, analysis.localization
    return Content(
        title=experiment.name,
        question=experiment.question,
        provenance=provenance(work, judged),
        cohorts=tuple(_cohorts(work, judged, written)),
        set_aside=written.aside,
        overlaps=tuple(patient_overlaps(judged)),
        models=tuple(models(judged)),
        methods=tuple(methods_made(work, judged, written.made)),
        metrics=tuple(metrics_used(work, panels)),
        tuned=work.tuned,
        rules=tuple(rules_used(work.rules)),
        gallery=pick(work, judged, tables.called, tables.scores),
        warnings=doubts(work, judged, tables.films, tables.predictions, panels),
        limits=(CELLS,),
        **vars(analysis),
    )


def _cohorts(work: Workspace, judged: Sequence[Judged], written: Written) -> Sequence[CohortCounts]:
    """The data sets of which a model judges films, and the films that were judged."""
    gone = {(entry.dataset, entry.image_id) for entry in written.aside if entry.whole}
    shown = {
        (record.data, sample.image_id)
        for record in judged
        if record.methods or record.assignment.role == "judged"
        for sample in record.samples
    }
    names = {name for name, _ in shown}
    data = {name: films for name, films in work.data.items() if name in names}
    findings = {name: films.findings for name, films in data.items()}
    descriptions = {
        name: docstring_summary(type(films.dataset).__doc__) for name, films in data.items()
    }
    return tuple(cohorts(written.films, shown - gone, findings, descriptions))


def _files(
    tables: Tables, analysis: Analysis, tuned: Sequence[TunedValue], compared: bool
) -> dict[str, str | Table]:
    """The tables beside the page, by file; those of trust where maps were compared."""
    always = (
        tables.films,
        tables.scores,
        tables.called,
        tables.shapes,
        rows.estimates(analysis.localization, analysis.classification),
        rows.comparisons(analysis.comparisons),
        rows.diagnoses(analysis.diagnoses),
    )
    trust = (tables.pairs, rows.verdicts(analysis.trust)) if compared else ()
    asked = (tables.structures, rows.choices(tuned))
    written = (*always, *trust, *(table for table in asked if len(table)))
    found: dict[str, str | Table] = {f"{table.name}.parquet": table for table in written}
    return found | {f"{table.name}.csv": _csv(table) for table in written if table.name in CSV}


def _remove_others(folder: Path, written: Collection[str]) -> None:
    """Remove the tables and figures that an earlier report wrote, and this one did not."""
    listing = folder / PAPER
    earlier = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    for name in set(earlier) - set(written):
        (folder / name).unlink(missing_ok=True)
    write_whole(listing, "\n".join(written) + "\n")


def _csv(table: Table) -> str:
    """With nothing where a number is undefined, as spreadsheets expect."""
    return table.frame.with_columns(pl.col(pl.Float64).fill_nan(None)).write_csv()
