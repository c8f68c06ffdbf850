"""Marks as DICOM segmentations: read by others as they were drawn, and filed with their film."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from heatproof import Manifest
from heatproof.data.annotations import Boxes, encode
from heatproof.data.annotations.convert import convert
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import DataError
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

hd = pytest.importorskip("highdicom", reason="segmentations are written by it")
SIZE = 96, 160
KEY = Pseudonyms(b"0123456789abcdef")
RAGGED = np.random.default_rng(0).random(SIZE) < 0.02
BOX, OTHER = Boxes(((10, 20, 50, 60),)), Boxes(((40, 30, 90, 80),))


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
    """Two readers, of whom one saw nothing on the second film; one finding is no ASCII."""
    films = (
        MarkedFilm(
            "film0.dcm",
            SIZE,
            (
                Mark("Nodule", BOX, "Ann"),
                Mark("Nodule", OTHER, "Ann"),
                Mark("Pleuraerguß", encode(RAGGED, 1), "Ben"),
            ),
            ("Ann", "Ben"),
        ),
        MarkedFilm("film1.dcm", SIZE, (Mark("Nodule", BOX, "Ben"),), ("Ann", "Ben")),
    )
    formats.parse("label_studio").write(films, tmp_path / "marks.json")
    return tmp_path / "marks.json"


def marks_of(films):
    return {
        (film.name, mark.reader, mark.finding, mark.shape.mask(*SIZE).tobytes())
        for film in films
        for mark in film.marks
    }


def test_what_is_written_is_what_highdicom_reads(source, images, tmp_path):
    done = convert(source, tmp_path / "segs", write_as="dicom_seg", beside=Beside.folder(images))
    assert (done.films, done.marks) == (2, 4)
    files = sorted((tmp_path / "segs").rglob("*.dcm"))
    assert [file.relative_to(tmp_path / "segs").as_posix() for file in files] == [
        "Ann/film0.dcm", "Ann/film1.dcm", "Ben/film0.dcm", "Ben/film1.dcm",
    ]  # fmt: skip
    film = pydicom.dcmread(images / "film0.dcm")
    seg = hd.seg.segread(tmp_path / "segs" / "Ann" / "film0.dcm")
    assert (seg.StudyInstanceUID, seg.PatientID) == (film.StudyInstanceUID, film.PatientID)
    assert seg.SeriesInstanceUID != film.SeriesInstanceUID
    assert seg.get_source_image_uids() == [
        (film.StudyInstanceUID, film.SeriesInstanceUID, film.SOPInstanceUID)
    ]
    assert [seg.get_segment_description(n).segment_label for n in (1, 2)] == ["Nodule"] * 2
    pixels = seg.get_pixels_by_source_instance([film.SOPInstanceUID], ignore_spatial_locations=True)
    for number, shape in enumerate((BOX, OTHER)):  # which overlap
        assert np.array_equal(pixels[0, ..., number] > 0, shape.mask(*SIZE))
    ben = hd.seg.segread(tmp_path / "segs" / "Ben" / "film0.dcm")
    assert ben.get_segment_description(1).segment_label == "Pleuraerguß"


def test_films_are_found_again_by_their_identifier(source, images, tmp_path):
    """Also where the films have other names by now, and their files lie beside segmentations."""
    done = convert(source, tmp_path / "segs", write_as="dicom_seg", beside=Beside.folder(images))
    assert done.strays == ()
    for number in range(2):
        (images / f"film{number}.dcm").rename(tmp_path / "segs" / f"renamed{number}.dcm")
    part = formats.parse("dicom_seg")
    drawn = formats.parse("label_studio").read(source, Beside()).films
    read = part.read(tmp_path / "segs", Beside.folder(tmp_path / "segs"))
    renamed = [replace(film, name=film.name.replace("film", "renamed")) for film in drawn]
    assert marks_of(read.films) == marks_of(renamed)
    assert {film.name: film.readers for film in read.films} == {
        "renamed0.dcm": ("Ann", "Ben"), "renamed1.dcm": ("Ann", "Ben"),
    }  # fmt: skip
    # Without any film, the identifier is the name.
    alone = part.read(tmp_path / "segs", Beside())
    assert {film.name for film in alone.films} == {
        str(pydicom.dcmread(tmp_path / "segs" / f"renamed{n}.dcm").SOPInstanceUID) for n in range(2)
    }


def test_a_table_takes_a_folder_of_segmentations(source, images, tmp_path):
    convert(source, tmp_path / "segs", write_as="dicom_seg", beside=Beside.folder(images))
    (tmp_path / "films.csv").write_text("image\nfilm0.dcm\nfilm1.dcm\n")
    data = Manifest(tmp_path / "films.csv", images=images, annotations=tmp_path / "segs")
    assert data.findings == ("Nodule", "Pleuraerguß")
    first = {(a.finding, a.source): a for a in data[0].annotations}
    assert set(first) == {("Nodule", "Ann"), ("Pleuraerguß", "Ben")}
    both = BOX.mask(*SIZE) | OTHER.mask(*SIZE)
    assert np.array_equal(first["Nodule", "Ann"].mask(*SIZE), both)
    assert first["Nodule", "Ann"].instances == 2
    agreed = Manifest(
        tmp_path / "films.csv", images=images, annotations=tmp_path / "segs", consensus="union",
        readers=False,
    )  # fmt: skip
    assert {a.source for a in agreed[0].annotations} == {"reference"}


def test_with_pseudonyms_nothing_names_a_person(source, images, tmp_path):
    to = tmp_path / "segs"
    convert(source, to, write_as="dicom_seg", beside=Beside.folder(images), pseudonyms=KEY)
    film = pydicom.dcmread(images / "film0.dcm")
    made = sorted(to.rglob("*.dcm"))
    assert len(made) == 4
    for file in made:
        content = file.read_bytes()
        for word in ("MRN-", "Doe", "19500102", "Roe", "ACC", "20200304", "film0", "film1",
                     film.SOPInstanceUID, film.StudyInstanceUID):  # fmt: skip
            assert word.encode() not in content, (file, word)
            assert word not in file.as_posix().removeprefix(to.as_posix())
    seg = pydicom.dcmread(to / "Ann" / f"{KEY.of('film', 'film0.dcm')}.dcm")
    assert seg.PatientID == KEY.of("patient", "MRN-0")
    [series] = seg.ReferencedSeriesSequence
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == KEY.uid(
        film.SOPInstanceUID
    )


def test_the_same_marks_are_the_same_instances(source, images, tmp_path):
    found = []
    for to in ("one", "two"):
        convert(source, tmp_path / to, write_as="dicom_seg", beside=Beside.folder(images))
        files = sorted((tmp_path / to).rglob("*.dcm"))
        found.append([pydicom.dcmread(file).SOPInstanceUID for file in files])
    assert found[0] == found[1]
    assert len(set(found[0])) == 4


def test_what_a_segmentation_needs_is_asked(source, images, tmp_path):
    with pytest.raises(DataError, match="--images FOLDER"):
        convert(source, tmp_path / "segs", write_as="dicom_seg")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):
        (tmp_path / f"film{number}.png").rename(pictures / f"film{number}.png")
    renamed = formats.parse("label_studio").read(source, Beside()).films
    renamed = [replace(film, name=film.name.replace("dcm", "png")) for film in renamed]
    formats.parse("label_studio").write(renamed, tmp_path / "png.json")
    beside = Beside.folder(pictures)
    with pytest.raises(DataError, match=r"no DICOM film.*nifti and masks hold"):
        convert(tmp_path / "png.json", tmp_path / "segs", write_as="dicom_seg", beside=beside)
    long = [MarkedFilm("film0.dcm", SIZE, (Mark("x" * 65, BOX),))]
    formats.parse("coco").write(long, tmp_path / "long.json")
    with pytest.raises(DataError, match="DICOM holds names of 1 to 64 characters"):
        convert(
            tmp_path / "long.json", tmp_path / "segs", write_as="dicom_seg",
            beside=Beside.folder(images),
        )  # fmt: skip
    with pytest.raises(DataError, match="has no segmentations"):
        formats.parse("dicom_seg").read(images, Beside())


def test_dciodvfy_finds_no_error(source, images, tmp_path):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    convert(source, tmp_path / "segs", write_as="dicom_seg", beside=Beside.folder(images))
    for file in sorted((tmp_path / "segs").rglob("*.dcm")):
        told = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
        errors = [line for line in told.stderr.splitlines() if line.startswith("Error")]
        assert errors == [], file
