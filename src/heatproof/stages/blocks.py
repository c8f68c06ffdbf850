"""``Block``: films that a model explains together; ``Judged``: those of a model and data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import FILM, Geometry
from heatproof.experiment.assignment import Assignment, shared_findings
from heatproof.experiment.films import OpenedData
from heatproof.maps.rounding import SIGNIFICANT
from heatproof.models.card import ModelCard
from heatproof.models.receptive_field import Offset
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample, Validity

_Item = TypeVar("_Item")
BLOCK = 32  # films in a block: a killed run loses the work on one


@dataclass(frozen=True)
class Block:
    """Some films of an assignment, which are explained together, and the names of their units.

    Attributes:
        assignment: The model and the data set.
        id: Identity of the model, or of the model behind imported maps.
        samples: The films of the block.
        findings: The findings that are explained.
        precision: Significant bits of the values of maps.
    """

    assignment: Assignment
    id: ModelId
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]
    precision: int = SIGNIFICANT

    @property
    def films(self) -> OpenedData:
        """The data set."""
        return self.assignment.films

    @property
    def columns(self) -> dict[str, str]:
        """The first columns of every row."""
        assignment = self.assignment
        return {"data": assignment.data, "model": assignment.model, "member": assignment.member}

    @property
    def versions(self) -> list[tuple[str, str]]:
        """``image_id`` and version of every film."""
        # The version is the size and time of a file: a digest of its pixels would read every film.
        return [(sample.image_id, self.films.version(sample)) for sample in self.samples]

    @property
    def predicted(self) -> str:
        """Name of the unit of predictions."""
        # Rows of predictions hold label and cluster, so their unit depends on them; maps do not.
        labels = [sorted(sample.labels.items()) for sample in self.samples]
        clusters = [sample.cluster for sample in self.samples]
        return digest("predict", *self._made_of, labels, clusters, self.findings)

    def made(self, method: str) -> str:
        """Name of the unit of one method's maps."""
        # No other method has a part in the name, so that adding one leaves finished maps as they
        # are.
        # Only where values are rounded: other units keep the names that they had before.
        rounded = [self.precision] if self.precision < SIGNIFICANT else []
        return digest("explain", *self._made_of, method, self.findings, *rounded)

    @property
    def _made_of(self) -> tuple[object, ...]:
        assignment = self.assignment
        # The names that columns had in version 0.1: with others, all units would be made again.
        columns = {"data": assignment.data, "group": assignment.model, "model": assignment.member}
        return columns, str(list(self.id.at_rest().values())), self.versions


@dataclass(frozen=True)
class Judged:
    """One assignment, explained: everything that later stages need.

    Attributes:
        assignment: Model, data set and films.
        id: Identity of the model.
        card: Card of the model; None where maps were imported without a model.
        blocks: The films, block by block.
        methods: Specs of the saliency methods that made the maps, or of the localizer; empty where
            no maps count.
        trained: Folder of a model that was trained in this experiment; None for others.
        undrawn: Why its weights cannot be drawn anew, as a clause; empty where they can, or where
            nothing asks it.
        offset: How far from its square a cell of its features looks; None where it was not
            measured.
        canvas: What imported maps cover: the film, or the canvas of the network behind them.
    """

    assignment: Assignment
    id: ModelId
    card: ModelCard | None
    blocks: tuple[Block, ...]
    methods: tuple[str, ...]
    trained: Path | None = None
    undrawn: str = ""
    offset: Offset | None = None
    canvas: Geometry = FILM

    @property
    def member(self) -> str:
        """Name of the trained network, or of imported maps."""
        return self.assignment.member

    @property
    def model(self) -> str:
        """Name of the model, which cross-fitted members share."""
        return self.assignment.model

    @property
    def films(self) -> OpenedData:
        """The data set."""
        return self.assignment.films

    @property
    def data(self) -> str:
        """Name of the data set."""
        return self.assignment.data

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The films that the model saw."""
        return self.assignment.samples


def blocks(items: Sequence[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    """The items, so many at a time, in order; the last block may be smaller."""
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def blocks_of(
    assignment: Assignment, card: ModelCard, precision: int = SIGNIFICANT
) -> tuple[Block, ...]:
    """The films of one assignment, block by block."""
    findings = shared_findings(assignment.member, card.findings, assignment.films)
    return tuple(
        Block(assignment, card.id, samples, findings, precision)
        for samples in blocks(assignment.samples, BLOCK)
    )


def map_rows(
    block: Block,
    method: str,
    samples: Sequence[Sample],
    findings: Sequence[str],
    values: Float[np.ndarray, "n k y x"],
    validity: Sequence[Sequence[Validity]],
) -> Iterator[dict[str, Any]]:
    """One row per map."""
    for sample, of_findings in zip(samples, validity, strict=True):
        for finding, valid in zip(findings, of_findings, strict=True):
            yield {
                **block.columns,
                "image_id": sample.image_id,
                "finding": finding,
                "method": method,
                "validity": valid.value,
                "height": values.shape[2],
                "width": values.shape[3],
            }


def prediction_rows(
    block: Block,
    samples: Sequence[Sample],
    findings: Sequence[str],
    probabilities: Sequence[Sequence[float]],
) -> Iterator[dict[str, Any]]:
    """One row per film and finding."""
    for sample, of_findings in zip(samples, probabilities, strict=True):
        for finding, probability in zip(findings, of_findings, strict=True):
            yield {
                **block.columns,
                "image_id": sample.image_id,
                "cluster": sample.cluster,
                "finding": finding,
                # An uncertain label is null, and so is an absent one.
                "label": sample.labels.get(finding),
                "probability": probability,
            }
