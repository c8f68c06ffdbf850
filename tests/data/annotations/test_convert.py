"""Annotations of one tool for another: nothing is lost in silence, and all problems are told."""

import json

import numpy as np
import pytest

from heatproof.data.annotations import Boxes, Outline, encode
from heatproof.data.annotations.convert import convert
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm
from heatproof.data.pseudonyms import read_key
from heatproof.errors import DataError, SpecError

SIZE = 16, 20
RING = np.zeros(SIZE, bool)
RING[2:9, 3:10] = True
RING[4:6, 5:7] = False


def film(*marks, name="a.png", readers=("reference",)):
    return MarkedFilm(name, SIZE, marks, readers)


def written(path, spec, *films):
    formats.parse(spec).write(films, path)
    return path


def test_turned_boxes_readers_points_and_holes_are_told(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 16, "width": 20}],
        "categories": [{"id": 1, "name": "Nodule"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 8, 4],
             "attributes": {"rotation": 30}, "score": 0.5},
            {"id": 2, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2]},
            {"id": 3, "image_id": 1, "category_id": 1,
             "segmentation": {"size": [16, 20], "counts": encode(RING).counts}},
        ],
    }  # fmt: skip
    source = tmp_path / "coco.json"
    source.write_text(json.dumps(content))
    done = convert(source, tmp_path / "via.csv")
    assert (done.source, done.target, done.films, done.marks) == ("coco", "via", 1, 3)
    told = "\n".join(done.lost)
    for words in (
        "rotated boxes: written as polygons",
        "masks: written as polygons",
        "masks with holes: the holes are then inside",
        "scores of a program: left out",
    ):
        assert f"1 {words}" in told  # fmt: skip
    done = convert(source, tmp_path / "voc", write_as="voc")
    assert "1 points: left out, since the target holds none (first on a.png)" in done.lost
    assert any("around them" in lost for lost in done.lost)


def test_a_target_without_readers_has_a_file_of_each(tmp_path):
    box, other = Boxes(((2, 2, 8, 8),)), Boxes(((4, 4, 9, 9),))
    source = written(
        tmp_path / "three.json",
        "mdai",
        film(Mark("Nodule", box, "ann"), Mark("Nodule", other, "ben"), readers=("ann", "ben")),
        film(Mark("Nodule", box, "ann"), name="b.png", readers=("ann",)),
    )
    done = convert(source, tmp_path / "yolo", write_as="yolo")
    assert [place.name for place in done.places] == ["yolo-ann", "yolo-ben"]
    assert {p.name for p in (tmp_path / "yolo-ben").iterdir()} == {"a.txt", "classes.txt"}
    assert {p.name for p in (tmp_path / "yolo-ann").iterdir()} == {"a.txt", "b.txt", "classes.txt"}
    agreed = convert(source, tmp_path / "agreed.json", write_as="coco", rule="intersection")
    assert agreed.marks == 2
    (mark,) = formats.parse("coco").read(tmp_path / "agreed.json", Beside()).films[0].marks
    both = box.mask(*SIZE) & other.mask(*SIZE)
    np.testing.assert_array_equal(mark.shape.mask(*SIZE), both)
    assert mark.reader == "reference"


def test_all_problems_of_a_file_are_told_and_nothing_is_written(tmp_path):
    source = tmp_path / "cvat.xml"
    source.write_text(
        '<annotations><image id="0" name="a.png" width="20" height="16">'
        '<box label="Nodule" xtl="1" ytl="x" xbr="5" ybr="5"/>'
        '<polygon label="Nodule" points="1,1;2;3,3"/>'
        '<mask label="Nodule" left="0" top="0" width="4" height="4" rle="3,3"/>'
        "</image></annotations>"
    )
    with pytest.raises(DataError, match="3 problems") as told:
        convert(source, tmp_path / "coco.json")
    for place in ("a.png, box 0: ytl is 'x'", "a.png, polygon 1", "a.png, mask 2: run lengths"):
        assert place in str(told.value)
    assert not (tmp_path / "coco.json").exists()


