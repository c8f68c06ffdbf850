"""DICOM Secondary Capture (PS3.3 A.8): the film under its map, in colour, for any viewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatproof.data.dicom.derived import brief, highdicom
from heatproof.maps.render import overlay
from heatproof.runs.derived_dicom import Place, write_derived
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.exporters import exporters


@exporters.register("dicom_overlay")
@dataclass(frozen=True)
class DicomOverlay:
    """Pictures of maps over their films as DICOM secondary captures, in the size of the film.

    They show what the film shows, also letters that were burned into it.
    """

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """The pictures, and a list of them."""
        hd = highdicom()

        def make(each: MapOfFilm, place: Place) -> Any:
            film = what.film(each).pixels.read()
            values = np.broadcast_to(each.values("film"), film.shape)
            return hd.sc.SCImage.from_ref_dataset(
                place.source,
                overlay(film, np.asarray(values)),
                photometric_interpretation="RGB",
                bits_allocated=8,
                coordinate_system="PATIENT",
                patient_orientation=tuple(place.source.get("PatientOrientation") or ()) or ("", ""),
                pixel_spacing=place.source.get("PixelSpacing"),
                series_description=brief(f"{each.row['finding']}, {each.row['method']}"),
                **place.arguments,
            )

        return write_derived(what, to, "dicom_overlay", exporters.spec(self), make)
