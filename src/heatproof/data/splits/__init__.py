"""Splits: a patient is in one split only, and findings are spread evenly.

Patients are grouped by which findings any of their films shows, shuffled within the group by the
seed, and dealt one by one to the split that is furthest behind: first within the group, then over
all.  So each split's share of images and of every group is off by about one patient at most.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heatproof.errors import DataError
from heatproof.types import Dataset, Sample


def split(
    samples: Sequence[Sample], fractions: Mapping[str, float], seed: int
) -> dict[str, tuple[int, ...]]:
    """Indices of the samples in each named split, in order.

    Raises:
        DataError: Fractions that are not positive or do not add up to 1, or too few patients.
    """
    total = sum(fractions.values())
    # Fractions such as .7, .2 and .1 add up to 1 only up to rounding.
    if not fractions or min(fractions.values()) <= 0 or abs(total - 1) > 1e-6:  # noqa: PLR2004
        raise DataError(
            f"fractions {dict(fractions)} add up to {total:g}; expected 1, each above 0"
        )
    patients: defaultdict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        patients[sample.cluster].append(index)
    dealt = _deal(samples, list(patients.values()), fractions, np.random.default_rng(seed))
    for name, indices in dealt.items():
        if not indices:
            raise DataError(
                f"split {name!r} ({fractions[name]:g} of {len(patients)} patients) would be empty;"
                " expected more patients or fewer splits"
            )
    return {name: tuple(sorted(indices)) for name, indices in dealt.items()}


@dataclass(frozen=True)
class Subset:
    """Some samples of a data set, in the order of ``indices``."""

    dataset: Dataset
    indices: tuple[int, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of the whole data set."""
        return self.dataset.findings

    @property
    def strays(self) -> tuple[tuple[str, str], ...]:
        """Items that mark nothing (see ``check``), without those of films of other subsets."""
        strays: tuple[tuple[str, str], ...] = getattr(self.dataset, "strays", ())
        if not strays:
            return ()
        others = {self.dataset[index].image_id for index in range(len(self.dataset))}
        others -= {sample.image_id for sample in map(self.dataset.__getitem__, self.indices)}
        return tuple(stray for stray in strays if stray[0] not in others)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.indices[index]]


def _deal(
    samples: Sequence[Sample],
    patients: list[list[int]],
    fractions: Mapping[str, float],
    generator: np.random.Generator,
) -> dict[str, list[int]]:
    groups: defaultdict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for films in patients:
        groups[_positives(samples, films)].append(films)
    dealt: dict[str, list[int]] = {name: [] for name in fractions}
    for key in sorted(groups, key=lambda key: (len(groups[key]), key)):
        here = dict.fromkeys(fractions, 0)
        for position in generator.permutation(len(groups[key])):
            films = groups[key][position]
            seen = sum(here.values()) + len(films)
            overall = sum(map(len, dealt.values())) + len(films)
            behind = {
                name: (share * seen - here[name], share * overall - len(dealt[name]))
                for name, share in fractions.items()
            }
            name = max(behind, key=lambda name: behind[name])
            here[name] += len(films)
            dealt[name] += films
    return dealt


def _positives(samples: Sequence[Sample], films: list[int]) -> tuple[str, ...]:
    return tuple(
        sorted({k for film in films for k, label in samples[film].labels.items() if label})
    )
