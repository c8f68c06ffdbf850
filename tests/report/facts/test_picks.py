"""The gallery shows the calls that the table of rates counts."""

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
