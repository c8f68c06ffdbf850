"""What is exported can be read again by others, and by heatproof itself."""

import contextlib
import shutil
import zipfile

import nibabel
import numpy as np
import polars as pl
import pytest
from pycocotools.coco import COCO

import heatproof
from heatproof.data.annotations import connected_parts, cropped_parts, encode
from heatproof.errors import ExperimentError, SpecError
from heatproof.maps.binarize import Fixed
from heatproof.maps.importers import importers
from heatproof.maps.naming import KnownFilms
from heatproof.runs.export import export
from heatproof.runs.exporters import coco


def test_tables_are_csv_with_every_column_described(runs, tmp_path) -> None:
    opened = heatproof.open(runs[0])
    export(opened, tmp_path / "out", ["csv"])
    described = pl.read_csv(tmp_path / "out" / "columns.csv")
    for name in opened.tables:
        table = pl.read_csv(tmp_path / "out" / f"{name}.csv", infer_schema=False)
        assert len(table) == len(opened[name])
        assert described.filter(table=name)["column"].to_list() == table.columns


def test_tables_are_sheets(runs, tmp_path) -> None:
    [file] = export(heatproof.open(runs[0]), tmp_path, ["xlsx"])
    with zipfile.ZipFile(file) as book:
        text = book.read("xl/workbook.xml").decode()
    for name in ("columns", *heatproof.open(runs[0]).tables):
        assert f'name="{name}"' in text


def test_names_are_neither_formulas_nor_links(runs, tmp_path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(runs[0], folder, ignore=shutil.ignore_patterns("maps"))
    names = ['=HYPERLINK("http://x")', "external:other.xlsx", "http://x.org"]
    films = pl.read_parquet(folder / "films.parquet")
    named = (names * len(films))[: len(films)]
    films.with_columns(pl.Series("image_id", named)).write_parquet(folder / "films.parquet")
    export(heatproof.open(folder), tmp_path / "out", ["csv", "xlsx"])
    shown = pl.read_csv(tmp_path / "out" / "films.csv", infer_schema=False)["image_id"]
    assert shown[:3].to_list() == ["'" + names[0], *names[1:]]
    with zipfile.ZipFile(tmp_path / "out" / "tables.xlsx") as book:
        for name in book.namelist():
            content = book.read(name)
            assert b"<f>" not in content, name
            assert b"<hyperlink" not in content, name


@pytest.mark.parametrize(("form", "importer"), [("npy", "npy"), ("nifti", "nifti")])
def test_maps_come_back_as_they_went(runs, tmp_path, form, importer) -> None:
    opened = heatproof.open(runs[0])
    export(opened, tmp_path, [form], "film")
    listed = pl.read_csv(next(tmp_path.glob("maps.*.csv")))
    assert len(listed) == len(opened.maps)
    films = tuple(opened["films"].frame["image_id"])
    for row in listed.filter(method="grad_cam").iter_rows(named=True):
        file = tmp_path / row["file"]
        [found] = importers.parse(importer).find(file, KnownFilms("films", films, ("Square",)))
        again = found.read()
        assert (again.image_id, again.finding) == (row["image_id"], row["finding"])
        whole = opened.map(row["image_id"], "Square", "grad_cam")
        assert np.array_equal(again.values, whole)
        assert again.values.shape == (row["film_height"], row["film_width"])


def test_nifti_has_the_axes_of_a_picture(runs, tmp_path) -> None:
    files = export(heatproof.open(runs[0]), tmp_path, ["nifti"])
    image = nibabel.load(files[0])
    assert nibabel.aff2axcodes(image.affine)[:2] == ("L", "P")


def test_what_cannot_be_is_told(runs, tmp_path) -> None:
    opened = heatproof.open(runs[0])
    with pytest.raises(SpecError, match="no exporter is named 'xls'; did you mean xlsx"):
        export(opened, tmp_path, ["xls"])
    with pytest.raises(ExperimentError, match="the folder of the run itself"):
        export(opened, runs[0], ["csv"])


# Their code, with this NumPy.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_read_by_others_and_holds_the_masks(runs, tmp_path) -> None:
    opened = heatproof.open(runs[0])
    export(opened, tmp_path, ["coco(binarize=fixed(threshold=0.6))"])
    folder = next(tmp_path.glob("coco/films-*/bright-*/grad-cam-*"))
    with contextlib.redirect_stdout(None):
        truth = COCO(folder / "instances.json")
        found = truth.loadRes(str(folder / "detections.json"))
    assert found.getAnnIds() == truth.getAnnIds() != []
    for image in truth.imgs.values():
        expected = Fixed(0.6)(opened.map(image["file_name"], "Square", "grad_cam"))
        parts = [truth.annToMask(a) for a in truth.imgToAnns[image["id"]]]
        mask = np.sum(parts, axis=0) if parts else np.zeros((96, 160))
        assert np.array_equal(mask, np.zeros((96, 160)) if expected is None else expected)
        for annotation in truth.imgToAnns[image["id"]]:
            assert annotation["area"] == truth.annToMask(annotation).sum()
            assert 0 <= annotation["score"] <= 1


def test_detections_come_back_as_maps(runs, tmp_path) -> None:
    opened = heatproof.open(runs[0])
    export(opened, tmp_path, ["coco"])
    folder = next(tmp_path.glob("coco/films-*/bright-*/grad-cam-*"))
    films = tuple(opened["films"].frame["image_id"])
    (folder / "detections.json").unlink()
    found = importers.parse("coco_detections").find(folder, KnownFilms("films", films, ("Square",)))
    assert len(found) == len(opened.maps.filter(method="grad_cam"))
    assert any(each.read().probability > 0 for each in found)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 1.0])
def test_run_lengths_of_a_part_are_those_of_its_whole_mask(share) -> None:
    """A map of noise has thousands of parts, which are never made as large as the film."""
    mask = np.random.default_rng(1).random((17, 29)) < share
    for part, whole in zip(cropped_parts(mask), connected_parts(mask), strict=True):
        assert coco.lengths_within(part, mask.shape) == encode(whole).counts
