"""The page says which findings are rare, and concludes nothing of them."""

from heatproof.experiment.file import load
from heatproof.run.pipeline import run


def test_a_rare_finding_is_named_and_nothing_is_concluded(squares):
    """Five films are marked, and ten are needed unless the file says otherwise."""
    squares.write_text(squares.read_text().replace("min_positives = 1\n", ""))
    page = " ".join(run(load(squares)).read_text().split())
    assert "Nothing is concluded about maps and the classifier on films for Square (5)" in page
    assert "marked on 5 films; 10 are needed" in page
    assert "there are too few cases to say whether any map finds Square better" in page
    assert "bright cannot be judged: there are too few positives" in page
    assert "Few cases on films" not in page
