"""Maps that another tool made come in block by block, few of them in memory at a time."""

import pickle
from pathlib import Path

import polars as pl
import torch
from PIL import Image

from heatproof.data.datasets.chexlocalize import FINDINGS as EVERY
from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from heatproof.stages import imported_maps as importing

FILMS, SIDE, FINDINGS = 5, 48, ("Edema", "Atelectasis")
EXPERIMENT = """
name = "made elsewhere"
output = "out"
[[data]]
name = "films"
dataset = "chexlocalize"
root = "."
split = "test"
reference = "masks"
[[maps]]
name = "another tool"
importer = "chexlocalize"
folder = "maps"
method = "grad_cam"
data = "films"
id = { architecture = "densenet121" }
[score]
metrics = ["hit_rate"]
"""


def bring(folder: Path, *, lacking: str) -> None:
    (folder / "maps").mkdir()
    table = ["Path," + ",".join(EVERY)]
    for number in range(FILMS):
        path = f"test/patient{number}/study1/view1_frontal.png"
        (folder / path).parent.mkdir(parents=True)
        Image.new("L", (SIDE, SIDE)).save(folder / path)
        table.append(",".join([path, *(str(float(name == "Edema")) for name in EVERY)]))
        for finding in FINDINGS:
            name = f"patient{number}_study1_view1_frontal_{finding}_map.pkl"
            content = {
                "map": torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(number)),
                "prob": number / FILMS,
                "task": finding,
                "gt": int(finding == "Edema"),
                "cxr_img": torch.zeros(3, 8, 8),
                "cxr_dims": (SIDE, SIDE),
            }
            if name != lacking:
                (folder / "maps" / name).write_bytes(pickle.dumps(content))
    (folder / "test_labels.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    (folder / "gt_segmentations_test.json").write_text("{}", encoding="utf-8")
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")


def brought(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    run(load(folder / "experiment.toml"), until="explain")
    made, predicted = (
        pl.concat([pl.read_parquet(file) for file in (folder / "out" / stage).glob("*.parquet")])
        for stage in ("made", "predictions")
    )
    return made.sort("image_id", "finding"), predicted.sort("image_id", "finding")


def test_however_many_are_in_memory_the_rows_are_the_same(tmp_path, monkeypatch) -> None:
    lacking = "patient3_study1_view1_frontal_Atelectasis_map.pkl"
    tables = []
    for at_once, block in ((160, 32), (3, 2)):
        folder = tmp_path / str(at_once)
        folder.mkdir()
        bring(folder, lacking=lacking)
        monkeypatch.setattr(importing, "AT_ONCE", at_once)
        monkeypatch.setattr(importing, "BLOCK", block)
        tables.append(brought(folder))
    [(made, predicted), (made_in_parts, predicted_in_parts)] = tables
    assert made.equals(made_in_parts)
    assert predicted.equals(predicted_in_parts)
    assert len(made) == FILMS * len(FINDINGS) - 1
    [reason] = predicted.filter(pl.col("reason").is_not_null())["reason"]
    assert reason == "no map was imported of Atelectasis"
