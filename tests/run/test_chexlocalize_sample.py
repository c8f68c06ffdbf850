"""The authors' own maps, masks and thresholds of CheXlocalize, through the whole path.

Golden values: the table of maps of two films that the authors ship, as their code scores them.
"""

import json
import shutil

import polars as pl
import pytest

from heatproof.data.annotations import RLE
from heatproof.data.datasets.chexlocalize import CheXlocalize
from heatproof.data.geometry import FILM
from heatproof.errors import UnsafePickleError
from heatproof.experiment.file import load
from heatproof.maps.binarize import Otsu
from heatproof.run.pipeline import run
from heatproof.types import MapKey
from tests.conftest import ROOT

TUNED = "iou(binarize=tuned(table='../../shared/data/chexlocalize_sample/tuning_results.csv'))"
FIRST, SECOND = (f"patient{n}_study1_view1_frontal" for n in (64541, 64542))
GOLDEN = {
    (FIRST, "Enlarged Cardiomediastinum"): (0.4623471, 0.4496, 1),
    (FIRST, "Cardiomegaly"): (0.3662062, 0.3577, 1),
    (FIRST, "Airspace Opacity"): (0.0, 0.0, 0),
    (SECOND, "Support Devices"): (0.0332904, 0.0500, 0),
}


@pytest.fixture(scope="module")
def finished(shared_data, tmp_path_factory):
    file = ROOT / "experiments" / "chexlocalize_sample.toml"
    return run(load(file, {"output": str(tmp_path_factory.mktemp("sample"))}))


def test_scores_are_the_published_ones(finished):
    scores = pl.read_parquet(finished.parent / "scores.parquet")
    made = scores.filter(pl.col("method") == "grad_cam")
    found = {
        (image_id, finding): dict(rows.select("metric", "value").iter_rows())
        for (image_id, finding), rows in made.group_by("image_id", "finding")
    }
    assert set(found) == set(GOLDEN)
    for place, (otsu, tuned, hit) in GOLDEN.items():
        # The authors enlarge in single precision, which moves a pixel at a threshold.
        assert found[place]["iou"] == pytest.approx(otsu, abs=1e-6)
        assert found[place][TUNED] == pytest.approx(tuned, abs=5e-5)
        assert found[place]["hit_rate"] == hit


def test_masks_are_the_authors_but_for_rounding(finished, shared_data):
    from heatproof.maps.store import MapStore

    (folder,) = (finished.parent / "maps").iterdir()
    store = MapStore(folder)
    shipped = json.loads(
        (shared_data / "chexlocalize_sample/gradcam_segmentations_val_sample.json").read_text()
    )
    keys = {(key.image_id, key.finding): key for key in store}
    assert len(keys) == 20
    differing = []
    for (image_id, finding), key in keys.items():
        assert isinstance(key, MapKey)
        entry = shipped[image_id][finding]
        size = (entry["size"][0], entry["size"][1])
        mask = Otsu()(FILM.back(store.get(key).values, size))
        assert mask is not None
        published = RLE(size, entry["counts"]).mask(*size)
        differing.append(int((mask != published).sum()))
    # Of 10^8 pixels: the authors' enlargement rounds in single precision, ours once at the end.
    assert sum(differing) <= 4


def test_references_are_the_authors(shared_data):
    films = CheXlocalize(shared_data / "chexlocalize_sample")
    published = json.loads(
        (shared_data / "chexlocalize_sample/gt_segmentations_val.json").read_text()
    )
    compared = 0
    for sample in (films[index] for index in range(len(films))):
        for annotation in sample.annotations:
            entry = published[sample.image_id][annotation.finding]
            size = (entry["size"][0], entry["size"][1])
            expected = RLE(size, entry["counts"]).mask(*size)
            assert (annotation.mask(*size) == expected).all()
            compared += 1
    assert compared == 4


def test_every_map_is_counted_and_the_report_says_whose_they_are(finished):
    page = finished.read_text()
    assert "DenseNet-121 ensemble of the authors" in page
    assert "It is not known whether" in page
    assert "../" not in page.split("<h2")[1]


def test_a_hostile_map_stops_the_run(shared_data, tmp_path):
    copy = tmp_path / "maps"
    shutil.copytree(shared_data / "chexlocalize_sample/gradcam_maps_val", copy)
    victim = next(copy.glob("*Edema*"))
    victim.write_bytes(b"cposix\nsystem\n(S'touch " + str(tmp_path / "pwned").encode() + b"'\ntR.")
    text = (ROOT / "experiments/chexlocalize_sample.toml").read_text()
    text = text.replace("../../shared/data", str(shared_data)).replace(
        f"{shared_data}/chexlocalize_sample/gradcam_maps_val", str(copy)
    )
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(UnsafePickleError, match=r"Edema.*posix\.system"):
        run(load(tmp_path / "e.toml", {"output": str(tmp_path / "out")}))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.slow
def test_a_damaged_map_is_set_aside(shared_data, tmp_path):
    copy = tmp_path / "maps"
    shutil.copytree(shared_data / "chexlocalize_sample/gradcam_maps_val", copy)
    victim = next(copy.glob("patient64541*Cardiomegaly*"))
    victim.write_bytes(victim.read_bytes()[:5000])
    text = (ROOT / "experiments/chexlocalize_sample.toml").read_text()
    text = text.replace("../../shared/data", str(shared_data)).replace(
        f"{shared_data}/chexlocalize_sample/gradcam_maps_val", str(copy)
    )
    (tmp_path / "e.toml").write_text(text)
    report = run(load(tmp_path / "e.toml", {"output": str(tmp_path / "out")}))
    assert "no map was imported of Cardiomegaly" in report.read_text()
    scores = pl.read_parquet(report.parent / "scores.parquet")
    assert scores.filter(pl.col("method") == "grad_cam").height == 9
