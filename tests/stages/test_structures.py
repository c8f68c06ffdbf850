"""What maps show besides the finding: a tag that goes with the label, and who reads it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from heatproof.data.datasets.phantom import TAG, Phantom
from heatproof.experiment.file import load
from heatproof.models.card import read_card
from heatproof.run.pipeline import run

SHORTCUT = Path(__file__).parents[2] / "experiments" / "tagged_phantoms.toml"


def test_shares_are_those_of_the_maps_at_hand(squares):
    """The bright square is its own structure: what the score of the finding is, is found again."""
    text = squares.read_text().replace("[score]", '[score]\nstructures = ["Square"]')
    if "[score]" not in text:
        text += '\n[score]\nmetrics = ["relevance_mass", "hit_rate"]\nstructures = ["Square"]\n'
    squares.write_text(text)
    out = run(load(squares)).parent
    rows = pl.read_parquet(out / "structures.parquet")
    scores = pl.read_parquet(out / "scores.parquet").filter(pl.col("model") != "")
    marked = scores.filter(pl.col("regions") > 0)
    assert set(rows["image_id"]) == set(marked["image_id"])
    assert set(rows["method"]) == set(marked["method"])
    assert rows["area"].to_list() == pytest.approx([32 * 32 / (96 * 160)] * len(rows), rel=0.05)
    hits = marked.filter(pl.col("metric") == "hit_rate").sort("method", "image_id")["value"]
    assert rows.sort("method", "image_id")["peak"].to_list() == hits.to_list()
    masses = marked.filter(pl.col("metric") == "relevance_mass").sort("method", "image_id")["value"]
    found = rows.sort("method", "image_id")["share"]
    assert found.to_list() == pytest.approx(masses.to_list(), abs=0.03)
    page = (out / "report.html").read_text()
    assert "What maps show besides the finding" in page
    assert "Share of relevance there" in (out / "tables" / "structures.csv").read_text()


def test_nothing_is_said_where_nothing_was_asked(squares):
    out = run(load(squares)).parent
    assert not (out / "structures.parquet").exists()
    assert "besides the finding" not in (out / "report.html").read_text()


def test_what_is_drawn_but_is_no_finding_is_not_learned(tmp_path):
    """A tube that no column labels would else be a finding without positives."""
    generator = np.random.default_rng(0)
    table, drawn = ["image,patient_id,part,Opacity"], {"images": [], "annotations": []}
    for number in range(12):
        name = f"{number}.png"
        film = generator.integers(0, 255, (48, 48), np.uint8)
        Image.fromarray(film).save(tmp_path / name)
        table.append(f"{name},p{number},{'fit' if number < 8 else 'rest'},{number % 2}")
        drawn["images"].append({"id": number, "file_name": name, "width": 48, "height": 48})
        box = {"id": number, "image_id": number, "category_id": 1, "bbox": [4, 4, 20, 20]}
        drawn["annotations"].append(box)
    drawn["categories"] = [{"id": 1, "name": "Tube"}]
    (tmp_path / "films.csv").write_text("\n".join(table))
    (tmp_path / "drawn.json").write_text(json.dumps(drawn))
    data = """
[[data]]
name = "{0}"
dataset = "manifest"
csv = "films.csv"
image = "image"
patient = "patient_id"
labels = ["Opacity"]
coco = "drawn.json"
metadata = ["part"]
where = {{ part = "{0}" }}
"""
    scaling = (
        "{ geometry = 'squash(height=48, width=48)', channels = 1, mean = [0.5], std = [0.3] }"
    )
    training = "{ data = 'fit', validation = 'rest', settings = { max_epochs = 1 } }"
    file = tmp_path / "tubes.toml"
    file.write_text(
        f'name = "Tubes"\noutput = "out"\n{data.format("fit")}{data.format("rest")}\n[[models]]\n'
        f'name = "net"\nbackbone = "resnet10t(width=8)"\nscaling = {scaling}\n'
        f'training = {training}\n[explain]\nmethods = ["grad_cam"]\n'
        '[score]\nstructures = ["Tube"]\n'
    )
    (card,) = run(load(file), until="train").glob("*/card.json")
    assert read_card(card.parent).findings == ("Opacity",)


def test_the_letters_of_a_tag_lie_in_their_annotation():
    for size in (96, 320):
        for sample in Phantom(images=12, size=size, noise=0.0, tag=0.5):
            drawn = [a for a in sample.annotations if a.finding == TAG]
            assert bool(drawn) == (sample.metadata["tag"] == "yes")
            pixels = sample.pixels
            bare = type(pixels)(**{**vars(pixels), "tagged": False})
            changed = pixels.read() != bare.read()
            if drawn:
                mask = drawn[0].mask(size, size)
                assert not changed[~mask].any()
                assert changed[mask].mean() > 0.15  # and it is no larger than it must be


@pytest.mark.slow
def test_a_planted_shortcut_is_exposed_end_to_end(tmp_path):
    """High AUROC, failing localization, and the relevance on the tag, which the page says."""
    out = run(load(SHORTCUT, {"output": str(tmp_path / "out")})).parent
    estimates = pl.read_parquet(out / "estimates.parquet")
    aurocs = estimates.filter(pl.col("metric") == "auroc of the classifier")["value"]
    assert aurocs.min() > 0.9
    verdicts = pl.read_parquet(out / "verdicts.parquet").filter(pl.col("rule") == "heatproof")
    localized = verdicts.filter(pl.col("criterion") == "localization")
    assert set(localized["verdict"]) == {"fail"}
    rows = pl.read_parquet(out / "structures.parquet").with_columns(
        pl.col("share", "peak").fill_nan(None)  # a map that shows nothing has no share
    )
    shares = rows.group_by("method").agg(pl.col("share", "peak", "area").mean())
    for method, share, _, area in shares.iter_rows():
        assert share > 4 * area, (method, share)
    peaks = dict(shares.select("method", "peak").iter_rows())
    assert min(peaks[one] for one in peaks if one != "grad_cam") > 0.5  # whose cells are coarser
    page = (out / "report.html").read_text()
    assert f"lies on the {TAG}" in page
