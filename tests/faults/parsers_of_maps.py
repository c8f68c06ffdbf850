"""Maps of other tools, as parsers of files: each importer finds and reads two films' maps."""

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import torch
import zarr
from PIL import Image
from pycocotools import mask as coco

from heatproof.maps.importers import importers
from heatproof.maps.naming import KnownFilms
from heatproof.maps.store import INDEX, MapStore
from heatproof.types import ModelId, Validity
from tests.faults.fuzzing import Parser

_FILM, _FINDING, _ROOT = "film_0", "Edema", "root"
_KNOWN = KnownFilms("films", (_FILM,), (_FINDING,))
_VALUES = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def _with(spec: str) -> Callable[[Path], None]:
    """Finds and reads all maps of the folder, given any of its files."""

    def read(file: Path) -> None:
        root = next(folder for folder in file.parents if folder.name == _ROOT)
        importer = importers.parse(spec.replace("ROOT", str(root.parent)))
        for found in importer.find(root, _KNOWN):
            found.read()

    return read


def _saved(name: str, save: Callable[[Path], object]) -> Callable[[Path], Path]:
    def seed(folder: Path) -> Path:
        (folder / _ROOT).mkdir()
        save(folder / _ROOT / name)
        return folder / _ROOT / name

    return seed


def _npz(file: Path) -> None:
    np.savez_compressed(file, **{_FINDING: _VALUES})


def _nifti(file: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(_VALUES, np.eye(4)), file)  # type: ignore[attr-defined]


def _pickle(file: Path) -> None:
    content = {
        "map": torch.rand(1, 1, 4, 4), "prob": 0.25, "task": _FINDING, "gt": 1,
        "cxr_img": torch.rand(3, 4, 4), "cxr_dims": (30, 20),
    }  # fmt: skip
    file.write_bytes(pickle.dumps(content, 3))


def _coco(folder: Path) -> Sequence[Path]:
    (folder / _ROOT).mkdir()
    listed, detected = folder / "listed.json", folder / _ROOT / "detections.json"
    images = [{"id": 7, "file_name": f"{_FILM}.png", "width": 30, "height": 20}]
    categories = [{"id": 1, "name": _FINDING}]
    listed.write_text(json.dumps({"images": images, "categories": categories}))
    runs = coco.encode(np.asfortranarray(np.eye(20, 30), np.uint8))["counts"].decode()
    detections = [
        {"image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 5], "score": 0.25},
        {"image_id": 7, "category_id": 1, "score": 0.5, "bbox": [0, 0, 30, 20],
         "segmentation": {"size": [20, 30], "counts": runs}},
    ]  # fmt: skip
    detected.write_text(json.dumps(detections))
    return [detected]


def _zarr(version: int) -> Callable[[Path], Sequence[Path]]:
    def seed(folder: Path) -> Sequence[Path]:
        root = zarr.open_group(folder / _ROOT, mode="w", zarr_format=version)
        root.require_group(_FILM).create_array(_FINDING, data=_VALUES)
        return sorted(file for file in (folder / _ROOT / _FILM).rglob("*") if file.is_file())

    return seed


def _run(folder: Path) -> Sequence[Path]:
    """The maps of another run of heatproof, without the index, which importing does not read."""
    store = MapStore(folder / _ROOT)
    values = _VALUES[None, None]
    store.put(ModelId("a"), "grad_cam", [_FINDING], [_FILM], values, [[Validity.OK]], ["1"])
    files = sorted(file for file in (folder / _ROOT).rglob("*") if file.is_file())
    return [file for file in files if not file.name.startswith(INDEX)]


OF_MAPS = (
    Parser("maps: npy", _saved(f"{_FILM}_{_FINDING}.npy", lambda file: np.save(file, _VALUES)),
           _with("npy"), text=False),
    Parser("maps: npz", _saved(f"{_FILM}.npz", _npz), _with("npz"), text=False),
    Parser("maps: nifti", _saved(f"{_FILM}_{_FINDING}.nii", _nifti), _with("nifti(axes='yx')"),
           text=False),
    Parser("maps: nifti, compressed", _saved(f"{_FILM}_{_FINDING}.nii.gz", _nifti),
           _with("nifti(axes='yx')"), text=False),
    Parser("maps: picture",
           _saved(f"{_FILM}_{_FINDING}.tif", lambda file: Image.fromarray(_VALUES).save(file)),
           _with("picture"), text=False),
    Parser("maps: torch",
           _saved(f"{_FILM}_{_FINDING}.pt", lambda file: torch.save(torch.tensor(_VALUES), file)),
           _with("torch"), text=False),
    Parser("maps: chexlocalize", _saved(f"{_FILM}_{_FINDING}_map.pkl", _pickle),
           _with("chexlocalize"), text=False),
    Parser("maps: coco_detections", _coco,
           _with("coco_detections(annotations='ROOT/listed.json')")),
    Parser("maps: zarr 2", _zarr(2), _with("zarr")),
    Parser("maps: zarr 3", _zarr(3), _with("zarr")),
    Parser("maps: another run", _run, _with("zarr")),
)  # fmt: skip
