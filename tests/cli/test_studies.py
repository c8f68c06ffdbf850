"""What ``heatproof reproduce`` prints of the table that a repeated study writes."""

import io
from dataclasses import replace

import polars as pl
from rich.console import Console

from heatproof.cli.studies import _beside
from heatproof.experiment.study import Study
from heatproof.report.paper.beside_published import beside_published
from heatproof.report.paper.table import as_csv
from tests.report import trial


def test_the_table_of_a_study_is_read_by_the_names_of_its_columns():
    study = Study(of=["Arun 2021"], data={trial.RSNA: "RSNA"}, counts={}, choices=[])
    table = beside_published(replace(trial.usual(), study=study))
    read = pl.read_csv(io.StringIO(as_csv(table)), infer_schema_length=None)
    assert len(read) == len(table.records)
    measured = read.filter(pl.col("here").is_not_null())
    out = Console(width=200, file=io.StringIO())
    out.print(_beside(measured))
    shown = out.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    grad_cam = measured.row(by_predicate=pl.col("method") == "grad_cam", named=True)
    assert grad_cam["published"] == 0.403
    [line] = [line for line in shown.splitlines() if "grad_cam" in line]
    for word in ("auprc", "0.403", f"{grad_cam['here']:.3g} [{grad_cam['here_low']:.3g}, "):
        assert word in line
    assert grad_cam["inside"] in line
