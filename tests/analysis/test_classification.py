"""Calls: the table of rates and the pictures of true and false positives speak of the same."""

import re

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.run.pipeline import run

DIMMER = "def build():\n    return Bright()\n"
NOISY = '''
class Unsure(Bright):
    """Bright, disturbed by the last decimals of the image: seldom right, always the same."""

    def forward(self, images):
        return super().forward(images) + (images.mean(dim=(1, 2, 3)) * 1e4 % 1)[:, None] * 6 - 3

def build():
    return Unsure()
'''


@pytest.fixture
def unsure(squares):
    network = squares.parent / "network.py"
    network.write_text(network.read_text().replace(DIMMER, NOISY))
    squares.write_text(squares.read_text().replace("gallery = 1", "gallery = 50"))
    return squares


def confusion(report):
    """Films by label and call, each called at its own threshold."""
    told = pl.read_parquet(report.parent / "predictions.parquet").filter(data="films")
    called = told["probability"] >= told["threshold"]
    return {
        (label, call): int(((told["label"] == label) & (called == call)).sum())
        for label in (True, False)
        for call in (True, False)
    }, told


def rate(report, name):
    found = pl.read_parquet(report.parent / "estimates.parquet").filter(metric=name)
    return found["value"].item(), found["cases"].item()


def test_the_gallery_sorts_films_by_the_calls_of_the_table(unsure):
    report = run(load(unsure))
    films, told = confusion(report)
    assert told["threshold"].n_unique() == 2  # one for each half of the patients
    assert told.group_by("cluster").agg(pl.col("threshold").n_unique())["threshold"].max() == 1
    assert rate(report, "sensitivity") == (films[True, True] / 5, 5)
    assert rate(report, "specificity") == (films[False, False] / 5, 5)
    page = report.read_text()
    for heading, key in (
        ("True positives", (True, True)),
        ("False positives", (False, True)),
        ("True negatives", (False, False)),
        ("False negatives", (True, False)),
    ):
        shown = re.search(rf"<h3>{heading}</h3>(.*?)<h3>", page, re.DOTALL)
        assert (shown[1].count("<article") if shown else 0) == films[key], heading


def test_validation_data_choose_one_threshold_for_all(unsure):
    text = unsure.read_text()
    films = text[text.index("[[data]]") : text.index("[[models]]")]
    tuning = films.replace('"films"', '"tuning"').replace("boxes =", "judged = false\nboxes =")
    text = text.replace("[[models]]", f"{tuning}[[models]]")
    unsure.write_text(text + '\n[classification]\nvalidation = "tuning"\n')
    report = run(load(unsure))
    films, told = confusion(report)
    assert told["threshold"].n_unique() == 1
    assert rate(report, "sensitivity") == (films[True, True] / 5, 5)
    assert "Youden&#39;s index on tuning" in report.read_text()


def test_one_class_alone_is_drawn_at_random_and_called_nothing(unsure):
    table = unsure.parent / "films.csv"
    kept = [row for row in table.read_text().splitlines() if ",0,[]" not in row.replace('"', "")]
    table.write_text("\n".join(kept))
    unsure.write_text(unsure.read_text().replace('trained_on = { fold = "0" }', ""))
    report = run(load(unsure))
    assert pl.read_parquet(report.parent / "predictions.parquet")["threshold"].is_null().all()
    assert "Drawn at random" in report.read_text()
    assert "No operating point was chosen" in report.read_text()
