"""Mean-mask prior: the average of what the reference standard marked on *other* patients.

All masks are brought to one common frame.  Scored like a map, it shows what the usual place of a
finding is worth; on chest radiographs that is often as much as a saliency method reaches (Arun et
al. 2021, https://doi.org/10.1148/ryai.2021200267).  There is none where nobody else has the
finding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from heatproof.data.annotations.readers import first_of, ranked_readers, shared
from heatproof.data.annotations.references import reference_mask
from heatproof.data.threads import side_by_side
from heatproof.errors import AnnotationError, PixelError
from heatproof.localize.controls import FRAME, PRIOR, SIZE, Context, Making, as_map, controls
from heatproof.maps.store import StoredMap
from heatproof.types import Sample, Validity

UNKNOWN = StoredMap(np.full((1, 1), np.nan, np.float32), Validity.NOT_FINITE)


@controls.register(PRIOR)
@dataclass(frozen=True)
class MeanMask:
    """Stands in every table, since methods are compared with it."""

    title: ClassVar[str] = "mean-mask prior"
    knows: ClassVar[str] = "never sees the film"

    def __call__(self, film: Sample, finding: str, reader: str) -> StoredMap:  # noqa: ARG002
        """Nothing is known before ``prepared`` has seen the films."""
        return UNKNOWN

    def unasked(self, context: Context) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def prepared(self, context: Context) -> Making:
        """Sums the masks of each finding."""
        annotated = tuple(sample for sample in context.samples if sample.annotations)
        ranking = ranked_readers(sample.annotations for sample in annotated)
        findings = dict.fromkeys(a.finding for sample in annotated for a in sample.annotations)
        with side_by_side() as pool:
            sums = {
                f: MaskSum.of(filter(None, pool.map(partial(_mask, ranking, f), annotated)), SIZE)
                for f in findings
            }

        def without(cluster: str, finding: str) -> StoredMap:
            mean = sums[finding].without(cluster)
            return UNKNOWN if mean is None else as_map(mean)

        of_all = cache(partial(without, ""))  # the same map for patients without a mask of theirs

        def prior(film: Sample, finding: str, _: str) -> StoredMap:
            if finding not in sums:
                return UNKNOWN
            has_masks = film.cluster in sums[finding].packed
            return without(film.cluster, finding) if has_masks else of_all(finding)

        return prior

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """The marks on all films, and which reader counts where it makes a difference."""
        marks = [sample.annotations for sample in context.samples]
        several = shared(ranked_readers(marks), marks)
        return (context.marks, several) if several else (context.marks,)


@dataclass(frozen=True)
class MaskSum:
    """The masks of one finding, summed, and each patient's share of the sum.

    Attributes:
        total: Masks that cover each pixel of the common frame.
        cases: How many masks there are.
        packed: The masks of each cluster (see ``Sample.cluster``), as packed bits.
    """

    total: Int[np.ndarray, "y x"]
    cases: int
    packed: Mapping[str, tuple[bytes, ...]]

    @classmethod
    def of(
        cls, masks: Iterable[tuple[str, Bool[np.ndarray, "y x"]]], size: tuple[int, int]
    ) -> "MaskSum":
        """Sum masks; empty ones do not count.

        Args:
            masks: Cluster and mask in the common frame.
            size: Height and width of the common frame.
        """
        total = np.zeros(size, np.int32)
        packed: dict[str, tuple[bytes, ...]] = {}
        for cluster, mask in masks:
            if mask.any():
                total += mask
                # Masks are kept to be subtracted later; bits take an eighth of the memory.
                packed[cluster] = (*packed.get(cluster, ()), np.packbits(mask).tobytes())
        return cls(total, sum(map(len, packed.values())), packed)

    def without(self, cluster: str) -> Float[np.ndarray, "y x"] | None:
        """The mean over everybody else; None where nobody else has the finding."""
        masks = self.packed.get(cluster, ())
        others = self.cases - len(masks)
        if others == 0:
            return None
        # The total is shared by all patients, so it is copied before masks are subtracted.
        left = self.total.copy()
        for mask in masks:
            left -= self._unpacked(mask)
        mean: np.ndarray = left.astype(np.float32) / np.float32(others)
        return mean

    def _unpacked(self, packed: bytes) -> Bool[np.ndarray, "y x"]:
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=self.total.size)
        return bits.reshape(self.total.shape).astype(bool)


def _mask(
    ranking: Mapping[str, Sequence[str]], finding: str, sample: Sample
) -> tuple[str, Bool[np.ndarray, "y x"]] | None:
    """The mask of the reader who counts on a film, in the common frame; with whose film it is."""
    reader = first_of(ranking, sample.annotations, finding)
    if reader is None:
        return None
    try:
        mask = reference_mask(sample, finding, reader)
    except (AnnotationError, PixelError):
        return None  # the film is set aside, with the reason, where it is scored
    return sample.cluster, FRAME.mask(mask)
