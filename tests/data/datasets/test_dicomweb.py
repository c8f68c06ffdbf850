"""Films of a PACS: from a real one where it is installed, and errors in words without any."""

import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pydicom
import pytest

from heatproof.data.datasets.dicomweb import DicomWeb
from heatproof.data.dicom.pacs import Pacs
from heatproof.data.pixels import ImageFile
from heatproof.errors import DataError
from tests.runs.orthanc import orthanc
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

web = pytest.importorskip("dicomweb_client.api", reason="pip install '.[clinic]'")


@pytest.fixture
def films(tmp_path):
    write_films(tmp_path, count=4)
    for number in range(4):
        write_radiograph(tmp_path / f"film{number}.png", tmp_path / f"film{number}.dcm", number)
    return [pydicom.dcmread(tmp_path / f"film{number}.dcm") for number in range(4)]


def table(folder, films, url):
    rows = [f"{film.StudyInstanceUID},{number % 2}" for number, film in enumerate(films)]
    (folder / "studies.csv").write_text("\n".join(["study,Square", *rows]))
    return DicomWeb(url, folder / "studies.csv", ("Square",))


@pytest.mark.slow
def test_films_of_a_pacs_are_those_that_were_stored(films, tmp_path) -> None:
    with orthanc(tmp_path) as address:
        web.DICOMwebClient(address).store_instances(films)
        data = table(tmp_path, films, address)
        missing = DataError
        with pytest.raises(missing, match="has no study"):
            Pacs(address, tmp_path / "none").instances("1.2.3.4")
    again = table(tmp_path, films, address)  # the server has ended: nothing is asked
    for opened in (data, again):
        assert [film.image_id for film in opened] == [film.SOPInstanceUID for film in films]
        assert [film.patient_id for film in opened] == [film.PatientID for film in films]
        assert [film.labels["Square"] for film in opened] == [False, True, False, True]
        for number, film in enumerate(opened):
            stored = ImageFile(tmp_path / f"film{number}.dcm").read()
            assert np.array_equal(film.pixels.read(), stored)


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(films, tmp_path) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9.* does not answer"):
        table(tmp_path, films, "http://127.0.0.1:9/dicom-web")
    with pytest.raises(DataError, match="is no address"):
        table(tmp_path, films, "localhost")
    with pytest.raises(DataError, match="HEATPROOF_DICOMWEB_TOKEN"):
        table(tmp_path, films, "http://me:secret@localhost/dicom-web")


class NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_is_no_pacs_is_told(films, tmp_path) -> None:
    server = HTTPServer(("127.0.0.1", 0), NotFound)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(DataError, match="status 404; it has none; is the url the root"):
            table(tmp_path, films, f"http://127.0.0.1:{server.server_port}/dicom-web")
    finally:
        server.shutdown()
        server.server_close()


def test_a_damaged_film_in_the_cache_is_not_taken_for_whole(films, tmp_path) -> None:
    pacs = Pacs("http://127.0.0.1:9/dicom-web", tmp_path / "kept")
    from heatproof.data.dicom.pacs import Instance

    film = Instance("1", "2", "3")
    file = pacs.file(film)
    file.parent.mkdir()
    shutil.copy(tmp_path / "film0.dcm", file)
    file.with_suffix(".sha256").write_text("0" * 64)
    with pytest.raises(DataError, match="does not answer"):  # so it was asked for again
        pacs.fetched(film)
