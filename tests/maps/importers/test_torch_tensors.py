"""Tensors of PyTorch are read, and nothing else that a file asks for."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heatproof.errors import MapError, UnsafePickleError
from tests.maps.importers.reading import FILMS, FINDINGS, PLACES, are_found, read, values


def tensor(place: tuple[str, str]) -> torch.Tensor:
    return torch.from_numpy(values(place))


@pytest.mark.parametrize("archive", [True, False])
def test_a_tensor_of_each_file(tmp_path: Path, archive: bool) -> None:
    for place in PLACES:
        file = tmp_path / "{}_{}.pt".format(*place)
        learned = tensor(place)[None].requires_grad_()
        torch.save(learned, file, _use_new_zipfile_serialization=archive)
    assert are_found("torch", tmp_path)


def test_dictionaries_and_layers(tmp_path: Path) -> None:
    for film in FILMS:
        torch.save({f: tensor((film, f)) for f in FINDINGS}, tmp_path / f"{film}.pt")
        torch.save(torch.stack([tensor((film, f)) for f in FINDINGS]), tmp_path / f"{film}.pth")
    assert are_found("torch(pattern='{image_id}.pt/{finding}')", only(tmp_path, ".pt"))
    spec = f"torch(pattern='{{image_id}}.pth', findings={FINDINGS!r})"
    assert are_found(spec, only(tmp_path, ".pth"))
    with pytest.raises(MapError, match=r"holds a dict of 'Opacity'.*say pattern="):
        read("torch(pattern='{image_id}_{finding}.pt')", renamed(tmp_path / "film_0.pt"))


def only(folder: Path, suffix: str) -> Path:
    below = folder / suffix.removeprefix(".")
    below.mkdir()
    for file in folder.glob(f"*{suffix}"):
        (below / file.name).write_bytes(file.read_bytes())
    return below


def renamed(file: Path) -> Path:
    below = file.parent / "renamed"
    below.mkdir()
    (below / "film_0_Opacity.pt").write_bytes(file.read_bytes())
    return below


def test_narrow_floats_are_read(tmp_path: Path) -> None:
    kinds = (torch.bfloat16, torch.float16, torch.float8_e5m2, torch.float64)
    for number, kind in enumerate(kinds):
        file = tmp_path / str(number) / "film_0_Opacity.pt"
        file.parent.mkdir()
        torch.save(torch.tensor([[0.5, 2.0]]).to(kind), file)
        (found,) = read("torch", file.parent).values()
        assert np.array_equal(found.values, [[0.5, 2.0]])


@pytest.mark.parametrize(("content", "kind"), [(7, "int"), ([1, 2], "list"), (None, "NoneType")])
def test_what_is_no_tensor_is_told(tmp_path: Path, content: object, kind: str) -> None:
    torch.save(content, tmp_path / "film_0_Opacity.pt")
    with pytest.raises(MapError, match=f"holds a {kind}, expected a tensor"):
        read("torch", tmp_path)


def test_a_tensor_without_values_is_told(tmp_path: Path) -> None:
    torch.save(torch.empty(2, 2, device="meta"), tmp_path / "film_0_Opacity.pt")
    with pytest.raises(MapError, match="one without values"):
        read("torch", tmp_path)


class Calls:
    """Pickles to a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def test_a_file_that_would_run_a_program_stops_the_import(tmp_path: Path) -> None:
    proof, file = tmp_path / "it ran", tmp_path / "film_0_Opacity.pt"
    torch.save(Calls(os.system, f"touch '{proof}'"), file)
    with pytest.raises(UnsafePickleError, match=r"film_0_Opacity.pt asks for posix.system"):
        read("torch", tmp_path)
    assert not proof.exists()
    torch.load(file, weights_only=False)
    assert proof.exists()  # or the test would prove nothing
