"""Writes the report: tables to analyses, analyses and facts to the page, and all of it to files.

Everything here is computed anew each time, from the units that the stages wrote: seconds of work,
and nothing that could be stale.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from heatproof.analysis import rows
from heatproof.analysis.analyse import Analysis, Tables, analyse
from heatproof.analysis.verdicts import Asked
from heatproof.disk import inside
from heatproof.escaping import column_for_spreadsheet
from heatproof.experiment.study import Study
from heatproof.experiment.workspace import Workspace
from heatproof.maps.tuning import TunedValue
from heatproof.progress import Progress
from heatproof.registry import docstring_summary
from heatproof.report.content import CohortCounts, Content
from heatproof.report.facts.canvas import beside_the_film
from heatproof.report.facts.cells import cells
from heatproof.report.facts.cohorts import cohorts
from heatproof.report.facts.doubts import Tuning, doubts
from heatproof.report.facts.kept import kept_maps
from heatproof.report.facts.models import Place, clusters_by_hash, models, patient_overlaps
from heatproof.report.facts.parts import methods_made, metrics_used, rules_used
from heatproof.report.facts.picks import Selection, pick
from heatproof.report.facts.provenance import provenance
from heatproof.report.facts.stored import stored_films
from heatproof.report.gallery import Gallery
from heatproof.report.page.album import beside_the_page
from heatproof.report.page.html import render
from heatproof.report.paper.files import files
from heatproof.report.prose.trust_grid import without_verdict
from heatproof.report.questions import questions_of, tables_of
from heatproof.stages.blocks import Judged
from heatproof.stages.written import Written
from heatproof.tables import Table
from heatproof.tables.headers import Headers
from heatproof.tables.units import write_whole

PAGE = "report.html"
CSV = ("shapes", "comparisons", "diagnosis")  # also written for spreadsheets
_ON_PAPER = re.compile(r"(tables|figures)/[^/\\]+\.(csv|tex|svg|pdf)|pictures/[^/\\]+\.webp")
PAPER = ".paper"  # lists the tables, figures and pictures that the last report wrote


def write_report(
    work: Workspace, judged: Sequence[Judged], written: Written, progress: Progress
) -> Path:
    """Analyse, and write ``report.html`` with its tables beside it.

    Args:
        work: The experiment, opened.
        judged: Models and data sets.
        written: What the stages wrote.
        progress: Hears of every part.
    """
    progress.start("report", 5)
    if aside := {(entry.dataset, entry.image_id) for entry in written.aside}:
        progress.warn(f"{len(aside)} set aside; the report lists each with its reason.")
    tables = tables_of(work.experiment, written)
    questions = questions_of(work, judged)
    analysis = analyse(tables, questions, lambda part: progress.advance(note=part))
    for text in without_verdict(analysis.trust):
        progress.warn(text)
    page = _page(work, judged, written, tables, questions.asked, analysis)
    progress.advance(note="gallery")
    # Everything is made before anything is written, so that a failure leaves the last report whole.
    on_paper = files(page) | beside_the_page(page)
    results = {
        PAGE: render(page),
        **on_paper,
        **_files(tables, written.headers, analysis, page.tuned, bool(work.criteria)),
    }
    for name, content in results.items():
        write_whole(work.folder / name, content.frame if isinstance(content, Table) else content)
    _remove_others(work.folder, on_paper)
    progress.advance(note="page")
    progress.finish()
    return work.folder / PAGE


def _of_pilot(films: int | None) -> tuple[str, ...]:
    """That a page of a few films is no result."""
    if films is None:
        return ()
    return (
        f"This is a pilot: at most {films} films of each data set, drawn so that films with and"
        " without each finding are there. It shows what the report will hold; its numbers are no"
        " result.",
    )


def _of_phantoms(study: Study | None) -> tuple[str, ...]:
    """That a study on phantoms is no result."""
    if study is None or not study.phantoms:
        return ()
    return (
        "The films are phantoms in the files of the data set, and the networks are small and hardly"
        " trained: this page shows that the study runs from end to end, and no number of it is a"
        " result.",
    )


def _page(
    work: Workspace,
    judged: Sequence[Judged],
    written: Written,
    tables: Tables,
    asked: Asked,
    analysis: Analysis,
) -> Content:
    """Everything that the report says."""
    experiment, panels = work.experiment, analysis.localization
    keep = experiment.explain.keep
    validation = experiment.classification.validation
    tuning = Tuning(experiment.score.tune, work.tuned)
    aside = {(entry.dataset, entry.image_id) for entry in written.aside if entry.whole}
    known = clusters_by_hash(sample for films in work.data.values() for sample in films.samples)
    return Content(
        title=experiment.name if experiment.pilot is None else f"{experiment.name} (pilot)",
        question=experiment.question,
        provenance=provenance(experiment, written.digests, judged),
        cohorts=tuple(_cohorts(work, judged, written, aside)),
        set_aside=written.aside,
        overlaps=tuple(patient_overlaps(judged, aside)),
        models=tuple(models(judged, known)),
        methods=tuple(methods_made(work.methods, judged, written.made)),
        metrics=tuple(metrics_used(work.metrics, panels)),
        tuned=work.tuned,
        asked=asked,
        rules=tuple(rules_used(work.rules)),
        gallery=_gallery(work, judged, tables),
        family=experiment.statistics.family,
        warnings=(
            *_of_pilot(experiment.pilot),
            *_of_phantoms(experiment.study),
            *doubts(judged, tables, panels, validation, tuning),
            # Maps that are gone when a report is written again would make it another one.
            *(beside_the_film(judged, work.store) if keep != "none" else ()),
        ),
        limits=(
            *cells({one.member: one.offset for one in judged if one.offset}),
            *kept_maps(experiment.explain),
        ),
        study=experiment.study,
        **vars(analysis),
    )


def _gallery(work: Workspace, judged: Sequence[Judged], tables: Tables) -> Gallery:
    settings = work.experiment.report
    rank_by = settings.rank_by or next(iter(work.metrics))
    count = settings.gallery if work.experiment.explain.keep != "none" else 0
    selection = Selection(count, rank_by, settings.seed)
    return pick(judged, tables.called, tables.scores, work.metrics, selection, work.store)


def _cohorts(
    work: Workspace, judged: Sequence[Judged], written: Written, aside: Collection[Place]
) -> Sequence[CohortCounts]:
    """The data sets of which a model judges films, and the films that were judged."""
    reported = {
        (record.data, sample.image_id)
        for record in judged
        if record.methods or record.assignment.role == "judged"
        for sample in record.samples
    }
    names = {name for name, _ in reported}
    data = {name: films for name, films in work.data.items() if name in names}
    findings = {name: films.findings for name, films in data.items()}
    descriptions = {
        name: docstring_summary(type(films.dataset).__doc__) for name, films in data.items()
    }
    judged_films = reported - set(aside)
    return tuple(
        replace(cohort, stored=tuple(stored_films(written.headers, cohort.name, judged_films)))
        for cohort in cohorts(written.films, judged_films, findings, descriptions)
    )


def _files(
    tables: Tables,
    headers: Headers,
    analysis: Analysis,
    tuned: Sequence[TunedValue],
    compared: bool,
) -> dict[str, str | Table]:
    """The tables beside the page, by file; those of trust where maps were compared."""
    always = (
        tables.films,
        headers,
        tables.scores,
        tables.called,
        tables.shapes,
        rows.estimates_table(analysis.localization, analysis.classification),
        rows.comparisons_table(analysis.comparisons),
        rows.diagnoses_table(analysis.diagnoses),
    )
    trust = (tables.pairs, rows.verdicts_table(analysis.trust)) if compared else ()
    optional = (tables.structures, tables.fidelity, rows.choices_table(tuned))
    written = (*always, *trust, *(table for table in optional if len(table)))
    parquet: dict[str, str | Table] = {f"{table.name}.parquet": table for table in written}
    return parquet | {f"{table.name}.csv": _csv(table) for table in written if table.name in CSV}


def _remove_others(folder: Path, written: Collection[str]) -> None:
    """Remove the tables and figures that an earlier report wrote, and this one did not."""
    # The listing limits what is removed to what a report wrote, and the pattern to what a report
    # may have written, whoever wrote the listing.
    listing = folder / PAPER
    for name in sorted(_lines(listing) - set(written)):
        file = inside(folder, name) if _ON_PAPER.fullmatch(name) else None
        if file is not None:
            file.unlink()
    write_whole(listing, "\n".join(written) + "\n")


def _lines(file: Path) -> set[str]:
    """The lines of a file of names; none where there is no such file, or no text in it."""
    try:
        return set(file.read_text(encoding="utf-8").splitlines())
    except (FileNotFoundError, UnicodeDecodeError):
        return set()


def _csv(table: Table) -> str:
    """The table as CSV for spreadsheets: undefined numbers are empty, and text is no formula."""
    frame = table.frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(map(column_for_spreadsheet, text)).write_csv()
