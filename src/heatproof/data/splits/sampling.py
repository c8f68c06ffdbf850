"""What of a data set a model is trained on: fewer patients, another prevalence, permuted labels.

Criteria of trust compare models that differ in this alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int

from heatproof.data.splits import Subset, split
from heatproof.errors import DataError
from heatproof.types import Dataset, Sample


@dataclass(frozen=True)
class Permuted:
    """A data set whose labels are permuted among its films; its films have no annotations.

    Attributes:
        dataset: The films.
        seed: Seed of the permutation.
    """

    dataset: Dataset
    seed: int

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of the data set."""
        return self.dataset.findings

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        labels = self.dataset[int(self._order[index])].labels
        # Annotations go, since they would contradict the label of another film.
        return replace(self.dataset[index], labels=labels, annotations=())

    @cached_property
    def _order(self) -> Int[np.ndarray, " n"]:
        return np.random.default_rng(self.seed).permutation(len(self.dataset))


def fewer(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """A share of the patients, among whom findings are as frequent as among all."""
    # ``split`` refuses an empty part, which the rest of all patients is.
    if fraction == 1:
        return dataset
    parts = {"kept": fraction, "left": 1 - fraction}
    return Subset(dataset, split(_samples(dataset), parts, seed)["kept"])


def some(samples: Sequence[Sample], queues: Sequence[Sequence[Sample]], most: int) -> list[Sample]:
    """A few films: of each queue in turn, then any, until there are as many as wanted.

    Args:
        samples: All films.
        queues: Films of each kind that should be there, in the order in which they are taken.
        most: How many are taken.
    """
    chosen: dict[str, Sample] = {}
    filled = [*filter(None, queues)]
    for place in range(max((len(queue) for queue in filled), default=0)):
        for queue in filled:
            if place < len(queue) and len(chosen) < most:
                chosen.setdefault(queue[place].image_id, queue[place])
    for sample in samples:
        if len(chosen) < most:
            chosen.setdefault(sample.image_id, sample)
    return list(chosen.values())


def at_prevalence(dataset: Dataset, prevalence: float, seed: int) -> Dataset:
    """As many films as possible, of which a given share has any finding.

    Raises:
        DataError: All films, or none, show a finding.
    """
    positive = np.array([any(sample.labels.values()) for sample in _samples(dataset)])
    have = {True: int(positive.sum()), False: int((~positive).sum())}
    if not all(have.values()):
        raise DataError(
            f"{have[True]} of {len(positive)} films show a finding, so the prevalence cannot be"
            f" made {prevalence:g} by leaving films out"
        )
    films = min(have[True] / prevalence, have[False] / (1 - prevalence))
    want = {True: round(films * prevalence), False: round(films * (1 - prevalence))}
    random = np.random.default_rng(seed)
    kept = [
        int(index)
        for label in (True, False)
        # Rounding must not leave out the last film with or without a finding.
        for index in random.permutation(np.flatnonzero(positive == label))[: max(1, want[label])]
    ]
    return Subset(dataset, tuple(sorted(kept)))


def _samples(dataset: Dataset) -> Sequence[Sample]:
    return [dataset[index] for index in range(len(dataset))]
