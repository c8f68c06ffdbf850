"""Classification of studies: a study is as probable as its most probable view."""

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from heatproof.experiment.file import load
from heatproof.run.pipeline import run


def read(folder, name: str) -> pl.DataFrame:
    parts = [pl.read_parquet(path) for path in sorted((folder / name).glob("*.parquet"))]
    return pl.concat(parts)


def study_of(film: int) -> str:
    return f"{film // 4} {film % 4 == 0}"


def test_a_study_is_its_most_probable_view(squares):
    """Of four films three are a study of which some have the square, and one is on its own."""
    text = squares.read_text().replace(
        'patient = "patient"', 'patient = "patient"\nstudy = "study"'
    )
    squares.write_text(text + '\n[classification]\nby = "study"\n')
    table = squares.parent / "films.csv"
    header, *rows = table.read_text().splitlines()
    studies = ["study", *(study_of(index) for index in range(len(rows)))]
    changed = [header, *rows]
    table.write_text(
        "\n".join(f"{study},{row}" for study, row in zip(studies, changed, strict=True)) + "\n"
    )
    report = run(load(squares))
    page = report.read_text()
    assert "Studies are counted, not films" in page
    estimates = pl.read_parquet(report.parent / "estimates.parquet")
    (found,) = estimates.filter(pl.col("metric") == "auroc of the classifier")["value"].to_list()
    predictions = read(report.parent, "predictions")
    by_image = {
        image: (label, probability)
        for image, label, probability in predictions.select(
            "image_id", "label", "probability"
        ).iter_rows()
    }
    views: dict[str, list] = {}
    for image, known in by_image.items():
        views.setdefault(study_of(int(image[1:])), []).append(known)
    truth = [any(label for label, _ in view) for view in views.values()]
    highest = [max(p for _, p in view) for view in views.values()]
    assert {len(view) for view in views.values()} == {1, 2, 3}  # the first patient trained it
    assert found == pytest.approx(roc_auc_score(truth, highest))
