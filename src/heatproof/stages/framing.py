"""Maps over the frame of their films."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from heatproof.data.geometry import FILM, Geometry
from heatproof.experiment.workspace import Workspace
from heatproof.maps.store import StoredMap
from heatproof.saliency import Explanation
from heatproof.stages.blocks import Judged
from heatproof.types import MapKey, Sample

Framed = Mapping[tuple[str, str, str], StoredMap]  # by method, film and finding


class Kept:
    """The maps of one model and data set that the store holds, over the frame.

    Args:
        work: The experiment.
        judged: Model and data set.
        side: Of the frame.
    """

    def __init__(self, work: Workspace, judged: Judged, side: int) -> None:
        self._work, self._judged, self._side = work, judged, side

    def of(self, methods: Sequence[str], wanted: Iterable[tuple[Sample, str]]) -> Framed:
        """Maps of these films and findings; absent where a film was set aside."""
        asked = dict.fromkeys((sample.image_id, finding) for sample, finding in wanted)
        samples = {sample.image_id: sample for sample in self._judged.judging.samples}
        places = [
            (method, *place)
            for method in methods
            for place in asked
            if place in self._made.get(method, ())
        ]
        keys = [MapKey(self._judged.id, *place) for place in places]
        found = self._work.store(self._judged.judging.films.name).get_many(keys)
        geometry = geometry_of(self._judged)
        return {
            place: framed(one, geometry, samples[place[1]], self._side)
            for place, one in zip(places, found, strict=True)
        }

    @cached_property
    def _made(self) -> dict[str, set[tuple[str, str]]]:
        return {
            method: set(
                self._work.made.read(block.made(method) for block in self._judged.blocks)
                .frame.select("image_id", "finding")
                .iter_rows()
            )
            for method in self._judged.methods
        }


def explained(
    found: Explanation,
    geometry: Geometry,
    samples: Sequence[Sample],
    findings: Sequence[str],
    side: int,
) -> Framed:
    """Maps that were just made, over the frame."""
    return {
        (method, sample.image_id, finding): framed(
            StoredMap(values[row, column], found.validity[method][row][column]),
            geometry,
            sample,
            side,
        )
        for method, maps in found.maps.items()
        for values in [maps.values.float().cpu().numpy()]
        for row, sample in enumerate(samples)
        for column, finding in enumerate(findings)
    }


def framed(one: StoredMap, geometry: Geometry, sample: Sample, side: int) -> StoredMap:
    """A map over its film, which is divided into ``side x side`` pixels whatever its proportions.

    Of a map finer than the frame, pixels of the frame hold the mean.
    """
    finer = -(-max(one.values.shape) // side)
    whole = geometry.back(one.values, sample.pixels.size(), (finer * side, finer * side))
    values = whole.reshape(side, finer, side, finer).mean(axis=(1, 3))
    return StoredMap(values, one.validity)


def geometry_of(judged: Judged) -> Geometry:
    """Brings the maps of a model back to the film; imported maps cover it."""
    return judged.card.preprocessing.geometry if judged.card else FILM
