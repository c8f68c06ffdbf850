"""Two maps in the common frame, compared: the rows of the table of pairs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heatproof.localize import specialize
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import Framed
from heatproof.trust.criteria import Aligned, MapStack
from heatproof.trust.similarity import Normalization, Similarity, compare
from heatproof.types import Sample


@dataclass(frozen=True)
class Case:
    """Two films, which may be the same, and the finding whose maps are compared."""

    finding: str
    first: Sample
    second: Sample

    @property
    def films(self) -> tuple[Sample, Sample]:
        """The first film and the second."""
        return self.first, self.second


@dataclass(frozen=True)
class MapComparison:
    """A comparison of maps in pairs, and the columns that all its rows share.

    Attributes:
        columns: The columns that all rows share.
        similarities: Similarities by spec.
        normalize: Name of the normalization that each map goes through before it is compared.
        align: Brings the maps of two films onto each other first, where a film was moved; None
            where no film was.
    """

    columns: Mapping[str, Any]
    similarities: Mapping[str, Similarity]
    normalize: Normalization
    align: Callable[[MapStack, MapStack], Aligned] | None = None

    def rows(
        self, cases: Sequence[Case], methods: Iterable[str], first: Framed, second: Framed
    ) -> Iterator[dict[str, Any]]:
        """One row per case, method and similarity; cases without both maps are left out.

        Args:
            cases: Films and findings whose maps are compared.
            methods: Names of the methods that made the maps.
            first: Maps of the first film of each case.
            second: Maps of the second film.
        """
        for method in methods:
            for finding in dict.fromkeys(case.finding for case in cases):
                pairs = [
                    (case, a, b)
                    for case in cases
                    if case.finding == finding
                    and (a := first.get((method, case.first.image_id, finding))) is not None
                    and (b := second.get((method, case.second.image_id, finding))) is not None
                ]
                if pairs:
                    yield from self._compared(method, finding, pairs)

    def _compared(
        self, method: str, finding: str, pairs: Sequence[tuple[Case, StoredMap, StoredMap]]
    ) -> Iterator[dict[str, Any]]:
        """The rows of one method and finding, whose maps are compared together, which is faster."""
        first = np.stack([a.values for _, a, _ in pairs])
        second = np.stack([b.values for _, _, b in pairs])
        if self.align is not None:
            first, second = self.align(first, second)
        # An option of a similarity may have another value for each finding.
        parts = {spec: specialize(part, finding) for spec, part in self.similarities.items()}
        for spec, values in compare(first, second, parts, self.normalize).items():
            for (case, a, b), value in zip(pairs, values.tolist(), strict=True):
                yield {
                    **self.columns,
                    "finding": finding,
                    "method": method,
                    "similarity": spec,
                    "image_id": case.first.image_id,
                    "image_id_b": case.second.image_id,
                    "cluster": case.first.cluster,
                    "cluster_b": case.second.cluster,
                    "value": value,
                    "validity_a": a.validity.value,
                    "validity_b": b.validity.value,
                }


def comparison_columns(
    criterion: str,
    data: str,
    models: tuple[str, str],
    population: str,
    step: str = "",
    draw: int = -1,
) -> dict[str, Any]:
    """The columns that all rows of a comparison share.

    Args:
        criterion: Spec of the criterion.
        data: Name of the data set.
        models: Names of the two models, or of the readers in their place.
        population: Which films are paired, as in ``heatproof.trust.pairs``.
        step: The last block that was randomized, or the level of a change; empty without one.
        draw: Number of the random weights; -1 where nothing is drawn.
    """
    return {
        "criterion": criterion,
        "data": data,
        "model_a": models[0],
        "model_b": models[1],
        "step": step,
        "draw": draw,
        "population": population,
    }
