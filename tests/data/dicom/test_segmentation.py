"""Segmentations that others write are read as the masks that they hold."""

import numpy as np
import pydicom
import pytest

from heatproof.data.annotations import mask_files
from heatproof.data.dicom.segmentation import read_segmentation
from heatproof.errors import AnnotationError, DamagedMaskError, PixelError
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

hd = pytest.importorskip("highdicom", reason="tests write segmentations by it")


@pytest.fixture
def film(tmp_path):
    return radiograph(tmp_path, 0)


def radiograph(folder, number):
    write_films(folder, count=number + 1)
    write_radiograph(folder / f"film{number}.png", folder / f"film{number}.dcm", number)
    return pydicom.dcmread(folder / f"film{number}.dcm")


def written(films, masks, path, kind="BINARY", labels=None, **more):
    """A segmentation, whose masks are ``n h w k``, of n films and k segments."""
    segments = [
        hd.seg.SegmentDescription(
            number,
            label,
            hd.sr.CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure"),
            hd.sr.CodedConcept("x", "99TEST", "x"),
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(labels or range_of(masks), 1)
    ]
    seg = hd.seg.Segmentation(
        films, masks, kind, segments, "1.2.3", 1, "1.2.3.4", 1, "test", "test", "1", "1", **more
    )
    seg.save_as(path)
    return path


def range_of(masks):
    return [f"finding {number}" for number in range(1, masks.shape[-1] + 1)]


def disc(y: int, x: int, radius: int) -> np.ndarray:
    down, across = np.ogrid[:96, :160]
    return (down - y) ** 2 + (across - x) ** 2 < radius**2


TWO = np.stack([disc(30, 40, 12), disc(60, 120, 20)], axis=-1)[None].astype(np.uint8)


def test_each_segment_has_its_mask_and_its_film(film, tmp_path) -> None:
    path = written([film], TWO, tmp_path / "seg.dcm", content_creator_name="Roe^Ann")
    found = read_segmentation(path)
    assert (found.reader, found.size, found.films) == (
        "Roe, Ann",
        (96, 160),
        (film.SOPInstanceUID,),
    )
    assert [s.label for s in found.segments] == ["finding 1", "finding 2"]
    for number, segment in enumerate(found.segments):
        assert segment.film == film.SOPInstanceUID
        assert np.array_equal(segment.mask, TWO[0, ..., number] > 0)


def test_frames_of_several_films_go_to_their_films_as_highdicom_reads_them(tmp_path) -> None:
    """Three segments on three films: nine frames, of which those that are empty are left out."""
    films = [radiograph(tmp_path, number) for number in range(3)]
    for number, film in enumerate(films):  # highdicom asks for one series, in one frame
        film.SeriesInstanceUID, film.StudyInstanceUID = "1.2.5", "1.2.6"
        film.PatientID, film.FrameOfReferenceUID = "one", "1.2.7"
        film.ImagePositionPatient = [0, 0, 10 * number]
        film.ImageOrientationPatient, film.SliceThickness = [1, 0, 0, 0, 1, 0], 1
    masks = np.zeros((3, 96, 160, 3), np.uint8)
    for number in range(3):
        masks[number, ..., number] = disc(20 + 10 * number, 30, 9)
        masks[number, ..., 2 - number] |= disc(60, 90 + 10 * number, 11)
    path = written(films, masks, tmp_path / "seg.dcm")
    found = read_segmentation(path)
    assert set(found.films) == {film.SOPInstanceUID for film in films}
    read = {(s.film, s.label): s.mask for s in found.segments}
    library = hd.seg.segread(path).get_pixels_by_source_instance(
        [film.SOPInstanceUID for film in films], ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )  # fmt: skip
    for number, film in enumerate(films):
        for k in range(3):
            key = film.SOPInstanceUID, f"finding {k + 1}"
            mask = read.get(key, np.zeros((96, 160), bool))
            assert np.array_equal(mask, masks[number, ..., k] > 0)
            assert np.array_equal(mask, library[number, ..., k] > 0)


def test_segments_of_one_label_stay_apart(film, tmp_path) -> None:
    found = read_segmentation(written([film], TWO, tmp_path / "seg.dcm", labels=["nodule"] * 2))
    assert [(s.label, int(s.mask.sum())) for s in found.segments] == [
        ("nodule", int(TWO[..., 0].sum())), ("nodule", int(TWO[..., 1].sum())),
    ]  # fmt: skip


def test_a_label_map_holds_a_segment_for_each_of_its_numbers(film, tmp_path) -> None:
    path = written([film], TWO, tmp_path / "seg.dcm", "LABELMAP")
    found = read_segmentation(path)
    assert [(s.film, s.label) for s in found.segments] == [
        (film.SOPInstanceUID, "finding 1"), (film.SOPInstanceUID, "finding 2"),
    ]  # fmt: skip
    for number, segment in enumerate(found.segments):
        assert np.array_equal(segment.mask, TWO[0, ..., number] > 0)


def test_a_fractional_segment_is_cut_at_one_half(film, tmp_path) -> None:
    ramp = np.tile(np.linspace(0, 1, 160, dtype=np.float32), (96, 1))[None, ..., None]
    [segment] = read_segmentation(
        written([film], ramp, tmp_path / "seg.dcm", "FRACTIONAL")
    ).segments
    assert np.array_equal(segment.mask[0], np.round(ramp[0, 0, :, 0] * 255) >= 127.5)


def test_two_frames_of_one_segment_and_film_are_of_a_volume(film, tmp_path) -> None:
    path = written([film], TWO, tmp_path / "seg.dcm")
    seg = pydicom.dcmread(path)
    for group in seg.PerFrameFunctionalGroupsSequence:
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
    seg.save_as(path)
    with pytest.raises(AnnotationError, match="is it of a volume"):
        read_segmentation(path)


def test_a_segmentation_of_one_finding_is_a_mask_file(film, tmp_path) -> None:
    one = written([film], TWO, tmp_path / "one.dcm", labels=["nodule"] * 2)
    assert mask_files.size_of(one) == (96, 160)
    assert np.array_equal(mask_files.marked(one), TWO[0].any(axis=-1))
    two = written([film], TWO, tmp_path / "two.dcm")
    with pytest.raises(AnnotationError, match="of finding 1, finding 2 on 1 film"):
        mask_files.marked(two)
    one.write_bytes(one.read_bytes()[:-30])
    with pytest.raises(DamagedMaskError):
        mask_files.marked(one)


def test_what_is_no_segmentation_is_told(film, tmp_path) -> None:
    with pytest.raises(AnnotationError, match="expected Segmentation Storage"):
        read_segmentation(tmp_path / "film0.dcm")
    with pytest.raises(AnnotationError, match="no DICOM file"):
        read_segmentation(tmp_path / "film0.png")
    with pytest.raises(PixelError, match="there is no such file"):
        read_segmentation(tmp_path / "none.dcm")
    whole = written([film], TWO, tmp_path / "seg.dcm").read_bytes()
    for length in (200, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.dcm").write_bytes(whole[:length])
        with pytest.raises(PixelError):
            read_segmentation(tmp_path / "cut.dcm")