def test_entities_are_refused(tmp_path):
    source = tmp_path / "bomb.xml"
    source.write_text(
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><annotations>&b;</annotations>'
    )
    with pytest.raises(DataError, match="document type declaration"):
        convert(source, tmp_path / "coco.json", read_as="cvat")


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png"])
def test_a_name_does_not_lead_out_of_the_folder(tmp_path, name):
    source = written(
        tmp_path / "in.json", "coco", film(Mark("Nodule", Boxes(((2, 2, 8, 8),))), name=name)
    )
    with pytest.raises(DataError, match=r"expected a name without \.\."):
        convert(source, tmp_path / "deep" / "labelme", write_as="labelme")
    assert not (tmp_path / "out.json").exists()


def test_what_must_be_said_is_asked(tmp_path):
    source = written(tmp_path / "in.json", "coco", film(Mark("Nodule", Boxes(((2, 2, 8, 8),)))))
    with pytest.raises(DataError, match="which format"):
        convert(source, tmp_path / "out")
    with pytest.raises(DataError, match="is there already"):
        convert(source, source)
    with pytest.raises(SpecError, match="no annotation format is named 'coca'"):
        convert(source, tmp_path / "out", write_as="coca")
    with pytest.raises(DataError, match="no such file or folder"):
        convert(tmp_path / "absent.json", tmp_path / "out.json")
    (tmp_path / "plain.json").write_text("{}")
    with pytest.raises(DataError, match="of no format that can be told"):
        convert(tmp_path / "plain.json", tmp_path / "out.json")


def test_the_size_of_a_film_is_asked_where_it_is_needed(tmp_path):
    source = tmp_path / "via.json"
    source.write_text(json.dumps({"a.png1": {
        "filename": "a.png", "size": 1, "file_attributes": {},
        "regions": [{"shape_attributes": {"name": "rect", "x": 2, "y": 3, "width": 4, "height": 5},
                     "region_attributes": {"type": "Nodule"}}],
    }}))  # fmt: skip
    with pytest.raises(DataError, match=r"film a\.png: its size is needed.*--images"):
        convert(source, tmp_path / "yolo", write_as="yolo")
    done = convert(source, tmp_path / "coco.json")
    assert done.marks == 1


def test_the_command_line_says_what_is_lost(tmp_path, capsys):
    from heatproof.cli.convert import convert as command

    corners = ((2.0, 2.0), (9.0, 2.0), (9.0, 9.0))
    source = written(tmp_path / "in.json", "coco", film(Mark("Nodule", Outline((corners,), SIZE))))
    command(source, tmp_path / "voc", write_as="voc")
    out = capsys.readouterr().out
    assert "coco to voc: 1 marks on 1 films" in out
    assert "Not held by voc: 1 polygons: written as boxes" in out
    with pytest.raises(DataError, match="no consensus is named 'most'"):
        command(source, tmp_path / "out.json", consensus="most")


@pytest.mark.parametrize(
    ("target", "spec"), [("out.json", "coco"), ("out", "masks"), ("out.csv", "via")]
)
def test_with_a_key_films_have_pseudonyms(tmp_path, target, spec, capsys):
    """The same one in every file, and each as ``heatproof export`` gives it to the same name."""
    from heatproof.cli.convert import convert as command

    mark = Mark("Nodule", Boxes(((2, 2, 8, 8),)))
    source = written(
        tmp_path / "in.json", "mdai", film(mark, name="MRN7_a.png"), film(mark, name="MRN8_b.png")
    )
    key = tmp_path / "study.key"
    key.write_bytes(b"0123456789abcdef\n")
    command(source, tmp_path / target, write_as=spec, pseudonymize=key)
    assert "MRN" not in capsys.readouterr().out
    made = [file for file in sorted((tmp_path / target).rglob("*")) if file.is_file()]
    for file in made or [tmp_path / target]:
        assert b"MRN" not in file.read_bytes()
        assert "MRN" not in file.name
    read = formats.parse(spec).read(tmp_path / target, Beside(finding="Nodule")).films
    names = {name: read_key(key).of("film", name) for name in ("MRN7_a.png", "MRN8_b.png")}
    assert sorted(film.name for film in read) == sorted(names.values())
