"""Two processes train one model: the same steps as one, and one of them writes."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

from heatproof.errors import DataError, ExperimentError, SpecError
from heatproof.experiment.file import load
from heatproof.models import card as cards
from heatproof.run.pipeline import run
from heatproof.train import fit
from heatproof.train.settings import Settings
from tests.preparation.test_training import EXPERIMENT
from tests.train.toys import blobs, model

SETTINGS = 'max_epochs = 2, batch = 8, accelerator = "cpu", keep = 2, backbone_lr = 0.0'
STARTER = "import torch; torch.set_num_threads(1); from heatproof.cli import main; main()"


def written(folder: Path, *processes: str) -> Path:
    """Two models, of which the second starts from the first, each with some processes."""
    text = EXPERIMENT
    for old, mine in zip(
        ("max_epochs = 1 }", "max_epochs = 1, backbone_lr = 0.0 }"), processes, strict=True
    ):
        assert old in text
        text = text.replace(old, f"{SETTINGS}, {mine} }}")
    file = folder / "two.toml"
    file.write_text(text)
    return file


@pytest.mark.slow
@pytest.mark.parametrize("starter", ["lightning", "torchrun"])
def test_two_processes_do_what_one_does_and_one_writes(tmp_path, starter):
    (tmp_path / "one").mkdir()
    run(load(written(tmp_path / "one", *["devices = 1"] * 2)), until="train")
    file = written(tmp_path, *['devices = 2, strategy = "ddp"'] * 2)
    (tmp_path / "start.py").write_text(STARTER)
    command = [str(tmp_path / "start.py"), "train", str(file)]
    if starter == "torchrun":
        command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *command]
    done = subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("out/models") == 1  # one of them says where they are
    for name in ("linear", "WILDCAT"):
        ours, theirs = (
            next((folder / "out/models").glob(f"{name}*"))
            for folder in (tmp_path, tmp_path / "one")
        )
        curves = [pl.read_csv(folder / "training/history.csv") for folder in (ours, theirs)]
        assert curves[0]["epoch"].to_list() == [1, 2]
        for column in ("loss", "validation_loss", "auroc"):
            assert curves[0][column].to_list() == pytest.approx(curves[1][column].to_list())
        files = [sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.c*"))
                 for folder in (ours, theirs)]  # fmt: skip
        assert files[0] == files[1]
        # Where batch norm learns nothing, the mean of two half batches is the step of the batch.
        for place in ("", "kept/2"):
            two, one = (cards.load(folder / place)[0].state_dict() for folder in (ours, theirs))
            for key, tensor in two.items():
                torch.testing.assert_close(tensor, one[key])


def test_models_of_one_command_are_trained_by_the_same_processes(tmp_path):
    file = written(tmp_path, "devices = 2", "devices = 1")
    with pytest.raises(ExperimentError, match="has devices = 2, 'WILDCAT head' has 1"):
        run(load(file))
    assert not (tmp_path / "out/models").exists()


def test_what_torchrun_started_is_what_the_file_says(tmp_path, monkeypatch):
    for name, value in (("TORCHELASTIC_RUN_ID", "x"), ("WORLD_SIZE", "4"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ExperimentError, match=r"torchrun started 4 processes.*is trained by 1"):
        run(load(written(tmp_path, *["devices = 1"] * 2)))


def test_several_processes_need_a_folder_and_something_to_share(tmp_path):
    settings = Settings(devices=2, batch=16)
    with pytest.raises(SpecError, match="a folder that all of them see"):
        fit(model(), blobs(32, 0), blobs(16, 1), settings)
    with pytest.raises(SpecError, match="a batch of 15 cannot be shared by 2 processes"):
        fit(model(), blobs(32, 0), blobs(16, 1), Settings(devices=2, batch=15), folder=tmp_path)
    with pytest.raises(DataError, match="4 processes cannot share 2 validation images"):
        fit(model(), blobs(32, 0), blobs(2, 1), Settings(devices=4, batch=16), folder=tmp_path)
    with pytest.raises(SpecError, match=r"strategy='ddp_spawn'.*such as ddp"):
        Settings(strategy="ddp_spawn")
