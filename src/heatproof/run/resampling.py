"""How the experiment wants its intervals: what every bootstrap of a run is told."""

from typing import Any

import polars as pl

from heatproof.run.workspace import Workspace


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
