"""What an experiment cannot conclude is said before it runs, with the reason."""

import pytest

from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.run.prospects import prospects


def changed(squares, *replacements):
    text = squares.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    squares.write_text(text)
    return prospects(open_workspace(load(squares)))


def test_what_the_squares_allow(squares):
    known = changed(squares)
    assert "films: AUROC and operating point of Square" in known.can
    assert any("whether maps show where Square is" in text for text in known.can)
    (lacking,) = known.cannot
    assert lacking.startswith("one model (bright): no repeatability")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('labels = ["Square"]', "labels.Square = true", "Square: no negatives among 10 films"),
        ('labels = ["Square"]', "labels.Square = false", "Square: no positives among 10 films"),
        ('patient = "patient"\n', "", "patients unknown of 10 films: each counts as a patient"),
        ('boxes = "boxes"\n', "", "Square: nothing is marked: no localization; boxes, mask"),
        ("min_positives = 1", "min_positives = 6", "than min_positives = 6 positives (Square 5)"),
        ('output = "out"', 'output = "out"\ntrust = false', "trust is not asked"),
        ('trained_on = { fold = "0" }', "", "trained_on of bright is unknown"),
        ('fold = "1"', 'fold = "8"', "no film is judged"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_with_what_follows(squares, old, new, words):
    known = changed(squares, (old, new))
    assert any(words in text for text in known.cannot)


def test_without_negatives_no_auroc_is_promised(squares):
    known = changed(squares, ('labels = ["Square"]', "labels.Square = true"))
    assert not any("AUROC" in text for text in known.can)
