"""Marks as DICOM structured reports: others read them as drawn, and file them with their film."""

import math
import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from heatproof.data.annotations import Outline, Points
from heatproof.data.annotations.convert import convert
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import DataError
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

hd = pytest.importorskip("highdicom", reason="reports are written by it")
SIZE = 96, 160
KEY = Pseudonyms(b"0123456789abcdef")
TRIANGLE = Outline((((10.0, 20.0), (50.5, 20.25), (30.0, 60.0)),), SIZE)


@pytest.fixture
def images(tmp_path):
    """Two films as DICOM."""
    folder = tmp_path / "films"
    folder.mkdir()
    write_films(tmp_path, count=2)
    for number in range(2):
        write_radiograph(tmp_path / f"film{number}.png", folder / f"film{number}.dcm", number)
    return folder


@pytest.fixture
def source(tmp_path):
    """Two readers, of whom one saw nothing on the second film."""
    films = (
        MarkedFilm(
            "film0.dcm",
            SIZE,
            (
                Mark("Nodule", TRIANGLE, "Ann"),
                Mark("Nodule", Points(((30.5, 40.5),)), "Ann"),
                Mark("Pleuraerguß", TRIANGLE, "Ben"),
            ),
            ("Ann", "Ben"),
        ),
        MarkedFilm("film1.dcm", SIZE, (Mark("Nodule", TRIANGLE, "Ben"),), ("Ann", "Ben")),
    )
    formats.parse("label_studio").write(films, tmp_path / "marks.json")
    return tmp_path / "marks.json"


@pytest.fixture
def reports(source, images, tmp_path):
    done = convert(source, tmp_path / "sr", write_as="dicom_sr", beside=Beside.folder(images))
    assert (done.films, done.marks) == (2, 4)
    return tmp_path / "sr"


def test_what_is_written_is_what_highdicom_reads(reports, images):
    film = pydicom.dcmread(images / "film0.dcm")
    report = hd.sr.srread(reports / "Ann" / "film0.dcm")
    assert (report.StudyInstanceUID, report.PatientID) == (film.StudyInstanceUID, film.PatientID)
    outline, point = report.content.get_planar_roi_measurement_groups()
    assert outline.finding_type.meaning == "Nodule"
    assert outline.roi.graphic_type.value == "POLYLINE"
    closed = [*TRIANGLE.contours[0], TRIANGLE.contours[0][0]]
    assert np.array_equal(outline.roi.value, closed)
    assert np.array_equal(point.roi.value.reshape(1, 2), [[30.5, 40.5]])
    observers = report.content.get_observer_contexts()
    assert [each.observer_identifying_attributes.name for each in observers] == ["Ann^"]
    [image] = outline.roi.ContentSequence
    referred = image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert referred == film.SOPInstanceUID
    assert hd.sr.srread(reports / "Ben" / "film0.dcm").content.get_planar_roi_measurement_groups()[
        0
    ].finding_type.meaning == "Pleuraerguß"  # fmt: skip


def test_it_is_read_again_with_those_who_drew_nothing(reports, images):
    read = formats.parse("dicom_sr").read(reports, Beside.folder(images)).films
    assert {film.name: film.readers for film in read} == {
        "film0.dcm": ("Ann", "Ben"), "film1.dcm": ("Ann", "Ben"),
    }  # fmt: skip
    first = {(mark.reader, type(mark.shape)): mark for mark in read[0].marks}
    assert first["Ann", Points].shape == Points(((30.5, 40.5),))
    assert first["Ann", Outline].shape.contours == TRIANGLE.contours
    assert first["Ben", Outline].finding == "Pleuraerguß"
    assert [mark.reader for mark in read[1].marks] == ["Ben"]


def test_circles_and_ellipses_of_viewers_are_read(reports, images):
    """OHIF and others describe them by two and by four points."""
    file = reports / "Ben" / "film1.dcm"
    report = pydicom.dcmread(file)
    stack = [report]
    while stack:
        item = stack.pop()
        stack += item.get("ContentSequence") or ()
        if item.get("GraphicType"):
            region = item
    drawn = {}
    for kind, values in {
        "CIRCLE": [50, 40, 50, 60],  # the centre, and a point of the circle
        "ELLIPSE": [20, 40, 80, 40, 50, 30, 50, 50],  # ends of the long axis, then of the short
    }.items():
        region.GraphicType, region.GraphicData = kind, values
        report.save_as(file)
        [mark] = formats.parse("dicom_sr").read(file, Beside.folder(images)).films[0].marks
        drawn[kind] = mark.shape.mask(*SIZE).sum()
    assert drawn["CIRCLE"] == pytest.approx(math.pi * 20**2, rel=0.02)
    assert drawn["ELLIPSE"] == pytest.approx(math.pi * 30 * 10, rel=0.02)
    region.GraphicType, region.GraphicData = "CIRCLE", [50, 40]
    report.save_as(file)
    read = formats.parse("dicom_sr").read(file, Beside.folder(images))
    assert [reason for _, reason in read.strays] == ["1 points, which describe no circle"]


def test_with_pseudonyms_nothing_names_a_patient(source, images, tmp_path):
    to = tmp_path / "sr"
    convert(source, to, write_as="dicom_sr", beside=Beside.folder(images), pseudonyms=KEY)
    film = pydicom.dcmread(images / "film0.dcm")
    made = sorted(to.rglob("*.dcm"))
    assert len(made) == 4
    for file in made:
        content = file.read_bytes()
        for word in ("MRN-", "Doe", "19500102", "Roe", "ACC", "film0", film.SOPInstanceUID,
                     film.StudyInstanceUID):  # fmt: skip
            assert word.encode() not in content, (file, word)


def test_the_same_marks_are_the_same_instances(source, images, tmp_path):
    found = []
    for to in ("one", "two"):
        convert(source, tmp_path / to, write_as="dicom_sr", beside=Beside.folder(images))
        files = sorted((tmp_path / to).rglob("*.dcm"))
        found.append([pydicom.dcmread(file).SOPInstanceUID for file in files])
    assert found[0] == found[1]
    assert len(set(found[0])) == 4


def test_a_folder_without_reports_is_told(images):
    with pytest.raises(DataError, match="has no structured reports"):
        formats.parse("dicom_sr").read(images, Beside())


def test_a_report_that_ends_early_is_refused(reports, images):
    """pydicom reads what there is, so that marks would be missing."""
    file = reports / "Ann" / "film0.dcm"
    whole = file.read_bytes()
    part = formats.parse("dicom_sr")
    for share in (0.25, 0.5, 0.7, 0.9, 0.99):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match="truncated or damaged"):
            part.read(file, Beside.folder(images))
    file.write_bytes(whole)
    assert len(part.read(file, Beside.folder(images)).films[0].marks) == 2


def test_dciodvfy_finds_no_error(reports):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    for file in sorted(reports.rglob("*.dcm")):
        told = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
        errors = [line for line in told.stderr.splitlines() if line.startswith("Error")]
        assert errors == [], file
