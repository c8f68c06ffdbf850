"""Annotations of a COCO file land on the films they were drawn on, or nowhere."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as pycoco

from heatproof.data.annotations import RLE, Boxes, Outline, encode, fit, lesions_of
from heatproof.data.annotations.formats.coco import read_coco
from heatproof.data.check import check
from heatproof.data.datasets.manifest import Manifest
from heatproof.errors import AnnotationError, DataError


def films(folder, names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (12, 10)).save(folder / name)
    rows = [f"{name},{index % 2}" for index, name in enumerate(names)]
    (folder / "films.csv").write_text("\n".join(["image,Opacity", *rows]) + "\n")


def coco(folder, names, **annotation):
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": 0, "name": "Opacity"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 0, "bbox": [1, 2, 3, 4], **annotation}
            for i in range(len(names))
        ],
    }
    (folder / "boxes.json").write_text(json.dumps(content))


def read(folder):
    return Manifest(folder / "films.csv", ("Opacity",), coco=folder / "boxes.json")


def test_a_name_without_folder_finds_its_only_film(tmp_path):
    films(tmp_path, ["A/1.png", "B/2.png"])
    coco(tmp_path, ["2.png"])
    assert [len(sample.annotations) for sample in (read(tmp_path)[0], read(tmp_path)[1])] == [0, 1]


def test_a_name_that_fits_two_films_is_refused(tmp_path):
    films(tmp_path, ["A/1.png", "B/1.png"])
    coco(tmp_path, ["1.png"])
    with pytest.raises(DataError, match=r"annotates '1.png', but 2 images .* with its folder"):
        read(tmp_path)


def test_a_folder_tells_them_apart(tmp_path):
    films(tmp_path, ["A/1.png", "B/1.png"])
    coco(tmp_path, ["B/1.png"])
    assert not read(tmp_path)[0].annotations
    assert read(tmp_path)[1].annotations


def test_annotated_images_that_are_not_in_the_table_are_not_lost_silently(tmp_path):
    films(tmp_path, ["a1.png", "a2.png"])
    coco(tmp_path, ["a1.png", "a22.png"])
    with pytest.raises(DataError, match=r"1 of 2 annotated images.*'a22.png'; did you mean a2.png"):
        read(tmp_path)


@pytest.mark.parametrize("broken", [{"category_id": [0]}, {"image_id": {"a": 1}}])
def test_odd_references_are_answered(tmp_path, broken):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], **broken)
    with pytest.raises(DataError, match=r"annotation 0: .* is not listed"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"bbox": [1, 2, float("nan"), 4]}, "a number missing"),
        ({"bbox": [1, 2, float("inf"), 4]}, "a number missing"),
        ({"bbox": [1, 2, 10**400, 4]}, "too large"),
        ({"bbox": [5, 5, -3, 4]}, "width -3 .*was it written as corners"),
        ({"bbox": [5, 5, 0, 4]}, "width 0"),
        ({"bbox": None}, "NoneType"),
        ({"bbox": ["a", 1, 2, 3]}, "'a'"),
        ({"segmentation": "abc"}, "segmentation is 'abc'"),
        ({"segmentation": [1, 2, 3, 4]}, "not subscriptable"),
        ({"segmentation": {"size": [10, 12], "counts": [-5, 125]}}, "none of them below 0"),
        ({"segmentation": {"size": [10, 12], "counts": [0.5, 119.5]}}, "whole numbers"),
        ({"segmentation": {"size": ["ten", 12], "counts": [120]}}, "segmentation is"),
        ({"segmentation": {"counts": "abc"}}, "segmentation is"),
    ],
)
def test_a_malformed_shape_names_its_annotation(tmp_path, broken, message):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], **broken)
    with pytest.raises(DataError, match=rf"boxes.json, annotation 0: neither polygons.*{message}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("kind", "entries", "message"),
    [
        ("annotations", [5], r"number 0 of annotations: found 5, expected an object"),
        ("annotations", {"a": 1}, r"annotations is \{'a': 1\}, expected a list"),
        ("images", None, "images is None, expected a list"),
        ("images", ["x" * 99], r"number 0 of images: found 'x+\.\.\., expected an object"),
        ("images", [{"id": [1], "file_name": "a1.png"}], "image .*: expected an id"),
        ("images", [{"id": 0}], "image 0: expected an id.*and file_name"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": None, "width": 9}], "height None"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": "big", "width": 9}], "height 'big'"),
        ("images", [{"id": 0, "file_name": "a1.png", "height": 9}], "width None"),
        ("images", [{"id": 0, "file_name": n} for n in "ab"], "two of images have the id 0"),
        ("categories", [], "category_id 0 is not listed; there are none"),
        ("categories", [{"id": 0}], "category 0: expected an id.*and name"),
    ],
)
def test_a_malformed_list_names_its_entry(tmp_path, kind, entries, message):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text()) | {kind: entries}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read(tmp_path)


@pytest.mark.parametrize("lost", ["categories", "images", "annotations"])
def test_a_list_that_is_not_there_is_missed(tmp_path, lost):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    del content[lost]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="expected images, annotations and categories"):
        read(tmp_path)


def test_what_is_no_json_is_told_and_a_byte_order_mark_is_not(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    file = tmp_path / "boxes.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read(tmp_path)[0].annotations
    for broken in ("{oops", "[" * 100_000):
        file.write_text(broken)
        with pytest.raises(DataError, match="is not JSON"):
            read(tmp_path)


def test_a_file_that_marks_nothing_is_told_from_one_that_names_other_films(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text()) | {"annotations": []}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="annotates nothing; leave it out"):
        read(tmp_path)


def test_run_lengths_that_are_cut_short_are_refused(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"], segmentation={"size": [10, 12], "counts": [23, 3]})
    with pytest.raises(DataError, match="counts add up to 26, not 10 x 12"):
        read(tmp_path)


def test_compressed_run_lengths_never_give_pixels_that_nobody_set():
    mask = np.zeros((10, 12), bool)
    mask[3:6, 2:9] = True
    whole = encode(mask)
    for end in range(1, len(whole.counts)):
        short = RLE(whole.size, whole.counts[:end])
        try:
            found = short.mask(10, 12)
        except AnnotationError:
            continue
        assert not (found & ~mask).any()


# ---------------------------------------------------------------- shapes


SIZE = (40, 50)
coordinates = st.tuples(st.floats(0, SIZE[1]), st.floats(0, SIZE[0]))
contours = st.lists(coordinates, min_size=3, max_size=9).filter(lambda c: max(map(max, c)) > 1)


def by_pycocotools(contours, size=SIZE):
    flat = [[float(number) for point in contour for number in point] for contour in contours]
    runs = pycoco.merge(pycoco.frPyObjects(flat, *size))["counts"].decode()
    return RLE(size, runs).mask(*size)


@given(st.lists(contours, min_size=1, max_size=3))
def test_an_outline_is_filled_as_cocos_own_tools_fill_it(drawn):
    outline = Outline(tuple(map(tuple, drawn)))
    assert np.array_equal(outline.mask(*SIZE), by_pycocotools(drawn))
    assert outline.instances == 1


@given(*[st.integers(0, side - 2) for side in SIZE], *[st.integers(2, side) for side in SIZE])
def test_the_outline_of_a_box_holds_the_pixels_of_the_box(y0, x0, y1, x1):
    y1, x1 = max(y1, y0 + 1), max(x1, x0 + 1)
    if max(y1, x1) <= 1:
        return  # looks divided by the size
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    box = Boxes(((x0, y0, x1, y1),))
    assert np.array_equal(Outline((corners,)).mask(*SIZE), box.mask(*SIZE))


def drawn(folder, size=SIZE, film=None, manifest=None, **annotation):
    """The shape of one annotation, and the mask and problems that follow from it."""
    Image.new("L", (film or size)[::-1], 9).save(folder / "a1.png")
    (folder / "films.csv").write_text("image,Opacity\na1.png,1\n")
    content = {
        "images": [{"id": 1, "file_name": "a1.png", "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "Opacity"}],
        "annotations": [{"id": 7, "image_id": 1, "category_id": 1} | annotation],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    data = Manifest(
        folder / "films.csv", ("Opacity",), coco=folder / "boxes.json", **manifest or {}
    )
    (mark,) = data[0].annotations
    return mark, mark.mask(*film or size), check(data)


BBOX = [10, 10, 20, 10]


def test_contours_of_outermost_pixels_hold_these_pixels(tmp_path):
    """OpenCV lists the pixels at the ends; the bbox beside them tells so."""
    ends = [[10, 10, 29, 10, 29, 19, 10, 19]]
    _, mask, problems = drawn(tmp_path, segmentation=ends, bbox=BBOX)
    assert np.array_equal(mask, Boxes(((10, 10, 30, 20),)).mask(*SIZE))
    assert problems == ()
    _, mask, _ = drawn(tmp_path, segmentation=ends, bbox=[10, 10, 19, 9])
    assert np.array_equal(mask, Boxes(((10, 10, 29, 19),)).mask(*SIZE))


GOOD = [10, 10, 30, 10, 30, 20, 10, 20]


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([], None),
        (None, None),
        ([[]], None),
        ([[10, 10, 30, 20]], "a contour of 2 points on a line, which encloses nothing; its bbox"),
        ([[12, 12]], "1 point"),
        ([[12, 12] * 4], "1 point"),
        ([[10, 10, 20, 15, 30, 20]], "3 points on a line"),
        ([GOOD, []], None),
        ([GOOD, [32.0, 24.0]], "annotation 7: a contour of 1 point, which encloses nothing"),
        ([[10, 20, 30, 20], GOOD], "2 points"),
    ],
)
def test_a_stray_contour_is_left_out_and_told(tmp_path, segmentation, said):
    mark, mask, problems = drawn(tmp_path, segmentation=segmentation, bbox=BBOX)
    assert np.array_equal(mask, Boxes(((10, 10, 30, 20),)).mask(*SIZE))
    assert mark.instances == 1
    assert len(problems) == (said is not None)
    for problem in problems:
        assert said in problem.reason
        assert (problem.image_id, problem.fatal, problem.whole) == ("a1.png", False, False)


STRAYS = [
    {"bbox": [5, 5, 0, 4]},
    {"bbox": [1, 2, float("nan"), 4]},
    {"segmentation": [], "bbox": None},
    {"segmentation": [[1, 1]], "bbox": [1, 1, 0, 0]},
    {"segmentation": [[2, 3, 7]]},
    {"image_id": 99},
    {"category_id": 99},
]


@pytest.mark.parametrize("stray", STRAYS)
def test_one_stray_annotation_does_not_refuse_the_others(tmp_path, stray):
    films(tmp_path, ["a1.png", "a2.png"])
    coco(tmp_path, ["a1.png", "a2.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["annotations"].append({"id": 8, "image_id": 0, "category_id": 0} | stray)
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    data = read(tmp_path)
    assert [film.annotations[0].instances for film in data] == [1, 1]
    (problem,) = check(data)
    assert not problem.fatal
    assert "annotation 8" in problem.reason
    # A film that is left out takes its strays along; an item of no film is told all the same.
    rest = Manifest(tmp_path / "films.csv", coco=tmp_path / "boxes.json", where={"image": "a2.png"})
    assert len(rest.strays) == ("image_id" in stray)


def test_a_file_of_more_strays_than_marks_is_refused(tmp_path):
    films(tmp_path, ["a1.png"])
    coco(tmp_path, ["a1.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["annotations"] += [{"id": i, "image_id": 0, "category_id": 0} for i in (1, 2)]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"annotation 1: .*bbox.*\(and 1 more annotations\)"):
        read(tmp_path)


@pytest.mark.parametrize(("degrees", "rows", "columns"), [
    (90, (5, 25), (15, 25)), (-90, (5, 25), (15, 25)), (180, (10, 20), (10, 30)),
    (0, (10, 20), (10, 30)), (None, (10, 20), (10, 30)), (360.0, (10, 20), (10, 30)),
])  # fmt: skip
def test_a_box_is_turned_about_its_centre(tmp_path, degrees, rows, columns):
    expected = np.zeros(SIZE, bool)
    expected[slice(*rows), slice(*columns)] = True
    for contour in ([], [GOOD]):  # some programs repeat the upright box as a polygon
        turned = {"rotation": degrees, "occluded": False}
        _, mask, _ = drawn(tmp_path, segmentation=contour, bbox=BBOX, attributes=turned)
        assert np.array_equal(mask, expected)


def test_an_oblique_box_turns_clockwise(tmp_path):
    _, mask, _ = drawn(tmp_path, bbox=[5, 18, 40, 4], attributes={"rotation": 30})
    y, x = np.mgrid[:40, :50] + 0.5 - np.array([20, 25])[:, None, None]
    along, across = np.cos(np.pi / 6), np.sin(np.pi / 6)
    inside = (abs(x * along + y * across) < 20) & (abs(y * along - x * across) < 2)
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9
    assert mask[:20, :25].any()  # the end on the left goes up
    assert not mask[22:, :20].any()


@pytest.mark.parametrize("said", [{"rotation": 30}, {"attributes": {"angle": 30}}])
def test_a_turn_that_programs_mean_in_several_ways_is_refused(tmp_path, said):
    with pytest.raises(DataError, match=r"programs mean in several ways; write .* as a polygon"):
        drawn(tmp_path, bbox=BBOX, **said)


def test_a_turned_box_of_another_resolution_is_scaled_as_an_upright_one(tmp_path):
    turned = {"bbox": BBOX, "attributes": {"rotation": 90}}
    mark, mask, _ = drawn(tmp_path, film=(80, 100), **turned)
    expected = np.zeros((80, 100), bool)
    expected[10:50, 30:50] = True
    assert np.array_equal(mask, expected)
    assert [int(m.sum()) for m in lesions_of(mark.shape, 80, 100)] == [800]


@pytest.mark.parametrize(
    "segmentation", [[GOOD], {"size": [40, 50], "counts": encode(np.eye(40, 50) > 0).counts}]
)
def test_polygons_and_run_lengths_scale_where_the_frame_is_said(tmp_path, segmentation):
    _, plain, _ = drawn(tmp_path, segmentation=segmentation)
    frame = {"masks_frame": SIZE}
    _, mask, problems = drawn(tmp_path, film=(80, 100), segmentation=segmentation, manifest=frame)
    assert np.array_equal(mask, plain.repeat(2, 0).repeat(2, 1))
    assert problems == ()
    with pytest.raises(AnnotationError, match=r"Say masks_frame = \[40, 50\]"):
        drawn(tmp_path, film=(80, 100), segmentation=segmentation)


def test_boxes_of_a_turned_image_are_refused(tmp_path):
    with pytest.raises(AnnotationError, match=r"50 x 40 .* is 40 x 50; were height and width"):
        drawn(tmp_path, size=(50, 40), film=(40, 50), bbox=BBOX)


# ---------------------------------------------------------------- spellings


@pytest.mark.parametrize("image", [1, 1.0, "1", "1.0", " 1 "])
@pytest.mark.parametrize("annotation", [1, 1.0, "1"])
def test_ids_and_sizes_are_equal_in_every_spelling(tmp_path, image, annotation):
    Image.new("L", (50, 40), 9).save(tmp_path / "a1.png")
    (tmp_path / "films.csv").write_text("image,Opacity\na1.png,1\n")
    runs = {"size": ["40", 50.0], "counts": [40.0, 4, "1956.0"]}
    content = {
        "images": [{"id": image, "file_name": " .\\a1.png", "height": "40.0", "width": 50.0}],
        "categories": [{"id": image, "name": " Opacity "}],
        "annotations": [
            {"id": 1, "image_id": annotation, "category_id": annotation, "bbox": ["1", 2, 3.0, 4]},
            {"id": 2, "image_id": annotation, "category_id": annotation, "segmentation": runs},
        ],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    (mark,) = read(tmp_path)[0].annotations
    fit(mark.shape, 40, 50)
    assert (mark.finding, mark.instances, mark.mask(40, 50).sum()) == ("Opacity", 2, 12 + 4 - 2)


def test_leading_zeros_tell_ids_apart(tmp_path):
    films(tmp_path, ["a1.png", "a2.png"])
    coco(tmp_path, ["a1.png", "a2.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["images"][0]["id"], content["images"][1]["id"] = "007", 7
    content["annotations"] = [{"id": 1, "image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4]}]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert [len(film.annotations) for film in read(tmp_path)] == [0, 1]


def test_one_id_in_two_spellings_is_two_images_of_one_id(tmp_path):
    films(tmp_path, ["a1.png", "a2.png"])
    coco(tmp_path, ["a1.png", "a2.png"])
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["images"][0]["id"], content["images"][1]["id"] = "7", 7.0
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"two of images have the id 7\.0"):
        read_coco(tmp_path / "boxes.json")
    # The same entry twice, as joined files have it, is one image.
    content["images"] = [content["images"][0] | {"id": 0}] * 2 + [content["images"][1] | {"id": 1}]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert [len(film.annotations) for film in read(tmp_path)] == [1, 1]
