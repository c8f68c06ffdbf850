"""Maps over the frame of their films, compared in pairs: the rows of the trust table."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heatproof.localize import specialize
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import Framed
from heatproof.trust.criteria import Aligned, Maps
from heatproof.trust.similarity import Normalization, Similarity, compare
from heatproof.types import Sample


@dataclass(frozen=True)
class Case:
    """Two films, which may be the same, and the finding whose maps are compared."""

    finding: str
    one: Sample
    other: Sample


@dataclass(frozen=True)
class Comparison:
    """How maps are compared, and the columns that all rows share.

    Attributes:
        what: Of every row.
        measures: Similarities by spec.
        normalize: Of each map before.
        align: What both maps go through before, where a film was moved.
    """

    what: Mapping[str, Any]
    measures: Mapping[str, Similarity]
    normalize: Normalization
    align: Callable[[Maps, Maps], Aligned] | None = None

    def rows(
        self, cases: Sequence[Case], methods: Iterable[str], one: Framed, other: Framed
    ) -> Iterator[dict[str, Any]]:
        """One row per case, method and similarity; cases without both maps are left out."""
        for method in methods:
            for finding in dict.fromkeys(case.finding for case in cases):
                here = [
                    (case, a, b)
                    for case in cases
                    if case.finding == finding
                    and (a := one.get((method, case.one.image_id, finding))) is not None
                    and (b := other.get((method, case.other.image_id, finding))) is not None
                ]
                if here:
                    yield from self._compared(method, here)

    def _compared(
        self, method: str, here: Sequence[tuple[Case, StoredMap, StoredMap]]
    ) -> Iterator[dict[str, Any]]:
        finding = here[0][0].finding
        first = np.stack([one.values for _, one, _ in here])
        second = np.stack([other.values for _, _, other in here])
        if self.align is not None:
            first, second = self.align(first, second)
        measures = {spec: specialize(part, finding) for spec, part in self.measures.items()}
        for spec, values in compare(first, second, measures, self.normalize).items():
            for (case, a, b), value in zip(here, values.tolist(), strict=True):
                yield {
                    **self.what,
                    "finding": finding,
                    "method": method,
                    "similarity": spec,
                    "image_id": case.one.image_id,
                    "image_id_b": case.other.image_id,
                    "cluster": case.one.cluster,
                    "cluster_b": case.other.cluster,
                    "value": value,
                    "validity_a": a.validity.value,
                    "validity_b": b.validity.value,
                }
