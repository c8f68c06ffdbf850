"""Fidelity of methods: means over films, the side on which a metric is better, few films."""

from dataclasses import replace

import numpy as np
import pytest

from heatproof.analysis.fidelity import fidelity_of_methods
from heatproof.fidelity import fidelities
from heatproof.tables.fidelity import FidelityOfMaps
from tests.analysis.made_up import NAN, QUICK

FILMS = [(0.2, 0.5), (0.4, 0.3), (NAN, 0.2), (0.1, 0.6)]


def table(*metrics: str) -> FidelityOfMaps:
    return FidelityOfMaps.of_rows(
        {"data": "films", "model": "net", "member": "net", "image_id": f"f{place}"}
        | {"cluster": f"p{place}", "finding": "Edema", "method": "cam", "metric": metric}
        | {"value": value, "chance": chance}
        for metric in metrics
        for place, (value, chance) in enumerate(FILMS)
    )


def records(*metrics: str, min_positives: int = 1):
    intervals = replace(QUICK, min_positives=min_positives)
    return list(fidelity_of_methods(table(*metrics), fidelities.parts(metrics), intervals))


def test_the_gain_is_positive_where_a_map_is_truer_than_chance():
    lower, higher = records("deletion", "insertion")
    for record, sign in ((lower, 1), (higher, -1)):
        assert record.value.value == pytest.approx(np.mean([0.2, 0.4, 0.1]))
        assert record.gain.value == pytest.approx(sign * np.mean([0.3, -0.1, 0.5]))
        assert record.value.cases == record.gain.cases == record.wins.cases == 3
        assert record.gain.low < record.gain.value < record.gain.high
    assert (lower.wins.value, higher.wins.value) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (lower.better, higher.better) == ("lower", "higher")


def test_a_metric_without_chance_has_a_value_alone():
    [record] = records("max_sensitivity")
    assert record.gain is None
    assert record.wins is None
    assert record.value.value == pytest.approx(np.mean([0.2, 0.4, 0.1]))


def test_few_films_are_described_and_not_concluded_from():
    [record] = records("deletion", min_positives=5)
    assert record.value.value == pytest.approx(np.mean([0.2, 0.4, 0.1]))
    assert np.isnan([record.value.low, record.gain.low, record.wins.low]).all()


def test_how_reliable_a_metric_is_stands_beside_it_where_it_was_measured():
    known, other = records("deletion", "deletion(steps=5)")
    assert 0 < known.reliability.low <= known.reliability.auroc <= known.reliability.high <= 1
    assert other.reliability is None
