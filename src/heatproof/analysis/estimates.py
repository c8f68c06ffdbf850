"""Every estimate of a report as rows of one table."""

from collections.abc import Iterator, Sequence
from typing import Any

from heatproof.analysis.classification import Classification
from heatproof.analysis.localization import Control, Localization, Row
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.types import Estimate


def rows_of_estimates(
    panels: Sequence[Localization], classified: Sequence[Classification]
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
                yield row_of | numbers(f"difference to the {MeanMask.title}", row.difference)
        for control in (*((panel.prior,) if panel.prior else ()), *panel.controls):
            control_of = what | {"model": panel.model or None, "method": control.spec}
            yield from _measured(control_of, control)
    for one in classified:
        of: dict[str, Any] = {"data": one.dataset, "finding": one.finding, "model": one.model}
        yield of | {"metric": "auroc of the classifier"} | numbers("value", one.auroc)
        yield of | {"metric": "brier"} | numbers("mean", one.brier)
        for name in ("sensitivity", "specificity", "ppv", "npv") if one.point else ():
            yield of | {"metric": name} | numbers("value", getattr(one.point, name))


def _measured(what: dict[str, Any], measured: Row | Control) -> Iterator[dict[str, Any]]:
    undefined = {"undefined": measured.undefined}
    if measured.per_map is None:
        yield what | numbers("mean", measured.estimate) | undefined
    else:
        yield what | numbers("value", measured.estimate) | undefined
        yield what | numbers("mean of maps", measured.per_map) | undefined


def numbers(statistic: str, estimate: Estimate) -> dict[str, Any]:
    """The columns of one estimate."""
    names = ("value", "low", "high", "level", "cases")
    return {"statistic": statistic} | {name: getattr(estimate, name) for name in names}
