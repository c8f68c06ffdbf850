from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from heatproof.errors import ModelError
from heatproof.models.weights import read_state


def test_both_formats_are_read(tmp_path: Path) -> None:
    state = {"a": torch.arange(3.0)}
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.ckpt")
    save_file(state, tmp_path / "c.safetensors")
    for path in tmp_path.iterdir():
        assert torch.equal(read_state(path)["a"], state["a"])


def test_a_whole_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"save model\.state_dict\(\) instead"):
        read_state(tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["cut.pt", "cut.safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    whole = tmp_path / "whole"
    if name.endswith(".pt"):
        torch.save({"a": torch.zeros(1000)}, whole)
    else:
        save_file({"a": torch.zeros(1000)}, whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a whole"):
        read_state(tmp_path / name)


def test_what_holds_no_tensors_by_name_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelError, match="holds no state dict"):
        read_state(tmp_path / "list.pt")
    with pytest.raises(ModelError, match="no such weights file"):
        read_state(tmp_path / "none.pt")
