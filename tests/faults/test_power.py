"""Maps outlive a power cut once they were put: nothing that the index names is lost."""

import os
import random

import numpy as np

from heatproof.maps.store import MapStore
from heatproof.types import ModelId, Validity
from tests.faults import power


def test_maps_that_were_put_are_there_after_a_power_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", os.fsync)  # restored behind the test
    power.Recorded(tmp_path / "durable")()
    place = tmp_path / "maps"
    for name in ("a", "b", "c"):
        values = np.random.default_rng(0).random((1, 1, 5, 4), np.float32)
        put = MapStore(place).put
        put(ModelId("m"), "grad_cam", ["F"], [name], values, [[Validity.OK]], ["1"])
    (place / "not synced").write_text("gone")
    power.lose(place, tmp_path / "durable", random.Random(0))
    assert not (place / "not synced").exists() or not (place / "not synced").read_text()
    assert len(MapStore(place)) == 3
    assert MapStore(place).damaged() == []
