"""The gallery shows the calls that the table of rates counts."""

import re
from collections import Counter

import polars as pl
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.annotations.readers import ranked_readers
from heatproof.experiment.file import load
from heatproof.report.facts.picks import Choice, Selection, chosen, pick, regions_marked
from heatproof.report.gallery import Group
from heatproof.run.pipeline import run
from heatproof.types import Annotation, Sample
from tests.analysis.made_up import NAN, Called, Scores, measures, predictions, scores
from tests.trust.unread import Unread

DIMMER = "def build():\n    return Bright()\n"
NOISY = '''
class Unsure(Bright):
    """Bright, disturbed by the last decimals of the image: seldom right, always the same."""

    def forward(self, images):
        return super().forward(images) + (images.mean(dim=(1, 2, 3)) * 1e4 % 1)[:, None] * 6 - 3

def build():
    return Unsure()
'''

METRICS = measures("iou", "surface_distance").parts
FIVE = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "undefined": NAN}


def called(films, threshold=0.5):
    return Called.of_rows(row | {"threshold": threshold} for row in predictions(films))


def groups(choices):
    films = {}
    for choice in choices:
        films.setdefault(choice.group, []).append(choice.image_id)
    return films


def test_films_are_sorted_by_label_and_call():
    films = {
        "hit": (True, 0.5),
        "false alarm": (False, 0.9),
        "rightly not": (False, 0.1),
        "overlooked": (True, 0.4),
        "uncertain": (None, 0.9),
        "without a probability": (True, NAN),
    }
    assert groups(chosen(called(films), Scores.of_rows([]), METRICS, Selection(9, "iou", 0))) == {
        Group.TRUE_POSITIVE: ["hit"],
        Group.FALSE_POSITIVE: ["false alarm"],
        Group.TRUE_NEGATIVE: ["rightly not"],
        Group.FALSE_NEGATIVE: ["overlooked"],
    }


def test_the_draw_follows_from_the_seed_and_says_how_many_there_were():
    films = called({f"film {number}": (True, 0.9) for number in range(20)})

    def draw(seed):
        return list(chosen(films, Scores.of_rows([]), METRICS, Selection(3, "iou", seed)))

    assert draw(0) == draw(0) != draw(1)
    assert {(choice.group, choice.why) for choice in draw(0)} == {
        (Group.TRUE_POSITIVE, "drawn from 20")
    }
    often = Counter(choice.image_id for seed in range(200) for choice in draw(seed))
    assert len(often) == 20  # every film can be drawn


@pytest.mark.parametrize(
    ("metric", "best", "worst"),
    [("iou", ["d", "c"], ["a", "b"]), ("surface_distance", ["a", "b"], ["d", "c"])],
)
def test_the_best_and_the_worst_are_ranked_by_the_mean_over_methods(metric, best, worst):
    other = {film: value + (0.01 if film == "a" else -0.01) for film, value in FIVE.items()}
    rows = [*scores(FIVE, metric=metric), *scores(other, metric=metric, method="other")]
    choices = list(chosen(called({}), Scores.of_rows(rows), METRICS, Selection(9, metric, 0)))
    assert groups(choices) == {Group.BEST: best, Group.WORST: worst}  # no film is both
    title = METRICS[metric].title
    word = "lowest" if metric == "surface_distance" else "highest"
    assert choices[0] == Choice(Group.BEST, f"among the 2 {word} {title} of 4", best[0], "Edema")


def test_without_films_of_each_kind_there_is_no_gallery():
    def no_store(data):
        raise AssertionError(data)

    gallery = pick([], called({}), Scores.of_rows([]), METRICS, Selection(0, "iou", 7), no_store)
    assert gallery.cases == ()
    assert "seed 7" in gallery.how_chosen


def test_regions_are_those_of_one_reader():
    """Two readers who see the same two regions do not make four of them."""
    marks = tuple(
        Annotation("Edema", reader, Boxes(tuple((0.0, n, 1.0, n + 1.0) for n in range(regions))))
        for reader, regions in (("second", 3), ("reference", 2))
    )
    film = Sample("f", Unread(), annotations=marks)
    assert regions_marked(film, "Edema", ranked_readers([marks])) == 2
    alone = Sample("g", Unread(), annotations=marks[:1])
    assert regions_marked(alone, "Edema", ranked_readers([marks])) == 3
    assert regions_marked(film, "Mass", ranked_readers([marks])) == 0


@pytest.fixture
def unsure(squares):
    network = squares.parent / "network.py"
    network.write_text(network.read_text().replace(DIMMER, NOISY))
    squares.write_text(squares.read_text().replace("gallery = 1", "gallery = 50"))
    return squares


def test_films_are_sorted_by_the_calls_of_the_table(unsure):
    report = run(load(unsure))
    films = pl.read_parquet(report.parent / "predictions.parquet").filter(data="films")
    called = films["probability"] >= films["threshold"]
    page = report.read_text()
    assert films["threshold"].n_unique() == 2  # one for each half of the patients
    for heading, label, call in (
        ("True positives", True, True),
        ("False positives", False, True),
        ("True negatives", False, False),
        ("False negatives", True, False),
    ):
        shown = re.search(rf"<h3>{heading}</h3>(.*?)<h3>", page, re.DOTALL)
        number = shown[1].count("<article") if shown else 0
        assert number == int(((films["label"] == label) & (called == call)).sum()), heading


def test_films_that_nothing_calls_are_drawn_at_random(unsure):
    table = unsure.parent / "films.csv"
    kept = [row for row in table.read_text().splitlines() if ",0,[]" not in row.replace('"', "")]
    table.write_text("\n".join(kept))
    unsure.write_text(unsure.read_text().replace('trained_on = { fold = "0" }', ""))
    report = run(load(unsure))
    assert pl.read_parquet(report.parent / "predictions.parquet")["threshold"].is_null().all()
    assert "Drawn at random" in report.read_text()
    assert "No operating point was chosen" in report.read_text()
