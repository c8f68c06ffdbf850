"""The questions that tables answer, each on the fewest rows that can tell."""

import numpy as np
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.datasets.phantom import Phantom
from heatproof.tables.films import CountingReaders, Films
from heatproof.tables.predictions import Called, Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.types import Annotation, Sample

NAN = float("nan")


def values(table, column="image_id"):
    return table.frame[column].to_list()


@pytest.fixture
def scores():
    return Scores.of_rows(
        {"data": "d", "image_id": image, "model": model, "method": method, "finding": finding}
        | {"reader": reader, "regions": regions, "reason": reason}
        for image, model, method, finding, reader, regions, reason in (
            ("map", "net", "cam", "Edema", "ann", 2, None),
            ("of another reader", "net", "cam", "Edema", "bob", 1, None),
            ("nothing there", "net", "cam", "Edema", "ann", 0, None),
            ("prior", "", "mean_mask", "Edema", "ann", 1, None),
            ("edges", "", "edges", "Mass", "bob", 1, None),
            ("edges as a method", "net", "edges", "Mass", "bob", 1, None),
            ("aside", "net", "cam", "Mass", "ann", None, "the box lies outside"),
        )
    )


def test_a_score_is_of_a_model_or_of_a_control(scores):
    assert values(scores.of_controls()) == ["prior", "edges"]
    assert values(scores.of_control("edges")) == ["edges"]
    assert len(scores.of_models()) + len(scores.of_controls()) == len(scores)
    assert "edges as a method" in values(scores.of_models())


def test_what_was_set_aside_is_not_used(scores):
    assert values(scores.used()) == values(scores)[:-1]


def test_a_film_is_marked_where_there_is_a_region(scores):
    assert set(values(scores)) - set(values(scores.marked())) == {"nothing there", "aside"}
    assert scores.films_marked() == 5
    twice = Scores.of_rows([*scores.frame.rows(named=True)] * 2)
    assert twice.films_marked() == 5
    assert Scores.of_rows([]).films_marked() == 0


def test_one_reader_counts_for_each_finding_of_each_data_set(scores):
    counting = CountingReaders({("d", "Edema"): "ann", ("d", "Mass"): "bob", ("e", "Edema"): "bob"})
    assert values(scores.of_reader(counting)) == [
        "map", "nothing there", "prior", "edges", "edges as a method",
    ]  # fmt: skip
    assert len(scores.of_reader(CountingReaders({}))) == 0


def test_shapes_are_those_of_the_reader_who_counts():
    shapes = Shapes.of_rows(
        {"data": "d", "image_id": reader, "finding": "Edema", "reader": reader} for reader in "ab"
    )
    assert values(shapes.of_reader(CountingReaders({("d", "Edema"): "b"}))) == ["b"]


@pytest.fixture
def called():
    return Called.of_rows(
        {"model": model, "image_id": image, "label": label, "probability": p}
        | {"threshold": threshold, "reason": reason}
        for image, model, label, p, threshold, reason in (
            ("at the threshold", "net", True, 0.5, 0.5, None),
            ("below it", "net", False, 0.49, 0.5, None),
            ("unknown label", "net", None, 0.9, 0.5, None),
            ("no threshold", "other", True, 0.9, None, None),
            ("not finite", "other", False, NAN, 0.5, None),
            ("aside", "net", None, None, None, "the file is damaged"),
        )
    )


def test_a_film_is_called_from_the_threshold_on_where_all_is_known(called):
    assert values(called.positive()) == ["at the threshold"]
    assert isinstance(called.positive(), Called)


def test_labels_say_yes_or_no(called):
    assert values(called.labelled()) == [
        "at the threshold", "below it", "no threshold", "not finite",
    ]  # fmt: skip
    assert "aside" not in values(called.used())
    assert len(called.used()) == 5


def test_controls_are_ranked_by_the_first_model(called):
    assert values(called.of_model("other")) == ["no threshold", "not finite"]
    assert values(called.of_model("")) == values(called.of_model("net"))
    assert len(Predictions.of_rows([]).of_model("")) == 0


PIXELS = Phantom(images=1, size=32)[0].pixels
BOX = Boxes(((1, 1, 4, 4), (6, 6, 9, 9)))


def film(name, *marks, benchmark=(), **fields):
    return Sample(
        name,
        PIXELS,
        annotations=tuple(Annotation(finding, reader, BOX) for finding, reader in marks),
        benchmark=tuple(Annotation(finding, reader, BOX) for finding, reader in benchmark),
        **fields,
    )


def test_films_hold_what_is_known_of_each():
    first = film(
        "a", ("Edema", "ann"), benchmark=[("Edema", "bob")], patient_id="p", study_id="s",
        view="PA", labels={"Edema": True, "Mass": None}, metadata={"sex": "F", "age": 61.0},
    )  # fmt: skip
    table = Films.of({"d": [first], "e": [film("b", metadata={"age": 40.0})]})
    known, unknown = table.frame.rows(named=True)
    assert (known["data"], known["image_id"], known["patient"]) == ("d", "a", "p")
    assert (known["cluster"], known["study"], known["view"]) == (first.cluster, "s", "PA")
    assert known["marks"] == [
        {"finding": "Edema", "reader": "ann", "instances": 2, "benchmark": False},
        {"finding": "Edema", "reader": "bob", "instances": 2, "benchmark": True},
    ]
    assert (unknown["patient"], unknown["study"], unknown["view"]) == (None, "", "")
    assert unknown["cluster"]
    assert unknown["labels"] == unknown["marks"] == []
    assert table.attributes() == {"view": ["PA", None], "sex": ["F", None], "age": [61, 40]}
    assert table.labels_of("Edema") == [(True, True), (False, None)]
    assert table.labels_of("Mass") == [(True, None), (False, None)]
    assert list(table.marked_by()) == [{("Edema", "ann"), ("Edema", "bob")}, set()]


def test_the_reader_who_counts_is_said_by_data_set_and_finding():
    often = [film(f"f{index}", ("Edema", "bob")) for index in range(2)]
    table = Films.of(
        {
            "d": [film("a", ("Edema", "ann"), ("Mass", "ann")), *often],
            "e": [film("a", ("Edema", "ann"), benchmark=[("Edema", "reference")])],
        }
    )
    assert table.counting().readers == {
        ("d", "Edema"): "bob",
        ("d", "Mass"): "ann",
        ("e", "Edema"): "ann",  # the human benchmark is no reference
    }
    assert table.where(image_id="a").counting().readers["d", "Edema"] == "ann"


def test_a_number_stays_a_number_and_a_text_a_text():
    ages = [film("a", metadata={"age": 7.0}), film("b", metadata={"age": "seven"})]
    assert Films.of({"d": ages}).attributes()["age"] == [7.0, "seven"]
    assert np.isnan(Films.of({"d": [film("c", metadata={"x": NAN})]}).attributes()["x"][0])
