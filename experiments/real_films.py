"""Writes the tables of docs/results/real_films.md, from the finished run of real_films.toml.

heatproof run experiments/real_films.toml
python experiments/real_films.py experiments/runs/real_films
"""

import sys
from math import isnan
from pathlib import Path

import polars as pl

import heatproof
from heatproof.runs.folder import Run

METRICS = {"auprc": "AUPRC", "hit_rate": "Hit rate", "iou": "IoU"}
COARSE = ("ceiling(5x5)", "ceiling(7x7)")
RULE = "heatproof"  # whose grids are printed whole; the other is counted
CRITERIA = ("localization", "randomization", "repeatability", "reproducibility")
AUROC = "auroc of the classifier"
OVER_MAPS = ("mean", "value")  # the statistic that a metric has; "mean of maps" is another


def table(rows: list[list[str]], head: list[str]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(row: dict[str, object]) -> str:
    """A value with its interval."""
    value, low, high = (row[name] for name in ("value", "low", "high"))
    if not isinstance(value, float) or isnan(value):
        return "undefined"
    if not isinstance(low, float) or isnan(low):
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def classified(estimates: pl.DataFrame) -> str:
    """AUROC of every model on every data set; one label alone has none."""
    rows = estimates.filter(pl.col("metric") == AUROC).sort("data", "model")
    cells = [
        [row["data"], row["finding"], row["model"], str(row["cases"]), told(row)]
        for row in rows.iter_rows(named=True)
    ]
    return table(cells, ["data", "finding", "model", "films", "AUROC [95%]"])


def localized(estimates: pl.DataFrame, data: str, metric: str) -> str:
    """Every method and control on one data set, model by model.

    Ceilings of grids that are fine are left out: they are 1 but for rounding.
    """
    own = estimates.filter(
        (pl.col("data") == data)
        & (pl.col("metric") == metric)
        & (pl.col("statistic").is_in(OVER_MAPS))
        & pl.col("method").is_not_null()
    )
    models = [name for name in own["model"].unique(maintain_order=True) if name is not None]
    rows = []
    for method in own["method"].unique(maintain_order=True):
        if method.startswith("ceiling") and method not in COARSE:
            continue
        found = own.filter(pl.col("method") == method)
        control = found.filter(pl.col("model").is_null())
        if len(control):
            # Made without a model, so equal for all of them.
            rows.append(
                [f"*`{method}`*", told(control.row(0, named=True)), *[""] * len(models[1:])]
            )
            continue
        cells = [found.filter(pl.col("model") == model) for model in models]
        rows.append([f"`{method}`", *(told(c.row(0, named=True)) if len(c) else "" for c in cells)])
    return table(rows, ["method, or *control*", *models])


def judged(verdicts: pl.DataFrame, data: str, rule: str) -> str:
    """The trust grid of one data set by one rule."""
    own = verdicts.filter((pl.col("data") == data) & (pl.col("rule") == rule))
    rows = []
    for method in own["method"].unique(maintain_order=True):
        cells = [f"`{method}`"]
        for criterion in CRITERIA:
            found = own.filter(
                (pl.col("method") == method) & pl.col("criterion").str.starts_with(criterion)
            )
            if not len(found):
                cells.append("not tested")
                continue
            row = found.row(0, named=True)
            sign = ">" if row["above"] else "<"
            of = "" if isnan(row["threshold"]) else f" {sign} {row['threshold']:.2f}"
            value = "" if isnan(row["value"]) else f" {told(row)}{of}"
            cells.append(f"**{row['verdict']}**{value}")
        rows.append(cells)
    return table(rows, ["method", *CRITERIA])


def counted(verdicts: pl.DataFrame) -> str:
    """How many methods pass, by data set, rule and criterion."""
    rows = []
    for (data, rule, criterion), own in verdicts.group_by(
        ["data", "rule", "criterion"], maintain_order=True
    ):
        counts = [
            str(int((own["verdict"] == word).sum()))
            for word in ("pass", "fail", "inconclusive", "not tested")
        ]
        rows.append([str(data), f"`{rule}`", f"`{criterion}`", *counts])
    head = ["data", "rule", "criterion", "pass", "fail", "inconclusive", "not tested"]
    return table(rows, head)


def page(run: Run) -> str:
    """All tables, under headings."""
    estimates, verdicts = run["estimates"].frame, run["verdicts"].frame
    parts = ["## Classification", classified(estimates), "## Localization"]
    for data in estimates["data"].unique(maintain_order=True):
        for metric, name in METRICS.items():
            parts += [f"**{name}, {data}**", localized(estimates, data, metric)]
    parts += ["## Trust", counted(verdicts)]
    for data in verdicts["data"].unique(maintain_order=True):
        parts += [f"**{data}, rule `{RULE}`**", judged(verdicts, data, RULE)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page(heatproof.open(Path(sys.argv[1]))))
