"""DICOM that is written is what the standard asks for, by the word of readers that others wrote."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest

import heatproof
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import ExperimentError
from heatproof.maps.binarize import Fixed, Otsu
from heatproof.runs.export import export
from heatproof.runs.exported import Exported, films_of
from heatproof.runs.exporters import exporters
from heatproof.runs.exporters.dicom_map import DicomMap

highdicom = pytest.importorskip(
    "highdicom", reason="DICOM is written by highdicom: pip install '.[clinic]'"
)
FORMATS = ("dicom_seg(binarize=fixed(threshold=0.5))", "dicom_map", "dicom_sr", "dicom_overlay")
KINDS = ("dicom_seg", "dicom_map", "dicom_sr", "dicom_overlay")
IDENTIFYING = ("MRN-", "Doe", "19500102", "Roe", "ACC", "20200304")


@pytest.fixture(scope="module")
def run(dicom_run):
    return heatproof.open(dicom_run.parent / "out")


@pytest.fixture(scope="module")
def films(dicom_run):
    return films_of(dicom_run)


@pytest.fixture(scope="module")
def written(run, films, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("dicom")
    export(run, to, FORMATS, films=films)
    return to


def listed(folder: Path, kind: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{kind}.csv", infer_schema=False)


def files(folder: Path, kind: str) -> list[tuple[dict, Path]]:
    rows = listed(folder, kind).filter(pl.col("file").is_not_null() & (pl.col("file") != ""))
    return [(row, folder / row["file"]) for row in rows.to_dicts()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_refers_to_its_film_and_lies_in_its_study(written, films, kind) -> None:
    found = files(written, kind)
    assert len(found) >= 4
    for row, file in found:
        made = pydicom.dcmread(file)
        film = pydicom.dcmread(films["films", row["image_id"]].pixels.path)
        assert made.StudyInstanceUID == film.StudyInstanceUID
        assert (made.PatientID, made.PatientName) == (film.PatientID, film.PatientName)
        assert made.SOPInstanceUID == row["instance"] != film.SOPInstanceUID
        assert made.SeriesInstanceUID != film.SeriesInstanceUID
        referred = [e.value for e in made.iterall() if e.keyword == "ReferencedSOPInstanceUID"]
        assert set(referred) == (
            {film.SOPInstanceUID} if kind != "dicom_overlay" else set(referred)
        )


def test_values_of_a_parametric_map_are_those_of_the_map(run, written) -> None:
    for row, file in files(written, "dicom_map"):
        made = pydicom.dcmread(file)
        values = np.frombuffer(made.FloatPixelData, np.float32).reshape(made.Rows, made.Columns)
        expected = run.map(row["image_id"], row["finding"], row["method"])
        assert np.array_equal(values, np.broadcast_to(expected, values.shape))
        assert made.ContentLabel == "HEATMAP"
        [mapping] = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
        assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
        assert mapping.DoubleFloatRealWorldValueFirstValueMapped == values.min()


class Negated(Exported):
    """The same maps, with the other sign."""

    def maps(self):
        for each in super().maps():
            stored = replace(each.stored, values=-each.stored.values)
            yield replace(each, stored=stored)


def test_a_map_with_negative_values_keeps_its_sign(run, films, tmp_path) -> None:
    for _ in DicomMap().write(Negated(run, films=films), tmp_path):
        pass
    for _, file in files(tmp_path, "dicom_map"):
        made = pydicom.dcmread(file)
        values = np.frombuffer(made.FloatPixelData, np.float32).reshape(made.Rows, made.Columns)
        assert values.max() <= 0
        [voi] = made.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence
        if values.min() < 0:
            assert (voi.WindowCenter, voi.WindowWidth) == (0, pytest.approx(-2 * values.min()))


def test_a_segmentation_is_the_mask_at_the_named_threshold(run, films, written) -> None:
    for row, file in files(written, "dicom_seg"):
        made = pydicom.dcmread(file)
        expected = Fixed(0.5)(run.map(row["image_id"], row["finding"], row["method"]))
        assert np.array_equal(made.pixel_array.squeeze() > 0, expected)
        assert made.SegmentationType == "BINARY"
        read = highdicom.seg.segread(file).get_pixels_by_source_instance(
            [pydicom.dcmread(films["films", row["image_id"]].pixels.path).SOPInstanceUID],
            ignore_spatial_locations=True,
        )
        assert np.array_equal(read.squeeze() > 0, expected)
        [segment] = made.SegmentSequence
        [algorithm] = segment.SegmentationAlgorithmIdentificationSequence
        assert "fixed(threshold=0.5)" in algorithm.AlgorithmParameters


def test_a_report_holds_scores_and_areas(run, written) -> None:
    for row, file in files(written, "dicom_sr"):
        made = pydicom.dcmread(file)
        numbers = {
            item.ConceptNameCodeSequence[0].CodeMeaning: item.MeasuredValueSequence[0]
            for item in _items(made)
            if item.ValueType == "NUM" and item.get("MeasuredValueSequence")
        }
        scores = run["scores"].frame.filter(
            image_id=row["image_id"], method=row["method"], finding=row["finding"]
        )
        defined = scores.filter(pl.col("value").is_finite())
        for reader, metric, value in defined.select("reader", "metric", "value").iter_rows():
            assert float(numbers[f"{metric}, reader {reader}"].NumericValue) == pytest.approx(value)
        mask = Otsu()(run.map(row["image_id"], row["finding"], row["method"]))
        areas = [
            float(item.MeasuredValueSequence[0].NumericValue)
            for item in _items(made)
            if item.ValueType == "NUM" and item.ConceptNameCodeSequence[0].CodeMeaning == "Area"
        ]
        assert sum(areas) == pytest.approx(0 if mask is None else mask.sum() * 0.2 * 0.25)


def _items(dataset):
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from _items(item)


def test_a_film_that_is_no_dicom_is_left_out_and_told(written) -> None:
    for kind in KINDS:
        rows = listed(written, kind).filter(image_id="f5")
        assert len(rows) == 2  # methods
        assert all("no DICOM file" in reason for reason in rows["reason"])


def test_a_run_without_any_dicom_film_is_refused(runs, tmp_path) -> None:
    films = films_of(runs[0].parent.parent / "first.toml")
    with pytest.raises(ExperimentError, match="none of the films is a DICOM file"):
        export(heatproof.open(runs[0]), tmp_path, ["dicom_seg"], films=films)
    with pytest.raises(ExperimentError, match=r"--films EXPERIMENT\.toml"):
        export(heatproof.open(runs[0]), tmp_path, ["dicom_seg"])


def test_two_exports_are_the_same_instances(run, films, written, tmp_path) -> None:
    export(run, tmp_path, FORMATS, films=films)
    for kind in KINDS:
        for row, file in files(written, kind):
            assert file.read_bytes() == (tmp_path / row["file"]).read_bytes(), file


def test_identifiers_of_instances_differ(written) -> None:
    instances = [row["instance"] for kind in KINDS for row, _ in files(written, kind)]
    assert len(set(instances)) == len(instances)


def test_with_pseudonyms_nothing_names_a_person(run, films, tmp_path) -> None:
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    made = export(run, tmp_path, exporters.names(), films=films, pseudonyms=pseudonyms)
    assert len({file.parent for file in made}) > len(exporters.names())
    originals = {
        pydicom.dcmread(film.pixels.path)[name].value
        for (_, image_id), film in films.items()
        if image_id != "f5"
        for name in ("StudyInstanceUID", "SOPInstanceUID", "SeriesInstanceUID")
    }
    for file in made:
        content = file.read_bytes()
        for word in (*IDENTIFYING, *originals):
            assert word.encode() not in content, (file, word)
        assert "f1_" not in file.name
        assert b'"f1"' not in content
    [first] = {pydicom.dcmread(f).PatientID for r, f in files(tmp_path, "dicom_map")
               if r["image_id"] == pseudonyms.of("film", "f1")}  # fmt: skip
    assert first == pseudonyms.of("patient", "MRN-0")
    table = pl.read_csv(tmp_path / "films.csv", infer_schema=False)
    assert pseudonyms.of("patient", "p0") in table["patient"].to_list()


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_finds_no_error(written, kind) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    for _, file in files(written, kind)[::3]:
        told = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
        errors = [line for line in told.stderr.splitlines() if line.startswith("Error")]
        assert errors == [], file


@pytest.mark.parametrize("kind", KINDS)
def test_dcmdump_reads_it(written, kind) -> None:
    if shutil.which("dcmdump") is None:
        pytest.skip("dcmdump is not installed: apt-get install dcmtk")
    _, file = files(written, kind)[0]
    told = subprocess.run(["dcmdump", file], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "HEATMAP" in told.stdout or kind in ("dicom_sr", "dicom_overlay")
