"""How much of maps lies on structures: means over films, and the area for comparison."""

import numpy as np
import pytest

from heatproof.analysis.structures import on_structures
from heatproof.tables.structures import OnStructures
from tests.analysis.made_up import NAN, QUICK

FILMS = [(0.5, 1.0, 0.1), (0.1, 0.0, 0.3), (NAN, 0.0, 0.2)]


def rows(method, structure="Tag"):
    return [
        {"data": "films", "model": "net", "member": "net", "image_id": f"f{place}"}
        | {"cluster": f"p{place}", "finding": "Edema", "method": method, "structure": structure}
        | dict(zip(("share", "peak", "area"), numbers, strict=True))
        for place, numbers in enumerate(FILMS)
    ]


def test_each_method_and_structure_has_the_means_over_its_films():
    table = OnStructures.of_rows([*rows("cam"), *rows("cam", "Tube"), *rows("lime")])
    records = list(on_structures(table, QUICK))
    assert [(row.method, row.structure) for row in records] == [
        ("cam", "Tag"), ("cam", "Tube"), ("lime", "Tag"),
    ]  # fmt: skip
    first = records[0]
    assert (first.share.value, first.share.cases) == (pytest.approx(0.3), 2)
    assert (first.peak.value, first.peak.cases) == (pytest.approx(1 / 3), 3)
    assert first.area == pytest.approx(0.2)
    assert np.isfinite([first.share.low, first.share.high]).all()


def test_without_structures_nothing_is_said():
    assert list(on_structures(OnStructures.of_rows([]), QUICK)) == []
