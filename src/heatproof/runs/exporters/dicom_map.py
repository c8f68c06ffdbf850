"""DICOM Parametric Map (PS3.3 A.75): the values of a map, signed where the method is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatproof.data.dicom.derived import brief, code, highdicom
from heatproof.runs.derived_dicom import Place, own_frame, write_derived
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.exporters import exporters


@exporters.register("dicom_map")
@dataclass(frozen=True)
class DicomMap:
    """Maps as DICOM parametric maps over their films, values as they are, content label HEATMAP.

    Values have no unit (UCUM ``1``): a real-world value is the stored value.  The window is about
    zero where values are negative, so that zero is mid-grey.
    """

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """The parametric maps, and a list of them."""

        def make(each: MapOfFilm, place: Place) -> Any:
            values = np.broadcast_to(each.values("film"), each.size)  # one value covers the film
            if not np.isfinite(values).all():
                return "the map holds values that are not finite"
            return self._object(each, place, values)

        return write_derived(what, to, "dicom_map", exporters.spec(self), make)

    def _object(self, each: MapOfFilm, place: Place, values: np.ndarray) -> Any:
        hd = highdicom()
        concept = hd.sr.CodedConcept
        low, high = float(values.min()), float(values.max())
        most = max(abs(low), abs(high))
        centre, width = (0.0, 2 * most) if low < 0 else ((low + high) / 2, high - low)
        mapping = hd.pm.RealWorldValueMapping(
            lut_label="relevance",
            lut_explanation=brief(f"relevance for {each.row['finding']}"),
            unit=concept("1", "UCUM", "no units"),
            value_range=(low, high),
            slope=1.0,
            intercept=0.0,
            quantity_definition=concept(*code(each.row["method"])),
        )
        return hd.pm.ParametricMap(
            [own_frame(place.source)],
            np.ascontiguousarray(values, np.float32),
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[
                hd.VOILUTTransformation(
                    window_center=centre,
                    window_width=width or 1.0,  # of a map of one value nothing is to be seen
                    voi_lut_function="LINEAR_EXACT",  # the only one that may be narrower than 1
                )
            ],
            content_label="HEATMAP",
            content_description=brief(f"saliency map of {each.row['finding']}"),
            series_description=brief(f"map of {each.row['method']}"),
            **place.arguments,
            **place.equipment,
        )
