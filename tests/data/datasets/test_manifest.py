"""Tables as people bring them: real ones as they are, and every way of getting one wrong."""

import json

import numpy as np
import polars
import pytest
from PIL import Image

from heatproof.data.annotations import encode
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.datasets.manifest import LabelRule, Manifest
from heatproof.errors import DataError, SpecError

OPACITY = {"column": "rsna_class", "positive": ["Lung Opacity"], "negative": ["Normal"]}
TABLE = """image,id,patient,Nodule,Mass,boxes,mask,age,fold
a.png,A,p1,1,0,"[[1, 2, 3, 4]]",a_mask.png,61,0
b.png,B,p1,0,u,[],,unknown,1
c.png,C,,-1.0,,,,,1
d.png,D,p2,,1,"[[0, 0, 2, 2], [4, 4, 2, 2]]",,44,2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "table.csv").write_text(TABLE)
    for name in "abcd":
        Image.fromarray(np.full((10, 12), 9, np.uint8)).save(tmp_path / f"{name}.png")
    Image.new("L", (12, 10)).save(tmp_path / "a_mask.png")
    return tmp_path


def opened(folder, **options):
    return datasets.build("manifest", {"csv": str(folder / "table.csv"), **options})


def test_a_table_becomes_samples(folder):
    data = opened(
        folder, labels=["Nodule", "Mass"], id="id", patient="patient", boxes="boxes",
        finding="Nodule", metadata=["age"],
    )  # fmt: skip
    assert data.findings == ("Nodule", "Mass")
    assert [sample.image_id for sample in data] == ["A", "B", "C", "D"]
    assert [dict(sample.labels) for sample in data] == [
        {"Nodule": True, "Mass": False},
        {"Nodule": False, "Mass": None},
        {"Nodule": None},
        {"Mass": True},
    ]
    assert [sample.cluster for sample in data] == ["patient p1", "patient p1", "C", "patient p2"]
    assert [dict(sample.metadata) for sample in data] == [
        {"age": "61"}, {"age": "unknown"}, {}, {"age": "44"}
    ]  # fmt: skip
    assert [[a.instances for a in sample.annotations] for sample in data] == [[1], [], [], [2]]
    expected = np.zeros((10, 12), bool)
    expected[2:6, 1:4] = True
    assert np.array_equal(data[0].annotations[0].mask(10, 12), expected)
    assert check(data) == ()


def test_parquet_is_read_like_csv(folder):
    polars.read_csv(folder / "table.csv").write_parquet(folder / "table.parquet")
    options = {"labels": ["Mass"], "id": "id", "boxes": "boxes", "metadata": ["age"]}
    table = datasets.build("manifest", {"csv": str(folder / "table.parquet"), **options})
    assert list(table) == list(opened(folder, **options))


def test_boxes_and_masks_of_one_image_are_one_annotation(folder):
    data = opened(folder, labels=["Nodule"], boxes="boxes", mask="mask")
    (annotation,) = data[0].annotations
    assert annotation.instances == 2
    assert annotation.mask(10, 12).sum() == 12


def test_where_keeps_rows(folder):
    assert [s.image_id for s in opened(folder, where={"fold": 1})] == ["b.png", "c.png"]
    assert [s.image_id for s in opened(folder, where={"fold": ["0", "2"]})] == ["a.png", "d.png"]
    with pytest.raises(DataError, match="no row where"):
        opened(folder, where={"fold": "7"})
    with pytest.raises(DataError, match="no column 'folds'; did you mean fold"):
        opened(folder, where={"folds": "7"})


def test_nih_films_load_as_they_are(shared_data):
    data = datasets.build(
        "manifest",
        {
            "csv": str(shared_data / "nih_rsna_1024" / "manifest.csv"), "image": "file",
            "patient": "nih_patient", "labels": {"Opacity": OPACITY}, "boxes": "boxes_xywh",
        },
    )  # fmt: skip
    opacity = [sample for sample in data if sample.labels["Opacity"]]
    assert (len(data), len(opacity)) == (67, 15)
    assert [bool(sample.annotations) for sample in data] == [s.labels["Opacity"] for s in data]
    assert check(data) == ()
    for sample in opacity:
        assert sample.annotations[0].mask(1024, 1024).any()


def test_rsna_boxes_of_1024_fit_films_of_320(shared_data):
    data = datasets.build(
        "manifest",
        {
            "csv": str(shared_data / "rsna_pneumonia_320" / "manifest.csv"), "image": "file",
            "patient": "nih_patient", "labels": {"Opacity": OPACITY},
            "boxes": "boxes_xywh_1024", "boxes_frame": [1024, 1024],
        },
    )  # fmt: skip
    assert len(data) == 50
    assert all(sample.labels["Opacity"] for sample in data)
    assert len({sample.patient_id for sample in data}) == 47
    assert check(data) == ()
    boxes = [box for sample in data for box in sample.annotations[0].shape.boxes]
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) * (320 / 1024) ** 2
    inside = sum(sample.annotations[0].mask(320, 320).sum() for sample in data)
    assert inside == pytest.approx(area, rel=0.01)  # boxes hardly overlap


def test_rules_of_labels_may_be_mappings_as_in_a_file(tmp_path) -> None:
    (tmp_path / "films.csv").write_text("image,class\na.png,Lung Opacity\nb.png,Normal\n")
    rule = {"column": "class", "positive": ["Lung Opacity"], "negative": "Normal"}
    data = Manifest(tmp_path / "films.csv", labels={"Opacity": rule})
    assert [sample.labels["Opacity"] for sample in data] == [True, False]
    with pytest.raises(
        DataError, match=r"labels\.Opacity has no key 'positiv'; did you mean positive"
    ):
        Manifest(tmp_path / "films.csv", labels={"Opacity": {**rule, "positiv": "x"}})
    with pytest.raises(DataError, match=r"labels\.Opacity: say its column"):
        Manifest(tmp_path / "films.csv", labels={"Opacity": {"positive": "x"}})


def test_boxes_of_1024_on_320_without_their_frame_are_refused(shared_data):
    data = Manifest(
        shared_data / "rsna_pneumonia_320" / "manifest.csv",
        labels={"Opacity": LabelRule("rsna_class", ("Lung Opacity",), ("Normal",))},
        image="file", boxes="boxes_xywh_1024",
    )  # fmt: skip
    problems = check(data)
    assert problems
    assert all(problem.fatal for problem in problems)
    assert "another resolution" in problems[0].reason


WORDS = {
    "positive": ("Lung Opacity", "1", 2),
    "negative": ("Normal", 0),
    "uncertain": ("Unclear", "-1"),
}


@pytest.mark.parametrize("rule", [None, WORDS, {**WORDS, "uncertain": ()}])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_cell_is_present_absent_uncertain_unknown_or_an_error(tmp_path, rule, kind):
    """Upper and lower case and spaces around a cell say nothing; what no list has is refused."""
    random = np.random.default_rng(1)
    lists = rule or {
        "positive": ("1", "1.0", "true"),
        "negative": ("0", "0.0", "false"),
        "uncertain": ("-1", "-1.0", "u"),
    }
    meaning = {"positive": True, "negative": False, "uncertain": None}
    said = {str(cell): meaning[name] for name, cells in lists.items() for cell in cells}
    spelled = {
        text: label
        for cell, label in said.items()
        for text in (cell, cell.upper(), cell.lower(), f" {cell} ")
    }
    cells = random.choice([*spelled, "", "  "], 80).tolist()
    table = tmp_path / f"table.{kind}"
    frame = polars.DataFrame({"image": [f"{n}.png" for n in range(80)], "Mass": cells})
    frame.write_csv(table) if kind == "csv" else frame.write_parquet(table)
    labels = {
        "Mass": {"column": "Mass", **{k: list(v) for k, v in rule.items()}} if rule else "Mass"
    }
    data = datasets.build("manifest", {"csv": str(table), "labels": labels})
    for cell, sample in zip(cells, data, strict=True):
        expected = {"Mass": spelled[cell]} if cell.strip() else {}
        assert dict(sample.labels) == expected, cell
    frame = frame.with_columns(Mass=polars.lit("perhaps"))
    frame.write_csv(table) if kind == "csv" else frame.write_parquet(table)
    with pytest.raises(DataError, match=r"found 'perhaps', expected one of .* or nothing"):
        datasets.build("manifest", {"csv": str(table), "labels": labels})


def test_numbers_and_booleans_of_parquet_are_labels_and_null_is_unknown(tmp_path):
    frame = polars.DataFrame(
        {
            "image": ["a", "b", "c", "d"],
            "float": [1.0, 0.0, -1.0, None],
            "integer": [1, 0, -1, None],
            "boolean": [True, False, None, None],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")
    data = Manifest(tmp_path / "table.parquet", labels=("float", "integer", "boolean"))
    assert [dict(sample.labels) for sample in data] == [
        {"float": True, "integer": True, "boolean": True},
        {"float": False, "integer": False, "boolean": False},
        {"float": None, "integer": None},
        {},
    ]


@pytest.mark.parametrize(
    ("found", "instead", "options", "message"),
    [
        ("p1,1,0", "p1,yes,0", {}, "table.csv, line 2, column 'Nodule': found 'yes', expected one"),
        ("p1,1,0", "p1,2,0", {}, "line 2, column 'Nodule': found '2'"),
        ("Nodule", "nodule", {}, "no column 'Nodule'; did you mean nodule"),
        ("D,p2", "B,p2", {"id": "id"}, "lines 3 and 5: two images are named 'B'"),
        ("d.png", "a.png", {}, "lines 2 and 5: two images are named 'a.png'"),
        ("d.png", "", {}, "line 5, column 'image': found ''"),
        ("[[1, 2, 3, 4]]", "[1, 2, 3, 4]", {"boxes": "boxes"}, "line 2, column 'boxes'.*JSON such"),
        ("[[1, 2, 3, 4]]", "1 2 3 4", {"boxes": "boxes"}, "line 2, column 'boxes'.*JSON such"),
        ("[[1, 2, 3, 4]]", "[" * 99_999, {"boxes": "boxes"}, "line 2, column 'boxes'.*JSON such"),
        ("c.png,C", "c.png,C,extra", {}, "line 4: more or fewer cells than the 9"),
        (",", ";", {}, "separated by semicolons"),
        ("Mass", "Nodule", {}, "two columns named 'Nodule'"),
        ('"[[1', "[[1", {}, "line 2: more or fewer cells than the 9"),
        ("[]", '"[]', {}, "no CSV .*; is a quotation mark left open"),
        (TABLE.split("\n", 1)[1], "", {}, "no rows below its header"),
        (TABLE, "", {}, "no rows below its header"),
    ],
)
def test_a_broken_table_is_answered_with_line_and_value(folder, found, instead, options, message):
    (folder / "table.csv").write_text(TABLE.replace(found, instead))
    with pytest.raises(DataError, match=message):
        opened(folder, labels=["Nodule"], **options)


def test_other_mistakes(folder):
    with pytest.raises(DataError, match="there is no such table"):
        Manifest(folder / "absent.csv")
    with pytest.raises(DataError, match="what do the boxes or masks"):
        opened(folder, labels=["Nodule", "Mass"], boxes="boxes")
    with pytest.raises(SpecError, match="no option 'lables'; did you mean labels"):
        opened(folder, lables=["Nodule"])
    (folder / "table.csv").write_bytes("image,Nodule\nmüller.png,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"table.csv, line 2: no UTF-8 .* save the table as UTF-8"):
        opened(folder, labels=["Nodule"])
    (folder / "table.parquet").write_text(TABLE)
    with pytest.raises(DataError, match="is not Parquet"):
        Manifest(folder / "table.parquet")


def test_a_byte_order_mark_is_no_part_of_the_first_column(folder):
    (folder / "table.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
    assert len(opened(folder, labels=["Nodule"])) == 4


def test_spaces_and_empty_columns_of_a_spreadsheet_mean_nothing(folder):
    rows = [f"{row},," for row in TABLE.replace(",", " , ").splitlines() if "[" not in row]
    (folder / "table.csv").write_text("\n".join(rows))
    assert [dict(sample.labels) for sample in opened(folder, labels=["Nodule"])] == [
        {"Nodule": None}
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "7", "007", "7"], ["007", "7", "007", "7"]),
        (["20190315", "20190316", "", "1"], [20190315.0, 20190316.0, None, 1.0]),
        (["61.0", "", "62.5", "7.0"], [61.0, None, 62.5, 7.0]),
        (["1", "1.0", "2", "3"], ["1", "1.0", "2", "3"]),
        (["1e3", "1000", "2", ""], ["1e3", "1000", "2", None]),
    ],
)
def test_metadata_are_numbers_where_no_two_cells_become_one(folder, cells, expected):
    rows = zip((folder / "table.csv").read_text().splitlines(), ["site", *cells], strict=True)
    (folder / "table.csv").write_text("\n".join(",".join(row) for row in rows))
    data = opened(folder, labels=["Nodule"], metadata=["site"])
    assert [sample.metadata.get("site") for sample in data] == expected


@pytest.mark.parametrize(("wanted", "found"), [
    ("1", "B"), (1, "B"), (2, "D"), ("02", "C"), (True, ""), (["1", "02"], "BC"),
])  # fmt: skip
def test_where_finds_a_value_in_another_spelling_unless_its_own_is_there(folder, wanted, found):
    text = (folder / "table.csv").read_text()
    cells = ["A,p1", "B,p1", "C,", "D,p2"]
    for cell, fold in zip(cells, ("x", "1.0", "02", "2"), strict=True):
        line = next(line for line in text.splitlines() if cell in line)
        text = text.replace(line, f"{line.rpartition(',')[0]},{fold}")
    (folder / "table.csv").write_text(text)
    if not found:
        with pytest.raises(DataError, match="no row where"):
            opened(folder, where={"fold": wanted})
        return
    assert "".join(s.image_id for s in opened(folder, id="id", where={"fold": wanted})) == found


def test_patients_and_images_are_one_in_two_spellings(folder):
    text = (folder / "table.csv").read_text()
    mixed = text.replace(",p1,1", ",48.0,1").replace(",p1,0", ", 48 ,0").replace(",p2,", ",49.0,")
    (folder / "table.csv").write_text(mixed)
    data = opened(folder, labels=["Nodule"], patient="patient")
    # A table that spells all of them alike is left as it is.
    assert [sample.patient_id for sample in data] == ["48", "48", None, "49.0"]
    (folder / "table.csv").write_text(text.replace(",A,", ",7,").replace(",B,", ",7.0,"))
    with pytest.raises(DataError, match="lines 2 and 3: two images are named '7'"):
        opened(folder, labels=["Nodule"], id="id")


def test_a_table_may_hold_films_that_all_have_a_finding_or_all_lack_it(folder):
    labels = {"Edema": True, "Mass": "Mass", "Hernia": False}
    data = opened(folder, labels=labels, boxes="boxes", finding="Edema")
    assert data.findings == ("Edema", "Mass", "Hernia")
    assert dict(data[2].labels) == {"Edema": True, "Hernia": False}
    assert dict(data[3].labels) == {"Edema": True, "Mass": True, "Hernia": False}


@pytest.mark.parametrize("stray", ["[5, 5, 0, 4]", "[5, 5, 3, -4]", "[5, 5, NaN, 4]"])
def test_a_box_of_a_table_that_marks_nothing_is_left_out_and_told(folder, stray):
    text = (folder / "table.csv").read_text()
    (folder / "table.csv").write_text(text.replace("[[1, 2, 3, 4]]", f"[[1, 2, 3, 4], {stray}]"))
    data = opened(folder, labels=["Nodule"], id="id", boxes="boxes")
    assert [sum(a.instances for a in sample.annotations) for sample in data] == [1, 0, 0, 2]
    (problem,) = check(data)
    assert (problem.image_id, problem.fatal, problem.whole) == ("A", False, False)
    assert "line 2, column 'boxes': the box [5.0" in problem.reason
    lines = text.replace("[[1, 2, 3, 4]]", f"[{stray}]").splitlines()
    (folder / "table.csv").write_text("\n".join(lines[:4]))
    with pytest.raises(DataError, match="with width and height above 0"):
        opened(folder, labels=["Nodule"], id="id", boxes="boxes")


# ---------------------------------------------------------------- COCO


def coco(folder, annotations, names=("a.png", "d.png"), finding="Nodule"):
    images = [{"id": i, "file_name": n, "height": 10, "width": 12} for i, n in enumerate(names)]
    content = {
        "images": images,
        "annotations": [{"id": i, **annotation} for i, annotation in enumerate(annotations)],
        "categories": [{"id": 1, "name": finding}],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return opened(folder, labels=["Nodule"], coco=str(folder / "coco.json"))


MASK = np.zeros((10, 12), bool)
MASK[3:6, 2:9] = True
RUNS = [33, 3, 7, 3, 7, 3, 7, 3, 7, 3, 7, 3, 7, 3, 34]  # zeros first, column by column
RUNS[0] = 2 * 10 + 3


@pytest.mark.parametrize(
    "drawn",
    [
        {"bbox": [2, 3, 7, 3]},
        {"segmentation": [[2, 3, 9, 3, 9, 6, 2, 6]]},
        {
            "segmentation": [[2, 3, 5, 3, 5, 6, 2, 6], [5, 3, 9, 3, 9, 6, 5, 6]],
            "bbox": [0, 0, 1, 1],
        },
        {"segmentation": {"size": [10, 12], "counts": encode(MASK).counts}},
        {"segmentation": {"size": [10, 12], "counts": RUNS}},
    ],
)
def test_every_kind_of_coco_annotation_is_one_instance(folder, drawn):
    data = coco(folder, [{"image_id": 0, "category_id": 1, **drawn}])
    (annotation,) = data[0].annotations
    assert np.array_equal(annotation.mask(10, 12), MASK)
    assert (annotation.finding, annotation.source, annotation.instances) == (
        "Nodule",
        "reference",
        1,
    )
    assert data[3].annotations == ()
    assert check(data) == ()


def test_two_coco_annotations_are_two_instances_of_one_annotation(folder):
    boxes = [{"image_id": 0, "category_id": 1, "bbox": box} for box in ([0, 0, 2, 2], [5, 5, 2, 2])]
    (annotation,) = coco(folder, boxes)[0].annotations
    assert annotation.instances == 2
    assert annotation.mask(10, 12).sum() == 8


def test_a_file_name_may_have_lost_its_folder(folder):
    (folder / "films").mkdir()
    for name in "abcd":
        (folder / f"{name}.png").rename(folder / "films" / f"{name}.png")
    (folder / "table.csv").write_text(TABLE.replace(".png,", ".png,").replace("\na", "\nfilms/a"))
    data = coco(folder, [{"image_id": 0, "category_id": 1, "bbox": [2, 3, 7, 3]}])
    assert len(data[0].annotations) == 1


@pytest.mark.parametrize(
    ("annotation", "options", "message"),
    [
        ({"image_id": 9, "bbox": [2, 3, 7, 3]}, {}, "annotation 0: image_id 9 is not listed"),
        ({"category_id": 2, "bbox": [2, 3, 7, 3]}, {}, "category_id 2 is not listed"),
        ({"segmentation": [[2, 3, 7]]}, {}, "annotation 0: neither polygons"),
        ({"bbox": [2, 3, 7]}, {}, "annotation 0: neither polygons"),
        ({"bbox": [2, 3, 7, 3]}, {"finding": "nodule"}, "category 'nodule'; did you mean Nodule"),
        ({"bbox": [2, 3, 7, 3]}, {"names": ["x.png", "y.png"]}, "no image of .* is annotated in"),
    ],
)
def test_a_broken_coco_file_is_answered(folder, annotation, options, message):
    with pytest.raises(DataError, match=message):
        coco(folder, [{"image_id": 0, "category_id": 1, **annotation}], **options)


def test_what_is_no_coco_file_says_so(folder):
    (folder / "coco.json").write_text("[]")
    with pytest.raises(DataError, match="no COCO file"):
        opened(folder, labels=["Nodule"], coco=str(folder / "coco.json"))


def test_coco_of_another_size_is_found_before_work_starts(folder):
    data = coco(folder, [{"image_id": 0, "category_id": 1, "bbox": [2, 3, 7, 3]}])
    Image.fromarray(np.full((20, 24), 9, np.uint8)).save(folder / "a.png")
    assert check(data) == ()  # a box is scaled with its frame
    data = coco(folder, [{"image_id": 0, "category_id": 1, "segmentation": [[2, 3, 8, 3, 8, 5]]}])
    (problem,) = check(data)
    assert problem.fatal
    assert "10 x 12" in problem.reason


def test_a_column_may_tell_the_spacing_of_pixels(folder):
    table = (folder / "table.csv").read_text().splitlines()
    cells = ["mm", "0.143", '"[0.2, 0.1]"', "", "1"]
    lines = [f"{line},{cell}" for line, cell in zip(table, cells, strict=True)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    data = opened(folder, labels=["Nodule"], spacing="mm")
    told = [sample.pixels.spacing() for sample in data]
    assert told == [(0.143, 0.143), (0.2, 0.1), None, (1.0, 1.0)]
    for wrong in ("-1", '"[0.1]"', "big", '"[0, 1]"'):
        (folder / "table.csv").write_text("\n".join([lines[0], f"{table[1]},{wrong}"]) + "\n")
        with pytest.raises(DataError, match=r"line 2, column 'mm': found .*, expected millimetres"):
            opened(folder, labels=["Nodule"], spacing="mm")
