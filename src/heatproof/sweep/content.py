"""What the page of a sweep says: the trials as plots and tables, and what was selected."""

import math
from collections.abc import Iterator, Sequence

import polars as pl

from heatproof.experiment.settings import Sweep
from heatproof.localize.controls import PRIOR
from heatproof.preparation.folders import AUROC
from heatproof.sweep import page
from heatproof.sweep.search import Trial, Tried, trials_of
from heatproof.sweep.trials import TrialLocalization


def sweep_content(
    title: str, sweep: Sweep, tried: Sequence[Tried], measured: TrialLocalization | None
) -> page.SweepContent:
    """Everything that the page of a sweep says.

    Args:
        title: Name of the experiment.
        sweep: The settings: how many trials there are, and how they are drawn.
        tried: Every family with its trials.
        measured: What the maps of the trials reach; None where it was not measured.
    """
    plans = [record.family.model.training for record in tried]
    # All plots share a vertical axis, so that families can be compared by eye.
    low, high = page.span(_defined([t.auroc for record in tried for t in record.trials]))
    plots = tuple(
        (
            record.family.name,
            tuple(
                page.TrialPlot(
                    record.family.name, _axis(record, name), _dots(record, name), AUROC, low, high
                )
                for name in record.family.space
            ),
        )
        for record in tried
    )
    return page.SweepContent(
        title=title,
        trials=trials_of(sweep, tried[0].family),
        validation=tuple(dict.fromkeys(plan.validation for plan in plans if plan)),
        chosen=tuple(_chosen(record) for record in tried),
        plots=plots,
        tables=tuple(_rows(record) for record in tried),
        localized=None if measured is None else tuple(_panels(tried, measured.frame)),
    )


def _chosen(record: Tried) -> page.SelectedTrial:
    states = [trial.state for trial in record.trials]
    model = record.family.with_values(record.best.values)
    return page.SelectedTrial(
        family=record.family.name,
        architecture=model.backbone or "",
        head=model.head,
        values=tuple(record.best.values.items()),
        number=record.best.number,
        auroc=record.best.auroc,
        complete=states.count("complete"),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
    )


def _axis(record: Tried, name: str) -> page.Axis:
    searched = record.family.space[name]
    if searched.choices:
        return page.Axis(name, choices=tuple(searched.choices))
    return page.Axis(name, float(searched.low or 0), float(searched.high or 0), searched.log)


def _dots(record: Tried, name: str) -> tuple[page.Dot, ...]:
    return tuple(
        page.Dot(trial.values[name], trial.auroc, _kind(record, trial), _words(trial))
        for trial in record.trials
        if not math.isnan(trial.auroc)
    )


def _kind(record: Tried, trial: Trial) -> page.TrialKind:
    if trial is record.best:
        return "best"
    return "pruned" if trial.state == "pruned" else "complete"


def _words(trial: Trial) -> str:
    values = ", ".join(f"{name} {page.value_text(value)}" for name, value in trial.values.items())
    return f"trial {trial.number} ({trial.state}): {values}; validation AUROC {trial.auroc:.3f}"


def _rows(record: Tried) -> page.TrialListing:
    names = tuple(record.family.space)
    return page.TrialListing(
        family=record.family.name,
        header=("Trial", *names, "Validation AUROC", "State", "Epochs"),
        rows=tuple(
            (
                str(trial.number),
                *(page.value_text(trial.values[name]) for name in names),
                "none" if math.isnan(trial.auroc) else f"{trial.auroc:.3f}",
                trial.state + (", selected" if trial is record.best else ""),
                str(trial.epochs),
            )
            for trial in record.trials
        ),
    )


def _panels(tried: Sequence[Tried], measured: pl.DataFrame) -> Iterator[page.MetricPlots]:
    """Localization against every parameter and, of every family, against what selected."""
    keys = ["metric", "method", "data", "finding"]
    of_methods = measured.filter(pl.col("method") != PRIOR)
    for key, rows in of_methods.group_by(keys, maintain_order=True):
        metric, method, data, finding = map(str, key)
        prior = measured.filter(
            (pl.col("method") == PRIOR) & (pl.col("family").is_null())
            & (pl.col("metric") == metric) & (pl.col("data") == data)
            & (pl.col("finding") == finding)
        )  # fmt: skip
        # The axis holds the prior, too, which may lie beyond all trials.
        low, high = page.span(_defined([*rows["value"], *prior["value"]]))
        reference = next(iter(_defined(prior["value"].to_list())), None)
        plots = []
        for record in tried:
            of_family = rows.filter(pl.col("family") == record.family.name)
            values = dict(of_family.select("trial", "value").iter_rows())
            axes = [_axis(record, name) for name in record.family.space]
            aurocs = page.span(_defined([trial.auroc for trial in record.complete]))
            axes.append(page.Axis(AUROC, *aurocs))
            plots += [
                page.TrialPlot(
                    record.family.name, axis, _measured_dots(record, axis, values), metric,
                    low, high, reference,
                )
                for axis in axes
            ]  # fmt: skip
        yield page.MetricPlots(f"{metric} of {method} for {finding} on {data}", tuple(plots))


def _measured_dots(
    record: Tried, axis: page.Axis, values: dict[int, float]
) -> tuple[page.Dot, ...]:
    dots = []
    for trial in record.complete:
        value = values.get(trial.number, math.nan)
        if not math.isnan(value):
            x = trial.auroc if axis.name == AUROC else trial.values[axis.name]
            dots.append(page.Dot(x, value, _kind(record, trial), f"{value:.3f}, {_words(trial)}"))
    return tuple(dots)


def _defined(values: Sequence[float | None]) -> list[float]:
    """The values that are neither null nor nan."""
    return [value for value in values if value is not None and not math.isnan(value)]
