"""The unit of work: some films of one data set, one model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from heatproof.experiment.films import blocks
from heatproof.experiment.judging import Judging, shared_findings
from heatproof.models.card import ModelCard
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample, Validity

BLOCK = 32  # films in a unit: what a killed run may lose


@dataclass(frozen=True)
class Block:
    """One unit: some films of one data set, one model.

    Attributes:
        judging: Who judges what.
        id: Of the model.
        samples: The films.
        findings: What is explained.
    """

    judging: Judging
    id: ModelId
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]

    @property
    def what(self) -> dict[str, str]:
        """The first columns of every row."""
        judging = self.judging
        return {"data": judging.films.name, "model": judging.group, "member": judging.model}

    @property
    def _named(self) -> dict[str, str]:
        """The same under the names of version 0.1, which the names of its units are made of."""
        judging = self.judging
        return {"data": judging.films.name, "group": judging.group, "model": judging.model}

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Of the films."""
        return [(sample.image_id, sample.pixels.version()) for sample in self.samples]

    @property
    def predicted(self) -> str:
        """Name of the unit of predictions."""
        labels = [sorted(sample.labels.items()) for sample in self.samples]
        clusters = [sample.cluster for sample in self.samples]
        return digest(
            "predict", self._named, str(self._id), self.versions, labels, clusters, self.findings
        )

    def made(self, method: str) -> str:
        """Name of the unit of one method's maps."""
        return digest("explain", self._named, str(self._id), self.versions, method, self.findings)

    @property
    def _id(self) -> list[Any]:
        return [getattr(self.id, name) for name in self.id.__dataclass_fields__]


@dataclass(frozen=True)
class Judged:
    """What came of one model and one data set: everything the later stages ask for.

    Attributes:
        judging: Who judged what.
        id: Of the model.
        card: None where maps were imported without a model.
        blocks: The units.
        methods: What made the maps: specs of saliency methods, or that of a localizer.
        trained: Folder of a model that was trained in this experiment.
    """

    judging: Judging
    id: ModelId
    card: ModelCard | None
    blocks: tuple[Block, ...]
    methods: tuple[str, ...]
    trained: Path | None = None


def blocks_of(judging: Judging, card: ModelCard) -> tuple[Block, ...]:
    """The units of one judging."""
    findings = shared_findings(judging.model, card.findings, judging.films)
    return tuple(
        Block(judging, card.id, samples, findings) for samples in blocks(judging.samples, BLOCK)
    )


def map_rows(
    block: Block,
    spec: str,
    samples: Sequence[Sample],
    findings: Sequence[str],
    values: Float[np.ndarray, "n k y x"],
    validity: Sequence[Sequence[Validity]],
) -> Iterator[dict[str, Any]]:
    """One row per map."""
    for sample, row in zip(samples, validity, strict=True):
        for finding, valid in zip(findings, row, strict=True):
            yield {
                **block.what,
                "image_id": sample.image_id,
                "finding": finding,
                "method": spec,
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
    for sample, row in zip(samples, probabilities, strict=True):
        for finding, probability in zip(findings, row, strict=True):
            yield {
                **block.what,
                "image_id": sample.image_id,
                "cluster": sample.cluster,
                "finding": finding,
                "label": sample.labels.get(finding),
                "probability": probability,
            }
