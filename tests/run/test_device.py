"""An experiment whose models explain on a GPU: the results are those of a CPU."""

import polars as pl
import pytest
import torch

from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.phantom_sets import sets

SCALING = '{ geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [0.25] }'
SETTINGS = 'max_epochs = 1, keep = 1, accelerator = "cpu"'
TRAINING = f'{{ data = "train", validation = "validation", settings = {{ {SETTINGS} }} }}'
EXPERIMENT = f"""
name = "On two devices"

{sets()}
[[models]]
name = "classifier"
backbone = "resnet10t(width=16)"
seeds = [0, 1]
scaling = {SCALING}
training = {TRAINING}

[[models]]
name = "ensemble"
ensemble = {{ of = ["classifier"], best = 2 }}

[[models]]
name = "detector"
localizer = "unet(backbone=resnet10t(width=16), width=8)"
scaling = {SCALING}
training = {TRAINING}

[explain]
methods = ["grad_cam", "gradient", "occlusion(window=16, stride=16)"]

[trust]
criteria = ["randomization(draws=1)", "repeatability"]

[statistics]
resamples = 100
min_positives = 1
"""
TABLES = {"predictions": "probability", "scores": "value", "trust": "value"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that CUDA knows")
def test_a_gpu_gives_the_tables_of_a_cpu(tmp_path):
    file = tmp_path / "devices.toml"
    file.write_text(EXPERIMENT)
    tables = {}
    for device in ("cpu", "cuda", "auto"):
        options = {"output": str(tmp_path / device), "explain": {"device": device}}
        folder = run(load(file, options)).parent
        tables[device] = {name: pl.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    for name, column in TABLES.items():
        of_cpu, of_gpu = (tables[device][name][column].to_numpy() for device in ("cpu", "cuda"))
        assert of_gpu == pytest.approx(of_cpu, abs=2e-3, nan_ok=True)
        assert tables["auto"][name].equals(tables["cuda"][name])
