"""DICOM Structured Report (PS3.16 TID 1500): where a map points, and how it scored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heatproof.data.annotations import Part, cropped_parts
from heatproof.data.dicom.derived import MANUFACTURER, brief, code, highdicom
from heatproof.data.pseudonyms import uid_from
from heatproof.maps.binarize import Binarizer, Otsu, binarizers
from heatproof.runs.derived_dicom import Place, write_derived
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.exporters import exporters

_NO_UNIT = ("1", "UCUM", "no units")


@exporters.register("dicom_sr")
@dataclass(frozen=True)
class DicomSr:
    """Measurements of maps as DICOM structured reports (TID 1500), a file per map.

    Each connected part of the mask is a region on the film, an outline with its area: in square
    millimetres where the film tells its spacing, in pixels otherwise.  Of the whole map the report
    holds the probability that the model gave, and every score against every reader, by name.

    Attributes:
        binarize: What makes a mask of a map.
    """

    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """The reports, and a list of them."""
        make = partial(self._object, what)
        return write_derived(what, to, "dicom_sr", exporters.spec(self), make)

    def _object(self, what: Exported, each: MapOfFilm, place: Place) -> Any:
        hd = highdicom()
        concept = hd.sr.CodedConcept
        device = hd.sr.DeviceObserverIdentifyingAttributes(
            uid=uid_from("device", each.row["member"], each.row["method"]),
            name=each.row["method"],
            manufacturer_name=MANUFACTURER,
            model_name=each.row["member"],
        )
        report = hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(
                observer_device_context=hd.sr.ObserverContext(
                    observer_type=concept("121007", "DCM", "Device"),
                    observer_identifying_attributes=device,
                )
            ),
            procedure_reported=concept("363679005", "SCT", "Imaging"),
            imaging_measurements=[
                *self._regions(each, place),
                self._whole(what, each, place),
            ],
            title=concept("126000", "DCM", "Imaging Measurement Report"),
        )
        return hd.sr.ComprehensiveSR(
            evidence=[place.source],
            content=report,
            is_complete=True,
            is_verified=False,
            series_description=brief(f"measurements of {each.row['method']}"),
            **place.arguments,
        )

    def _whole(self, what: Exported, each: MapOfFilm, place: Place) -> Any:
        """Probability and scores of the whole map."""
        hd = highdicom()
        named = [("probability", p) for p in (what.probability(each),) if p is not None]
        named += [
            (f"{metric}, reader {reader}", value) for reader, metric, value in what.scores(each)
        ]
        concept = hd.sr.CodedConcept
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(
                uid=uid_from("whole", place.instance), identifier="whole map"
            ),
            finding_type=concept(*code(each.row["finding"])),
            source_images=[hd.sr.SourceImageForMeasurementGroup.from_source_image(place.source)],
            algorithm_id=_algorithm(hd, each, place, self.binarize),
            measurements=[
                hd.sr.Measurement(concept(*code(name)), float(value), concept(*_NO_UNIT))
                for name, value in named
            ] or None,
        )  # fmt: skip

    def _regions(self, each: MapOfFilm, place: Place) -> Iterator[Any]:
        """The connected parts of the mask."""
        hd = highdicom()
        mask = each.mask(self.binarize)
        for number, part in enumerate(cropped_parts(mask) if mask is not None else (), start=1):
            region = hd.sr.ImageRegion(
                graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
                graphic_data=_outline(part),
                source_image=hd.sr.SourceImageForRegion.from_source_image(place.source),
            )
            yield hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=hd.sr.TrackingIdentifier(
                    uid=uid_from("region", place.instance, str(number)),
                    identifier=f"region {number}",
                ),
                referenced_region=region,
                finding_type=hd.sr.CodedConcept(*code(each.row["finding"])),
                algorithm_id=_algorithm(hd, each, place, self.binarize),
                measurements=[_area(hd, int(part.mask.sum()), place)],
            )


def _algorithm(hd: Any, each: MapOfFilm, place: Place, binarize: Binarizer) -> Any:
    return hd.sr.AlgorithmIdentification(
        name=each.row["method"],
        version=place.equipment["software_versions"],
        parameters=[f"binarize={binarizers.spec(binarize)}"],
    )


def _area(hd: Any, pixels: int, place: Place) -> Any:
    concept = hd.sr.CodedConcept
    spacing = place.source.get("PixelSpacing")
    value, unit = (
        (pixels * float(spacing[0]) * float(spacing[1]), ("mm2", "UCUM", "square millimeter"))
        if spacing
        else (float(pixels), ("{pixels}", "UCUM", "pixels"))
    )
    return hd.sr.Measurement(concept("42798000", "SCT", "Area"), value, concept(*unit))


def _outline(part: Part) -> np.ndarray:
    """The closed outer contour through the centres of its outermost pixels, ``n 2`` as x and y.

    The origin is the corner of the first pixel (PS3.3 C.18.6.1.2), so centres lie at halves.
    """
    contours, _ = cv2.findContours(
        part.mask.astype(np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_SIMPLE,
        offset=(part.left, part.top),
    )
    points = contours[0][:, 0].astype(float) + 0.5
    return np.concatenate([points, points[:1]])
