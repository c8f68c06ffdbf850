"""Files as the tools themselves write them, by their documentation: what is read of each."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from heatproof.data.annotations import Boxes, Outline, Points, RotatedBox
from heatproof.data.annotations.formats import formats, guessed
from heatproof.data.annotations.marks import Beside
from heatproof.data.annotations.rle_pack import packed, unpacked
from heatproof.errors import DataError

SIZE = 50, 100


def read(path, spec=None, beside=None):
    return formats.parse(spec or guessed(path)).read(path, beside or Beside())


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", SIZE[::-1]).save(folder / "film.png")
    return Beside.folder(folder, "Nodule")


def test_label_studio(tmp_path):
    """A rectangle of Label Studio's guide: percents, turned about its top left corner."""
    result = {"original_width": 100, "original_height": 50, "image_rotation": 0}
    tasks = [{
        "id": 1,
        "data": {"image": "/data/upload/3/1a2b3c4d-film.png"},
        "annotations": [
            {"id": 7, "completed_by": 4, "was_cancelled": False, "result": [
                {**result, "id": "a", "type": "rectanglelabels", "value": {
                    "x": 20, "y": 20, "width": 30, "height": 20, "rotation": 90,
                    "rectanglelabels": ["Nodule"]}},
                {**result, "id": "b", "type": "choices", "value": {"choices": ["good"]}},
                {**result, "id": "c", "type": "keypointlabels", "value": {
                    "x": 10, "y": 50, "width": 0.3, "keypointlabels": ["Tip"]}}]},
            {"id": 8, "completed_by": 5, "result": []},
            {"id": 9, "completed_by": 6, "was_cancelled": True, "result": []},
        ],
        "predictions": [{"model_version": "v1", "score": 0.25, "result": [
            {**result, "id": "d", "type": "polygonlabels", "value": {
                "points": [[10, 20], [20, 20], [20, 60]], "polygonlabels": ["Nodule"]}}]}],
    }]  # fmt: skip
    path = tmp_path / "studio.json"
    path.write_text(json.dumps(tasks))
    (film,) = read(path).films
    assert (film.name, film.size, film.readers) == ("film.png", SIZE, ("4", "5", "v1"))
    turned, tip, predicted = film.marks
    # From (20, 10), 30 to the right and 10 down; a quarter turn about that corner.
    ys, xs = np.nonzero(turned.shape.mask(*SIZE))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 19, 10, 39)
    assert isinstance(turned.shape, RotatedBox)
    assert tip.shape == Points(((10.0, 25.0),))
    assert (predicted.reader, predicted.score) == ("v1", 0.25)
    assert predicted.shape.contours == (((10.0, 10.0), (20.0, 10.0), (20.0, 30.0)),)


def test_brushes_of_label_studio():
    """Bits by hand: eight values of one byte each, in one run of four and one of four."""
    bits = f"{8:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits += f"1{0:02b}{3:03b}{0:08b}" + f"1{0:02b}{3:03b}{255:08b}"
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    np.testing.assert_array_equal(unpacked(rle, 1, 2), [[False, True]])
    assert packed(np.array([[False, True]])) == rle
    with pytest.raises(DataError, match="end too early"):
        unpacked(rle[:-2], 1, 2)
    with pytest.raises(DataError, match="is the size of the film another"):
        unpacked(rle, 2, 2)


def test_mdai(tmp_path):
    labels = [{"id": "L_1", "name": "Nodule", "annotationMode": "mask", "type": "LOCAL"},
              {"id": "L_2", "name": "Line", "annotationMode": "line", "type": "LOCAL"},
              {"id": "L_3", "name": "Normal", "type": "GLOBAL", "scope": "STUDY"}]  # fmt: skip
    square = [[2, 2], [12, 2], [12, 12], [2, 12]]
    hole = [[4, 4], [8, 4], [8, 8], [4, 8]]
    base = {"SOPInstanceUID": "1.2.3", "createdById": "U_ann", "height": 50, "width": 100}
    annotations = [
        {"id": "A_1", "labelId": "L_1", "data": {"foreground": [square], "background": [hole]}},
        {"id": "A_2", "labelId": "L_2", "data": {"vertices": [[1, 1], [5, 5]]}},
        {"id": "A_3", "labelId": "L_3", "data": None, "createdById": "U_ben"},
    ]
    content = {
        "labelGroups": [{"id": "G_1", "labels": labels}],
        "datasets": [{"id": "D_1", "annotations": [base | a for a in annotations]}],
    }
    path = tmp_path / "mdai.json"
    path.write_text(json.dumps(content))
    found = read(path)
    (film,) = found.films
    (mark,) = film.marks
    assert (film.name, film.readers) == ("1.2.3", ("U_ann", "U_ben"))
    assert mark.shape.mask(*SIZE).sum() == 100 - 16
    assert "a line of 2 points" in found.strays[0][1]


def test_labelme_joins_what_is_grouped(tmp_path):
    def shape(*points, kind="polygon", group=None):
        return {"label": "Nodule", "points": points, "group_id": group, "shape_type": kind}

    shapes = [
        shape([1, 1], [5, 1], [5, 5], group=1),
        shape([9, 9], [15, 9], [15, 15], group=1),
        shape([10, 20], [4, 12], kind="rectangle"),
        shape([30, 30], [33, 34], kind="circle"),
        shape([1, 1], [9, 9], kind="line"),
    ]
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "..\\film.png",
               "imageData": None, "imageHeight": 50, "imageWidth": 100}  # fmt: skip
    (tmp_path / "labelme").mkdir()
    (tmp_path / "labelme" / "film.json").write_text(json.dumps(content))
    found = read(tmp_path / "labelme")
    (film,) = found.films
    shapes = [mark.shape for mark in film.marks]
    assert [len(s.contours) for s in shapes if isinstance(s, Outline)] == [2, 1]
    assert Boxes(((4.0, 12.0, 10.0, 20.0),)) in shapes
    area = shapes[-1].mask(*SIZE).sum()
    assert abs(area - np.pi * 25) < 4
    assert len(found.strays) == 1


