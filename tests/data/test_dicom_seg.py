"""Segmentations that others write are read as the masks that they hold."""

import numpy as np
import pydicom
import pytest

from heatproof.data.dicom_seg import annotations, read_segments
from heatproof.errors import AnnotationError
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

hd = pytest.importorskip("highdicom", reason="tests write segmentations by it")


@pytest.fixture
def film(tmp_path):
    write_films(tmp_path, count=1)
    write_radiograph(tmp_path / "film0.png", tmp_path / "film.dcm", 0)
    return pydicom.dcmread(tmp_path / "film.dcm")


def written(film, masks, path, kind="BINARY"):
    """A segmentation with a segment per mask."""
    segments = [
        hd.seg.SegmentDescription(
            number,
            f"finding {number}",
            hd.sr.CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure"),
            hd.sr.CodedConcept("x", "99TEST", "x"),
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, len(masks) + 1)
    ]
    seg = hd.seg.Segmentation(
        [film], np.stack(masks, axis=-1)[None], kind, segments, "1.2.3", 1, "1.2.3.4", 1,
        "test", "test", "1", "1",
    )  # fmt: skip
    seg.save_as(path)
    return path


def disc(y: int, x: int, radius: int) -> np.ndarray:
    down, across = np.ogrid[:96, :160]
    return (down - y) ** 2 + (across - x) ** 2 < radius**2


def test_each_segment_is_an_annotation_with_its_mask(film, tmp_path) -> None:
    masks = [disc(30, 40, 12), disc(60, 120, 20)]
    path = written(film, [mask.astype(np.uint8) for mask in masks], tmp_path / "seg.dcm")
    found = read_segments(path)
    assert found.film == film.SOPInstanceUID
    marks = annotations(path, "reader 2")
    assert [(mark.finding, mark.source) for mark in marks] == [
        ("finding 1", "reader 2"), ("finding 2", "reader 2"),
    ]  # fmt: skip
    for mark, mask in zip(marks, masks, strict=True):
        assert np.array_equal(mark.mask(96, 160), mask)


def test_a_fractional_segment_is_cut_at_one_half(film, tmp_path) -> None:
    ramp = np.tile(np.linspace(0, 1, 160, dtype=np.float32), (96, 1))
    path = written(film, [ramp], tmp_path / "seg.dcm", "FRACTIONAL")
    [mask] = read_segments(path).masks.values()
    assert np.array_equal(mask[0], np.round(ramp[0] * 255) >= 127.5)


def test_what_is_no_segmentation_is_told(film, tmp_path) -> None:
    with pytest.raises(AnnotationError, match="expected Segmentation Storage"):
        read_segments(tmp_path / "film.dcm")
    with pytest.raises(AnnotationError, match="no DICOM file"):
        read_segments(tmp_path / "film0.png")
    with pytest.raises(AnnotationError, match="there is no such file"):
        read_segments(tmp_path / "none.dcm")
    whole = written(film, [disc(30, 40, 12).astype(np.uint8)], tmp_path / "seg.dcm").read_bytes()
    for length in (200, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.dcm").write_bytes(whole[:length])
        with pytest.raises(AnnotationError):
            read_segments(tmp_path / "cut.dcm")
