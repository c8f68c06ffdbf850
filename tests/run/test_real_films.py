"""The page about real films: its tables say what the tables of the run say."""

import importlib.util

import heatproof
from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.conftest import ROOT
from tests.faults.experiments import written

spec = importlib.util.spec_from_file_location("real_films", ROOT / "experiments/real_films.py")
real_films = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real_films)


def test_tables_are_those_of_the_run(tmp_path) -> None:
    file = written("own network, trust", tmp_path)
    run(load(file, {"output": str(tmp_path / "out")}))
    finished = heatproof.open(tmp_path / "out")
    page = real_films.page(finished)
    estimates = finished["estimates"].where(metric="auprc", statistic="mean").frame
    assert len(estimates)
    for row in estimates.iter_rows(named=True):
        if not row["method"].startswith("ceiling"):
            assert f"`{row['method']}`" in page
            assert f"{row['value']:.2f}" in page
    verdicts = finished["verdicts"].frame
    assert page.count("| `heatproof` | `") == verdicts["criterion"].n_unique()
    of_one = verdicts.filter(verdicts["criterion"] == "localization").row(0, named=True)
    assert f"**{of_one['verdict']}**" in page
