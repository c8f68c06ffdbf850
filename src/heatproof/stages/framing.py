"""The common frame: maps of any grid and size, brought to ``side x side`` pixels over their film.

Maps that are compared with each other lie in it, whatever model made them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from heatproof.data.geometry import Geometry
from heatproof.experiment.workspace import Workspace
from heatproof.maps.store import StoredMap
from heatproof.saliency import Explanation
from heatproof.stages.blocks import Judged
from heatproof.types import MapKey, Sample

Framed = Mapping[tuple[str, str, str], StoredMap]  # by method, film and finding


class StoredMaps:
    """The maps of one model and data set that the store holds, brought to the frame.

    Args:
        work: The experiment.
        judged: Model and data set.
        side: Side of the frame, in pixels.
    """

    def __init__(self, work: Workspace, judged: Judged, side: int) -> None:
        self._judged, self._side = judged, side
        self._store, self._made_maps = work.store(judged.data), work.made

    def of(self, methods: Sequence[str], wanted: Iterable[tuple[Sample, str]]) -> Framed:
        """Maps of these films and findings; absent where a film was set aside."""
        pairs = {(sample.image_id, finding): sample for sample, finding in wanted}
        places = [
            (method, *pair)
            for method in methods
            for pair in pairs
            if pair in self._made.get(method, ())
        ]
        maps = self._store.get_many([MapKey(self._judged.id, *place) for place in places])
        geometry = geometry_of(self._judged)
        return {
            place: framed(stored, geometry, pairs[place[1:]], self._side)
            for place, stored in zip(places, maps, strict=True)
        }

    @cached_property
    def _made(self) -> dict[str, set[tuple[str, str]]]:
        """Film and finding of every map, by method."""
        return {
            method: set(
                self._made_maps.read(block.made(method) for block in self._judged.blocks)
                .frame.select("image_id", "finding")
                .iter_rows()
            )
            for method in self._judged.methods
        }


def explained(
    explanation: Explanation,
    geometry: Geometry,
    samples: Sequence[Sample],
    findings: Sequence[str],
    side: int,
) -> Framed:
    """Maps that were just made and are not in the store, brought to the frame."""
    maps = {}
    for method, of_method in explanation.maps.items():
        values = of_method.values.float().cpu().numpy()
        for row, sample in enumerate(samples):
            for column, finding in enumerate(findings):
                validity = explanation.validity[method][row][column]
                stored = StoredMap(values[row, column], validity)
                maps[method, sample.image_id, finding] = framed(stored, geometry, sample, side)
    return maps


def framed(stored: StoredMap, geometry: Geometry, sample: Sample, side: int) -> StoredMap:
    """A map over its film, which is divided into ``side x side`` pixels whatever its proportions.

    Pixels of the frame hold the mean of a map that is finer than the frame.
    """
    cells, geometry = stored.over(geometry)
    # A multiple of the side at which no pixel of the map is lost; the mean follows.
    finer = -(-max(cells.shape) // side)
    whole = geometry.back(cells, sample.pixels.size(), (finer * side, finer * side))
    if finer == 1:
        return StoredMap(whole, stored.validity)
    # Sums in double precision: means of equal pixels are equal.
    means = whole.reshape(side, finer, side, finer).mean(axis=(1, 3), dtype=np.float64)
    return StoredMap(means.astype(whole.dtype), stored.validity)


def geometry_of(judged: Judged) -> Geometry:
    """The geometry that brings the maps of a model back to the film."""
    return judged.card.preprocessing.geometry if judged.card else judged.canvas
