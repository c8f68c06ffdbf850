"""DICOM Segmentation (PS3.3 A.51): what a map calls the finding, at a named threshold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heatproof.data.dicom.derived import brief, code, for_segments, highdicom
from heatproof.maps.binarize import Binarizer, Otsu, binarizers
from heatproof.runs.derived_dicom import Place, write_derived
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.exporters import exporters


@exporters.register("dicom_seg")
@dataclass(frozen=True)
class DicomSeg:
    """Masks of maps as binary DICOM segmentations, a file and a segment per map.

    A map that has no mask (all one value) is left out, and told in ``dicom_seg_left_out.csv``.

    Attributes:
        binarize: What makes a mask of a map; it stands in the file as the algorithm's parameters.
    """

    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """The segmentations, and a list of them."""

        def make(each: MapOfFilm, place: Place) -> Any:
            mask = each.mask(self.binarize)
            if mask is None or not mask.any():
                return "the map is constant, so it has no mask"
            return self._object(each, place, mask)

        return write_derived(what, to, "dicom_seg", exporters.spec(self), make)

    def _object(self, each: MapOfFilm, place: Place, mask: np.ndarray) -> Any:
        hd = highdicom()
        concept = hd.sr.CodedConcept
        method, finding = each.row["method"], each.row["finding"]
        algorithm = hd.AlgorithmIdentificationSequence(
            name=brief(method),
            family=concept("123109", "DCM", "Artificial Intelligence"),
            version=place.equipment["software_versions"],
            source=place.arguments["manufacturer"],
            parameters={"method": method, "binarize": binarizers.spec(self.binarize)},
        )
        segment = hd.seg.SegmentDescription(
            segment_number=1,
            segment_label=brief(f"{finding}, {method}"),
            segmented_property_category=concept(
                "49755003", "SCT", "Morphologically Abnormal Structure"
            ),
            segmented_property_type=concept(*code(finding)),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=place.instance,
            tracking_id=brief(f"{each.image_id} {finding}"),
        )
        return hd.seg.Segmentation(
            [for_segments(place.source)],
            mask.astype(np.uint8)[None],
            hd.seg.SegmentationTypeValues.BINARY,
            [segment],
            content_label="HEATMAP",
            content_description=brief(
                f"map of {finding}, binarized by {binarizers.spec(self.binarize)}"
            ),
            series_description=brief(f"mask of {method}"),
            **place.arguments,
            **place.equipment,
        )
