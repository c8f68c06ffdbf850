"""What the page says of fidelity: by how many metrics a method is truer, and which to doubt."""

from heatproof.report.page.html import render
from heatproof.report.prose.fidelity import doubted_metrics, fidelity_sentences
from tests.report import trial


def test_methods_are_counted_by_metrics_that_have_a_chance():
    lines = list(fidelity_sentences(trial.compared()))
    assert len(lines) == 2  # max_sensitivity has no chance, and counts for no method
    assert all("truer than chance by 1 of 1 metric." in line for line in lines)


def test_a_metric_that_is_near_a_coin_is_doubted_on_the_page():
    content = trial.compared()
    doubted = doubted_metrics(content)
    assert [text.split()[0] for text in doubted] == ["deletion"]
    page = render(content)
    assert "Are the maps true to the model?" in page
    assert doubted[0] in page
    assert "Largest change of the map under a little noise" in page  # what the metric is
