"""How the experiment wants its intervals: what every bootstrap of a run is told."""

from dataclasses import replace
from typing import Any

import polars as pl

from heatproof.experiment.workspace import Workspace
from heatproof.types import Estimate


def resampling(work: Workspace, rows: pl.DataFrame) -> dict[str, Any]:
    """Arguments of a bootstrap over these rows, which have an ``image_id`` and a ``cluster``."""
    chosen = work.experiment.statistics
    by = "cluster" if chosen.by == "patient" else "image_id"
    return {
        "clusters": [str(name) for name in rows[by]],
        "resamples": chosen.resamples,
        "level": chosen.level,
        "seed": chosen.seed,
    }


def described(estimate: Estimate) -> Estimate:
    """The same value, with nothing said about other films."""
    nan = float("nan")
    return replace(estimate, low=nan, high=nan, method="too few positives for an interval")


def _described(record: object) -> dict[str, Any]:
    """Every estimate that a record holds, described."""
    fields = vars(record).items()
    return {name: described(value) for name, value in fields if isinstance(value, Estimate)}
