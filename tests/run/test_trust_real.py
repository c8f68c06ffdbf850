"""The grid of trust on real radiographs: its films, its tables, and that one command makes it."""

import importlib.util
import sys

import polars as pl
import pytest

from tests.conftest import ROOT

SPEC = importlib.util.spec_from_file_location("trust_real", ROOT / "experiments/trust_real.py")
real = importlib.util.module_from_spec(SPEC)
sys.modules["trust_real"] = real
SPEC.loader.exec_module(real)


def test_every_film_is_a_row_once_and_every_patient_in_one_half(shared_data):
    films = real.table(shared_data)
    assert films["nih_image"].is_unique().all()
    assert films.group_by("nih_patient").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert set(films["opacity"]) == {0, 1}
    drawn = films.filter(pl.col("opacity") == 1)["boxes"]
    assert (drawn.str.count_matches(r"\[") > 1).all()  # a list of boxes, one at least
    whole = sum(
        len(pl.read_csv(shared_data / folder / "manifest.csv", infer_schema=False))
        for folder in real.FOLDERS
    )
    assert 200 < len(films) < whole  # the folders share films


def test_cells_say_what_was_found_and_what_was_asked():
    told = (
        ("localization", "pass", 0.4),
        ("randomization(draws=1)", "fail", 0.4),
        ("repeatability", "inconclusive", float("nan")),
    )
    common = {"method": "gradient", "value": 0.5, "high": 0.6, "threshold": 0.45}
    rows = [
        common | {"criterion": name, "verdict": verdict, "low": low, "above": "ran" not in name}
        for name, verdict, low in told
    ]
    header, _, line = real.gridded(pl.DataFrame(rows))
    assert header == "| method | localization | randomization | repeatability | all four |"
    assert "**pass** 0.50 [0.40, 0.60] > 0.45" in line
    assert "**fail** 0.50 [0.40, 0.60] < 0.45" in line
    assert "**inconclusive** 0.50 > 0.45" in line
    assert line.endswith("| fail |")


@pytest.mark.slow
def test_one_command_runs_it(shared_data, tmp_path):
    real.study(real.TINY, shared_data, tmp_path / "out")
    page = (tmp_path / "out" / "results.md").read_text()
    for words in ("MobileNetV2, linear, seed 1", "ResNet-10, linear, seed 0", "rule `arun2021`"):
        assert words in page
