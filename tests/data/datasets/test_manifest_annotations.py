"""A table with the annotations of any tool, of one reader or several."""

import itertools

import numpy as np
import pytest
from PIL import Image

from heatproof.data.annotations import Boxes
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Losses, fitted
from heatproof.data.annotations.marks import Mark, MarkedFilm, Origin
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.errors import DataError, Several, SpecError
from tests.runs.radiograph import write_radiograph

SIZE = 24, 32
BOX = Boxes(((4.0, 5.0, 14.0, 15.0),))
OTHER = Boxes(((8.0, 5.0, 18.0, 15.0),))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "films").mkdir()
    rows = ["file,uid,Nodule"]
    for number in range(3):
        Image.fromarray(np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE)).save(
            tmp_path / "films" / f"f{number}.png"
        )
        rows.append(f"films/f{number}.png,1.2.{number},1")
    (tmp_path / "films.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def written(path, spec, *marks, names=("f0.png", "f1.png"), readers=("reference",)):
    part = formats.parse(spec)
    films = [
        MarkedFilm(name, SIZE, of_film, readers, _origin(path, name))
        for name, of_film in zip(names, marks, strict=False)
    ]
    part.write(fitted(films, part.holds, Losses()), path)
    return path


def _origin(path, name):
    """The film as DICOM, to which a segmentation refers."""
    picture = path.parent / "films" / name
    if not picture.exists():
        return None
    file = path.parent / f"{picture.stem}.dcm"
    write_radiograph(picture, file, int(picture.stem[1:]))
    return Origin(file)


def opened(folder, **options):
    base = {"csv": "films.csv", "image": "file", "id": "uid", "labels": ["Nodule"]}
    return datasets.build("manifest", base | options, folder)


@pytest.mark.parametrize("name", formats.names())
def test_every_format_is_read(folder, name):
    path = folder / ("marks" if name in ("labelme", "voc", "yolo", "masks", "nifti",
                                        "dicom_seg") else
                     {"cvat": "marks.xml", "via": "marks.csv", "kaggle_rle": "marks.csv"}.get(
                         name, "marks.json"))  # fmt: skip
    written(path, name, (Mark("Nodule", BOX), Mark("Nodule", OTHER)), ())
    told = {"format": name} if name in ("kaggle_rle", "chexlocalize_masks") else {}
    data = opened(folder, annotations=path.name, **told)
    assert check(data) == ()
    assert datasets.parse(datasets.spec(data)) == data
    (mark,) = data[0].annotations
    assert (mark.finding, mark.source) == ("Nodule", "reference")
    np.testing.assert_array_equal(mark.mask(*SIZE), BOX.mask(*SIZE) | OTHER.mask(*SIZE))
    assert data[1].annotations == data[2].annotations == ()


def test_films_may_be_named_by_their_id(folder):
    written(folder / "m.json", "mdai", (Mark("Nodule", BOX),), names=("1.2.2",))
    data = opened(folder, annotations="m.json")
    assert [len(film.annotations) for film in data] == [0, 0, 1]


def test_a_file_of_each_reader_and_their_consensus(folder):
    """Every pixel is counted by hand: who marked it, and how many had to."""
    marks = {"ann": (Mark("Nodule", BOX),), "ben": (Mark("Nodule", OTHER),), "cal": ()}
    for reader, drawn in marks.items():
        written(folder / f"{reader}.json", "coco", drawn, (Mark("Nodule", BOX),))
    named = {reader: f"{reader}.json" for reader in marks}
    votes = BOX.mask(*SIZE).astype(int) + OTHER.mask(*SIZE)
    for rule, needed in (("union", 1), ("majority", 2), ("intersection", 3)):
        data = opened(folder, annotations=named, consensus=rule)
        found = {mark.source: mark.mask(*SIZE) for mark in data[0].annotations}
        expected = votes >= needed
        assert ("reference" in found) == expected.any()
        if expected.any():
            np.testing.assert_array_equal(found["reference"], expected)
        assert {*found} - {"reference"} == {"ann", "ben"}
        alone = opened(folder, annotations=named, consensus=rule, readers=False)
        assert {mark.source for film in alone for mark in film.annotations} == {"reference"}
    assert datasets.parse(datasets.spec(data)) == data
    apart = opened(folder, annotations=named)
    assert [mark.source for mark in apart[1].annotations] == ["ann", "ben", "cal"]


def test_readers_within_one_file(folder):
    marks = (Mark("Nodule", BOX, "ann"), Mark("Nodule", OTHER, "ben"))
    written(folder / "m.json", "label_studio", marks, readers=("ann", "ben"))
    data = opened(folder, annotations="m.json", consensus="intersection")
    found = {mark.source: mark.mask(*SIZE) for mark in data[0].annotations}
    np.testing.assert_array_equal(found["reference"], found["ann"] & found["ben"])


def test_mistakes_of_several_files_are_told_at_once(folder):
    written(folder / "a.json", "coco", (Mark("Nodule", BOX),), names=("g7.png",))
    written(folder / "b.json", "coco", (Mark("nodule", BOX),))
    (folder / "c.xml").write_text("<annotations><image>")
    with pytest.raises(Several) as told:
        opened(folder, annotations={"ann": "a.json", "cal": "c.xml"})
    assert "has 'g7.png', where the table has 'films/f0.png'" in str(told.value)
    assert "of no format that can be told" in str(told.value)
    with pytest.raises(DataError, match="category 'nodule'; did you mean Nodule"):
        opened(folder, annotations="b.json")
    both = itertools.repeat((Mark("Nodule", BOX),), 2)
    written(folder / "d.json", "coco", *both, names=("f0.png", "f9.png"))
    with pytest.raises(DataError, match=r"1 of 2 annotated films .* are not in the table"):
        opened(folder, annotations="d.json")
    with pytest.raises(SpecError, match="did you mean coco"):
        opened(folder, annotations="b.json", format="coc")


def test_marks_of_another_resolution_are_scaled(folder):
    double = MarkedFilm("f0.png", (48, 64), (Mark("Nodule", Boxes(((8.0, 10.0, 28.0, 30.0),))),))
    formats.parse("coco").write([double], folder / "m.json")
    (mark,) = opened(folder, annotations="m.json")[0].annotations
    np.testing.assert_array_equal(mark.mask(*SIZE), BOX.mask(*SIZE))
