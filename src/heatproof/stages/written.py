"""What the stages wrote, read back, and what could not be used."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heatproof.experiment.workspace import Workspace
from heatproof.stages.blocks import Judged


@dataclass(frozen=True)
class SetAside:
    """What could not be used, and why.

    Attributes:
        image_id: Of the image, or the name of a file of maps.
        whole: The image is in no number of the report; False where it is a single map or annotation
            that could not be used.
    """

    dataset: str
    image_id: str
    reason: str
    whole: bool = True


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
        self.aside = set_aside(work, predicted, measured)


def set_aside(
    work: Workspace, predicted: pl.DataFrame, measured: pl.DataFrame
) -> tuple[SetAside, ...]:
    """Every film, map or annotation that could not be used, with its reason."""
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
        SetAside(name, image_id, reason, (name, image_id) in gone)
        for name, image_id, reason in rows
    )