def test_voc_counts_from_0_or_1(tmp_path):
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "film.xml").write_text(
        "<annotation><folder>VOC2012</folder><filename>film.jpg</filename>"
        "<size><width>100</width><height>50</height><depth>3</depth></size>"
        "<object><name>Nodule</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax>"
        "<ymax>5</ymax></bndbox></object></annotation>"
    )
    ((film),) = read(tmp_path / "voc").films
    assert film.marks[0].shape == Boxes(((1.0, 1.0, 10.0, 5.0),))
    ((film),) = read(tmp_path / "voc", "voc(counted_from=1)").films
    assert film.marks[0].shape.mask(*SIZE).sum() == 10 * 5


def test_yolo_of_ultralytics(tmp_path, images):
    folder = tmp_path / "labels"
    folder.mkdir()
    (tmp_path / "data.yaml").write_text("path: x\nnames:\n  0: Nodule\n  1: Mass\n")
    (folder / "film.txt").write_text(
        "1 0.5 0.5 0.2 0.4\n0 0.5 0.5 0.2 0.4 0.75\n0 0.1 0.2 0.3 0.2 0.3 0.6\n"
    )
    (film,) = read(folder, None, images).films
    assert film.name == "film.png"
    assert [mark.finding for mark in film.marks] == ["Mass", "Nodule", "Nodule"]
    assert film.marks[0].shape == Boxes(((40.0, 15.0, 60.0, 35.0),))
    assert film.marks[1].score == 0.75
    assert film.marks[2].shape.contours == (((10.0, 10.0), (30.0, 10.0), (30.0, 30.0)),)
    (folder / "film.txt").write_text("0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n")
    (film,) = read(folder, "yolo(oriented=True)", images).films
    assert film.marks[0].shape == RotatedBox(20.0, 10.0, 20.0, 10.0, 0.0)
    with pytest.raises(DataError, match="its size is not known"):
        read(folder)


def test_run_lengths_of_kaggle(tmp_path, images):
    """Absolute pairs count from 1, down the columns: of a film of 50 rows, 51 begins the second."""
    path = tmp_path / "rle.csv"
    path.write_text("ImageId,EncodedPixels\nfilm.png,1 2 51 3\nother.png,-1\n")
    spec = "kaggle_rle(size=(50, 100))"
    film, other = read(path, spec, Beside(finding="Nodule")).films
    ys, xs = np.nonzero(film.marks[0].shape.mask(*SIZE))
    assert sorted(zip(xs, ys, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert other.marks == ()
    path.write_text("ImageId, EncodedPixels\nfilm.png, 0 2 48 3\n")
    (film,) = read(path, "kaggle_rle(relative=True, size=(50, 100))", Beside(finding="x")).films
    assert sorted(zip(*np.nonzero(film.marks[0].shape.mask(*SIZE).T), strict=True)) == [
        (0, 0), (0, 1), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip
    path.write_text("ImageId,EncodedPixels\nfilm.png,9 2 1 3\nfilm.png,1\nfilm.png,4999 5\n")
    with pytest.raises(DataError, match=r"(?s)3 problems.*go back.*pairs.*runs that end at 5003"):
        read(path, spec, Beside(finding="Nodule"))
    path.write_text("ImageId,EncodedPixels\nfilm.png,1 2\n")
    with pytest.raises(DataError, match="does not say what is marked"):
        read(path, spec)


def test_a_label_map_of_itk_snap(tmp_path):
    values = np.zeros((100, 50, 1), np.uint8)  # columns before rows
    values[10:20, 5:9], values[30:32, 5:9] = 1, 2
    path = tmp_path / "film.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    (film,) = read(path, "nifti(labels=('Nodule', 'Mass'))").films
    assert (film.name, film.size) == ("film", SIZE)
    nodule, mass = film.marks
    assert (nodule.finding, nodule.shape.mask(*SIZE).sum()) == ("Nodule", 40)
    assert mass.shape.mask(*SIZE)[5:9, 30:32].all()
    with pytest.raises(DataError, match="several labels; name them"):
        read(path, "nifti", Beside(finding="x"))
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    with pytest.raises(DataError, match=r"axes run to R and A, .*nifti\(axes='yx'\)"):
        read(path, "nifti", Beside(finding="x"))


def test_via_2(tmp_path):
    region = {"shape_attributes": {"name": "circle", "cx": 30, "cy": 20, "r": 8},
              "region_attributes": {"finding": "Nodule", "quality": {"good": True}}}  # fmt: skip
    project = {"_via_settings": {}, "_via_img_metadata": {
        "film.png123": {
            "filename": "film.png", "size": 123, "file_attributes": {}, "regions": [region]},
        "none.png9": {"filename": "none.png", "size": 9, "file_attributes": {}, "regions": []},
    }}  # fmt: skip
    path = tmp_path / "project.json"
    path.write_text(json.dumps(project))
    film, none = read(path).films
    assert (film.marks[0].finding, none.marks, none.readers) == ("Nodule", (), ("reference",))
    assert abs(film.marks[0].shape.mask(*SIZE).sum() - np.pi * 64) < 8
