"""What is exported goes through a real PACS and comes back with equal pixels."""

import numpy as np
import pydicom
import pytest

import heatproof
from heatproof.runs.export import export
from heatproof.runs.exported import films_of
from tests.runs.orthanc import orthanc

FORMATS = ("dicom_seg", "dicom_map", "dicom_sr", "dicom_overlay")
PIXELS = ("FloatPixelData", "PixelData")


@pytest.mark.slow
def test_what_is_stored_is_found_and_fetched_with_equal_pixels(dicom_run, tmp_path) -> None:
    pytest.importorskip("highdicom")
    web = pytest.importorskip("dicomweb_client.api")
    films = films_of(dicom_run)
    made = export(heatproof.open(dicom_run.parent / "out"), tmp_path / "made", FORMATS, films=films)
    derived = [pydicom.dcmread(file) for file in made if file.suffix == ".dcm"]
    paths = [film.pixels.path for film in films.values()]
    originals = [pydicom.dcmread(path) for path in paths if path.suffix == ".dcm"]
    with orthanc(tmp_path) as address:
        client = web.DICOMwebClient(address)
        client.store_instances([*originals, *derived])
        for each in derived:
            place = each.StudyInstanceUID, each.SeriesInstanceUID, each.SOPInstanceUID
            [found] = client.search_for_instances(
                study_instance_uid=place[0], search_filters={"SOPInstanceUID": place[2]}
            )
            assert found["00080018"]["Value"] == [each.SOPInstanceUID]
            fetched = client.retrieve_instance(*place)
            assert fetched.SOPClassUID == each.SOPClassUID
            assert fetched.PatientID == each.PatientID
            for name in PIXELS:
                assert fetched.get(name) == each.get(name)
            if "PixelData" in each:
                assert np.array_equal(fetched.pixel_array, each.pixel_array)
        # The study of a film now holds the film and what was derived from it.
        [study] = {each.StudyInstanceUID for each in originals[:1]}
        kinds = {found["00080060"]["Value"][0] for found in client.search_for_series(study)}
        assert {"CR", "OT", "SR"} <= kinds
